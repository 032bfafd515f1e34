"""One run, as judges look at it: the story by request and by upstream."""

from __future__ import annotations

from collections import defaultdict

from loadtest.sim.plan import CARRIED, Kind, Plan, Target
from loadtest.sim.story import Asked, Attempt, Chronicle, Recorded

TWICE = (Kind.PAGE, Kind.DELETION)


class Case:
    def __init__(self, plan: Plan, story: Chronicle) -> None:
        self.plan = plan
        self.story = story
        self.targets: dict[str, Target] = {target.name: target for target in plan.targets}
        self.attempts: dict[int, list[Attempt]] = defaultdict(list)
        """By request, in their order."""
        for attempt in story.attempts:
            self.attempts[attempt.number].append(attempt)
        records = {(recorded.gateway, recorded.nth): recorded for recorded in story.records}
        self.records: dict[Asked, Recorded | None] = {
            asked: records.get((asked.gateway, asked.nth)) for asked in story.asked
        }
        self.kinds = {asked.ask.number: asked.ask.kind for asked in story.asked}
        """By request."""
        self.stale = {id(attempt) for attempt in story.attempts if self._may_be_stale(attempt)}
        """Attempts that go again on another connection, and count once (RFC 9112 section 9.3.1)."""
        self.slow = {client.number for client in plan.clients if client.pace_s}
        """Clients that read slowly."""
        self.latency_s = {upstream.name: upstream.latency_s for upstream in plan.upstreams}

    def _may_be_stale(self, attempt: Attempt) -> bool:
        """Nothing was answered on a connection that had idled; the first on one that was opened ahead goes again only
        if it does no more when it is done twice."""
        if attempt.head_sent_s is not None:
            return False
        if attempt.connection.attempts[0] is attempt:
            return attempt.connection.ahead and self.kinds.get(attempt.number) in TWICE
        return True

    def carried(self) -> list[Asked]:
        return [asked for asked in self.story.asked if asked.ask.kind in CARRIED]
