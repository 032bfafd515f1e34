"""Content codings: every split, every stack, and nothing without bounds."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire import codings
from proxy.wire.codings import BeyondLimits, CodingLimits, Decoder, Malformed, UnknownCoding, decoder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEBIBYTE = 1024 * 1024
PLENTY = CodingLimits(64 * MEBIBYTE)


def raw_deflate(text: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(text) + coder.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
CODINGS = sorted(ENCODE)


def made(content_encoding: str, limits: CodingLimits = PLENTY) -> Decoder:
    found = decoder(content_encoding.encode(), limits)
    assert found is not None
    return found


def coded(text: bytes, *names: str) -> bytes:
    for name in names:
        text = ENCODE[name](text)
    return text


@given(
    text=st.binary(max_size=300),
    names=st.lists(st.sampled_from(CODINGS), min_size=1, max_size=3),
    step=st.integers(1, 64),
)
def test_any_stack_is_decoded_in_any_split(text: bytes, names: list[str], step: int) -> None:
    body = coded(text, *names)
    reading = made(", ".join(names))
    out = b"".join(reading.feed(body[at : at + step]) for at in range(0, len(body), step))
    assert out == text
    assert reading.whole


@pytest.mark.parametrize("name", CODINGS)
def test_large_bodies_come_in_pieces(name: str) -> None:
    text = b"so it goes on and on, " * 200_000
    pieces = list(made(name).pieces(coded(text, name)))
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) < 4 * codings.PIECE_BYTES


def test_a_large_input_is_not_copied_again_for_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    given_bytes = 0
    take = codings._Zlib.take

    def counted(self: codings._Zlib, data: bytes) -> bytes:
        nonlocal given_bytes
        given_bytes += len(data)
        return take(self, data)

    monkeypatch.setattr(codings._Zlib, "take", counted)
    body = gzip.compress(os.urandom(2 * MEBIBYTE) + bytes(8 * MEBIBYTE), compresslevel=1)
    assert len(made("gzip").feed(body)) == 10 * MEBIBYTE
    assert given_bytes < 4 * len(body)


def test_what_each_coding_sends_at_once_can_be_read_at_once() -> None:
    """Streams are flushed event by event: none of them waits for the next."""
    deflater, squeezer, brotlier = zlib.compressobj(wbits=31), zstd.ZstdCompressor(), brotli.Compressor()
    flushes: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda text: deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH),
        "zstd": lambda text: squeezer.compress(text, squeezer.FLUSH_BLOCK),
        "br": lambda text: brotlier.process(text) + brotlier.flush(),
    }
    for name, flush in flushes.items():
        reading = made(name)
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            assert reading.feed(flush(event)) == event
        assert not reading.whole, name


@pytest.mark.parametrize("value", ["", "identity", " Identity , ", ","])
def test_nothing_coded_needs_no_decoder(value: str) -> None:
    assert decoder(value.encode(), PLENTY) is None


def test_names_are_lists_in_any_case() -> None:
    assert made(" GZIP ,identity, Br").feed(coded(b"text", "gzip", "br")) == b"text"


@pytest.mark.parametrize("value", ["compress", "gzip, aes128gcm", "gzip;q=1", "\xe9"])
def test_unknown_codings_are_named(value: str) -> None:
    with pytest.raises(UnknownCoding) as caught:
        decoder(value.encode("latin-1"), PLENTY)
    assert caught.value.name == value.encode("latin-1").split(b", ")[-1]


def test_codings_upon_each_other_are_counted() -> None:
    assert decoder(b", ".join([b"gzip"] * codings.MAX_LAYERS), PLENTY)
    with pytest.raises(BeyondLimits):
        decoder(b", ".join([b"gzip"] * (codings.MAX_LAYERS + 1)), PLENTY)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_bare_deflate_is_read_as_well(step: int) -> None:
    body = raw_deflate(b"bare" * 99)
    reading = made("deflate")
    assert b"".join(reading.feed(body[at : at + step]) for at in range(0, len(body), step)) == b"bare" * 99
    assert reading.whole


@pytest.mark.parametrize("name", ["gzip", "deflate", "zstd"])
def test_members_follow_each_other(name: str) -> None:
    reading = made(name)
    assert reading.feed(coded(b"one", name) + coded(b"two", name)) == b"onetwo"
    assert reading.whole


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_members_are_counted(name: str) -> None:
    empty = coded(b"", name)
    reading = made(name)
    assert reading.feed(empty * codings.MAX_MEMBERS) == b""
    with pytest.raises(BeyondLimits):
        reading.feed(empty)


@pytest.mark.parametrize("name", CODINGS)
def test_what_follows_the_end_is_an_error(name: str) -> None:
    with pytest.raises(Malformed):
        made(name).feed(coded(b"text", name) + b"\xff\xff\xff\xff\xff\xff")


@pytest.mark.parametrize("name", CODINGS)
def test_what_follows_the_end_later_is_an_error(name: str) -> None:
    reading = made(name)
    reading.feed(coded(b"text", name))
    with pytest.raises(Malformed):
        reading.feed(b"\xff\xff\xff\xff\xff\xff")


@pytest.mark.parametrize("name", CODINGS)
def test_other_bytes_are_malformed(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        made(name).feed(b'{"model": "gpt-4o", "messages": []}' * 9)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", CODINGS)
def test_a_torn_body_is_not_whole(name: str) -> None:
    body = coded(b"text" * 99, name)
    reading = made(name)
    assert reading.whole, "nothing came, nothing is missing"
    reading.feed(body[:-1])
    assert not reading.whole
    reading.feed(body[-1:])
    assert reading.whole


@pytest.mark.parametrize("name", CODINGS)
def test_size_is_bounded_across_feeds(name: str) -> None:
    body = coded(b"text" * 1000, name)
    exactly = made(name, CodingLimits(4000))
    assert len(exactly.feed(body)) == 4000
    reading = made(name, CodingLimits(3999))
    with pytest.raises(BeyondLimits):
        [reading.feed(body[at : at + 1]) for at in range(len(body))]


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_is_not_made_whole(name: str) -> None:
    """What comes out before the limit is noticed is a piece, not the bomb."""
    reading = made(name, CodingLimits(2 * MEBIBYTE))
    seen: list[int] = []
    with pytest.raises(BeyondLimits):
        seen.extend(map(len, reading.pieces(coded(bytes(32 * MEBIBYTE), name))))
    assert sum(seen) <= 2 * MEBIBYTE


@pytest.mark.parametrize("name", CODINGS)
def test_a_ratio_tells_a_bomb_before_its_size_does(name: str) -> None:
    bomb = coded(bytes(8 * MEBIBYTE), name)
    limits = CodingLimits(64 * MEBIBYTE, ratio=100)
    with pytest.raises(BeyondLimits, match="100 times"):
        made(name, limits).feed(bomb)
    small = coded(bytes(MEBIBYTE), name)
    assert len(made(name, limits).feed(small)) == MEBIBYTE, "small bodies may be as dense as they like"


def test_a_bomb_inside_a_coding_is_bounded_too() -> None:
    """The outer layer unfolds to millions of empty members, which say nothing at all."""
    bomb = gzip.compress(gzip.compress(b"") * 500_000)
    with pytest.raises(BeyondLimits):
        made("gzip, gzip").feed(bomb)
    skipped = b"\x50\x2a\x4d\x18" + (2 * MEBIBYTE).to_bytes(4, "little") + bytes(2 * MEBIBYTE)
    with pytest.raises(BeyondLimits):
        made("zstd, br", CodingLimits(MEBIBYTE)).feed(brotli.compress(skipped))


def test_a_window_beyond_the_standard_is_refused() -> None:
    squeezer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    wide = squeezer.compress(b"text", squeezer.FLUSH_BLOCK)
    with pytest.raises(Malformed):
        made("zstd").feed(wide)


@pytest.mark.parametrize("name", CODINGS)
@given(noise=st.binary(max_size=200), at=st.integers(0, 400))
def test_damage_raises_nothing_else(name: str, noise: bytes, at: int) -> None:
    body = coded(bytes(range(256)) * 2, name)
    reading = made(name, CodingLimits(MEBIBYTE))
    with contextlib.suppress(codings.CodingError):
        reading.feed(body[:at] + noise + body[at:])
