"""AWS's binary event streams, written: as Bedrock frames a model's events.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

from __future__ import annotations

from base64 import b64encode
from binascii import crc32
from collections.abc import Mapping

import msgspec

_TEXT = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    told = b"".join(map(_header, headers.items()))
    size = 12 + len(told) + len(payload) + 4
    lengths = size.to_bytes(4, "big") + len(told).to_bytes(4, "big")
    text = lengths + crc32(lengths).to_bytes(4, "big") + told + payload
    return text + crc32(text).to_bytes(4, "big")


def _header(pair: tuple[str, str]) -> bytes:
    name, value = (text.encode() for text in pair)
    return bytes((len(name),)) + name + bytes((_TEXT,)) + len(value).to_bytes(2, "big") + value


def chunk(event: object) -> bytes:
    """One event of the model's own."""
    held = msgspec.json.encode({"bytes": b64encode(msgspec.json.encode(event)).decode(), "p": "abcdefg"})
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, held)


def exception(kind: str, message: str) -> bytes:
    """`throttlingException`: in place of what was to come."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, msgspec.json.encode({"message": message}))
