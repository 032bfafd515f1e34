"""What follows a failure, decided without waiting: the real router, a clock and dice of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.accounting.record import Record
from proxy.gateway.trying.following import MOST_RETRIES, Following, FollowingSettings, Next
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.run import Failure, Run, cause_of
from proxy.gateway.trying.selection import choose
from proxy.providers.retrying import FIRST_BACKOFF_S, Policy
from proxy.routing.affinity import MemoryStore
from proxy.routing.fallbacks import Fallbacks
from proxy.routing.router import Router, RouterSettings, Wish
from proxy.types import Deployment, Refusal, Result, ResultKind, Secret
from proxy.wire.scope import RequestScope
from proxy.wire.walls import Wall

UNLIMITED = (100.0, 100)
FAILED = Failure(Result(ResultKind.SERVER_ERROR, 500))
SILENT = Failure(Result(ResultKind.TIMEOUT))
REFUSED = Failure(Result(ResultKind.REFUSED), unsent=True)
UNAUTHORIZED = Failure(Result(ResultKind.AUTH, 401))
LIMITED = Failure(Result(ResultKind.RATE_LIMITED, 429, 60.0))
WRONG = Failure(Result(ResultKind.NEUTRAL, 400))
TOO_LONG = Failure(Result(ResultKind.NEUTRAL, 400), Refusal.CONTEXT_WINDOW)
FILTERED = Failure(Result(ResultKind.NEUTRAL, 400), Refusal.CONTENT_POLICY)
CHANCE = 0.5


class Story:
    """One request whose attempts fail, one after the other."""

    def __init__(
        self,
        deployments: list[Deployment],
        new_run: Callable[[Router], Run],
        budget: RetryBudget,
        **settings: Any,
    ) -> None:
        routing = RouterSettings(disable_cooldowns=settings.pop("cooldowns_off", False))
        self.router = Router(deployments, routing, store=MemoryStore(9))
        self.now = 100.0
        self.budget = budget
        self.following = Following(
            self.router, FollowingSettings(**settings), budget, lambda: self.now, lambda: CHANCE
        )
        self.run = new_run(self.router)

    def begin(self) -> Deployment:
        """The first attempt's pick."""
        picked = self.following.pick(self.run, ())
        assert picked is not None
        return picked

    def fail(self, deployment: Deployment, failure: Failure) -> Next | None:
        """As an attempt does it: the failure is told first."""
        self.run.tried.append(deployment)
        self.router.settle(deployment, failure.result, self.now)
        return self.following.after(self.run, failure, deployment)

    def fail_all(self, failure: Failure) -> list[Next]:
        """What follows, until nothing does."""
        found: list[Next] = []
        following = self.fail(self.begin(), failure)
        while following is not None:
            found.append(following)
            following = self.fail(following.deployment, failure)
        return found

    def in_flight(self) -> dict[str, int]:
        return {each.id: each.in_flight for each in self.router.snapshot(self.now) if each.in_flight}


@pytest.fixture
def story(
    a_deployment: Callable[..., Deployment], a_call: Callable[..., Any], exchange: Callable[..., Any]
) -> Callable[..., Story]:
    """`story("a", "b")`: the keys of group `m`, in order; a dict is one with something special."""

    def make(
        *keys: str | dict[str, Any],
        call: dict[str, Any] | None = None,
        budget: tuple[float, int] = UNLIMITED,
        **settings: Any,
    ) -> Story:
        fields = [{"id_": key} if isinstance(key, str) else key for key in keys]
        deployments = [a_deployment(**{"order": order, **each}) for order, each in enumerate(fields)]

        def new_run(router: Router) -> Run:
            made = a_call(**(call or {}))
            record = Record(call_id="call", started_unix_s=0.0, method="POST", route="")
            door = exchange()
            scope = RequestScope(door.parking, Wall("request"))
            return Run(door, made, choose(made, router), record, 100.0, [], scope)

        return Story(deployments, new_run, RetryBudget(*budget), **settings)

    return make


def ids(found: list[Next]) -> list[str]:
    return [each.deployment.id for each in found]


def headers(**values: bytes) -> dict[str, Any]:
    return {"headers": tuple((name.replace("_", "-").encode(), value) for name, value in values.items())}


