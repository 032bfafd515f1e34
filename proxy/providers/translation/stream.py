"""A streamed answer from one dialect into another: bytes in any split go in, whole events come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from proxy.providers.sse import SseReader
from proxy.providers.translation.events import Event


class Reader(Protocol):
    """One dialect's streams, as events."""

    def read(self, data: bytes) -> Iterable[Event]:
        """Of one event's data. What is no event of the dialect's says nothing."""

    def finish(self) -> Iterable[Event]:
        """When the upstream's connection has ended its body well."""


class Writer(Protocol):
    """Events, as one dialect's stream."""

    def write(self, event: Event) -> bytes:
        """`b""` where the dialect says nothing yet. Raises UpstreamFailure for what is too long to be held."""


class StreamTranslator:
    """One stream's. Nothing is invented: an end or an error is said when it comes, and only if it comes."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._events = SseReader()
        self._reader = reader
        self._writer = writer

    def feed(self, payload: bytes) -> bytes:
        """HOT. Raises UpstreamFailure for an event above the reader's limit."""
        said: list[bytes] = []
        write = self._writer.write
        for data in self._events.feed(payload):
            for event in self._reader.read(data):
                said.append(write(event))  # noqa: PERF401 - compiled, a loop is quicker than a closure
        return b"".join(said)

    def finish(self) -> bytes:
        """With an event that lacks only its blank line; a torn one says nothing."""
        data = self._events.finish()
        last = self._reader.read(data) if data is not None else ()
        said = [self._writer.write(event) for event in last]
        said += [self._writer.write(event) for event in self._reader.finish()]
        return b"".join(said)
