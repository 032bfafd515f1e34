"""How much of requests is read, each and all of a worker's."""

from __future__ import annotations

import msgspec

from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.refusals import disk_share_taken, memory_share_taken
from proxy.gateway.reading.spool import SpoolLimits


class IntakeLimits(msgspec.Struct, frozen=True):
    body_bytes: int
    """Of a body that must be held in memory whole, and of its text without its coding."""
    form: SpoolLimits
    ratio: int = 200
    """Bytes of text per byte of a coded body, from its first MiB on."""
    memory: Budget = msgspec.field(default_factory=lambda: Budget(1 << 30, memory_share_taken))
    """Of all bodies that are held, whole or in part."""
    disk: Budget = msgspec.field(default_factory=lambda: Budget(1 << 32, disk_share_taken))
    page_bytes: int = 1 << 20
    """Of a body for one of the gateway's own pages."""
