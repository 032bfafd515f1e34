"""Usage belongs to an object, and is counted once: when it is final, whoever asks for it then.

A response that runs in the background, and an assistant's run, say their usage to who polls them, each time; what was
made at once said it when it was made, and repeats it when it is asked for or changed.
https://platform.openai.com/docs/api-reference/responses/object and .../runs/object
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec

from proxy.errors import UNREADABLE

MAX_COUNTED = 100_000
"""Ids remembered, of objects that can be asked for again: about 20 MiB. The oldest is forgotten first."""
MAX_ID_CHARS = 256
_FINAL = frozenset(("completed", "incomplete", "failed", "cancelled", "expired"))


class Owner(msgspec.Struct, frozen=True, gc=False):
    """Whose usage an answer says, as far as it tells."""

    id: str | None = None
    object: str | None = None
    status: str | None = None
    background: bool | None = None


class _Said(msgspec.Struct, gc=False):
    id: str | None = None
    object: str | None = None
    status: str | None = None
    background: bool | None = None
    response: Owner | None = None
    """Of an event."""


_decode = msgspec.json.Decoder(_Said).decode
_FIELDS = {
    name: re.compile(rb'"%b"\s*:\s*"([^"\\]{1,256})"' % name.encode()) for name in ("id", "object", "status")
}
_BACKGROUND = re.compile(rb'"background"\s*:\s*true')


def owner_of(text: bytes) -> Owner:
    """Of one whole JSON object: an answer, or an event."""
    try:
        said = _decode(text)
    except UNREADABLE:
        return Owner()
    return said.response or Owner(said.id, said.object, said.status, said.background)


def owner_at(start: bytes) -> Owner:
    """Of an object of which only the beginning is here."""
    found = {name: match[1].decode() for name, pattern in _FIELDS.items() if (match := pattern.search(start))}
    return Owner(
        found.get("id"), found.get("object"), found.get("status"), _BACKGROUND.search(start) is not None
    )


class Counted(Protocol):
    """Which objects' usage has been counted."""

    def first(self, object_id: str) -> bool:
        """True, once for each."""


class CountedHere:
    """One worker's memory."""

    def __init__(self, limit: int = MAX_COUNTED) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}

    def first(self, object_id: str) -> bool:
        object_id = object_id[:MAX_ID_CHARS]
        if object_id in self._ids:
            return False
        if len(self._ids) >= self._limit:
            del self._ids[next(iter(self._ids))]
        self._ids[object_id] = None
        return True


class _Always:
    """For those that keep no memory."""

    def first(self, _object_id: str) -> bool:
        return True


ALWAYS: Counted = _Always()


def counts(owner: Owner, counted: Counted, *, posted: bool, made: bool) -> bool:
    """Whether the usage that an answer says is to be counted now.

    `posted`: the request was a POST; `made`: to a path that makes something new.
    """
    if owner.object == "thread.run" or owner.background:
        return owner.status in _FINAL and owner.id is not None and counted.first(owner.id)
    if owner.object in _MADE_AT_ONCE:
        return made
    return posted and owner.object not in _PARTS


_MADE_AT_ONCE = frozenset(("response", "chat.completion"))
_PARTS = frozenset(("thread.run.step", "batch"))
"""A step's usage is in its run's, a batch's is its requests'."""
