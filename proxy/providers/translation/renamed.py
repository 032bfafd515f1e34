"""What of a request was said otherwise in its upstream's language, for its answer."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Renamed(msgspec.Struct, frozen=True):
    names: Mapping[str, str] = {}
    """The client's own name of a tool, by the one that was sent, where they differ."""
    json_tool: str | None = None
    """The tool whose arguments are the content: it stands in for a response format."""
    customs: frozenset[str] = frozenset()
    """Names, as they were sent, of functions that stand in for tools that take text."""

    def __bool__(self) -> bool:
        return bool(self.names or self.json_tool or self.customs)


NOTHING = Renamed()
