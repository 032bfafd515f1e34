"""Anthropic's answers as events.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from proxy.providers.translation import messages_forms as forms
from proxy.providers.translation.coding import NULL, UNREADABLE, Fields, decode_fields, encode, others
from proxy.providers.translation.events import (
    CALL,
    FINISHED,
    FOREIGN,
    REDACTED,
    TEXT,
    THINKING,
    Began,
    Cited,
    Closed,
    Ended,
    Event,
    Failed,
    Opened,
    Said,
    Signed,
    Spent,
    Used,
)

_decode = msgspec.json.Decoder(forms.Event).decode
_decode_block = msgspec.json.Decoder(forms.Block).decode
_decode_blocks = msgspec.json.Decoder(list[Raw]).decode
_decode_problem = msgspec.json.Decoder(forms.Problem).decode
_decode_text = msgspec.json.Decoder(str | None).decode
_decode_count = msgspec.json.Decoder(int | None).decode
_decode_details = msgspec.json.Decoder(Fields | None).decode
_ENVELOPE = frozenset(("type", "role", "id", "model", "content", "usage", "stop_reason", "stop_sequence"))
_COUNTED = frozenset(
    ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
     "output_tokens_details")
)  # fmt: skip
_KINDS = {"text": TEXT, "thinking": THINKING, "redacted_thinking": REDACTED, "tool_use": CALL}
_EMPTY_INPUT = frozenset((b"", b"{}"))
_NO_EVENTS: tuple[Event, ...] = ()


class MessagesReader:
    """One stream's."""

    def __init__(self) -> None:
        self._spent: Fields = {}

    def read(self, data: bytes) -> Iterable[Event]:
        """HOT."""
        try:
            event = _decode(data)
        except UNREADABLE:
            return _NO_EVENTS
        if event.type == "content_block_delta":
            return _delta(event.index, event.delta)
        return self._other(event, data)

    def finish(self) -> Iterable[Event]:
        return _NO_EVENTS

    def _other(self, event: forms.Event, data: bytes) -> Iterable[Event]:
        if event.type == "content_block_start":
            return _opened(event.index, event.content_block)
        if event.type == "content_block_stop":
            return (Closed(event.index),)
        if event.type == "message_start":
            return (self._began(event.message),)
        if event.type == "message_delta":
            return self._ended(decode_fields(data))
        if event.type == "message_stop":
            return (FINISHED,)
        return (failed(event.error),) if event.type == "error" else _NO_EVENTS

    def _began(self, message: Raw) -> Began:
        fields = decode_fields(message)
        self._spent = _fields(fields.get("usage"))
        return _began(fields, self._spent)

    def _ended(self, event: Fields) -> list[Event]:
        """Its usage is cumulative: what it leaves out stands as the start said it."""
        delta = _fields(event.get("delta"))
        self._spent |= others(_fields(event.get("usage")), ())
        extra = {**others(event, ("type", "delta", "usage")), **others(delta, _ENVELOPE)}
        return [_reason(delta, extra), Used(spent(self._spent))]


def whole(body: bytes) -> list[Event] | None:
    """None: it is no message."""
    try:
        fields = decode_fields(body)
        if "content" not in fields:
            return None
        blocks = _decode_blocks(fields["content"])
        said = [event for index, block in enumerate(blocks) for event in _block(index, block)]
        used = _fields(fields.get("usage"))
        return [_began(fields, used), *said, _reason(fields, {}), Used(spent(used)), FINISHED]
    except UNREADABLE:
        return None


def failed(error: Raw | bytes) -> Failed:
    try:
        said = _decode_problem(error)
        extra = others(decode_fields(error), ("type", "message"))
    except UNREADABLE:
        return Failed("api_error", "The upstream failed.")
    return Failed(said.type, said.message, extra=extra)


def spent(usage: Mapping[str, Raw]) -> Spent:
    """`input_tokens` leaves the cache out; the neutral count takes it in."""
    fresh, cached, written = (
        _count(usage.get(name))
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    details = _decode_details(usage.get("output_tokens_details", NULL)) or {}
    prompt = None if fresh is None else fresh + (cached or 0) + (written or 0)
    return Spent(
        prompt,
        _count(usage.get("output_tokens")),
        cached,
        written,
        _count(details.get("thinking_tokens")),
        others(usage, _COUNTED),
        {},
        others(details, ("thinking_tokens",)),
    )


def _count(value: Raw | None) -> int | None:
    return None if value is None else _decode_count(value)


def _fields(value: Raw | None) -> Fields:
    return {} if value is None or bytes(value) == b"null" else decode_fields(value)


def _began(fields: Fields, used: Fields) -> Began:
    identity = _decode_text(fields.get("id", NULL)) or "", _decode_text(fields.get("model", NULL)) or ""
    return Began(*identity, spent=spent(used), extra=others(fields, _ENVELOPE))


def _reason(fields: Fields, extra: Fields) -> Ended:
    reason = _decode_text(fields.get("stop_reason", NULL)) or ""
    return Ended(reason, 0, _decode_text(fields.get("stop_sequence", NULL)), extra)


def _delta(part: int, delta: forms.Delta | None) -> Iterable[Event]:
    if delta is None:
        return _NO_EVENTS
    kind = delta.type
    if kind == "text_delta":
        return (Said(part, delta.text),)
    if kind == "input_json_delta":
        return (Said(part, delta.partial_json),)
    if kind == "thinking_delta":
        return (Said(part, delta.thinking),)
    if kind == "signature_delta":
        return (Signed(part, delta.signature),)
    return (Cited(part, delta.citation),) if kind == "citations_delta" else _NO_EVENTS


def _opened(part: int, raw: Raw) -> list[Event]:
    """Of a stream: what the block holds already is said at once; a call's arguments follow."""
    block = _decode_block(raw)
    kind = _KINDS.get(block.type, FOREIGN)
    name = block.type if kind is FOREIGN else block.id
    extra = others({"caller": block.caller or NULL, "toolset_name": Raw(encode(block.toolset_name))}, ())
    held = raw if kind in (FOREIGN, REDACTED) else Raw()
    events: list[Event] = [Opened(part, kind, name, block.name, held, extra=extra)]
    if kind is CALL and bytes(block.input) not in _EMPTY_INPUT:
        events.append(Said(part, bytes(block.input).decode()))
    text = block.text if kind is TEXT else block.thinking if kind is THINKING else ""
    if text:
        events.append(Said(part, text))
    events += [Cited(part, citation) for citation in block.citations or ()]
    if block.signature and kind is THINKING:
        events.append(Signed(part, block.signature))
    return events


def _block(part: int, raw: Raw) -> list[Event]:
    """Of a whole answer."""
    events = _opened(part, raw)
    opened = events[0]
    if isinstance(opened, Opened) and opened.kind is CALL and len(events) == 1:
        events.append(Said(part, "{}"))
    return [*events, Closed(part)]