# -- another key, or the same


def test_another_key_at_once_and_its_slot_is_taken(story: Any) -> None:
    s = story("a", "b")
    following = s.fail(s.begin(), FAILED)
    assert (following.deployment.id, following.wait_s) == ("b", 0.0)
    assert s.in_flight() == {"b": 1}
    assert s.run.retries == 1


def test_every_other_key_comes_before_the_same_again(story: Any) -> None:
    found = story("a", "b", "c", num_retries=3).fail_all(FAILED)
    assert ids(found) == ["b", "c", "a"]
    assert [each.wait_s for each in found] == [0.0, 0.0, CHANCE * FIRST_BACKOFF_S * 4]


@pytest.mark.parametrize(("least_s", "waits"), [(0.0, [0.25, 0.5]), (0.4, [0.4, 0.5]), (9.0, [9.0, 9.0])])
def test_the_waits_double_and_have_a_least(story: Any, least_s: float, waits: list[float]) -> None:
    found = story("a", wait_at_least_s=least_s).fail_all(FAILED)
    assert (ids(found), [each.wait_s for each in found]) == (["a", "a"], waits)


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_as_many_further_attempts_as_allowed(story: Any, retries: int) -> None:
    assert len(story("a", "b", num_retries=retries).fail_all(FAILED)) == retries


@pytest.mark.parametrize(
    ("failure", "after"),
    [(SILENT, ["b"]), (UNAUTHORIZED, ["b"]), (LIMITED, ["b"]), (REFUSED, ["b"]), (FAILED, ["b", "a", "a"])],
    ids=["silent", "unauthorized", "limited", "refused", "failed"],
)
def test_who_is_never_asked_again(story: Any, failure: Failure, after: list[str]) -> None:
    s = story("a", "b", num_retries=3)
    first = s.fail(s.begin(), failure)
    assert first.deployment.id == "b"
    second = s.fail(first.deployment, LIMITED)
    third = s.fail(second.deployment, FAILED) if second else None
    assert ["b", *(each.deployment.id for each in (second, third) if each)] == after


def test_a_silent_key_and_one_that_will_not_do_are_spent_without_a_rest(story: Any) -> None:
    """One timeout does not bench a key: only the request remembers it."""
    s = story("a", num_retries=5)
    assert s.fail(s.begin(), SILENT) is None
    assert [each.id for each in s.run.spent] == ["a"]
    assert s.begin().id == "a", "other requests may have it"


def test_a_key_that_will_not_do_is_spent_even_where_keys_do_not_rest(story: Any) -> None:
    s = story("a", "b", num_retries=5, cooldowns_off=True)
    second = s.fail(s.begin(), UNAUTHORIZED)
    third = s.fail(second.deployment, FAILED)
    assert (second.deployment.id, third.deployment.id) == ("b", "b")


def test_no_wait_follows_a_key_that_will_not_do(story: Any) -> None:
    s = story("a", "b", num_retries=5)
    second = s.fail(s.begin(), FAILED)
    assert s.fail(second.deployment, UNAUTHORIZED) is None


@pytest.mark.parametrize("failure", [WRONG, TOO_LONG, FILTERED], ids=["wrong", "too long", "filtered"])
def test_what_is_wrong_with_the_request_is_its_answer(story: Any, failure: Failure) -> None:
    s = story("a", "b")
    assert s.fail(s.begin(), failure) is None
    assert s.in_flight() == {}


def test_a_conflict_is_worth_another_attempt(story: Any) -> None:
    s = story("a", "b")
    assert s.fail(s.begin(), Failure(Result(ResultKind.NEUTRAL, 409))).deployment.id == "b"


# -- what the pick is told


def test_an_objects_keys_are_the_only_ones(story: Any) -> None:
    s = story({"id_": "a", "object_scope": "s"}, "b", {"id_": "c", "object_scope": "s"}, num_retries=1)
    s.run.choice = type(s.run.choice)(s.run.choice.pool, scope="s")
    assert s.fail(s.begin(), FAILED).deployment.id == "c"


