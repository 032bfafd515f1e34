"""Bytes made worse, a little at a time. Everything is the seed's: the same one says the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

ODD = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b"\x7f", b" ", b"\t", b":", b",", b"\r\n\r\n", b"%00", b"\xc3\xa9",
    b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n", b"HTTP/1.0", b"HTTP/2.0", b"9" * 20, b"-1", b"+1", b"0x5", b"PRI * HTTP/2.0",
)  # fmt: skip
"""What parsers have stumbled over."""
MAX_BYTES = 100_000

Mutation = Callable[[Random, bytes], bytes]


def flip(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes((chance.randrange(256),)) + data[at + 1 :]


def insert(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(ODD) + data[at:]


def drop(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randrange(1, 20) :]


def double(chance: Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    piece = data[at : at + chance.randrange(1, 40)]
    return data[:at] + piece * chance.choice((2, 2, 2, 100)) + data[at:]


def cut(chance: Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


MUTATIONS: tuple[Mutation, ...] = (flip, flip, insert, insert, drop, double, cut)


def mutated(chance: Random, data: bytes) -> bytes:
    """Mostly little is wrong with it: what is wrong altogether gets no further than the first line."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        if data:
            data = chance.choice(MUTATIONS)(chance, data)[:MAX_BYTES]
    return data


def in_pieces(chance: Random, data: bytes) -> tuple[bytes, ...]:
    """As a network may bring it."""
    if not data or chance.random() < 0.6:
        return (data,)
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 4)))
    ends = (*cuts, len(data))
    return tuple(data[start:end] for start, end in zip((0, *cuts), ends, strict=True))


def some(chance: Random, corpus: Sequence[bytes]) -> bytes:
    """One of them, or several behind each other."""
    return b"".join(chance.choice(corpus) for _ in range(chance.choice((1, 1, 1, 2, 3))))
