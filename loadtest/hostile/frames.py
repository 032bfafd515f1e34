"""HTTP/2 said by hand (RFC 9113): no library of ours may refuse what is to be refused at the other end."""

from __future__ import annotations

from collections.abc import Iterable

import hpack
from hyperframe.frame import DataFrame, Frame, HeadersFrame, PriorityFrame, RstStreamFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Fields = Iterable[tuple[bytes, bytes]]


def opening(*frames: Frame) -> bytes:
    """A connection's first bytes."""
    return PREFACE + SettingsFrame(0).serialize() + said(*frames)


def said(*frames: Frame) -> bytes:
    return b"".join(frame.serialize() for frame in frames)


def head(
    stream: int,
    method: bytes = b"GET",
    path: bytes = b"/v1/models",
    *fields: tuple[bytes, bytes],
    ended: bool = True,
) -> HeadersFrame:
    pseudo = ((b":method", method), (b":path", path), (b":scheme", b"http"), (b":authority", b"g"))
    return fields_frame(stream, (*pseudo, *fields), ended=ended)


def fields_frame(stream: int, fields: Fields, *, ended: bool = True) -> HeadersFrame:
    frame = HeadersFrame(stream)
    # A fresh encoder each time, without its table: what comes first and what comes alone are the same bytes.
    frame.data = b"".join(hpack.Encoder().encode([(name, value, True)]) for name, value in fields)
    frame.flags.add("END_HEADERS")
    if ended:
        frame.flags.add("END_STREAM")
    return frame


def data(stream: int, payload: bytes, *, ended: bool = False) -> DataFrame:
    frame = DataFrame(stream, data=payload)
    if ended:
        frame.flags.add("END_STREAM")
    return frame


def priority(stream: int, depends_on: int = 0, weight: int = 15) -> PriorityFrame:
    return PriorityFrame(stream, depends_on=depends_on, stream_weight=weight)


def reset(stream: int, code: int = 8) -> RstStreamFrame:
    """8: CANCEL"""
    return RstStreamFrame(stream, error_code=code)
