"""What makes requests one conversation: a name in a header or the body, of one caller, else the same beginning."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from proxy.gateway.reading.session import HEADERS, MAX_SESSION_BYTES, WINDOW_BYTES, beginning, named, namer

SYSTEM = {"role": "system", "content": "You are helpful."}
USER = {"role": "user", "content": 'Hello \u00e9 "you"'}
ANSWER = {"role": "assistant", "content": "Hi"}
AGAIN = {"role": "user", "content": "And now?"}


def chat(*messages: Any, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_names_it(a_call, header: bytes) -> None:
    one = named(a_call(headers=((header, b"abc"),)))
    assert one is not None
    assert one == named(a_call(headers=((header.title(), b"abc"),)))
    assert one != named(a_call(headers=((header, b"abd"),)))


def test_the_same_name_of_another_caller_is_another_conversation(a_call) -> None:
    call = a_call(headers=((b"session-id", b"1"),))
    other = msgspec.structs.replace(call, caller=msgspec.structs.replace(call.caller, id=b"other"))
    assert named(call) != named(other)


@pytest.mark.parametrize(
    "body",
    [
        chat(USER, prompt_cache_key="abc"),
        json.dumps({"prompt_cache_key": "abc", "model": "m"}).encode(),
        chat(USER, metadata={"session_id": "abc"}),
        chat(USER, metadata={"user_id": json.dumps({"device_id": "d", "session_id": "abc"})}),
        chat({"role": "user", "content": "x" * 3 * WINDOW_BYTES}, prompt_cache_key="abc"),
    ],
)
def test_the_body_names_it(a_call, body: bytes) -> None:
    assert named(a_call(body)) == named(a_call(headers=((b"x-session-id", b"abc"),)))


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"body": chat(USER)},
        {"headers": ((b"session-id", b""),)},
        {"headers": ((b"session-id", b"x" * (MAX_SESSION_BYTES + 1)),)},
        {"body": chat({"role": "user", "content": 'say "prompt_cache_key": "abc"'})},
        {"body": chat(USER, prompt_cache_key=7)},
        {"body": b"", "json": None},
    ],
)
def test_nothing_names_it(a_call, call: dict[str, Any]) -> None:
    assert named(a_call(**call)) is None


def test_turns_of_one_conversation_begin_alike(a_call) -> None:
    by = namer("auto")
    turns = [
        chat(SYSTEM, USER),
        chat(SYSTEM, USER, ANSWER, AGAIN),
        chat(SYSTEM, USER, ANSWER, AGAIN, temperature=1),
    ]
    assert len({by(a_call(turn)) for turn in turns}) == 1
    assert by(a_call(chat(SYSTEM, AGAIN))) != by(a_call(turns[0]))
    assert by(a_call(chat(USER))) != by(a_call(turns[0]))


def test_a_name_goes_before_a_beginning(a_call) -> None:
    by = namer("auto")
    one = by(a_call(chat(USER), headers=((b"session-id", b"1"),)))
    assert one == by(a_call(chat(AGAIN), headers=((b"session-id", b"1"),)))


def test_off_is_off(a_call) -> None:
    assert namer("off")(a_call(chat(USER), headers=((b"session-id", b"1"),))) is None
    assert namer("header")(a_call(chat(USER))) is None


def test_instructions_beside_the_messages_count(a_call) -> None:
    with_system = [chat(USER, *more, system="Be brief.") for more in ((), (ANSWER, AGAIN))]
    assert beginning(with_system[0]) == beginning(with_system[1])
    assert beginning(with_system[0]) != beginning(chat(USER, system="Be long."))


@pytest.mark.parametrize("count", [1, 3, 9, 30])
def test_long_beginnings_are_cut_and_stay_the_same(count: int) -> None:
    """Some clients begin with many instructions, or with one of a megabyte."""
    system = [
        {"role": "system", "content": f"{number} " + "\u00e4" * (WINDOW_BYTES // 5)}
        for number in range(count)
    ]
    first, second = chat(*system, USER), chat(*system, USER, ANSWER, AGAIN)
    found = beginning(first)
    assert found is not None
    assert found == beginning(second)
    assert len(found) <= WINDOW_BYTES


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", chat(), b'{"messages":"x"}', b'{"messages":[1,{"a":', b'{"input":"text"}']
)
def test_whatever_comes_is_no_error(body: bytes) -> None:
    beginning(body)


def test_deep_nesting_is_no_error() -> None:
    beginning(b'{"messages":[' + b"[" * 15_000)
