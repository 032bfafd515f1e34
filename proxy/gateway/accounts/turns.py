"""Where requests wait for a limit of their key, team, user, customer or tag: one line for each whose limit is reached.

In each line by priority, then keys in turn, so that one key's flood delays no other's. A key whose own limit is reached
waits in its own line. Other workers' requests end unseen: who is first looks again a few times a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio

from proxy.gateway.trying.line import Line, Place
from proxy.limits.ledger import Reservation
from proxy.limits.values import Refused, Rule
from proxy.wire.parking import Late, Parking

LOOK_S = 0.05
"""What other workers' requests give back is seen by then."""
SHORTEST_LOOK_S = 0.005
"""A limit that is just about to be free is not asked for in a loop."""

Ask: TypeAlias = Callable[[], Awaitable[Reservation | Refused]]


class Turns:
    """One worker's, for its life."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float]) -> None:
        """`limit`: requests that wait at once. `timeout_s`: each; 0: none does."""
        self.configure(limit, timeout_s)
        self._clock = clock
        self.queues: dict[bytes, Line] = {}
        """By the subject whose limit is reached. None is empty."""
        self._places: dict[bytes, dict[Place, bytes]] = {}
        """By caller, the latest last."""
        self._waiting = 0

    def configure(self, limit: int, timeout_s: float) -> None:
        """For those that come from now on."""
        self._limit = limit
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        return self._waiting

    def before(self, rules: Sequence[Rule]) -> bytes | None:
        """HOT while anybody waits. Whose line a request with these must join, since others were there first."""
        return next((rule.subject for rule in rules if rule.subject in self.queues), None)

    def call_next(self) -> None:
        """Something was given back: the first of every line looks again."""
        for line in self.queues.values():
            line.first().called.set()

    async def wait(
        self,
        subject: bytes,
        ask: Ask,
        parking: Parking,
        until: float,
        caller: bytes = b"",
        priority: int = 0,
        refused: Refused | None = None,
    ) -> Reservation | Refused:
        """What it asked for, or why not: at the time limit, at `until` (monotonic seconds), or when no wait helps.

        `subject`: in whose line it waits first. Raises what `ask` does, and ClientGone.
        """
        deadline = min(self._clock() + self._timeout_s, until)
        if self._timeout_s <= 0 or not self._has_room(caller):
            return refused or await ask()
        place = self._join(subject, caller, priority)
        try:
            while place.line is not None:
                is_first = place.line.first() is place
                if is_first:
                    found = await ask()
                    if isinstance(found, Reservation) or found.final:
                        return found
                    refused = found
                    if (
                        place.line is not None and found.rule.subject != subject
                    ):  # others here wait for something else
                        self._leave(place)
                        subject = found.rule.subject
                        place = self._join(subject, caller, priority)
                        is_first = place.line is not None and place.line.first() is place
                now = self._clock()
                if now >= deadline:
                    break
                look_s = max(
                    SHORTEST_LOOK_S, LOOK_S if refused is None or refused.wait_s is None else refused.wait_s
                )
                await _called(place, parking, min(deadline, now + look_s) if is_first else deadline)
            return refused or await ask()
        finally:
            if place.line is not None:
                self._leave(place)

    def _has_room(self, caller: bytes) -> bool:
        """In a full room the caller with the most gives up its latest place to one that has fewer by two."""
        if self._waiting < self._limit:
            return True
        most = max(self._places.values(), key=len, default={})
        if len(most) < len(self._places.get(caller, ())) + 2:
            return False
        latest = next(reversed(most))
        self._leave(latest)
        latest.called.set()
        return True

    def _join(self, subject: bytes, caller: bytes, priority: int) -> Place:
        line = self.queues.get(subject)
        if line is None:
            line = self.queues[subject] = Line()
        place = line.join(caller, priority)
        self._places.setdefault(caller, {})[place] = subject
        self._waiting += 1
        return place

    def _leave(self, place: Place) -> None:
        line, places = place.line, self._places[place.caller]
        assert line is not None
        subject = places.pop(place)
        if not places:
            del self._places[place.caller]
        self._waiting -= 1
        line.leave(place)
        if line:
            line.first().called.set()
        else:
            del self.queues[subject]


async def _called(place: Place, parking: Parking, deadline: float) -> None:
    try:
        async with parking.guard(deadline):
            await place.called.wait()
    except Late:
        return
    place.called = trio.Event()
