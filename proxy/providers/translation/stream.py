"""A streamed answer from one dialect into another: bytes in any split go in, whole events come out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from proxy.providers.sse import SseReader
from proxy.providers.translation.events import Event
from proxy.providers.translation.renamed import NOTHING, Renamed
from proxy.providers.translation.restoring import Restorer


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

    def __init__(self, reader: Reader, writer: Writer, renamed: Renamed = NOTHING) -> None:
        self._events = SseReader()
        self._reader = reader
        self._writer = writer
        self._restorer = Restorer(renamed) if renamed else None

    def feed(self, payload: bytes) -> bytes:
        """HOT. Raises UpstreamFailure for an event above the reader's limit."""
        said: list[bytes] = []
        for data in self._events.feed(payload):
            self._say(self._reader.read(data), said)
        return b"".join(said)

    def finish(self) -> bytes:
        """With an event that lacks only its blank line; a torn one says nothing."""
        said: list[bytes] = []
        data = self._events.finish()
        if data is not None:
            self._say(self._reader.read(data), said)
        self._say(self._reader.finish(), said)
        return b"".join(said)

    def _say(self, events: Iterable[Event], said: list[bytes]) -> None:
        """HOT."""
        write, restorer = self._writer.write, self._restorer
        for event in events:
            if restorer is None:
                said.append(write(event))
            else:
                said += [write(each) for each in restorer.restore(event)]


def restored(events: Iterable[Event], renamed: Renamed) -> list[Event]:
    """Those of a whole answer."""
    restorer = Restorer(renamed)
    return [each for event in events for each in restorer.restore(event)]
