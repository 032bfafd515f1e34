"""Where requests wait for a limit of their key, team, user, customer or tag: one line for each whose limit is reached.

In each line by priority, then keys in turn by their weights, so that one key's flood delays no other's. A key whose own
limit is reached waits in its own line. Other workers' requests end unseen: who is first looks again a few times a
second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from proxy.gateway.trying.line import NOBODY, Share
from proxy.gateway.trying.lines import Lines, called
from proxy.limits.ledger import Reservation
from proxy.limits.values import Refused, Rule
from proxy.wire.parking import Parking

LOOK_S = 0.05
"""What other workers' requests give back is seen by then."""
SHORTEST_LOOK_S = 0.005
"""A limit that is just about to be free is not asked for in a loop."""

Ask: TypeAlias = Callable[[], Awaitable[Reservation | Refused]]


class Turns(Lines[bytes]):
    """By the subject whose limit is reached."""

    def before(self, rules: Sequence[Rule]) -> bytes | None:
        """HOT while anybody waits. Whose line a request with these must join, since others were there first."""
        return next((rule.subject for rule in rules if rule.subject in self.queues), None)

    async def wait(
        self,
        subject: bytes,
        ask: Ask,
        parking: Parking,
        until: float,
        share: Share = NOBODY,
        priority: int = 0,
        refused: Refused | None = None,
    ) -> Reservation | Refused:
        """What it asked for, or why not: at the time limit, at `until` (monotonic seconds), or when no wait helps.

        `subject`: in whose line it waits first. Raises what `ask` does, and ClientGone.
        """
        deadline = min(self._clock() + self._timeout_s, until)
        if self._timeout_s <= 0 or not self._has_room(share):
            return refused or await ask()
        place = self._join(subject, share, priority)
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
                        place = self._join(subject, share, priority)
                        is_first = place.line is not None and place.line.first() is place
                now = self._clock()
                if now >= deadline:
                    break
                look_s = max(
                    SHORTEST_LOOK_S, LOOK_S if refused is None or refused.wait_s is None else refused.wait_s
                )
                await called(place, parking, min(deadline, now + look_s) if is_first else deadline)
            return refused or await ask()
        finally:
            if place.line is not None:
                self._leave(place)
