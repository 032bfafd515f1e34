"""Anthropic's events as Bedrock streams them, as server-sent events.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping

import msgspec

from proxy.errors import UNREADABLE
from proxy.wire.aws_events import AwsEvents, AwsMessage
from proxy.wire.framing import BadFraming

_ERRORS: Mapping[str, str] = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "modelTimeoutException": "timeout_error",
    "serviceUnavailableException": "overloaded_error",
}
"""Others (`internalServerException`, `modelStreamErrorException`) are `api_error`."""


class _Chunk(msgspec.Struct):
    bytes: str = ""


class _Event(msgspec.Struct):
    type: str = ""


class _Failure(msgspec.Struct):
    message: str = ""


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_failure = msgspec.json.Decoder(_Failure).decode
_encode = msgspec.json.Encoder().encode


class BedrockStream:
    """One stream's."""

    def __init__(self) -> None:
        self._events = AwsEvents()

    @property
    def torn(self) -> bool:
        return self._events.torn

    def feed(self, data: bytes) -> bytes:
        """Raises BadFraming."""
        return b"".join(map(_said, self._events.feed(data)))


def _said(message: AwsMessage) -> bytes:
    headers, payload = message
    if headers.get(":message-type", "event") != "event":
        return _failed(headers, payload)
    if headers.get(":event-type") != "chunk":
        return b""
    try:
        event = b64decode(_decode_chunk(payload).bytes, validate=True)
        kind = _decode_event(event).type
    except (*UNREADABLE, ValueError) as problem:
        raise BadFraming("a chunk holds no event") from problem
    return _as_sse(kind.encode(), event)


def _failed(headers: Mapping[str, str], payload: bytes) -> bytes:
    """An exception of the model's or the service's, in place of what was to come."""
    name = headers.get(":exception-type") or headers.get(":error-code", "")
    try:
        message = _decode_failure(payload).message
    except UNREADABLE:
        message = headers.get(":error-message", "")
    error = {"type": _ERRORS.get(name, "api_error"), "message": message or name, "code": name}
    return _as_sse(b"error", _encode({"type": "error", "error": error}))


def _as_sse(kind: bytes, event: bytes) -> bytes:
    """JSON has line ends between its words alone."""
    return b"event: %b\ndata: %b\n\n" % (kind, event.replace(b"\n", b" ").replace(b"\r", b" "))
