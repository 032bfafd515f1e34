"""What a worker says of what rests: a line when it begins and one when it ceases, and to the others a message."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial

import pytest
import trio
import trio.testing

from proxy.process.facts import SharedFacts
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Cause, Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Layer, Result, ResultKind, Secret
from proxy.worker.facts import LINES_PER_S, Facts

SECRET = "sk-very-secret-key"
OK = Result(ResultKind.OK, 200)
DENIED = Result(ResultKind.AUTH, 404, blame=Layer.MODEL, word="model_not_found")
WRONG = Result(ResultKind.AUTH, 401, word="invalid_api_key")
REFUSED = Result(ResultKind.REFUSED)
LIMITED = Result(ResultKind.RATE_LIMITED, 429, 30.0, word="rate_limit_exceeded")
SCOPE = Result(ResultKind.AUTH, 403, blame=Layer.FAMILY, word="missing_scope")


class Story:
    """A router whose changes a worker writes down."""

    def __init__(self) -> None:
        where = {"api_base": "https://api.example.com/v1", "api_key": Secret(SECRET), "object_scope": "s"}
        fixed = Deployment(
            id="a", group="gpt", provider="openai", model="gpt-4o", origin="config.yaml:3 KEY_A", **where
        )
        star = Deployment(
            id="w", group="w/*", provider="openai", model="*", origin="config.yaml:3 KEY_A", **where
        )
        self.router = Router([fixed, star], RouterSettings(), store=MemoryStore(1))
        self.router.on_change(Facts(None).changed)

    def ask(self, model: str, result: Result, now: float, call_id: str = "call-1") -> None:
        match = self.router.match(model)
        assert match is not None
        wish = Wish("chat", None, match.wildcard)
        picked = self.router.pick(match.pool, now, wish=wish)
        assert isinstance(picked, Deployment), picked
        self.router.settle(picked, result, now, wish, Cause(call_id))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "sluice")
    return lambda: [record.getMessage() for record in caplog.records]


WHO = "config.yaml:3 KEY_A at https://api.example.com:443"


@pytest.mark.parametrize(
    ("result", "rests", "again_at"),
    [
        (WRONG, f"key {WHO} rests: auth (401 invalid_api_key), for 300 s, until ", 301.0),
        (REFUSED, "host https://api.example.com:443 rests: refused, for 5 s, until ", 6.0),
        (LIMITED, f"model gpt-4o of key {WHO} rests: rate_limited (429 rate_limit_exceeded), for 30 s, until ", 31.0),
        (DENIED, f"model gpt-4o of key {WHO} rests for chat: denied (404 model_not_found), for 300 s, until ", 301.0),
        (SCOPE, f"chat of key {WHO} rests: scope (403 missing_scope), for 300 s, until ", 301.0),
    ],
    ids=["key", "host", "limit", "denied", "scope"],
)  # fmt: skip
def test_one_line_when_it_begins_and_one_when_it_ceases(
    lines: Callable[[], list[str]], result: Result, rests: str, again_at: float
) -> None:
    story = Story()
    story.ask("gpt", result, 0.0, "13470be6")
    [line] = lines()
    assert line.startswith(rests)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ; learned by call 13470be6", line[len(rests) :])
    story.ask("gpt", OK, again_at)
    who = rests.partition(" rests")[0]
    assert lines()[1:] == [f"{who} rests no longer"]
    story.ask("gpt", OK, again_at + 1)
    assert len(lines()) == 2
    assert SECRET not in "".join(lines())


def test_what_is_refused_together_is_one_line(lines: Callable[[], list[str]]) -> None:
    story = Story()
    match = story.router.match("gpt")
    assert match is not None
    picked = [story.router.pick(match.pool, 0.0) for _ in range(100)]
    for each in picked:
        assert isinstance(each, Deployment)
        story.router.settle(each, LIMITED, 0.1, cause=Cause("call-1"))
    assert len(lines()) == 1


def test_who_invents_models_hides_no_line_of_others(lines: Callable[[], list[str]]) -> None:
    story = Story()
    for number in range(1000):
        story.ask(f"w/invented-{number}", DENIED, 0.5)
    assert len(lines()) == LINES_PER_S
    story.ask("gpt", DENIED, 0.5)
    story.ask("w/x", WRONG, 0.6)
    assert [line.split()[0] for line in lines()[LINES_PER_S:]] == ["model", "key"]


def test_what_was_not_written_is_counted(lines: Callable[[], list[str]]) -> None:
    story = Story()
    for number in range(LINES_PER_S + 7):
        story.ask(f"w/invented-{number}", DENIED, 0.5)
    story.ask("w/another", DENIED, 1.0)
    story.ask("w/one-more", DENIED, 1.0)
    assert lines()[-2].endswith("; 7 such lines before were too many to write")
    assert "too many" not in lines()[-1]


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "a\u2028b"])
def test_an_invented_name_writes_no_line_of_its_own(lines: Callable[[], list[str]], name: str) -> None:
    story = Story()
    story.ask(f"w/{name}", DENIED, 0.0)
    [line] = lines()
    assert line.isprintable()


async def test_what_one_worker_learns_the_others_know_within_fifty_milliseconds(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    shared, stories = SharedFacts(3), [Story() for _ in range(3)]
    for number, story in enumerate(stories, 1):
        facts = Facts(shared.of(number), clock=trio.current_time)
        story.router.on_change(facts.changed)
        nursery.start_soon(facts.listen, partial(getattr, story.router, "layers"), list)
    for step in range(50):
        began = trio.current_time()
        stories[0].ask(f"w/denied-{step}", DENIED, began)
        await trio.sleep(0.045)
        for other in stories[1:]:
            match = other.router.match(f"w/denied-{step}")
            assert match is not None
            wish = Wish("chat", None, match.wildcard)
            assert isinstance(other.router.pick(match.pool, trio.current_time(), wish=wish), Unavailable)
        await trio.sleep(0.0013 * step)
    nursery.cancel_scope.cancel()
