"""A call through a Router: which deployment, what follows a failure, by the gateway's own router and rules.

As `course.course`, a generator that neither waits nor sends.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from proxy.providers.body import upstream_model
from proxy.providers.family import family_of
from proxy.providers.outcome import retryable
from proxy.providers.retrying import Policy, backoff_s, retries_for
from proxy.routing.fallbacks import Fallbacks, would_refuse
from proxy.routing.features import features_of
from proxy.routing.refusal import BENCHED, NOT_SERVED, SHUT_OUT
from proxy.routing.router import Cause, Match, Router, Unavailable, Wish
from proxy.types import Deployment, Layer, Refusal, Result, ResultKind
from sluice.asked import Asked
from sluice.body import encoded
from sluice.course import MOST_RETRIES, Answered, Course
from sluice.exceptions import NotFoundError, RateLimitError, ServiceUnavailableError, SluiceError
from sluice.judging import Failed, judged, limits
from sluice.mocking import said_here, speaks
from sluice.preparing import ready
from sluice.tokens import token_headers
from sluice.transport.sending import Lost, Pause, Said, Sending
from sluice.ways import Way

log = logging.getLogger("sluice")
LONGEST_WAIT_S = 60.0
"""For a deployment that rests: who wants to wait longer asks again."""
SHORTEST_WAIT_S = 0.05
Step: TypeAlias = Sending | Pause
Came: TypeAlias = Said | Lost | None
_NEVER_AGAIN = frozenset({ResultKind.TIMEOUT, ResultKind.AUTH})
_NOTHING = Result(ResultKind.NEUTRAL)
_POST = b"POST"


class Rules(msgspec.Struct, frozen=True):
    num_retries: int = 2
    policy: Policy = Policy()
    group_policies: dict[str, Policy] = {}
    wait_at_least_s: float = 0.0
    fallbacks: Fallbacks = Fallbacks()


class Place:
    """The router with what it needs to be asked from several threads."""

    def __init__(self, router: Router, rules: Rules) -> None:
        self.rules = rules
        self._router = router
        self._lock = threading.Lock()
        self._ways: dict[str, Way] = {}

    def way(self, deployment: Deployment) -> Way:
        found = self._ways.get(deployment.id)
        if found is None:
            found = self._ways.setdefault(deployment.id, Way(deployment))
        return found

    def match(self, model: str) -> Match | None:
        return self._router.match(model)

    def pick(self, match: Match, tried: Sequence[Deployment], wish: Wish) -> Deployment | Unavailable:
        with self._lock:
            return self._router.pick(match.pool, time.monotonic(), tried, None, None, wish)

    def settle(self, deployment: Deployment, result: Result, wish: Wish, cause: Cause) -> None:
        with self._lock:
            self._router.settle(deployment, result, time.monotonic(), wish, cause)

    def answered(self, deployment: Deployment, result: Result, sent: float, wish: Wish) -> None:
        with self._lock:
            self._router.answered(deployment, time.monotonic(), result.limits, sent, wish)


class Slot:
    """A deployment's, taken: given back once, with what was learned."""

    __slots__ = ("_cause", "_place", "_result", "_wish", "deployment", "settled")

    def __init__(self, place: Place, deployment: Deployment, wish: Wish, cause: Cause) -> None:
        self._place = place
        self.deployment = deployment
        self._wish = wish
        self._cause = cause
        self._result = _NOTHING
        self.settled = False

    def begun(self, result: Result, sent: float) -> None:
        """A good answer is here, or its head."""
        self._result = msgspec.structs.replace(result, first_byte_s=time.monotonic() - sent)
        self._place.answered(self.deployment, result, sent, self._wish)

    def end(self, result: Result | None = None, tokens: int | None = None) -> None:
        """`result`: of a failure; None: what is known already."""
        if self.settled:
            return
        self.settled = True
        told = result or self._result
        if tokens is not None:
            told = msgspec.structs.replace(told, tokens=tokens)
        self._place.settle(self.deployment, told, self._wish, self._cause)


