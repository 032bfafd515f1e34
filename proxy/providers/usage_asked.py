"""A stream's usage, asked of the upstream for the gateway's own sake, and taken out again for the client.

With `stream_options.include_usage` every chunk has a `usage` that is null, and before `[DONE]` comes one more with the
usage and no choices; without it there is neither. https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

from proxy.errors import UNREADABLE
from proxy.providers.outline import outline
from proxy.providers.splice import MAX_FIELDS, replace_field

PATHS = frozenset((b"/chat/completions", b"/completions"))
"""Endpoints that say a stream's usage only when they are asked to."""
NAMES = (b"stream_options", b"include_usage")
"""One of them is in the words of an upstream that does not know it."""
MAX_EVENT_BYTES = 1024 * 1024
"""A longer event passes as it comes."""
_ASKED = b'"stream_options":{"include_usage":true},'
_OPTIONS = b'{"include_usage":true}'


_Fields: TypeAlias = Annotated[dict[str, Raw], Meta(max_length=MAX_FIELDS)]
_decode_fields: Callable[[bytes], dict[str, Raw]] = msgspec.json.Decoder(_Fields).decode
_encode = msgspec.json.Encoder().encode


def with_usage_asked(body: bytes) -> bytes | None:
    """HOT. The JSON body of a request for a stream, asking for its usage. None: it does so itself, or is not to be
    understood."""
    if body.find(b"stream_options") < 0:
        inside = body.find(b"{") + 1
        return b"%b%b%b" % (body[:inside], _ASKED, body[inside:])
    try:
        written = bytes(_decode_fields(outline(body).text).get("stream_options", b"null"))
        if written == b"null":
            return replace_field(body, "stream_options", _OPTIONS)
        options = _decode_fields(written)
        if bytes(options.get("include_usage", b"")) == b"true":
            return None
        return replace_field(body, "stream_options", _encode({**options, "include_usage": Raw(b"true")}))
    except UNREADABLE:  # the upstream has the words for that
        return None


_PLAIN = b',"usage":null}\n\n'
"""The last field of a chunk, which ends its event: so it is the chunk's own, and no object's within it."""
_LEFT_OF_PLAIN = b"}\n\n"
_BEFORE_OBFUSCATION = re.compile(rb',"usage":null(?=,"obfuscation":"[^"\\]*"\}\n\n)')
"""The last but one. What begins within a string of its chunk has nothing of the chunk behind that."""
_NULLS = (
    re.compile(rb',[ \t]*"usage"[ \t]*:[ \t]*null'),
    re.compile(rb'"usage"[ \t]*:[ \t]*null[ \t]*,[ \t]*'),
)
MAX_TRIALS = 8
"""Of one event: places where its null may stand."""
_EVENT = re.compile(rb"(?s).+?(?:\n\r?\n|\r\r|\Z)")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_USAGE = b'"usage"'


class UsageSieve:
    """One stream, bytes in any split, whole events out: as if nobody had asked.

    Nothing is decoded but events that speak of usage otherwise than OpenAI's do.
    """

    __slots__ = ("_held", "_passing")

    def __init__(self) -> None:
        self._held = b""
        """The beginning of an event."""
        self._passing = False
        """Of an event too long to be held its beginning has gone."""

    @property
    def at_ease(self) -> bool:
        """HOT. It waits for nothing."""
        return not (self._held or self._passing)

    def feed(self, payload: bytes) -> bytes:
        """HOT. What is whole by now."""
        if self._held:
            payload, self._held = self._held + payload, b""
        if not payload.endswith(b"\n\n"):
            payload = self._whole(payload)
        if self._passing:
            return self._pass(payload)
        events = payload.replace(_PLAIN, _LEFT_OF_PLAIN)
        return events if events.find(_USAGE) < 0 else _sieved(events)

    def finish(self) -> bytes:
        """At the end of the stream, which may be within an event."""
        held, self._held = self._held, b""
        return held if self._passing else _sieved(held)

    def _whole(self, payload: bytes) -> bytes:
        """The events that have ended; the rest is held."""
        ends = (payload.rfind(end) + len(end) for end in (b"\n\n", b"\n\r\n", b"\r\r") if end in payload)
        end = max(ends, default=0)
        self._held = payload[end:]
        if len(self._held) > MAX_EVENT_BYTES:
            self._passing = True
        return payload[:end]

    def _pass(self, events: bytes) -> bytes:
        """The rest of an event that is too long, and what follows it."""
        first = _EVENT.match(events)
        if first is None:
            held, self._held = self._held, b""
            return held
        self._passing = len(self._held) > MAX_EVENT_BYTES
        end = first.end()
        return events[:end] + _sieved(events[end:]) + (self._take_held() if self._passing else b"")

    def _take_held(self) -> bytes:
        held, self._held = self._held, b""
        return held


def _sieved(events: bytes) -> bytes:
    """OpenAI's own chunks by two replacements; of others those that speak of usage, one by one."""
    events = _BEFORE_OBFUSCATION.sub(b"", events.replace(_PLAIN, _LEFT_OF_PLAIN))
    at = events.find(_USAGE)
    if at < 0:
        return events
    if b"\r" in events:
        return b"".join(map(_event, _EVENT.findall(events)))
    left: list[bytes] = []
    passed = 0
    while at >= 0:
        before, behind = events.rfind(b"\n\n", passed, at), events.find(b"\n\n", at)
        start = passed if before < 0 else before + 2
        end = len(events) if behind < 0 else behind + 2
        left.append(events[passed:start])
        left.append(_event(events[start:end]))
        passed = end
        at = events.find(_USAGE, passed)
    left.append(events[passed:])
    return b"".join(left)


def _event(event: bytes) -> bytes:
    """Nothing of the chunk that was asked for; of another chunk all but its null."""
    if event.find(_USAGE) < 0:
        return event
    lines = [line for line in _LINE_END.split(event) if line.startswith(b"data:")]
    text = b"\n".join([line[len(b"data:") :].removeprefix(b" ") for line in lines])
    try:
        fields = _decode_fields(text)
    except UNREADABLE:
        return event
    said = bytes(fields.get("usage", b""))
    if said == b"null":
        return event.replace(text, _without_null(text, fields), 1)
    if (
        said.startswith(b"{")
        and not bytes(fields.get("choices", b"")).strip(b"[] \t\r\n")
        and "choices" in fields
    ):
        return b""
    return event


def _without_null(text: bytes, fields: dict[str, Raw]) -> bytes:
    """The chunk without its own `usage`: which of the nulls that is, a trial proves."""
    wanted = {name: bytes(value) for name, value in fields.items() if name != "usage"}
    for null in _NULLS:
        for found in islice(null.finditer(text), MAX_TRIALS):
            start, end = found.span()
            trial = text[:start] + text[end:]
            try:
                left = {name: bytes(value) for name, value in _decode_fields(trial).items()}
            except UNREADABLE:
                continue
            if left == wanted:
                return trial
    return text
