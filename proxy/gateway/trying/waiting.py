"""Where requests wait for a deployment when all rest or are full: by priority, callers in turn, each first come, first
served."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable

from proxy.gateway.trying.line import MOST_LEFT, NOBODY, Line, Place, Share
from proxy.gateway.trying.lines import Lines, called
from proxy.routing.router import ON_TRIAL, QUEUED, Unavailable
from proxy.types import Deployment
from proxy.wire.parking import Parking

TRIAL_PATIENCE_S = 3.0
"""One request is on trial each second, and one that is not refused within it is held to be good. Who has waited so
long goes, too: what is only foretold refuses nobody."""
SHORTEST_LOOK_S = 0.01
"""A rest that ends this moment is not asked about in a loop."""

Pick = Callable[[], Deployment | Unavailable]


def _line(key: Hashable, share: Share, refusal: Unavailable) -> Hashable:
    """Whom nobody but its own requests keeps waiting stands in nobody else's way."""
    return (key, share.own) if refusal.apart else key


class WaitingRoom(Lines[Hashable]):
    """One line for each set of deployments, and one for each caller that only waits for itself; only the first of a
    line asks for one."""

    def __init__(self, limit: int, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limit, timeout_s, clock)
        self._to_call: deque[Place] = deque()
        """The first of each line, who are to look again one after the other."""
        self._turns = 0
        self._turn_of: dict[bytes, int] = {}
        """By caller, when it had one last."""
        self._turn_in: dict[Hashable, int] = {}
        """The same by line."""

    def call_next(self) -> None:
        """The first of every line look again, since lines may wait for the same: who had no turn for longest is first,
        and of one caller's the line that had none."""
        firsts = [(key, line.first()) for key, line in self.queues.items()]
        if len(firsts) > 1:
            of, within = self._turn_of, self._turn_in
            firsts.sort(key=lambda first: (of.get(first[1].caller, 0), within.get(first[0], 0)))
        self._to_call = deque(place for _, place in firsts)
        self._call_following()

    def _call_first(self, line: Line) -> None:
        """After those who are to look again before it."""
        self._to_call.append(line.first())

    def _has_room(self, share: Share) -> bool:
        found = super()._has_room(share)
        self._call_following()
        return found

    def _call_following(self) -> None:
        while self._to_call:
            place = self._to_call.popleft()
            if place.line is not None:
                place.called.set()
                return

    def _note_turn(self, caller: bytes, line: Hashable) -> None:
        self._turns += 1
        for turns in (self._turn_of, self._turn_in):
            if len(turns) >= MOST_LEFT:
                turns.clear()
        self._turn_of[caller] = self._turn_in[line] = self._turns

    async def turn(
        self,
        key: Hashable,
        parking: Parking,
        pick: Pick,
        refusal: Unavailable,
        until: float = math.inf,
        share: Share = NOBODY,
        insist: Pick | None = None,
        priority: int = 0,
    ) -> Deployment | Unavailable:
        """A deployment with its slot taken, or the refusal at the time limit, or at `until`. Raises ClientGone.

        What is only foretold is found out within moments, so for that everybody waits; `insist` picks whatever is
        foretold, at the end.
        """
        found = await self._wait(key, parking, pick, refusal, until, share, priority)
        if isinstance(found, Deployment) or insist is None or self._clock() >= until:
            return found
        return insist() if found.reason in (ON_TRIAL, QUEUED) else found

    async def _wait(
        self,
        key: Hashable,
        parking: Parking,
        pick: Pick,
        refusal: Unavailable,
        until: float,
        share: Share,
        priority: int,
    ) -> Deployment | Unavailable:
        began = self._clock()
        if self._patience_s(refusal) <= 0 or not self._has_room(share):
            return refusal
        place, apart = self._join(_line(key, share, refusal), share, priority), refusal.apart
        try:
            while place.line is not None:
                if place.line.first() is place:
                    picked = pick()
                    if isinstance(picked, Deployment):
                        self._note_turn(share.caller, _line(key, share, refusal))
                        return picked
                    refusal = picked
                    if refusal.apart is not apart:
                        self._leave(place)
                        place, apart = (
                            self._join(_line(key, share, refusal), share, priority),
                            refusal.apart,
                        )
                self._call_following()
                now, deadline = self._clock(), min(began + self._patience_s(refusal), until)
                if now >= deadline:
                    return refusal
                first = place.line is not None and place.line.first() is place
                look_at = now + max(refusal.retry_after_s, SHORTEST_LOOK_S) if first else deadline
                await called(place, parking, min(deadline, look_at))
            return refusal
        finally:
            if place.line is not None:
                self._leave(place)
            self._call_following()

    def is_waited_for(self, key: Hashable, caller: bytes) -> bool:
        """Others were there before, or others of this caller's."""
        return key in self.queues or (key, caller) in self.queues

    def _patience_s(self, refusal: Unavailable) -> float:
        if refusal.reason == ON_TRIAL or (refusal.reason == QUEUED and self._timeout_s <= 0):
            return max(self._timeout_s, TRIAL_PATIENCE_S)
        return self._timeout_s
