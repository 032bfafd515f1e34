"""Decoding and encoding that all dialects share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from msgspec import Raw

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no UTF-8, nested too deep, or of other types."""
NULL = Raw(b"null")
Fields = dict[str, Raw]

encode = msgspec.json.Encoder().encode
decode_fields = msgspec.json.Decoder(Fields).decode
decode_any = msgspec.json.Decoder().decode
decode_str = msgspec.json.Decoder(str).decode


def others(fields: Mapping[str, Raw], known: Collection[str]) -> Fields:
    """Those that are not known, and say something."""
    return {name: value for name, value in fields.items() if name not in known and bytes(value) != b"null"}


def sse(name: str, data: bytes) -> bytes:
    """One event that bears a name."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)
