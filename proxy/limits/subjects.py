"""Who something is counted for, as 16 bytes: the same in every worker, and in the state file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["key", "user", "team", "member", "customer", "tag", "all"]
SUBJECT_BYTES = 16
REMEMBERED = 10_000
"""Requests' payers, about 10 MiB: those of the last minutes come again."""


def subject(kind: Kind, name: str = "", *, model: str | None = None) -> bytes:
    """`model`: only what it asks of this one."""
    parts = (kind, name) if model is None else (kind, name, "model", model)
    text = b"".join(b"%d:%b" % (len(part), part) for part in (each.encode() for each in parts))
    return hashlib.blake2b(text, digest_size=SUBJECT_BYTES).digest()


def member(team: str, user: str) -> str:
    """The name of a team's user: what its keys in this team do."""
    return f"{team}\n{user}"


class Payers(msgspec.Struct, frozen=True, gc=False):
    """Whom a request is counted for, by their ids. What they spend is counted for all of them, and for all but the
    tags and a team's member once more by the model asked for."""

    key: str | None = None
    user: str | None = None
    team: str | None = None
    customer: str | None = None
    tags: tuple[str, ...] = ()

    def named(self) -> Iterator[tuple[Kind, str]]:
        """But for tags, and the member of the team."""
        if self.key is not None:
            yield "key", self.key
        if self.user is not None:
            yield "user", self.user
        if self.team is not None:
            yield "team", self.team
        if self.customer is not None:
            yield "customer", self.customer

    @property
    def member(self) -> str | None:
        return None if self.user is None or self.team is None else member(self.team, self.user)


EVERYBODY = subject("all")


@lru_cache(REMEMBERED)
def subjects_of(payers: Payers, model: str | None) -> tuple[bytes, ...]:
    """All that a request's cost is counted for, each once."""
    found = {EVERYBODY: None}
    for kind, name in payers.named():
        found[subject(kind, name)] = None
        if model is not None:
            found[subject(kind, name, model=model)] = None
    if payers.member is not None:
        found[subject("member", payers.member)] = None
    for tag in payers.tags:
        found[subject("tag", tag)] = None
    return tuple(found)
