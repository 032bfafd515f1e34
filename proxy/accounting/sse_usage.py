"""What a streamed answer used, and whether it came to its end.

HOT: called for every piece of every stream. Pieces are searched, not parsed: only an event that holds
a usage is decoded, and the first few for the model's name.
"""

from __future__ import annotations

import re
import time

import msgspec

from proxy.accounting.said import NOBODY, Event, Inner
from proxy.accounting.shapes import UsageFields, with_tools
from proxy.accounting.suspects import MARK, MOST, suspect, suspects_in
from proxy.accounting.usage import Tail
from proxy.errors import UNREADABLE
from proxy.types import Usage

LINE_LIMIT_BYTES = 256 * 1024
"""An unfinished line beyond this (a `response.completed` repeats the whole answer) keeps only its tail."""
_MODEL_LOOKS = 4
"""Events searched for the model's name: Azure's first one holds none."""

_CONTENT = re.compile(
    rb'"(?:content|text|delta|reasoning(?:_content)?|refusal|thinking|arguments|partial_json|data|b64_json)"\s*:\s*"[^"]'
)
"""In chats, completions, responses, Anthropic's messages, sound and images: text, or a call's arguments, begins."""
_DONE_WITHIN_BYTES = 64
"""`data: [DONE]` is the last a stream says, so it is looked for at a piece's end only."""