def test_a_callers_objects_are_kept_together(story: Any) -> None:
    s = story(*({"id_": key, "order": 0} for key in "abcd"))
    places = set()
    for number in range(20):
        caller = b"caller-%d" % number
        s.run.choice = type(s.run.choice)(s.run.choice.pool, placed_by=caller)
        home = s.router.pick(s.run.choice.pool, s.now, caller=caller)
        assert s.begin() is home
        places.add(home.id)
    assert len(places) > 1


@pytest.mark.parametrize(("tokens", "next_id"), [(50, "b"), (51, None)])
def test_a_key_without_room_for_its_tokens_is_not_picked(
    story: Any, tokens: int, next_id: str | None
) -> None:
    s = story({"id_": "a", "tpm": 1000}, {"id_": "b", "tpm": 150}, call={"tokens": tokens})
    first = s.begin()
    another = Wish(tokens=100, caller=s.run.choice.wish.caller)
    assert s.router.pick(s.run.choice.pool, s.now, tried=[first], wish=another).id == "b"
    following = s.fail(first, LIMITED)
    assert (following and following.deployment.id) == next_id


# -- how many


@pytest.mark.parametrize(
    ("asked", "attempts"),
    [(b"0", 0), (b"1", 1), (b"4", 4), (b"99", MOST_RETRIES), (b"9999", 2), (b"-1", 2), (b"x", 2), (b"", 2)],
)
def test_the_client_may_say(story: Any, asked: bytes, attempts: int) -> None:
    s = story("a", call=headers(x_litellm_num_retries=asked), num_retries=2)
    assert len(s.fail_all(FAILED)) == attempts


@pytest.mark.parametrize(("tried", "attempts"), [(b"0", 2), (b"1", 1), (b"2", 0), (b"7", 0), (b"x", 2)])
def test_what_the_client_has_tried_is_subtracted(story: Any, tried: bytes, attempts: int) -> None:
    s = story("a", "b", "c", call=headers(x_stainless_retry_count=tried), num_retries=2)
    assert len(s.fail_all(FAILED)) == attempts


@pytest.mark.parametrize(
    ("failure", "attempts"), [(FAILED, 1), (SILENT, 2), (WRONG, 3), (FILTERED, 0), (LIMITED, 0)]
)
def test_a_policy_says_by_what_failed(story: Any, failure: Failure, attempts: int) -> None:
    policy = Policy(server_error=1, timeout=2, bad_request=3, rate_limit=0)
    assert len(story(*"abcdef", policy=policy, num_retries=5).fail_all(failure)) == attempts


def test_a_groups_own_policy_takes_the_place_of_the_general_one(story: Any) -> None:
    general, own = Policy(server_error=3, timeout=3), Policy(server_error=1)
    s = story(
        *"abcd", policy=general, group_policies={"m": own, "other": Policy(server_error=0)}, num_retries=2
    )
    assert len(s.fail_all(FAILED)) == 1
    s = story(*"abcd", policy=general, group_policies={"m": own}, num_retries=2)
    assert len(s.fail_all(SILENT)) == 2, "num_retries, where its own policy is silent"


# -- when nothing may follow


def test_nothing_follows_what_was_sent_to_the_client(story: Any) -> None:
    s = story("a", "b")
    first = s.begin()
    s.run.exchange.committed = True
    assert s.fail(first, FAILED) is None
    assert s.in_flight() == {}


def test_comments_of_the_gateways_own_commit_nothing(story: Any) -> None:
    s = story("a", "b")
    first = s.begin()
    s.run.exchange.committed = s.run.exchange.opened_early = True
    assert s.fail(first, FAILED).deployment.id == "b"


@pytest.mark.parametrize(("failure", "next_id"), [(FAILED, None), (REFUSED, "b")])
def test_a_body_that_is_gone_cannot_be_sent_again(story: Any, failure: Failure, next_id: str | None) -> None:
    s = story("a", "b", call={"rest": True})
    following = s.fail(s.begin(), failure)
    assert (following and following.deployment.id) == next_id


@pytest.mark.parametrize(("until", "next_id"), [(100.0, None), (100.1, "b")])
def test_nothing_begins_after_the_deadline(story: Any, until: float, next_id: str | None) -> None:
    s = story("a", "b")
    s.run.until = until
    following = s.fail(s.begin(), FAILED)
    assert (following and following.deployment.id) == next_id


