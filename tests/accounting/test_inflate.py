from __future__ import annotations

import gzip
import sys
import zlib

import brotli
import pytest

from proxy.accounting import inflate
from proxy.accounting.inflate import beginning_of, inflated
from proxy.wire import codings

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Kept:
    def __init__(self) -> None:
        self.text = b""

    def feed(self, payload: bytes) -> None:
        self.text += payload


TEXT = b'{"usage": {"prompt_tokens": 7}}' * 40


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"deflate", zlib.compress(TEXT)),
        (b"br", brotli.compress(TEXT)),
        (b"zstd", zstd.compress(TEXT)),
        (b"gzip, br", brotli.compress(gzip.compress(TEXT))),
    ],
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
    assert inflated(Kept(), b"compress") is None


def test_garbage_is_not_known_and_nothing_raises() -> None:
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    tap.feed(b"no gzip at all")
    tap.feed(gzip.compress(TEXT))
    assert kept.text == b""


def test_after_its_end_nothing_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that goes on for gigabytes behind its gzip member costs nothing, and nothing of it is kept."""
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    tap.feed(gzip.compress(TEXT) + b"and on")
    monkeypatch.setattr(codings._Zlib, "take", None)
    for _ in range(1000):
        tap.feed(b"and on")
    assert kept.text == TEXT


def test_a_bomb_is_read_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "DECODED_LIMIT_BYTES", 1_000_000)
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    tap.feed(gzip.compress(bytes(10_000_000)))
    assert 0 < len(kept.text) <= 1_000_000


def test_the_bound_is_one_for_all_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "DECODED_LIMIT_BYTES", len(TEXT))
    kept = Kept()
    tap = inflated(kept, b"gzip")
    assert tap is not None
    body = gzip.compress(TEXT * 3)
    for at in range(len(body)):
        tap.feed(body[at : at + 1])
    assert 0 < len(kept.text) <= len(TEXT)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"", TEXT),
        (b"gzip", gzip.compress(TEXT)),
        (b"br", brotli.compress(TEXT)),
        (b"gzip, br", brotli.compress(gzip.compress(TEXT))),
    ],
)
def test_the_beginning_of_what_is_behind_a_coding(coding: bytes, body: bytes) -> None:
    assert beginning_of(body, coding, 1_000_000) == TEXT


def test_a_bomb_is_opened_no_further_than_asked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(beginning_of(bomb, b"gzip", 1000)) <= 1000 + codings.PIECE_BYTES


def test_what_breaks_off_tells_what_it_can() -> None:
    half = gzip.compress(TEXT, 0)[:200]
    assert TEXT.startswith(beginning_of(half, b"gzip", 1000))
    assert beginning_of(b"plainly not gzip", b"gzip", 1000) == b""
    assert beginning_of(TEXT, b"compress", 1000) == b""
