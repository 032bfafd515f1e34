"""Why there is nothing to pick, and how long it stays so: worked out only when it happens."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from proxy.routing.layered import Layered
from proxy.routing.member import Member
from proxy.routing.rules import RATE_LIMITED as RATE_LIMITED_RULE
from proxy.routing.wish import Wish
from proxy.types import Deployment, Layer

AT_CAPACITY_RETRY_S = 1.0
"""Slots come free at any moment; this keeps turned-away clients from asking in a tight loop."""
_SOMEBODY_ELSE = b"somebody else"
"""No caller's: those are digests."""
LONGEST_S = 3600.0
"""The longest bench there is; what an operator holds for longer is asked about again by then."""
BENCHED, AT_CAPACITY, RATE_LIMITED, SHUT_OUT = "benched", "at capacity", "rate limited", "shut out"
ON_TRIAL, TRIED, QUEUED, NOT_SERVED = "on trial", "tried", "queued", "not served"


class Unavailable(msgspec.Struct, frozen=True):
    """Nothing to pick. Never says which keys."""

    retry_after_s: float
    """Until the first of them may be had again; 0 only for `tried`."""
    reason: str
    """`benched`: they rest. `at capacity`: all slots of one that does not rest are taken. `rate limited`: all that
    are left rest after a 429 or are out of the operator's quota. `shut out`: the upstream will have none of them, and
    `status` is its own. `on trial`: nothing is left by what answers foretold, and one is finding out whether that is
    true. `tried`: every usable one was tried; there is nothing to wait for. `queued`: others came before. `not served`:
    the configuration has only such as cannot be served."""
    layer: Layer | None = None
    """What stands in the way of the one that may be had first; None: an operator's limit or word."""
    status: int = 0
    """What the upstream said when it was learned; 0: nothing."""
    word: str = ""
    """The upstream's own code for it."""
    apart: bool = False
    """It is for what this caller's own requests are expected to use: others may be served all the same."""

    def in_s(self, wait_s: float) -> Unavailable:
        return Unavailable(wait_s, self.reason, self.layer, self.status, self.word)


class _Obstacle(msgspec.Struct, frozen=True):
    """What stands in the way of one member."""

    wait_s: float
    reason: str
    layered: Layered | None = None
    apart: bool = False


def refusal(
    members: Sequence[Member],
    usable: Sequence[Member],
    now: float,
    wish: Wish,
    tried: Sequence[Deployment],
) -> Unavailable:
    """Of a pool of which no member can be picked."""
    if usable and all(member.deployment in tried for member in usable):
        return Unavailable(0.0, TRIED)
    left = [member for member in members if member.deployment not in tried] or members
    obstacles = [_obstacle(member, now, wish, alone=not usable) for member in left]
    first = min(obstacles, key=lambda obstacle: obstacle.wait_s)
    reason = _reason([obstacle.reason for obstacle in obstacles])
    telling = min(
        (each for each in obstacles if each.reason == reason), key=lambda each: each.wait_s, default=first
    )
    wait_s = min(first.wait_s, LONGEST_S)
    layered = telling.layered
    apart = any(obstacle.apart for obstacle in obstacles)
    if layered is None:
        return Unavailable(wait_s, reason, apart=apart)
    told = layered.health.told
    return Unavailable(wait_s, reason, layered.kind, told.status, told.word, apart)


def _obstacle(member: Member, now: float, wish: Wish, *, alone: bool) -> _Obstacle:
    """`alone`: the pool has nothing better than the benched."""
    state = member.state
    holds = [state.held, *(layer.held for layer in member.layers(wish.family))]
    held_s = max(hold.until - now if hold.holds(now) else 0.0 for hold in holds)
    if held_s:
        return _Obstacle(held_s, "held")
    quota_s = 0.0 if state.quota is None else state.quota.wait_s(now, wish.tokens)
    prediction = None if member.model is None else member.model.prediction
    foretold = prediction is not None and not prediction.favours(now, wish.tokens)
    layered, rest_s = _rest(member, now, wish.family, alone=alone)
    if layered is not None:
        return _Obstacle(max(quota_s, rest_s or AT_CAPACITY_RETRY_S), _why(layered), layered)
    if state.in_flight >= member.limit:
        return _Obstacle(max(quota_s, AT_CAPACITY_RETRY_S), RATE_LIMITED if quota_s else AT_CAPACITY)
    if quota_s:
        apart = state.quota is not None and state.quota.admits_share(now, 1, _SOMEBODY_ELSE)
        return _Obstacle(quota_s, RATE_LIMITED, apart=apart)
    if foretold and prediction is not None:
        return _Obstacle(prediction.trial_wait_s(now), ON_TRIAL)
    return _Obstacle(AT_CAPACITY_RETRY_S, AT_CAPACITY)


def _rest(member: Member, now: float, family: str, *, alone: bool) -> tuple[Layered | None, float]:
    """What it stands on that rests the longest, and how long that rests."""
    if not member.cooldown_s:
        return None, 0.0
    resting = [layer for layer in member.layers(family) if layer.health.benched]
    if not resting:
        return None, 0.0
    waits = [layer.health.next_change(now) - now if alone else layer.health.until_s(now) for layer in resting]
    longest = max(range(len(resting)), key=waits.__getitem__)
    return resting[longest], waits[longest]


def _why(layered: Layered) -> str:
    rule = layered.health.rule
    if rule is RATE_LIMITED_RULE:
        return RATE_LIMITED
    return SHUT_OUT if rule is not None and rule.shuts_out else BENCHED


def _reason(reasons: Sequence[str]) -> str:
    """Of a pool, by its members': those that an upstream or the operator has shut out are not left."""
    said = set(reasons)
    left = said - {SHUT_OUT, "held"}
    if not left:
        return SHUT_OUT if SHUT_OUT in said else BENCHED
    for each in (ON_TRIAL, AT_CAPACITY, BENCHED):
        if each in left:
            return each
    return RATE_LIMITED
