"""Where a model's name leads."""

from __future__ import annotations

import msgspec

from proxy.routing.pool import Pool


class Match(msgspec.Struct, frozen=True):
    pool: Pool
    wildcard: str
    """The text that `*` stood for; empty when the name was exact."""
