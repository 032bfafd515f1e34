"""A model that is denied to one kind of request may be had by others: one client asks a chat's model to speak."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.routing.affinity import MemoryStore
from proxy.routing.facts import hear, written
from proxy.routing.layered import Change
from proxy.routing.router import Cause, Hold, Router, RouterSettings, Unavailable, Wish
from proxy.types import Deployment, Layer, Result, ResultKind

Make = Callable[..., Deployment]
OK = Result(ResultKind.OK, 200)
DENIED = Result(ResultKind.AUTH, 404, blame=Layer.MODEL, word="model_not_found")


class Story:
    """One entry by its name, and a `*` beside it on another key."""

    def __init__(self, deployment: Make) -> None:
        deployments = [deployment("a"), deployment("w", group="w/*", model="*")]
        self.router = Router(deployments, RouterSettings(), store=MemoryStore(1))
        self.told: list[bytes] = []
        self.router.on_change(self._tell)

    def _tell(self, change: Change) -> None:
        message = written(change)
        assert message is not None
        self.told.append(message)

    def ask(self, model: str, family: str, result: Result = OK, now: float = 0.0) -> str:
        match = self.router.match(model)
        assert match is not None
        wish = Wish(family, None, match.wildcard)
        picked = self.router.pick(match.pool, now, wish=wish)
        if isinstance(picked, Unavailable):
            return picked.reason
        self.router.settle(picked, result, now, wish, Cause("call-1"))
        return picked.id


@pytest.fixture
def story(deployment: Make) -> Story:
    return Story(deployment)


@pytest.mark.parametrize("model", ["gpt", "w/gpt-a"])
def test_only_the_kind_of_request_that_it_was_denied_to_rests(story: Story, model: str) -> None:
    story.ask(model, "audio", DENIED)
    assert story.ask(model, "audio", now=1.0) == "shut out"
    assert story.ask(model, "chat", now=1.0) in "aw"
    assert story.ask(model, "chat", DENIED, 2.0) in "aw"
    assert story.ask(model, "chat", now=3.0) == "shut out"
    assert story.ask(model, "responses", now=3.0) in "aw"


@pytest.mark.parametrize("model", ["gpt", "w/gpt-a"])
def test_others_hear_for_which_kind(story: Story, deployment: Make, model: str) -> None:
    story.ask(model, "audio", DENIED)
    other = Story(deployment)
    assert [hear(other.router.layers, message, 1.0) for message in story.told] == [True]
    assert other.ask(model, "audio", now=1.0) == "shut out"
    assert other.ask(model, "chat", now=1.0) in "aw"


def test_what_the_others_get_does_not_end_it(story: Story) -> None:
    story.ask("gpt", "audio", DENIED)
    story.ask("gpt", "chat", now=301.0)
    assert story.ask("gpt", "audio", DENIED, 302.0) == "a", "one request tries it"
    assert story.ask("gpt", "audio", now=303.0) == "shut out"
    assert story.ask("gpt", "audio", OK, 1000.0) == "a"
    assert story.ask("gpt", "audio", now=1000.0) == "a"


def test_the_operators_word_is_for_all_kinds(story: Story) -> None:
    story.ask("gpt", "audio", DENIED)
    [layer] = [each for each in story.router.layer_statuses(1.0) if each.reason == "denied"]
    story.router.hold_layer(Layer.MODEL, layer.id, Hold.benched(), 1.0)
    assert isinstance(story.router.pick(story.router.match("gpt").pool, 1.0), Unavailable)  # type: ignore[union-attr]
    story.router.hold_layer(Layer.MODEL, layer.id, Hold.revived(), 2.0)
    assert story.ask("gpt", "audio", now=3.0) == "a"


def test_it_is_plain_again_when_nothing_is_denied(story: Story) -> None:
    """The way of nearly all requests costs no more for what was denied once."""
    match = story.router.match("gpt")
    assert match is not None
    story.ask("gpt", "audio", DENIED)
    assert not match.pool._is_plain
    story.router.hold("a", Hold.revived(), 1.0)
    assert match.pool._is_plain
