"""Why there is nothing to pick, and how long it stays so: worked out only when it happens."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from proxy.routing.member import Member
from proxy.types import Deployment

AT_CAPACITY_RETRY_S = 1.0
"""Slots come free at any moment; this keeps turned-away clients from asking in a tight loop."""
LONGEST_S = 3600.0
"""The longest bench there is; what an operator holds for longer is asked about again by then."""
BENCHED, AT_CAPACITY, RATE_LIMITED = "benched", "at capacity", "rate limited"
NOT_SERVED = "not served"


class Unavailable(msgspec.Struct, frozen=True):
    """Nothing to pick. Never says which keys."""

    retry_after_s: float
    """Until the first of them may be had again; 0 only for `tried`."""
    reason: str
    """`benched`: they rest. `at capacity`: all slots of one that does not rest are taken. `rate limited`: all that
    are left rest after a 429 or are out of quota; keys that an upstream or the operator has shut out are not left.
    `tried`: every usable one was tried; there is nothing to wait for. `not served`: the configuration has only such as
    cannot be served."""


def refusal(
    members: Sequence[Member],
    usable: Sequence[Member],
    now: float,
    tried: Sequence[Deployment],
    tokens: int,
) -> Unavailable:
    """Of a pool of which no member can be picked."""
    if usable and all(member.deployment in tried for member in usable):
        return Unavailable(0.0, "tried")
    left = [member for member in members if member.deployment not in tried] or members
    wait_s = min(_wait_s(member, now, tokens, alone=not usable) for member in left)
    return Unavailable(min(wait_s, LONGEST_S), _reason([_why(m, now, tokens) for m in left]))


def _wait_s(member: Member, now: float, tokens: int, *, alone: bool) -> float:
    """`alone`: the pool has nothing better than the benched."""
    state = member.state
    if state.held.holds(now):
        return state.held.until - now
    quota_s = 0.0 if state.quota is None else state.quota.wait_s(now, tokens)
    if state.in_flight >= member.limit:
        return max(quota_s, AT_CAPACITY_RETRY_S)
    if not state.health.benched:
        return quota_s
    rest_s = state.health.next_change(now) - now if alone else state.health.until_s(now)
    return max(quota_s, rest_s or AT_CAPACITY_RETRY_S)


def _why(member: Member, now: float, tokens: int) -> str | None:
    state = member.state
    if state.held.holds(now) or state.health.is_unauthorized():
        return None
    if state.health.is_rate_limited() or (state.quota is not None and not state.quota.admits(now, tokens)):
        return RATE_LIMITED
    return BENCHED if state.health.benched else AT_CAPACITY


def _reason(reasons: Sequence[str | None]) -> str:
    said = {reason for reason in reasons if reason is not None}
    if said == {RATE_LIMITED}:
        return RATE_LIMITED
    return AT_CAPACITY if AT_CAPACITY in said else BENCHED
