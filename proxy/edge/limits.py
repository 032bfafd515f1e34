"""What a door allows its clients. The values, with their reasons, come from `sluice_settings`."""

from __future__ import annotations

import msgspec

from proxy.wire.head_parser import DEFAULT_MEMORY_BYTES


class DoorLimits(msgspec.Struct, frozen=True):
    """Sizes in bytes, times in seconds, counts per worker."""

    max_connections: int
    header_bytes: int
    headers: int
    header_timeout_s: float
    keep_alive_s: float
    body_timeout_s: float
    write_timeout_s: float
    stream_gap_s: float
    head_memory_bytes: int = DEFAULT_MEMORY_BYTES
