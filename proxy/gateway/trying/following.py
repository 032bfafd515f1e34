"""What follows a failed attempt: another deployment at once, the same after a wait, another group, or nothing.

Decided without waiting. A deployment that is to be tried has its slot already: who waits for its turn cannot lose it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.run import Failure, Run
from proxy.gateway.trying.selection import wish_of
from proxy.providers.outcome import retryable
from proxy.providers.retrying import Policy, backoff_s, retries_for
from proxy.routing.fallbacks import Fallbacks, would_refuse
from proxy.routing.features import features_of
from proxy.routing.router import Router
from proxy.types import Deployment, Layer, Result, ResultKind

RETRIES_BY_CLIENT = b"x-litellm-num-retries"
CLIENTS_RETRIES = b"x-stainless-retry-count"
"""OpenAI's SDKs count here what they have tried already."""
MOST_RETRIES = 10
"""A client may ask for so many."""
_NEVER_AGAIN = frozenset({ResultKind.TIMEOUT, ResultKind.AUTH})
"""Kinds after which the same request never goes to the same deployment: it was silent, or its key will not do."""
NO_ANSWER = Failure(Result(ResultKind.REFUSED))
"""Nothing could be picked at all."""


class Next(msgspec.Struct, frozen=True):
    deployment: Deployment
    wait_s: float = 0.0


class FollowingSettings(msgspec.Struct, frozen=True):
    num_retries: int = 2
    policy: Policy = Policy()
    group_policies: Mapping[str, Policy] = {}
    wait_at_least_s: float = 0.0
    """Before the same deployment is asked again."""
    fallbacks: Fallbacks = Fallbacks()

    def reads_refusals(self) -> bool:
        """Whether it matters why a request was turned down."""
        policies = (self.policy, *self.group_policies.values())
        return self.fallbacks.reads_refusals() or any(policy.content_policy for policy in policies)


class Following:
    """One per worker and configuration."""

    def __init__(
        self,
        router: Router,
        settings: FollowingSettings,
        budget: RetryBudget,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._router = router
        self._settings = settings
        self._budget = budget
        self._clock = clock
        self._chance = chance

    def after(self, run: Run, failure: Failure, deployment: Deployment) -> Next | None:
        """None: the failure is the request's answer."""
        if failure.result.kind in _NEVER_AGAIN:
            run.spent = (*run.spent, deployment)
        if not _may_go_again(run, failure) or self._clock() >= run.until:
            return None
        counted = self._counts(run, failure)
        if counted and not self._budget.admit(run.call.caller.id):
            return None
        found = self._retry(run, failure, deployment) or self._turn(run, failure)
        if counted and found is None:
            self._budget.give_back(1, run.call.caller.id)
        run.retrying += counted and found is not None
        return found

    def _counts(self, run: Run, failure: Failure) -> bool:
        """Whether what follows takes of the retry budget. A key that refuses is no outage: to turn from it costs the
        upstreams nothing, and one whose requests fail must not use up what others need for that."""
        return failure.result.kind is not ResultKind.AUTH and (not run.retrying or _is_suspect(run))

    def instead(self, run: Run) -> Next | None:
        """When nothing in the request's own group can be picked."""
        return self._turn(run, NO_ANSWER)

    def elsewhere(self, run: Run) -> Next | None:
        """When a deployment's language has no words for the request. It was sent nothing: no retry is counted."""
        another = self.pick(run, run.tried)
        return self._turn(run, NO_ANSWER) if another is None else Next(another)

    def pick(self, run: Run, tried: Sequence[Deployment]) -> Deployment | None:
        choice = run.choice
        picked = self._router.pick(
            choice.pool,
            self._clock(),
            tried=tried,
            scope=choice.scope,
            caller=choice.placed_by,
            wish=choice.wish,
            session=choice.session,
        )
        return picked if isinstance(picked, Deployment) else None

    def _retry(self, run: Run, failure: Failure, failed: Deployment) -> Next | None:
        if run.retries >= self._retries(run, failure, failed):
            return None
        another = self.pick(run, run.tried)
        if another is not None:
            run.retries += 1
            return Next(another)
        return self._again(run, failure)

    def _again(self, run: Run, failure: Failure) -> Next | None:
        """The same deployment, after a wait: nobody else is left."""
        if failure.result.kind is ResultKind.AUTH or failure.result.blame is Layer.NOBODY:
            return None  # it will be said again
        wait_s = backoff_s(run.retries, self._settings.wait_at_least_s, self._chance())
        if self._clock() + wait_s >= run.until:
            return None
        same = self.pick(run, run.spent)
        if same is None:
            return None
        run.retries += 1
        return Next(same, wait_s)

    def _retries(self, run: Run, failure: Failure, failed: Deployment) -> int:
        """The client's word, else the entry's that failed, else the router's; a policy outranks the latter two."""
        settings = self._settings
        policy = settings.group_policies.get(_group(run), settings.policy)
        asked = _number(run.call.head.get(RETRIES_BY_CLIENT))
        said = settings.num_retries if failed.trying.num_retries is None else failed.trying.num_retries
        num_retries = said if asked is None else min(asked, MOST_RETRIES)
        allowed = retries_for(failure.result, failure.refusal, policy, num_retries)
        return allowed - (_number(run.call.head.get(CLIENTS_RETRIES)) or 0)

    def _turn(self, run: Run, failure: Failure) -> Next | None:
        """To the next group that may take it. An object's requests stay where the object is."""
        if not run.choice.group_named or run.choice.scope is not None:
            return None
        if failure.refusal is None and not retryable(failure.result):
            return None
        if run.groups_left is None:
            names = (run.call.model or "", _group(run))
            run.groups_left = self._settings.fallbacks.groups(names, failure.refusal)
        while run.groups_left:
            group, *left = run.groups_left
            run.groups_left = tuple(left)
            found = self._turn_to(run, group)
            if found is not None:
                return found
        return None

    def _turn_to(self, run: Run, group: str) -> Next | None:
        match = self._router.match(group)
        if match is None:
            return None
        wish = wish_of(run.call, match)
        before, run.choice = (
            run.choice,
            Choice(match.pool, match.wildcard, group_named=True, wish=wish, session=run.choice.session),
        )
        features = features_of(run.call.json)
        unfit = [each for each in match.pool.deployments if would_refuse(each, features)]
        picked = self.pick(run, [*run.tried, *unfit])
        if picked is None:
            run.choice = before
            return None
        run.record.fallbacks += 1
        run.retries = 0
        return Next(picked)


def _is_suspect(run: Run) -> bool:
    """It failed alike on two keys, and so is the likelier culprit itself: each further attempt counts anew."""
    return run.cause is not None and len(run.cause.suspects) > 1


def _may_go_again(run: Run, failure: Failure) -> bool:
    """Nothing was sent to the client, and the request's body is still here."""
    exchange = run.exchange
    if run.call.rest and not failure.unsent:
        return False
    return not exchange.committed or exchange.opened_early


def _group(run: Run) -> str:
    """A pool that a model named is one group's."""
    return run.choice.pool.deployments[0].group


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and value.isdigit() and len(value) < 4 else None
