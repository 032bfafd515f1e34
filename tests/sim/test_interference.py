"""One hostile caller among others: nobody notices; and the judge is shown to see it where a rule is taken out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import pytest

from loadtest.sim.farm import Played, play_beside
from loadtest.sim.hostile import JSON, THREADS, TRICKS
from loadtest.sim.interference import chance_of, judge, shared
from loadtest.sim.plan import Ask, ClientPlan, Kind, Plan
from loadtest.sim.platforms import PlatformPlan
from loadtest.sim.tenants import HOSTILE, THEMES, theme_of
from proxy.gateway.accounts import plans
from proxy.gateway.reading.budget import Budget
from proxy.gateway.trying import blaming, judging, selection, slots, waiting
from proxy.gateway.trying.following import Following
from proxy.gateway.trying.lines import Lines
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.limits.subjects import SUBJECT_BYTES
from proxy.providers import verdict as verdicts
from proxy.routing.layers import Model
from proxy.routing.quota import Quota
from proxy.types import Layer, Result, ResultKind

SEEDS = range(60)
MOST_SEEDS = 60
Patch = Callable[[pytest.MonkeyPatch], None]


@cache
def played(seed: int) -> Played:
    return play_beside(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_notices(seed: int) -> None:
    assert played(seed).wrong == []


def test_every_trick_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a seed proves less than it seems to."""
    seen: set[str] = set()
    for name, trick in list(TRICKS.items()):
        monkeypatch.setitem(
            TRICKS, name, lambda *args, name=name, trick=trick: seen.add(name) or trick(*args)
        )
    for seed in SEEDS:
        shared(seed)
    assert seen == set(TRICKS)


def test_the_hostile_caller_asks_in_the_order_of_time() -> None:
    for seed in SEEDS:
        starts = [client.starts_s for client in shared(seed).hostile]
        assert starts == sorted(starts)
        assert starts


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_replays_exactly(seed: int) -> None:
    assert play_beside(seed).digest == played(seed).digest


# -- the rules, one by one


