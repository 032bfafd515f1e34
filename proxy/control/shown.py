"""A host, a key, a key's model or kind of request, as the pages show it: never a credential."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec


class LayerStatus(Protocol):
    """What the pages show of a layer; holds no secrets."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def since_s(self) -> float: ...
    @property
    def until_s(self) -> float: ...
    @property
    def status(self) -> int: ...
    @property
    def word(self) -> str: ...
    @property
    def call_id(self) -> str: ...


class ShownLayer(msgspec.Struct, frozen=True, kw_only=True):
    layer: str
    """For `/admin/layers`: its kind and id."""
    name: str
    """As a person knows it; never a credential."""
    state: str
    """`closed`: it takes requests. `open`: it rests. `half_open`: the next request tries it."""
    reason: str
    since: str | None
    """When its rest began (RFC 3339, UTC); null when it does not rest for what was learned."""
    until: str | None
    """When its rest ends; null when it does not rest, or until the operator revives it."""
    status: int | None
    """What the upstream answered when it was learned; null: nothing."""
    word: str
    """The upstream's own code for it."""
    call_id: str
    """Of the request that it was learned by."""


def shown_layer(status: LayerStatus, now_unix_s: float) -> ShownLayer:
    return ShownLayer(
        layer=f"{status.kind}/{status.id}",
        name=status.name,
        state=status.state,
        reason=status.reason,
        since=_moment(now_unix_s, -status.since_s),
        until=_moment(now_unix_s, status.until_s),
        status=status.status or None,
        word=status.word,
        call_id=status.call_id,
    )


def _moment(now_unix_s: float, in_s: float) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if not in_s or math.isinf(in_s):
        return None
    moment = datetime.fromtimestamp(now_unix_s, UTC) + timedelta(milliseconds=round(in_s * 1000))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
