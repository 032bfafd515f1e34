"""What the router may pick from."""

from __future__ import annotations

import msgspec

from proxy.routing.router import ANY, Pool, Wish


class Choice(msgspec.Struct, frozen=True):
    """What the router may pick from, for this call."""

    pool: Pool
    wildcard: str = ""
    group_named: bool = False
    """The body's or path's own `model` named the group: it is rewritten to the upstream's name."""
    scope: str | None = None
    """The known object's keys."""
    placed_by: bytes | None = None
    """Whose objects must meet: the caller, or its session."""
    stateful: bool = False
    wish: Wish = ANY
    session: bytes | None = None
    """The conversation, where the pool has more than one project for it to stay with."""
