"""What was said before a request, and who keeps what is said now: a conversation of /responses over other languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec
from msgspec import Raw

from proxy.errors import UNREADABLE
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.intake import holder_of
from proxy.wire.parking import Parking

PATH = b"/responses"
MAX_ID_CHARS = 256
_NAMED = b"previous_response_id"


class Before(msgspec.Struct, frozen=True, eq=False):
    items: tuple[Raw, ...] = ()
    """Of `previous_response_id`."""
    keep: Callable[[str, list[object]], None] | None = None
    """Told the id of an answer, and the whole conversation with it."""


NOTHING_BEFORE = Before()


class Conversations(Protocol):
    """Where they are kept, each its owner's: whoever else names one is told that there is none."""

    def keep(self, owner: bytes, id_: str, items: Sequence[object]) -> None: ...
    async def find(self, owner: bytes, id_: str) -> tuple[Raw, ...] | None: ...


class _Request(msgspec.Struct):
    previous_response_id: str | None = None


_decode = msgspec.json.Decoder(_Request).decode


async def before(call: Call, conversations: Conversations, parking: Parking) -> Before:
    """Of a request to /responses."""
    owner = holder_of(call.caller)
    named = _named(call.json)
    items: tuple[Raw, ...] = ()
    if named is not None and len(named) <= MAX_ID_CHARS:
        await parking.own()
        items = await conversations.find(owner, named) or ()
    return Before(items, partial(conversations.keep, owner))


def _named(body: bytes | None) -> str | None:
    if body is None or _NAMED not in body:
        return None
    try:
        return _decode(body).previous_response_id
    except UNREADABLE:
        return None
