"""Slots on deployments: asked for, waited for, kept while a request pauses, and given back once each."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial

import trio

from proxy.gateway.telling.refusals import NOT_YOURS_YET, nothing_to_pick
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.following import Following, Next
from proxy.gateway.trying.line import share_of
from proxy.gateway.trying.run import Run, cause_of
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.routing.refusal import NOT_SERVED
from proxy.routing.router import Router, Unavailable
from proxy.types import Deployment, Result, ResultKind
from proxy.wire.parking import Late

NOTHING_LEARNED = Result(ResultKind.NEUTRAL)
_BLAMELESS = (ResultKind.OK, ResultKind.NEUTRAL)


class Slots:
    """One per worker and configuration."""

    __slots__ = ("_clock", "_following", "_room", "_router")

    def __init__(
        self, router: Router, following: Following, room: WaitingRoom, clock: Callable[[], float]
    ) -> None:
        self._router = router
        self._following = following
        self._room = room
        self._clock = clock

    def first(self, run: Run) -> Deployment | Unavailable:
        """HOT. Where others wait already, a request asks after them."""
        room = self._room
        waits = room.queues and room.is_waited_for(_queue(run.choice), run.call.caller.id)
        return NOT_YOURS_YET if waits else self._ask(run)

    async def wait(self, run: Run, refusal: Unavailable) -> Next:
        """Another group at once, else a place in the queue. Raises GatewayError when neither helps, ClientGone."""
        if refusal is not NOT_YOURS_YET and (instead := self._following.instead(run)) is not None:
            return instead
        if refusal.reason == NOT_SERVED:  # nothing to wait for
            raise nothing_to_pick(refusal)
        began = self._clock()
        try:
            picked = await self._room.turn(
                _queue(run.choice),
                run.exchange.parking,
                partial(self._ask, run),
                refusal,
                run.until,
                share_of(run.call.caller),
                partial(self._insist, run),
                run.call.priority or 0,
            )
        finally:
            run.record.queued_s += self._clock() - began
        if isinstance(picked, Unavailable):
            raise nothing_to_pick(picked)
        return Next(picked)

    async def pause(self, run: Run, following: Next) -> Next:
        """The slot is kept, unless others have taught by now that the key rests. Raises ClientGone, GatewayError."""
        keeps = False
        try:
            with suppress(Late):
                async with run.exchange.parking.guard(self._clock() + following.wait_s):
                    await trio.sleep_forever()
            keeps = not self._router.rests(following.deployment, self._clock(), run.choice.wish)
        finally:
            if not keeps:
                self.settle(run, following.deployment, NOTHING_LEARNED)
        if keeps:
            return following
        again = self._ask(run)
        return Next(again) if isinstance(again, Deployment) else await self.wait(run, again)

    def settle(self, run: Run, deployment: Deployment, result: Result) -> None:
        """The slot is given back, and with it what the attempt taught."""
        run.settled = True
        cause = None if result.kind in _BLAMELESS else cause_of(run)
        self._router.settle(deployment, result, self._clock(), run.choice.wish, cause)
        self.call_next()

    def call_next(self) -> None:
        if self._room.queues:
            self._room.call_next()

    def _ask(self, run: Run) -> Deployment | Unavailable:
        choice = run.choice
        return self._router.pick(
            choice.pool,
            self._clock(),
            run.spent,
            choice.scope,
            choice.placed_by,
            choice.wish,
            choice.session,
        )

    def _insist(self, run: Run) -> Deployment | Unavailable:
        """Whatever is foretold."""
        choice = run.choice
        return self._router.insist(choice.pool, self._clock(), run.spent, choice.scope, choice.wish)


def _queue(choice: Choice) -> Hashable:
    """Who waits for one model, kind of request or object does not stand in the way of who wants another."""
    wish = choice.wish
    return choice.pool, choice.scope, wish.model, wish.star, wish.family