def _judged_otherwise(change: Callable[[Result], Result]) -> Patch:
    judged = judging.verdict

    def put_in(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(judging, "verdict", lambda *args: change(judged(*args)))

    return put_in


def _blaming(kind: ResultKind, wrongly: Layer, rightly: Layer) -> Patch:
    def change(result: Result) -> Result:
        if result.kind is not kind or result.blame is not rightly:
            return result
        return msgspec.structs.replace(result, blame=wrongly, certain=True)

    return _judged_otherwise(change)


def _certain(result: Result) -> Result:
    return msgspec.structs.replace(result, certain=True)


def _patched(where: Any, name: str, instead: Any) -> Patch:
    return lambda patch: patch.setattr(where, name, instead)


def _together(*patches: Patch) -> Patch:
    """Where two rules hold the same promise, either is enough."""

    def put_in(patch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(patch)

    return put_in


def _joined_as_one(lines: Any, key: Any, _caller: bytes, priority: int) -> Any:
    return JOIN(lines, key, b"", priority)


def _taken_by_whoever(budget: Any, _holder: bytes, size_bytes: int) -> bool:
    if budget.held_bytes + size_bytes > budget.limit_bytes:
        return False
    budget.held_bytes += size_bytes
    return True


JOIN = Lines._join
AUTH, LIMITED = ResultKind.AUTH, ResultKind.RATE_LIMITED
RULES: dict[str, Patch] = {
    "a client's own identity is its own affair": _patched(blaming, "foreign", lambda *_: False),
    "a denied model is one model": _blaming(AUTH, Layer.KEY, Layer.MODEL),
    "a model that cannot be tuned may be asked": _together(
        _patched(verdicts, "_ABOUT_MODELS", frozenset[str]()),
        _patched(Model, "concerns", lambda *_: True),
    ),
    "missing scopes are of one family": _blaming(AUTH, Layer.KEY, Layer.FAMILY),
    "what the client brought about blames no key": _blaming(AUTH, Layer.KEY, Layer.NOBODY),
    "a request above the limit limits nobody": _blaming(LIMITED, Layer.MODEL, Layer.NOBODY),
    "a rate limit is of one model": _blaming(LIMITED, Layer.KEY, Layer.MODEL),
    "a model named inside is not the one asked for": _patched(verdicts, "_denies", lambda *_: True),
    "without a word that decides a key is only suspected": _judged_otherwise(_certain),
    "turning from a key that refuses takes no budget": _together(
        _patched(Following, "_counts", lambda _self, run, _failure: not run.retrying),
        _patched(RetryBudget, "_without_the_most", lambda self, _caller: self.retrying),
    ),
    "who waits for one kind of request is in nobody else's way": _patched(
        slots, "_queue", lambda choice: (choice.pool, choice.wish.model, choice.wish.star)
    ),
    "a model that is denied to one kind of request is there for others": _patched(
        Model, "concerns", lambda *_: True
    ),
    "callers take turns in a line": _patched(Lines, "_join", _joined_as_one),
    "in a full room who has the most makes place": _patched(
        Lines, "_has_room", lambda self, _caller: self._waiting < self._limit
    ),
    "who waits for its own share stands in nobody's way": _patched(
        waiting, "_line", lambda key, _caller, _refusal: key
    ),
    "nobody uses up the others' retries": _patched(
        RetryBudget, "_without_the_most", lambda self, _caller: self.retrying
    ),
    "nobody holds all of what there is for bodies": _patched(Budget, "try_take", _taken_by_whoever),
    "what is only expected counts up to a share": _patched(Quota, "admits_share", lambda *_: False),
    "a key's limits are its own": _patched(plans, "subject", lambda *_, **__: bytes(SUBJECT_BYTES)),
    "objects are their maker's": _patched(selection, "is_subject", lambda _: False),
}
THEME_OF = {
    "callers take turns in a line": "line",
    "in a full room who has the most makes place": "line",
    "who waits for its own share stands in nobody's way": "tokens",
    "nobody uses up the others' retries": "retries",
    "nobody holds all of what there is for bodies": "bodies",
    "what is only expected counts up to a share": "tokens",
}
MANY_SEEDS = 400
"""Among which there are enough of each theme."""


def _with_theme(name: str) -> Iterator[Plan]:
    themes = ((seed, theme_of(chance_of(seed))) for seed in range(MANY_SEEDS))
    return (shared(seed) for seed, theme in themes if theme is THEMES[name])


def _administrating(plan: Plan) -> Plan:
    """The hostile caller asks for nothing but what no key may do, all the time."""
    users = Ask(0, 0.0, kind=Kind.PAGE, target=b"/openai/v1/organization/users")
    return replace(
        plan,
        hostile=tuple(
            ClientPlan(20_000 + n, n / 2, (replace(users, number=20_000 + n),), 0.002, 200_000)
            for n in range(1, 80)
        ),
    )


def _deleting(plan: Plan) -> Plan:
    """The hostile caller tries to delete every thread that there may be, soon after it was made."""
    return replace(
        plan,
        hostile=tuple(
            ClientPlan(
                20_000 + n,
                n + 0.8,
                (Ask(20_000 + n, 0.0, kind=Kind.DELETION, target=THREADS + b"/thread_%d" % n),),
                0.002,
                200_000,
                key=HOSTILE,
            )
            for n in range(1, 41)
        ),
    )


def _failing_at_once(plan: Plan) -> Plan:
    """The hostile caller has as many requests on a further attempt as it may, before anything is known of the keys."""
    text, lines = b"poison=5xx ", (JSON, b"x-litellm-num-retries: 10")
    asks = (Ask(20_000 + n, 0.0, model="gpt-a", text=b"%b%d" % (text, n), lines=lines) for n in range(400))
    return replace(
        plan,
        hostile=tuple(
            ClientPlan(ask.number, 0.5 + nth / 40, (ask,), 0.002, 200_000, key=HOSTILE)
            for nth, ask in enumerate(asks)
        ),
    )


def _plans(rule: str) -> Iterator[Plan]:
    """In which a rule that is missing must show."""
    if rule in THEME_OF:
        return _with_theme(THEME_OF[rule])
    if rule.startswith("objects"):
        return map(_deleting, map(shared, range(MOST_SEEDS)))
    if rule.startswith("who waits for one kind"):
        queueing = (plan for plan in map(shared, range(MOST_SEEDS)) if '"queue_timeout_s":3.0' in plan.config)
        return map(_administrating, queueing)
    if rule.startswith("turning"):
        return map(_failing_at_once, map(shared, range(MOST_SEEDS)))
    return map(shared, range(MOST_SEEDS))


@pytest.mark.pure
@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_it_is_noticed(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    RULES[rule](monkeypatch)
    assert any(map(_noticed, _plans(rule))), "nothing was seen"


@pytest.mark.parametrize("rule", ["who waits for one kind", "objects"])
def test_with_it_it_is_not(rule: str) -> None:
    plan = next(_plans(rule))
    assert judge(plan)[0] == []


def _noticed(plan: Plan) -> bool:
    return any("interference" in wrong for wrong in judge(plan)[0])


def test_the_request_that_did_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among others that are like everybody's."""
    plan = next(plan for plan in map(shared, SEEDS) if _has_two_keys(plan))
    users = Ask(20_002, 0.0, kind=Kind.PAGE, target=b"/openai/v1/organization/users")
    like_all = [Ask(20_000 + n, 0.0, model="gpt-a", lines=(JSON,)) for n in (0, 1, 3, 4, 5)]
    asks = sorted([*like_all, users], key=lambda ask: ask.number)
    clients = tuple(ClientPlan(ask.number, 2.0 + nth, (ask,), 0.002, 200_000) for nth, ask in enumerate(asks))
    plan = replace(plan, hostile=clients)
    assert judge(plan)[0] == []
    _blaming(AUTH, Layer.KEY, Layer.FAMILY)(monkeypatch)
    first, *felt = judge(plan)[0]
    assert first == "interference: request 20002 is felt (/openai/v1/organization/users, model '', 200 bytes)"
    assert felt


@pytest.mark.parametrize("name", THEMES)
def test_of_each_theme_there_are_seeds_that_are_well(name: str) -> None:
    first = [plan for plan, _ in zip(_with_theme(name), range(3), strict=False)]
    assert [judge(plan)[0] for plan in first] == [[], [], []]


def _has_two_keys(plan: Plan) -> bool:
    (platform,) = plan.upstreams[:1]
    assert isinstance(platform, PlatformPlan)
    return len(plan.upstreams) == 1 and len(platform.keys) == 2 and not platform.vague
