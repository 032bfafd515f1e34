"""Usage is counted once per object, when it is final."""

from __future__ import annotations

import msgspec
import pytest

from proxy.accounting.counting import CountedHere, Owner, counts, owner_at, owner_of

FINAL = ("completed", "incomplete", "failed", "cancelled")
RUNNING = ("queued", "in_progress", "requires_action", "cancelling")
MADE, CHANGED, POLLED = (
    {"posted": True, "made": True}, {"posted": True, "made": False}, {"posted": False, "made": False}
)  # fmt: skip


def run(status: str | None, id_: str = "run_1") -> Owner:
    return Owner(id_, "thread.run", status)


def response(status: str | None, *, background: bool | None = True, id_: str = "resp_1") -> Owner:
    return Owner(id_, "response", status, background)


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("owner", [run, response])
@pytest.mark.parametrize("asked", [CHANGED, POLLED])
def test_what_is_polled_is_counted_when_it_is_final_and_once(owner, asked, status: str) -> None:
    counted = CountedHere()
    assert not any(counts(owner(running), counted, **POLLED) for running in (*RUNNING, None))
    assert [counts(owner(status), counted, **asked) for _ in range(3)] == [True, False, False]
    assert not counts(owner(status), counted, **CHANGED)
    assert counts(owner(status, id_="another"), counted, **POLLED)


def test_a_response_made_at_once_is_counted_where_it_was_made() -> None:
    counted = CountedHere()
    for background in (False, None):
        made = response("completed", background=background)
        assert counts(made, counted, **MADE)
        assert not counts(made, counted, **POLLED)
        assert not counts(made, counted, **CHANGED), "nor when it is cancelled"


def test_a_background_response_that_is_streamed_is_counted_once() -> None:
    counted = CountedHere()
    assert counts(response("completed"), counted, **MADE)
    assert not counts(response("completed"), counted, **POLLED)


def test_a_chat_whose_metadata_changes_is_not_made_again() -> None:
    chat = Owner("chatcmpl-1", "chat.completion")
    assert not counts(chat, CountedHere(), **CHANGED)
    assert not counts(chat, CountedHere(), **POLLED)


def test_parts_are_counted_with_their_whole() -> None:
    for kind in ("thread.run.step", "batch"):
        assert not counts(Owner("x", kind, "completed"), CountedHere(), **CHANGED)


def test_what_is_not_known_is_counted_when_it_is_posted() -> None:
    assert counts(Owner(), CountedHere(), **CHANGED)
    assert counts(Owner("r", "rerank"), CountedHere(), **CHANGED)
    assert not counts(Owner(), CountedHere(), **POLLED)


def test_ids_are_remembered_within_bounds() -> None:
    counted = CountedHere(limit=3)
    assert all(counted.first(f"run_{number}") for number in range(4))
    assert counted.first("run_0"), "the oldest is forgotten first"
    assert not counted.first("run_3")
    assert len(counted._ids) == 3


def test_a_long_id_is_one_id() -> None:
    counted = CountedHere()
    assert [counted.first("x" * 1000) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("gap", ["", " ", "\n  "])
def test_the_owner_is_read_from_the_whole_or_from_its_beginning(gap: str) -> None:
    said = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "background": True,
        "output": ["x" * 9],
    }
    text = msgspec.json.encode(said).replace(b'":', b'":' + gap.encode())
    assert owner_of(text) == owner_at(text[:120]) == response("completed")
    assert owner_of(b'{"type":"response.completed","response":%b}' % text) == response("completed")


@pytest.mark.parametrize("text", [b"", b"no JSON", b"[]", b'{"id": 7}', b"\xff"])
def test_what_cannot_be_read_owns_nothing(text: bytes) -> None:
    assert owner_of(text) == Owner()
    assert owner_at(text).id is None