_TERMINAL_EVENTS = frozenset(
    {
        b"done",
        b"error",
        b"message-end",
        b"message_stop",
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
_USAGE = b'"usage'
"""Or `"usageMetadata`, as Gemini has it."""
_NO_USAGE = b'"usage":null'
_SAYS_USAGE = re.compile(rb'"usage(?!":null)')
_TERMINAL_TYPES = frozenset(name.decode() for name in _TERMINAL_EVENTS)


_decode_event = msgspec.json.Decoder(Event).decode


class SseUsageTap:
    """For `text/event-stream`. The last usage said is the one that counts."""

    __slots__ = (
        "_after_cr",
        "_ending",
        "_event",
        "_event_bytes",
        "_first",
        "_held",
        "_held_bytes",
        "_joins",
        "_looks_left",
        "_said_by",
        "_tail",
        "_usage",
        "content_unix_s",
        "event_bytes",
        "finish_seen",
        "model",
        "only_begun",
        "settled",
        "suspects",
    )

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = False
        self.content_unix_s: float | None = None
        """When the first event came that holds something a client waits for."""
        self.event_bytes = 0
        """Of that event."""
        self.only_begun = False
        """What is said of the usage is what an Anthropic stream says when it begins."""
        self.suspects: tuple[bytes, ...] = ()
        self._usage: Usage | None = None
        self._first: UsageFields | None = None
        """Said at an Anthropic stream's beginning."""
        self._held: list[bytes] = []
        """Pieces of the line not finished yet."""
        self._held_bytes = 0
        self._tail: Tail | None = None
        """Of a line longer than the limit."""
        self._ending = False
        """A terminal event's name was read, its data not yet."""
        self._looks_left = _MODEL_LOOKS
        self._said_by = (b"", False)
        self.settled = False
        """Whole lines that are plain say nothing new."""
        self._after_cr = False
        """The last piece ended with a CR: a LF that follows belongs to it."""
        self._joins = False
        """A line of data alone is no JSON here: those of one event are read together."""
        self._event: list[bytes] = []
        self._event_bytes = 0

    def feed(self, payload: bytes) -> None:
        if self.settled and payload.endswith(b"\n") and is_plain(payload):
            return
        self._look(payload)
        self.settled = self._is_settled()

    def _is_settled(self) -> bool:
        begun = self.content_unix_s is not None and not self._looks_left
        return begun and not (self._held or self._tail or self._joins or self._ending or self._after_cr)

    def _look(self, payload: bytes) -> None:
        if self._after_cr or payload.find(b"\r") >= 0:
            payload = self._with_lf(payload)
        block = payload if self._is_whole(payload) else self._whole_lines(payload)
        if self.content_unix_s is None and (found := _CONTENT.search(block)) is not None:
            self.content_unix_s = time.time()
            self.event_bytes = _event_bytes(block, found.start())
        if self._joins:
            self._join(block)
        elif block.find(_USAGE) >= 0 and block.count(_USAGE) != block.count(_NO_USAGE):
            self._read_events(block)
        elif self._looks_left:
            self._look_for_model(block)
        if block.find(b"[DONE]", -_DONE_WITHIN_BYTES) >= 0 and _has_done_line(block):
            self.finish_seen = True
        if self._ending or block.find(b"event:") >= 0:
            self._read_event_name(block)
        if block.find(MARK) >= 0 and suspect(block):
            self.suspects = (*self.suspects, *suspects_in(block))[-MOST:]

    def result(self) -> Usage | None:
        if self._held:
            self._ending = False  # cut within the terminal event's data, unless that decodes
            self.feed(b"\n")
        if (
            self._event
        ):  # no blank line has ended it: it is said if it is whole (HTML standard, section 9.2.6)
            self._read_event(self._joined())
        return self._usage

    def said_by(self) -> tuple[bytes, bool]:
        return self._said_by

    def _with_lf(self, payload: bytes) -> bytes:
        """All three line ends of the standard as the one that is looked for. JSON holds none of them unescaped."""
        if self._after_cr:
            payload = payload.removeprefix(b"\n")
        self._after_cr = payload.endswith(b"\r")
        return payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _is_whole(self, payload: bytes) -> bool:
        return payload.endswith(b"\n") and not self._held and self._tail is None

    def _whole_lines(self, payload: bytes) -> bytes:
        """The lines that `payload` ends, what was held of the first included; holds the rest."""
        end = payload.rfind(b"\n") + 1
        if not end:
            self._hold(payload)
            return b""
        start = self._end_long_line(payload) if self._tail is not None else 0
        self._held.append(payload[start:end])
        block = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        self._hold(payload[end:])
        return block

    def _hold(self, piece: bytes) -> None:
        if self._tail is not None:
            return self._tail.feed(piece)
        if piece:
            self._held.append(piece)
            self._held_bytes += len(piece)
        if self._held_bytes > LINE_LIMIT_BYTES:
            self._tail = Tail(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0
        return None

    def _end_long_line(self, payload: bytes) -> int:
        """Reads the usage of the line that ends here; gives where the next one starts."""
        assert self._tail is not None
        end = payload.find(b"\n") + 1
        self._tail.feed(payload[:end])
        usage = self._tail.usage()
        if usage is not None:
            self._usage, self._said_by = usage, (self._tail.start, False)
        self._tail = None
        self.finish_seen |= self._ending
        return end

    def _read_events(self, block: bytes) -> None:
        """Those that say more of usage than that there is none yet."""
        if self._looks_left:
            self._look_for_model(block)
        found = None if self._joins else _SAYS_USAGE.search(block)
        while found is not None:
            start = block.rfind(b"\n", 0, found.start()) + 1
            end = block.find(b"\n", start)
            line = block[start:end] if end >= 0 else block[start:]
            if line.startswith(b"data:") and not self._read_event(line):
                return self._join(block)
            found = _SAYS_USAGE.search(block, start + len(line))
        return None

    def _look_for_model(self, block: bytes) -> None:
        for line in block.split(b"\n", 2 * _MODEL_LOOKS)[: 2 * _MODEL_LOOKS]:
            if self._looks_left and line.startswith(b"data:"):
                self._looks_left -= 1
                if not self._read_event(line):
                    return self._join(block)
        return None

    def _join(self, block: bytes) -> None:
        """JSON over several lines of data, which are one event's until a blank line (HTML standard, section 9.2.6)."""
        self._joins = True
        for line in block.split(b"\n")[:-1]:
            if line.startswith(b"data:") and self._event_bytes <= LINE_LIMIT_BYTES:
                self._event.append(line[len(b"data:") :].removeprefix(b" "))
                self._event_bytes += len(line)
            elif not line and self._event:
                self._end_event()

    def _end_event(self) -> None:
        line = self._joined()
        if not self._read_event(line):  # the first of its kind: its beginning has passed
            self._usage = Tail(line).usage() or self._usage

    def _joined(self) -> bytes:
        text = b"\n".join(self._event)
        self._event.clear()
        self._event_bytes = 0
        return b"data:" + text

    def _read_event(self, line: bytes) -> bool:
        """False: it is no JSON by itself."""
        try:
            event = _decode_event(line[len(b"data:") :])
        except UNREADABLE:
            return line[len(b"data:") :].strip() == b"[DONE]"
        inner = NOBODY if event.usage is not None else event.inner()
        self.model = self.model or event.model or event.modelVersion or inner.model or None
        if self.model:
            self._looks_left = 0
        if event.type == "message_start":
            self._first = inner.usage
        usage = self._used(event, inner)
        if usage is not None:
            text = line[len(b"data:") :]
            self._usage = with_tools(usage, text) if event.type in _TERMINAL_TYPES else usage
            self.only_begun = event.type == "message_start"
            self._said_by = (text, True)
        if event.type in _TERMINAL_TYPES:
            self.finish_seen = True
        return True

    def _used(self, event: Event, inner: Inner) -> Usage | None:
        """Anthropic's last event repeats of its first what it pleases."""
        if event.type == "message_delta" and event.usage is not None and self._first is not None:
            return self._first.then(event.usage).usage()
        return event.used() if inner.usage is None else inner.usage.usage(inner.service_tier)

    def _read_event_name(self, block: bytes) -> None:
        """The stream ends with a terminal event's data, not with its name."""
        at = block.rfind(b"\nevent:") + 1
        if at or block.startswith(b"event:"):
            end = block.find(b"\n", at)
            name = block[at + len(b"event:") : end].strip()
            self._ending = name in _TERMINAL_EVENTS
            block = block[at:]
        if self._ending and b"data:" in block:
            self.finish_seen = True


def _event_bytes(block: bytes, at: int) -> int:
    """Of the event that this lies in."""
    start = block.rfind(b"\n\n", 0, at)
    end = block.find(b"\n\n", at)
    return (len(block) if end < 0 else end + 2) - (0 if start < 0 else start + 2)


def is_plain(events: bytes) -> bool:
    """HOT. Nothing in them is looked for: five searches, and nearly always no."""
    return says_nothing(events) and events.find(b"event:") < 0


def says_nothing(events: bytes) -> bool:
    """HOT. Neither of usage, but that it is null, nor of an error or an end."""
    find = events.find
    return (
        (find(_USAGE) < 0 or events.count(_USAGE) == events.count(_NO_USAGE))
        and find(MARK) < 0
        and find(b"\r") < 0
        and find(b"[DONE]", -_DONE_WITHIN_BYTES) < 0
    )


def _has_done_line(block: bytes) -> bool:
    """HOT. Not the same words in a text the model wrote: those lie inside a JSON string."""
    start = block.rfind(b"\n", 0, -_DONE_WITHIN_BYTES) + 1  # a piece may hold a thousand events
    lines = block[start:].split(b"\n")
    return any(line.startswith(b"data:") and line[5:].strip() == b"[DONE]" for line in lines)
