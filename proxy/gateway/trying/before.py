"""What was said before a request, and who keeps what is said now: a conversation of /responses over other languages."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Before(msgspec.Struct, frozen=True, eq=False):
    items: tuple[msgspec.Raw, ...] = ()
    """Of `previous_response_id`."""
    keep: Callable[[str, list[object]], None] | None = None
    """Told the id of an answer, and the whole conversation with it."""


NOTHING_BEFORE = Before()
