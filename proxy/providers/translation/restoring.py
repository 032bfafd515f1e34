"""What a request had to say otherwise, in the client's own words again: a stage between any reader and any writer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.errors import UpstreamFailure
from proxy.providers.translation.coding import UNREADABLE, decode_any
from proxy.providers.translation.events import (
    CALL,
    CUSTOM,
    END_TURN,
    TEXT,
    TOOL_USE,
    Closed,
    Ended,
    Event,
    Opened,
    Said,
)
from proxy.providers.translation.renamed import Renamed
from proxy.types import ResultKind

HELD_BYTES = 16 * 1024 * 1024
"""Of arguments that are read when they are whole."""


class Restorer:
    """Of one answer."""

    def __init__(self, renamed: Renamed) -> None:
        self._renamed = renamed
        self._texts: dict[int, list[str]] = {}
        """Arguments of a function that stands in for a tool that takes text, by part."""
        self._held_bytes = 0
        self._called = self._answered = False

    def restore(self, event: Event) -> Iterable[Event]:
        """Raises UpstreamFailure for arguments that are too long to be held."""
        if isinstance(event, Opened):
            return (self._opened(event),)
        if isinstance(event, Said) and event.part in self._texts:
            self._held_bytes += len(event.text)
            if self._held_bytes > HELD_BYTES:
                raise UpstreamFailure(ResultKind.BROKEN, f"a call of more than {HELD_BYTES} bytes")
            self._texts[event.part].append(event.text)
            return ()
        if isinstance(event, Closed) and event.part in self._texts:
            return (Said(event.part, text_in("".join(self._texts.pop(event.part)))), event)
        if isinstance(event, Ended) and event.reason == TOOL_USE and self._answered and not self._called:
            return (msgspec.structs.replace(event, reason=END_TURN),)
        return (event,)

    def _opened(self, event: Opened) -> Opened:
        if event.kind is not CALL:
            return event
        renamed = self._renamed
        if event.name == renamed.json_tool:
            self._answered = True
            return msgspec.structs.replace(event, kind=TEXT, name="", id="")
        self._called = True
        name = renamed.names.get(event.name, event.name)
        if event.name in renamed.customs:
            self._texts[event.part] = []
            return msgspec.structs.replace(event, kind=CUSTOM, name=name)
        return event if name == event.name else msgspec.structs.replace(event, name=name)


def text_in(arguments: str) -> str:
    """Of `{"input": "..."}`."""
    try:
        found = decode_any(arguments)
    except UNREADABLE:
        return arguments
    text = found.get("input") if isinstance(found, dict) else None
    return text if isinstance(text, str) else arguments