@pytest.mark.parametrize(("left_s", "waits"), [(0.25, False), (0.26, True)])
def test_a_wait_beyond_the_deadline_is_not_begun(story: Any, left_s: float, waits: bool) -> None:
    s = story("a")
    s.run.until = s.now + left_s
    assert (s.fail(s.begin(), FAILED) is not None) is waits
    assert s.in_flight() == ({"a": 1} if waits else {})


# -- the budget


def test_without_budget_the_failure_is_the_answer(story: Any) -> None:
    s = story("a", "b", budget=(20.0, 0))
    assert s.fail(s.begin(), FAILED) is None
    assert (s.run.retrying, s.budget.retrying, s.in_flight()) == (False, 0, {})


def test_a_request_is_counted_once_however_often_it_is_tried(story: Any) -> None:
    s = story("a", "b", "c", budget=(0.0, 1))
    assert len(s.fail_all(FAILED)) == 2
    assert (s.run.retrying, s.budget.retrying) == (True, 1), "whoever ends the request gives it back"


def test_a_share_that_was_not_used_is_given_back(story: Any) -> None:
    s = story("a")
    assert s.fail(s.begin(), SILENT) is None
    assert (s.run.retrying, s.budget.retrying) == (False, 0)


DENIED = Failure(Result(ResultKind.AUTH, 403))


def test_turning_from_a_key_that_refuses_takes_no_budget(story: Any) -> None:
    """Others' failing requests may have used it up."""
    s = story("a", "b", "c", budget=(0.0, 0))
    assert ids(s.fail_all(DENIED)) == ["b", "c"]
    assert (s.run.retrying, s.budget.retrying) == (False, 0)


def test_a_request_that_failed_alike_on_two_keys_needs_the_budget_for_its_third(story: Any) -> None:
    """It is the likelier culprit itself, and must not take down one key after the other at nobody's cost."""

    def third(shares: int) -> Next | None:
        s = story(*({"id_": key, "api_key": Secret(f"sk-{key}")} for key in "abc"), budget=(0.0, shares))
        following: Next | None = Next(s.begin())
        for _ in range(2):
            assert following is not None
            s.run.tried.append(following.deployment)
            s.router.settle(following.deployment, FAILED.result, s.now, s.run.choice.wish, cause_of(s.run))
            following = s.following.after(s.run, FAILED, following.deployment)
        assert (s.run.retrying, s.budget.retrying) == (min(shares, 2), min(shares, 2))
        assert s.run.cause is not None
        assert len(s.run.cause.suspects) == 2
        return following

    assert third(shares=1) is None, "its one share is taken, by itself"
    found = third(shares=2)
    assert found is not None
    assert found.deployment.id == "c"


# -- other groups

OTHER = {"id_": "o", "group": "other"}
THIRD = {"id_": "t", "group": "third"}
TO_OTHERS = Fallbacks(general={"m": ["other", "third"]})


def test_another_group_when_its_own_is_through(story: Any) -> None:
    s = story("a", "b", OTHER, num_retries=1, fallbacks=TO_OTHERS)
    found = s.fail_all(FAILED)
    assert ids(found) == ["b", "o", "o"], "with further attempts of its own"
    assert (s.run.record.fallbacks, s.run.groups_left) == (1, ())
    assert s.run.choice.pool.deployments[0].group == "other"


def test_the_name_that_was_asked_for_counts_before_the_groups_own(
    story: Any, a_call: Callable[..., Any]
) -> None:
    lists = Fallbacks(general={"m": ["other"], "nickname": ["third"]})
    s = story("a", OTHER, THIRD, num_retries=0, fallbacks=lists)
    s.run.call = a_call(model="nickname")
    assert ids(s.fail_all(FAILED)) == ["t"]


def test_one_group_after_the_other(story: Any) -> None:
    s = story("a", OTHER, THIRD, num_retries=0, fallbacks=TO_OTHERS)
    assert ids(s.fail_all(FAILED)) == ["o", "t"]
    assert s.run.record.fallbacks == 2