class Trip:
    """One call's way through the groups. Mutable."""

    def __init__(self, place: Place, asked: Asked) -> None:
        """Raises NotFoundError."""
        self._place = place
        self._asked = asked
        self._cause = Cause(asked.call_id)
        self._tried: list[Deployment] = []
        self._spent: list[Deployment] = []
        self._retries = 0
        self._groups_left: tuple[str, ...] | None = None
        found = self._place.match(asked.model)
        if found is None:
            raise NotFoundError(
                f"No entry of this Router's `model_list` is called `{asked.model}`.", asked.model
            )
        self._enter(found)

    def _enter(self, match: Match) -> None:
        self._match = match
        self._group = match.pool.deployments[0].group
        family = family_of(_POST, self._asked.endpoint.path)
        self._wish = Wish(family, None, match.wildcard or self._asked.model)

    def run(self) -> Course:
        """Raises SluiceError."""
        slot = yield from self._first()
        while True:
            came = yield from self._attempt(slot)
            if isinstance(came, Answered):
                return came
            slot = yield from self._after(came, slot.deployment)

    def _first(self) -> Generator[Step, Came, Slot]:
        """Waits for one that rests, or turns to another group. Raises RateLimitError, ServiceUnavailableError."""
        until = time.monotonic() + LONGEST_WAIT_S
        while True:
            picked = self._pick(())
            if isinstance(picked, Slot):
                return picked
            elsewhere = self._turn(None)
            if elsewhere is not None:
                return elsewhere
            wait_s = max(picked.retry_after_s, SHORTEST_WAIT_S)
            if picked.reason == NOT_SERVED or time.monotonic() + wait_s > until:
                raise _nothing(picked, self._asked.model)
            yield Pause(wait_s)

    def _attempt(self, slot: Slot) -> Generator[Step, Came, Answered | Failed]:
        asked, deployment = self._asked, slot.deployment
        way = self._place.way(deployment)
        model = upstream_model(deployment, self._match.wildcard, asked.model)
        self._tried.append(deployment)
        kept = False
        try:
            if deployment.mock_response is not None and speaks(asked):
                return said_here(asked, way, model, deployment.mock_response)
            try:
                token = yield from token_headers(way)
                prepared = ready(asked, way, model, token)
            except SluiceError as error:
                return _unsent(error)
            sent = time.monotonic()
            said = yield prepared.sending
            assert said is not None
            failed = judged(prepared, model, asked.endpoint.path, said)
            if failed is not None:
                slot.end(failed.result)
                return failed
            assert isinstance(said, Said)
            slot.begun(limits(said), sent)
            kept = True
            return Answered(asked, prepared, model, said, self._retries, slot.end)
        finally:
            if not kept:
                slot.end()

    def _after(self, failed: Failed, deployment: Deployment) -> Generator[Step, Came, Slot]:
        """Raises what failed where nothing follows."""
        if failed.result.kind in _NEVER_AGAIN:
            self._spent.append(deployment)
        following = self._retry(failed, deployment) or self._another_group(failed)
        if following is None:
            error = failed.error()
            error.num_retries = self._retries
            raise error
        slot, wait_s = following
        log.info(
            "%s failed (%s); next is %s", deployment.called, failed.result.kind.value, slot.deployment.called
        )
        waited = not wait_s
        try:
            if wait_s:
                yield Pause(wait_s)
            waited = True
        finally:
            if not waited:
                slot.end()
        return slot

    def _retry(self, failed: Failed, deployment: Deployment) -> tuple[Slot, float] | None:
        """Another deployment of the group at once, else the same after a while."""
        unsent = failed.result == _NOTHING
        if not unsent and self._retries >= self._allowed(failed, deployment):
            return None
        another = self._pick(self._tried)
        if isinstance(another, Slot):
            self._retries += not unsent
            return another, 0.0
        if unsent or failed.result.kind is ResultKind.AUTH or failed.result.blame is Layer.NOBODY:
            return None
        same = self._pick(self._spent)
        if not isinstance(same, Slot):
            return None
        wait_s = backoff_s(self._retries, self._place.rules.wait_at_least_s, random.random())  # noqa: S311
        self._retries += 1
        return same, wait_s

    def _allowed(self, failed: Failed, deployment: Deployment) -> int:
        """The call's word, else the entry's that failed, else the Router's; a policy outranks the latter two."""
        rules, own = self._place.rules, self._asked.own
        said = own.get("num_retries", own.get("max_retries"))
        if said is None:
            said = deployment.trying.num_retries
        retries = rules.num_retries if said is None else min(int(said), MOST_RETRIES)
        policy = rules.group_policies.get(self._group, rules.policy)
        return retries_for(failed.result, failed.refusal, policy, retries)

    def _another_group(self, failed: Failed) -> tuple[Slot, float] | None:
        if failed.refusal is None and failed.result != _NOTHING and not retryable(failed.result):
            return None
        slot = self._turn(failed.refusal)
        return None if slot is None else (slot, 0.0)

    def _turn(self, refusal: Refusal | None) -> Slot | None:
        """To the next group that may take it."""
        if self._groups_left is None:
            self._groups_left = self._fallbacks(refusal)
        while self._groups_left:
            group, *left = self._groups_left
            self._groups_left = tuple(left)
            match = self._place.match(group)
            before = self._match
            if match is None:
                continue
            self._enter(match)
            features = features_of(encoded(group, self._asked.fields))
            unfit = [each for each in match.pool.deployments if would_refuse(each, features)]
            picked = self._pick([*self._tried, *unfit])
            if isinstance(picked, Slot):
                self._retries = 0
                return picked
            self._enter(before)
        return None

    def _fallbacks(self, refusal: Refusal | None) -> tuple[str, ...]:
        """The call's own list, else the Router's."""
        own = self._asked.own.get("fallbacks")
        if own is not None:
            return tuple(str(each) for each in own if not isinstance(each, Mapping))
        return self._place.rules.fallbacks.groups((self._asked.model, self._group), refusal)

    def _pick(self, tried: Sequence[Deployment]) -> Slot | Unavailable:
        picked = self._place.pick(self._match, tried, self._wish)
        if isinstance(picked, Unavailable):
            return picked
        return Slot(self._place, picked, self._wish, self._cause)


def _unsent(error: SluiceError) -> Failed:
    """Its language has no words for the request, or there is no token for it: another's may have."""
    return Failed(_NOTHING, None, lambda: error)


def _nothing(unavailable: Unavailable, model: str) -> SluiceError:
    kind = (
        ServiceUnavailableError if unavailable.reason in (BENCHED, NOT_SERVED, SHUT_OUT) else RateLimitError
    )
    when = f" Ask again in {unavailable.retry_after_s:.3g} s." if unavailable.retry_after_s else ""
    return kind(f"No deployment of `{model}` can be asked now ({unavailable.reason}).{when}", model=model)
