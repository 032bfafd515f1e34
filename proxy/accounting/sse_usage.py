"""What a streamed answer used, and whether it came to its end.

HOT: called for every piece of every stream. Pieces are searched, not parsed: only an event that holds
a usage is decoded, and the first few for the model's name.
"""

from __future__ import annotations

import msgspec

from proxy.accounting.usage import UNREADABLE, Tail, UsageFields
from proxy.types import Usage

LINE_LIMIT_BYTES = 256 * 1024
"""An unfinished line beyond this (a `response.completed` repeats the whole answer) keeps only its tail."""
_MODEL_LOOKS = 4
"""Events searched for the model's name: Azure's first one holds none."""

_TERMINAL_EVENTS = frozenset(
    {
        b"done",
        b"error",
        b"response.completed",
        b"response.failed",
        b"response.incomplete",
        b"image_generation.completed",
        b"image_edit.completed",
        b"speech.audio.done",
        b"transcript.text.done",
    }
)
"""The last event of a stream that ends without `data: [DONE]`.

https://platform.openai.com/docs/api-reference/responses-streaming and the streaming pages of images and audio
"""
_TERMINAL_TYPES = frozenset(name.decode() for name in _TERMINAL_EVENTS)


class _Response(msgspec.Struct, gc=False):
    model: str | None = None
    usage: UsageFields | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    model: str | None = None
    usage: UsageFields | None = None
    response: _Response | None = None


_decode_event = msgspec.json.Decoder(_Event).decode


class SseUsageTap:
    """For `text/event-stream`. The last usage said is the one that counts."""

    __slots__ = ("_ending", "_held", "_held_bytes", "_looks_left", "_tail", "_usage", "finish_seen", "model")

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = False
        self._usage: Usage | None = None
        self._held: list[bytes] = []
        """Pieces of the line not finished yet."""
        self._held_bytes = 0
        self._tail: Tail | None = None
        """Of a line longer than the limit."""
        self._ending = False
        """A terminal event's name was read, its data not yet."""
        self._looks_left = _MODEL_LOOKS

    def feed(self, payload: bytes) -> None:
        end = payload.rfind(b"\n") + 1
        if not end:
            return self._hold(payload)
        if self._tail is not None:
            payload, end = self._end_long_line(payload)
        block = payload if end == len(payload) else payload[:end]
        if self._held:
            self._held.append(block)
            block = b"".join(self._held)
            self._held.clear()
            self._held_bytes = 0
        if end != len(payload):
            self._hold(payload[end:])
        self._read(block)
        return None

    def result(self) -> Usage | None:
        if self._held:
            self._ending = False  # cut within the terminal event's data, unless that decodes
            self.feed(b"\n")
        return self._usage

    def _hold(self, piece: bytes) -> None:
        if self._tail is not None:
            return self._tail.feed(piece)
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > LINE_LIMIT_BYTES:
            self._tail = Tail(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0
        return None

    def _end_long_line(self, payload: bytes) -> tuple[bytes, int]:
        """Reads the long line's usage; gives what follows it, and where its whole lines end."""
        assert self._tail is not None
        cut = payload.find(b"\n") + 1
        self._tail.feed(payload[:cut])
        self._usage = self._tail.usage() or self._usage
        self._tail = None
        self.finish_seen |= self._ending
        rest = payload[cut:]
        return rest, rest.rfind(b"\n") + 1

    def _read(self, block: bytes) -> None:
        """`block` is whole lines."""
        if b'"usage"' in block and block.count(b'"usage"') != block.count(b'"usage":null'):
            self._read_events(block)
        elif self._looks_left:
            self._look_for_model(block)
        if b"[DONE]" in block and _has_done_line(block):
            self.finish_seen = True
        if self._ending or b"event:" in block:
            self._read_event_name(block)

    def _read_events(self, block: bytes) -> None:
        for line in block.split(b"\n"):
            if b'"usage"' in line and line.startswith(b"data:"):
                self._read_event(line)

    def _look_for_model(self, block: bytes) -> None:
        for line in block.split(b"\n", 2 * _MODEL_LOOKS)[: 2 * _MODEL_LOOKS]:
            if self._looks_left and line.startswith(b"data:"):
                self._looks_left -= 1
                self._read_event(line)

    def _read_event(self, line: bytes) -> None:
        try:
            event = _decode_event(line[len(b"data:") :])
        except UNREADABLE:
            return
        response = event.response
        self.model = self.model or event.model or (response.model if response else None) or None
        if self.model:
            self._looks_left = 0
        fields = event.usage or (response.usage if response else None)
        if fields is not None:
            self._usage = fields.usage() or self._usage
        if event.type in _TERMINAL_TYPES:
            self.finish_seen = True

    def _read_event_name(self, block: bytes) -> None:
        """The stream ends with a terminal event's data, not with its name."""
        at = block.rfind(b"\nevent:") + 1
        if at or block.startswith(b"event:"):
            name = block[at + len(b"event:") : block.find(b"\n", at)].strip()
            self._ending = name in _TERMINAL_EVENTS
            block = block[at:]
        if self._ending and b"data:" in block:
            self.finish_seen = True


def _has_done_line(block: bytes) -> bool:
    """Not the same words in a text the model wrote: those lie inside a JSON string."""
    return any(line.startswith(b"data:") and line[5:].strip() == b"[DONE]" for line in block.split(b"\n"))