def test_a_group_that_nobody_serves_or_that_rests_is_passed_over(story: Any) -> None:
    lists = Fallbacks(general={"m": ["nobody", "other", "third"]})
    s = story("a", OTHER, THIRD, num_retries=0, fallbacks=lists)
    resting = next(d for d in s.router.match("other").pool.deployments)
    s.router.settle(s.router.pick(s.router.match("other").pool, s.now), UNAUTHORIZED.result, s.now)
    assert resting.id == "o"
    assert ids(s.fail_all(FAILED)) == ["t"]
    assert s.run.record.fallbacks == 1


def test_a_turn_that_leads_nowhere_changes_nothing(story: Any) -> None:
    s = story("a", {**OTHER, "lacks": frozenset({"tools"})}, num_retries=0, fallbacks=TO_OTHERS,
              call={"json": b'{"model":"m","tools":[{"type":"function"}]}'})  # fmt: skip
    own = s.run.choice
    assert s.fail(s.begin(), FAILED) is None
    assert s.run.choice is own
    assert (s.run.record.fallbacks, s.in_flight()) == (0, {})


def test_a_key_that_would_refuse_is_passed_over(story: Any) -> None:
    unfit = {**OTHER, "id_": "small", "max_input_tokens": 1}
    s = story("a", unfit, OTHER, num_retries=0, fallbacks=TO_OTHERS,
              call={"json": b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 99)})  # fmt: skip
    assert ids(s.fail_all(FAILED)) == ["o"]


@pytest.mark.parametrize(
    ("failure", "next_id"), [(TOO_LONG, "long"), (FILTERED, "lenient"), (FAILED, "o"), (WRONG, None)]
)
def test_each_refusal_has_groups_of_its_own(story: Any, failure: Failure, next_id: str | None) -> None:
    lists = Fallbacks(
        general={"m": ["other"]}, context_window={"m": ["long"]}, content_policy={"m": ["lenient"]}
    )
    others = [{"id_": name, "group": name} for name in ("long", "lenient")]
    s = story("a", OTHER, *others, num_retries=0, fallbacks=lists)
    following = s.fail(s.begin(), failure)
    assert (following and following.deployment.id) == next_id


def test_an_objects_requests_stay_where_it_is(story: Any) -> None:
    s = story("a", OTHER, num_retries=0, fallbacks=TO_OTHERS)
    scope = s.begin().object_scope
    first = s.router.match("m").pool.deployments[0]
    s.run.choice = type(s.run.choice)(s.run.choice.pool, group_named=True, scope=scope)
    assert s.fail(first, FAILED) is None


def test_a_request_that_named_no_group_turns_to_none(story: Any) -> None:
    s = story("a", OTHER, num_retries=0, fallbacks=TO_OTHERS)
    s.run.choice = type(s.run.choice)(s.run.choice.pool)
    assert s.fail(s.begin(), FAILED) is None


def test_when_nothing_of_its_own_can_be_picked_the_budget_is_not_asked(story: Any) -> None:
    s = story("a", OTHER, budget=(0.0, 0), fallbacks=TO_OTHERS)
    following = s.following.instead(s.run)
    assert following is not None
    assert (following.deployment.id, s.in_flight(), s.run.retrying) == ("o", {"o": 1}, False)
    assert s.run.record.fallbacks == 1


def test_without_other_groups_there_is_nothing_instead(story: Any) -> None:
    s = story("a")
    assert s.following.instead(s.run) is None
    assert s.in_flight() == {}


@pytest.mark.parametrize(
    ("settings", "reads"),
    [
        ({}, False),
        ({"fallbacks": Fallbacks(default=["other"])}, False),
        ({"fallbacks": Fallbacks(context_window={"m": ["long"]})}, True),
        ({"policy": Policy(content_policy=1)}, True),
        ({"group_policies": {"m": Policy(content_policy=1)}}, True),
        ({"group_policies": {"m": Policy(timeout=1)}}, False),
    ],
)
def test_whether_it_matters_why_a_request_was_turned_down(settings: dict[str, Any], reads: bool) -> None:
    assert FollowingSettings(**settings).reads_refusals() is reads
