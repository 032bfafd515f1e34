"""Events that are alike but for the text in them: one that was read and sieved tells how the next ones are.

A token is an event, and says what the one before it said but for a text. Of those that follow only that is asked: are
they the same outside of their texts, and is there nothing in those that could end them. Then nobody who reads along
would learn anything, and what a sieve takes out is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, islice, repeat
from operator import add

from proxy.accounting.sse_usage import SseUsageTap, says_nothing
from proxy.providers.usage_asked import UsageSieve
from proxy.upstream.answer import Answer
from proxy.wire.framing import SIZES
from proxy.wire.head import CHUNKED
from proxy.wire.pump import Sieve, Tap

_GAPS = re.compile(
    rb'"(?:content|text|delta|reasoning(?:_content)?|refusal|thinking|arguments|partial_json|obfuscation)":"([^"\\]*)"'
)
"""Texts that differ from event to event: strings, which end at the next quote where no backslash stands before it."""
_TRIALS = 4
"""Events that a form is looked for in. A stream without any is read."""
FEW = 8
"""Events of one read."""
_MISSES = 16
"""Reads of many that were not alike: then no more are tried."""
_LOOK_CHUNKS = 2
"""So many are read first, where many came at once: the first one says who speaks, the second is one of many."""
_CHUNK_ENDS = b"\n\n\r\n"
_SIZES_BEHIND_LF = {b"\n%b" % line: size + 1 for line, size in SIZES.items()}
"""Of an event with the LF of its size line before it."""


class AlikeEvents:
    """One stream in chunks. `tap` and `sieve` have seen all that went before, and know nothing of what passes here."""

    __slots__ = ("_left", "_misses", "_ready", "_segments", "_sieve", "_tail", "_tap", "_trials", "taken")

    def __init__(self, tap: SseUsageTap, sieve: UsageSieve | None) -> None:
        self._tap = tap
        self._sieve = sieve
        self._trials = _TRIALS
        self._misses = 0
        self._ready = False
        """A form is known, and neither of them holds or waits for anything."""
        self._segments: list[tuple[bytes, int, bytes]] = []
        """What stands before each text, its length, and what is left of it; empty: no form is known."""
        self._tail = b""
        """What stands behind the last text, with the chunk's end."""
        self._left = b""
        """What is left of that."""
        self.taken = 0
        """Bytes of the last `pass_on`."""

    def pass_on(self, data: bytes) -> bytes:
        """HOT. What the client gets of `data`, which begins with a chunk's size, as far as it is alike (`taken`)."""
        if not self._ready:
            self.taken = 0
            return b""
        start = data.find(b"\n", 0, 5) + 1
        size = SIZES.get(data[: start - 2], 0)
        if size == len(data) - start - 2:
            return self._one(data, start)
        if len(data) < FEW * size:
            return self._few(data)
        self.taken = 0
        at = data.rfind(self._tail)
        left = self._many(data[: at + len(self._tail)]) if at >= 0 else b""
        if not self.taken:
            self._missed()
        return left

    def _missed(self) -> None:
        self._misses += 1
        if self._misses > _MISSES:
            self._segments, self._trials, self._ready = [], 0, False

    def portion(self, data: bytes) -> int:
        """How much of it is to be read next: not all while there is no form, and more than a few chunks."""
        if self._segments or not self._trials:
            return len(data)
        end = 0
        for _ in range(_LOOK_CHUNKS):
            end = data.find(_CHUNK_ENDS, end) + len(_CHUNK_ENDS)
            if end < len(_CHUNK_ENDS):
                return len(data)
        return end

    def look(self, data: bytes) -> None:
        """At what was read and sieved, up to the end of a chunk."""
        at_ease = self._tap.settled and (self._sieve is None or self._sieve.at_ease)
        if at_ease and self._trials and not self._segments:
            self._trials -= 1
            begin = data.rfind(b"\r\n", 0, -len(b"\r\n")) + 2
            event = data[begin:-2]
            if event.startswith((b"data:", b"event:")) and event.find(b"\n\n") == len(event) - 2:
                self._learn(event)
        self._ready = at_ease and bool(self._segments)

    def _learn(self, event: bytes) -> None:
        gaps = [gap.span(1) for gap in _GAPS.finditer(event)]
        if not gaps or not says_nothing(event):
            return
        edges = [0, *chain.from_iterable(gaps), len(event)]
        segments = [event[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        left = list(segments) if self._sieve is None else self._sieved(event, segments)
        if left is not None:
            self._segments = [
                (segment, len(segment), kept) for segment, kept in zip(segments, left[:-1], strict=False)
            ]
            self._tail, self._left = segments[-1] + b"\r\n", left[-1] + b"\r\n"

    def _sieved(self, event: bytes, segments: list[bytes]) -> list[bytes] | None:
        """What the sieve leaves of each; None: it takes more than a null between texts."""
        left = [segment.replace(b',"usage":null', b"") for segment in segments]
        texts = [gap[1] for gap in _GAPS.finditer(event)]
        rest = b"".join(chain.from_iterable(zip(left, [*texts, b""], strict=True)))
        return left if self._sieve is not None and self._sieve.feed(event) == rest else None

    def _one(self, data: bytes, at: int) -> bytes:
        """HOT. One chunk, as they come where nobody is in a hurry."""
        self.taken = 0
        kept: list[bytes] = []
        for segment, size, left in self._segments:
            text = at + size
            if not data.startswith(segment, at):
                return b""
            at = data.find(b'"', text)
            if data.find(b"\n", text, at) >= 0:
                return b""
            kept.append(left)
            kept.append(data[text:at])
        tail = self._tail
        if at + len(tail) != len(data) or not data.endswith(tail) or data.count(b"\r") != 2:
            return b""
        self.taken = len(data)
        if self._sieve is None:
            return data
        kept.append(self._left)
        body = b"".join(kept)
        return b"%x\r\n%b" % (len(body) - 2, body)

    def _few(self, data: bytes) -> bytes:
        """HOT. One after the other: what is done for many at once costs as much as several of them."""
        left: list[bytes] = []
        at = 0
        while at < len(data):
            start = data.find(b"\n", at, at + 5) + 1
            end = start + SIZES.get(data[at : start - 2], 0) + 2
            body = self._one(data[at:end], start - at) if start else b""
            if not body:
                break
            left.append(body)
            at = end
        self.taken = at
        return b"".join(left)

    def _many(self, data: bytes) -> bytes:
        """HOT. Many at once, with a line of ours for each of them at most."""
        lines = data.split(b"\r")
        if lines.pop() != b"\n" or len(lines) % 2:
            return b""
        lines[0] = b"\n" + lines[0]
        events = list(islice(lines, 1, None, 2))
        sizes = list(map(len, events))
        if list(map(_SIZES_BEHIND_LF.get, islice(lines, 0, None, 2))) != sizes:
            return b""
        columns: list[Iterable[bytes]] = []
        ats: list[int] = [1] * len(events)
        for segment, size, left in self._segments:
            if not all(map(bytes.startswith, events, repeat(segment), ats)):
                return b""
            texts = list(map(add, ats, repeat(size)))
            ats = list(map(bytes.find, events, repeat(b'"'), texts))
            columns.append(repeat(left))
            columns.append([event[text:at] for event, text, at in zip(events, texts, ats, strict=True)])
        tail = self._tail[:-2]
        if not all(map(bytes.startswith, events, repeat(tail), ats)):
            return b""
        if list(map(add, ats, repeat(len(tail)))) != sizes:
            return b""
        return self._joined(data, columns, len(events))

    def _joined(self, data: bytes, columns: list[Iterable[bytes]], count: int) -> bytes:
        """What is left of the events, in one chunk; as it came, where nothing is taken."""
        kept = list(chain.from_iterable(zip(*columns, repeat(self._left[:-2]), strict=False)))
        width = len(columns) + 1
        for place in range(1, len(columns), 2):
            if b"\n" in b"".join(islice(kept, place, None, width)):  # a line that ends in a text is no JSON
                return b""
        self.taken = len(data)
        if self._sieve is None:
            return data
        body = b"".join(kept)
        return b"%x\r\n%b\r\n" % (len(body), body)


def note_likeness(answer: Answer, tap: Tap, sieve: Sieve | None) -> None:
    """HOT. Where an event comes in a chunk, and nobody else reads it."""
    if (
        answer.head.framing == CHUNKED
        and isinstance(tap, SseUsageTap)
        and (sieve is None or isinstance(sieve, UsageSieve))
    ):
        answer.has_alike(AlikeEvents(tap, sieve))
