"""What one router learns, another hears of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.facts import MESSAGE_BYTES, hear, written
from proxy.routing.layered import Change
from proxy.routing.router import Cause, Hold, Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Layer, Result, ResultKind

Make = Callable[..., Deployment]
OK = Result(ResultKind.OK, 200)
AUTH, LIMITED = ResultKind.AUTH, ResultKind.RATE_LIMITED


class Worker:
    """A router that tells what it learns."""

    def __init__(self, deployments: list[Deployment]) -> None:
        self.router = Router(deployments, RouterSettings(), store=MemoryStore(1))
        self.told: list[bytes] = []
        self.router.on_change(self._tell)

    def _tell(self, change: Change) -> None:
        message = written(change)
        if message is not None:
            assert len(message) == MESSAGE_BYTES
            self.told.append(message)

    def hears(self, other: Worker, now: float) -> int:
        return sum(hear(self.router.layers, message, now) for message in other.told)

    def ask(self, model: str, result: Result, now: float, family: str = "chat") -> str:
        match = self.router.match(model)
        assert match is not None
        wish = Wish(family, None, match.wildcard)
        picked = self.router.pick(match.pool, now, wish=wish)
        if isinstance(picked, Unavailable):
            return picked.reason
        self.router.settle(picked, result, now, wish, Cause("call-1"))
        return picked.id


@pytest.fixture
def two(deployment: Make) -> tuple[Worker, Worker]:
    deployments = [deployment("a"), deployment("w", group="w/*", model="*")]
    return Worker(deployments), Worker(deployments)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Result(ResultKind.REFUSED), "benched"),
        (Result(AUTH, 401, word="invalid_api_key"), "shut out"),
        (Result(LIMITED, 429, 30.0), "rate limited"),
        (Result(AUTH, 404, blame=Layer.MODEL), "shut out"),
        (Result(AUTH, 403, blame=Layer.FAMILY), "shut out"),
    ],
)
@pytest.mark.parametrize("model", ["gpt", "w/x"])
def test_a_rest_is_heard_of_and_its_end(
    two: tuple[Worker, Worker], model: str, result: Result, reason: str
) -> None:
    one, other = two
    one.ask(model, result, 10.0)
    assert other.hears(one, 10.03) == 1
    assert other.ask(model, OK, 10.04) == reason
    shown = [each for each in other.router.layer_statuses(11.0) if each.reason]
    assert [(each.call_id, each.status, each.word) for each in shown] == [
        ("call-1", result.status, result.word)
    ]
    assert other.told == []  # what was heard is not told again
    one.told.clear()
    one.ask(model, OK, 400.0)
    assert other.hears(one, 400.0) >= 1
    assert [each.reason for each in other.router.layer_statuses(400.0) if each.reason] == []


def test_what_concerns_another_model_or_kind_is_not_touched(two: tuple[Worker, Worker]) -> None:
    one, other = two
    one.ask("w/x", Result(LIMITED, 429, 30.0), 0.0)
    one.ask("w/y", Result(AUTH, 403, blame=Layer.FAMILY), 0.0, family="files")
    other.hears(one, 0.0)
    assert other.ask("w/x", OK, 1.0) == "rate limited"
    assert other.ask("w/y", OK, 1.0, family="files") == "shut out"
    assert other.ask("w/y", OK, 1.0) == "w"


def test_a_probe_elsewhere_is_enough(two: tuple[Worker, Worker]) -> None:
    one, other = two
    one.ask("gpt", Result(ResultKind.REFUSED), 0.0)
    other.hears(one, 0.0)
    one.told.clear()
    match = one.router.match("gpt")
    assert match is not None
    assert isinstance(one.router.pick(match.pool, 5.0), Deployment)
    assert other.hears(one, 5.0) == 1
    assert other.ask("gpt", OK, 5.1) == "benched"


def test_late_and_doubled_messages_change_nothing(two: tuple[Worker, Worker]) -> None:
    one, other = two
    one.ask("gpt", Result(LIMITED, 429, 30.0), 0.0)
    assert other.hears(one, 0.0) == 1
    assert other.hears(one, 0.0) == 0
    late = Worker([])
    assert late.hears(one, 0.0) == 0, "a key that is not there"
    other.router.hold("a", Hold.revived(), 1.0)
    third = Worker([match.deployments[0] for match in [one.router.match("gpt").pool]])  # type: ignore[union-attr]
    assert third.hears(one, 31.0) == 0, "it is over"


def test_a_hundred_refused_together_are_not_a_hundred_messages(two: tuple[Worker, Worker]) -> None:
    one, _ = two
    match = one.router.match("gpt")
    assert match is not None
    picked = [one.router.pick(match.pool, 0.0) for _ in range(100)]
    for number, each in enumerate(picked):
        assert isinstance(each, Deployment)
        one.router.settle(each, Result(LIMITED, 429, 30.0), number / 1000)
    assert len(one.told) == 1
