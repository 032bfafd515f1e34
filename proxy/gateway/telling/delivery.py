"""How a relay ended."""

from __future__ import annotations

import msgspec

from proxy.providers.hidden import Hidden
from proxy.types import Outcome, Result


class Delivery(msgspec.Struct, frozen=True):
    """How the relay ended, for the record and for the key's health."""

    outcome: Outcome
    result: Result
    error: str | None = None
    hidden: Hidden | None = None
    """What was found in a good answer while it passed."""
