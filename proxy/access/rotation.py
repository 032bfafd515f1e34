"""When a key gets a new secret, and what becomes of the old one."""

from __future__ import annotations

import msgspec

from proxy.access.identity import Retired, VirtualKey, key_name, token_of
from proxy.access.periods import later

MAX_RETIRED = 8
"""Secrets of one key that are in their grace at once; the oldest goes."""


def exchanged(key: VirtualKey, secret: str, now: float, until: float | None) -> VirtualKey:
    """The same key with another secret. `until`: how long the old one is accepted, Unix seconds; None: no longer."""
    still = [each for each in key.retired if each.until > now]
    if until is not None:
        still.append(Retired(key.token, until))
    changed = msgspec.structs.replace(
        key,
        token=token_of(secret.encode()),
        key_name=key_name(secret),
        retired=tuple(still[-MAX_RETIRED:]),
        rotation_count=key.rotation_count + 1,
        last_rotation_at=now,
        updated_at=now,
    )
    return scheduled(changed, now)


def scheduled(key: VirtualKey, now: float) -> VirtualKey:
    """With the moment at which it is due, from now on."""
    due = None
    if key.auto_rotate and key.rotation_interval is not None:
        due = later(key.rotation_interval, now)
    return msgspec.structs.replace(key, key_rotation_at=due)


def is_due(key: VirtualKey, now: float) -> bool:
    """Who is let in no more needs no secret."""
    if key.blocked or (key.expires is not None and key.expires <= now):
        return False
    return key.auto_rotate and key.key_rotation_at is not None and key.key_rotation_at <= now
