"""What a batch used: its results are a file with a line per request, and are counted when they are fetched.

https://platform.openai.com/docs/api-reference/batch/request-output and
https://platform.claude.com/docs/en/build-with-claude/batch-processing#retrieve-batch-results
"""

from __future__ import annotations

import re

import msgspec

from proxy.accounting.results import Line
from proxy.accounting.usage import Tail
from proxy.errors import UNREADABLE
from proxy.types import Usage

MAX_LINE_BYTES = 1024 * 1024
"""Of a longer one only the end is read: usage stands behind the answer."""
BATCH = "batch"
_RESULTS = re.compile(rb"/(?:files|batches)/([^/]+)/(?:content|results)")
_decode = msgspec.json.Decoder(Line).decode
_SUMMED = tuple(name for name in Usage.__struct_fields__ if name not in {"tier", "requests"})


def results_id(method: bytes, path: bytes) -> str | None:
    """HOT. Of the object whose results may be asked for there."""
    if method != b"GET":
        return None
    found = _RESULTS.search(path)
    return None if found is None else found[1].decode("ascii", "replace")


class BatchResultsTap:
    """For a file that may hold a batch's results: its first line tells. Nothing of another file is read."""

    __slots__ = ("_held", "_held_bytes", "_off", "_sums", "_tail", "finish_seen", "model", "requests")

    def __init__(self) -> None:
        self.model: str | None = None
        self.finish_seen = True
        self.requests = 0
        self._sums: dict[str, float] = {}
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._tail: Tail | None = None
        self._off = False

    @property
    def suspects(self) -> tuple[bytes, ...]:
        return ()

    def said_by(self) -> tuple[bytes, bool]:
        return b"", False

    def feed(self, payload: bytes) -> None:
        if self._off:
            return
        end = payload.find(b"\n")
        start = 0
        while end >= 0 and not self._off:
            self._hold(payload[start:end])
            self._end_line()
            start = end + 1
            end = payload.find(b"\n", start)
        if not self._off:
            self._hold(payload[start:])

    def result(self) -> Usage | None:
        """Of all lines together, at batches' prices."""
        if not self._off and (self._held or self._tail is not None):
            self._end_line()
        if not self.requests:
            return None
        sums = {name: total if name == "seconds" else int(total) for name, total in self._sums.items()}
        return Usage(**sums, tier=BATCH, requests=self.requests)  # type: ignore[arg-type]

    def _hold(self, piece: bytes) -> None:
        if self._tail is not None:
            return self._tail.feed(piece)
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes > MAX_LINE_BYTES:
            self._tail = Tail(b"".join(self._held))
            self._held.clear()
        return None

    def _end_line(self) -> None:
        text, tail = b"".join(self._held), self._tail
        self._held.clear()
        self._held_bytes, self._tail = 0, None
        if tail is not None:
            return self._add(tail.usage())
        if not text.strip():
            return None
        try:
            line = _decode(text)
        except UNREADABLE:
            self._off = not self.requests
            return None
        if line.is_result():
            self.model = self.model or line.model()
            return self._add(line.used())
        self._off = not self.requests
        return None

    def _add(self, usage: Usage | None) -> None:
        self.requests += 1
        for name in _SUMMED if usage is not None else ():
            count = getattr(usage, name)
            if count is not None:
                self._sums[name] = self._sums.get(name, 0) + count
