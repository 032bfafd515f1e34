"""What can rest, whatever it is: its health, the operator's word on it, and who hears when either changes."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Protocol

import msgspec

from proxy.routing.health import UNTOLD, Health, Told
from proxy.routing.hold import NO_HOLD, Hold
from proxy.routing.rules import Rule
from proxy.types import Layer as Kind

WORTH_TELLING_S = 0.5
"""A hundred requests refused together make a rest a little longer each: others need not hear of every one."""


class News(enum.Enum):
    RESTS = "rests"
    """It was well before, or rested for another reason."""
    RESTS_LONGER = "rests longer"
    WELL = "well"
    PROBED = "probed"
    """A probe is on its way: no other process needs one."""


class Change(msgspec.Struct, frozen=True):
    """What everybody who shares a layer wants to know of it."""

    layer: Layered
    news: News
    now: float


Report = Callable[[Change], None]


class Watcher(Protocol):
    def invalidate(self) -> None:
        """Who may be picked has changed."""

    def invalidate_named(self) -> None:
        """For requests that name models, or are of a family, of which something is remembered."""

    def noted(self, model: str) -> None:
        """A key remembers something of a model now."""

    def forgot(self, model: str) -> None:
        """It does no longer."""

    def noted_family(self, family: str) -> None:
        """Something is true of one kind of request only."""

    def forgot_family(self, family: str) -> None: ...


def untold(_change: Change) -> None:
    """Nobody wants to know."""


class Layered:
    """What can rest. Mutable; shared by all pools, and kept over reloads."""

    __slots__ = ("__weakref__", "_told_until", "health", "held", "id", "kind", "report", "shown")

    def __init__(self, kind: Kind, id_: str, shown: str, report: Report) -> None:
        """`id_`: for the operator's calls. `shown`: for logs and errors; both without any credential."""
        self.kind = kind
        self.id = id_
        self.shown = shown
        self.health = Health()
        self.held = NO_HOLD
        self.report = report
        self._told_until = -math.inf

    def bench(
        self, rule: Rule, now: float, cooldown_s: float, length_s: float | None, told: Told = UNTOLD
    ) -> None:
        began = not self.health.benched or self.health.rule is not rule
        self.health.bench(rule, now, cooldown_s, length_s, told)
        self.notify()
        if began or self.health.until > self._told_until + WORTH_TELLING_S:
            self._told_until = self.health.until
            self.report(Change(self, News.RESTS if began else News.RESTS_LONGER, now))

    def succeeded(self, now: float) -> None:
        if self.health.benched and self.health.succeeded(now):
            self._ceased(now)

    def learned_nothing(self, now: float) -> None:
        if self.health.benched and self.health.learned_nothing(now):
            self.notify()

    def begin_trial(self, now: float) -> None:
        """HOT where something is benched: it was picked."""
        if self.health.benched and self.health.begin_trial(now):
            self.notify()
            self.report(Change(self, News.PROBED, now))

    def hear_rest(
        self, rule: Rule, streak: int, until: float, last_resort_at: float, at: float, told: Told
    ) -> bool:
        """Another process has learned it then. Reported to nobody. Whether it is news."""
        if self.health.benched and until <= self.health.until:
            return False
        self.health.hear(rule, streak, until, last_resort_at, at, told)
        self._told_until = until
        self.notify()
        return True

    def hear_well(self, at: float) -> bool:
        """Another process has had a good answer then."""
        if not self.health.benched or at < self.health.since:
            return False
        self.health.lift(at)
        self.notify()
        return True

    def hear_probe(self, at: float) -> bool:
        """Another process has one on its way."""
        if not self.health.benched or at < self.health.since or not self.health.begin_trial(at):
            return False
        self.notify()
        return True

    def hold(self, hold: Hold, now: float) -> None:
        """The operator's word."""
        self.held = hold
        if not hold.holds(now):
            self.revive(now)
        self.notify()

    def revive(self, now: float) -> None:
        rested = self.health.benched
        self.health.forget()
        if rested:
            self._ceased(now)

    def look_again(self) -> None:
        """The configuration was read anew, perhaps since what was refused has been put right."""
        if self.health.look_again():
            self.notify()

    def rests(self, now: float) -> bool:
        if self.held.holds(now):
            return True
        health = self.health
        return health.benched and not (health.admits(now) or health.admits_last_resort(now))

    def notify(self) -> None:
        raise NotImplementedError

    def _ceased(self, now: float) -> None:
        self.notify()
        self.report(Change(self, News.WELL, now))
