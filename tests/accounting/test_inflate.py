from __future__ import annotations

import gzip
import zlib

import pytest

from proxy.accounting import inflate
from proxy.accounting.inflate import inflated


class Kept:
    def __init__(self) -> None:
        self.text = b""

    def feed(self, payload: bytes) -> None:
        self.text += payload


TEXT = b'{"usage": {"prompt_tokens": 7}}' * 40


@pytest.mark.parametrize(
    ("coding", "body"), [(b"gzip", gzip.compress(TEXT)), (b"deflate", zlib.compress(TEXT))]
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_what_was_said_reaches_the_tap_in_any_split(coding: bytes, body: bytes, step: int) -> None:
    kept = Kept()
    tap = inflated(kept, coding)
    assert tap is not None
    for at in range(0, len(body), step):
        tap.feed(body[at : at + step])
    assert kept.text == TEXT


@pytest.mark.parametrize("coding", [b"", b"identity", b"Identity"])
def test_plain_answers_have_nothing_between(coding: bytes) -> None:
    kept = Kept()
    assert inflated(kept, coding) is kept


def test_a_coding_that_is_not_known_is_not_read() -> None:
    assert inflated(Kept(), b"br") is None


def test_garbage_is_not_known_and_nothing_raises() -> None:
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    tap.feed(b"no gzip at all")
    tap.feed(gzip.compress(TEXT))
    assert kept.text == b""


def test_a_bomb_is_read_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "INFLATED_LIMIT_BYTES", 1000)
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    tap.feed(gzip.compress(bytes(10_000_000)))
    assert len(kept.text) == 1000
