from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import msgspec
import pytest
import trio

from proxy.control.models import CREATED_UNIX_S
from proxy.control.upstream_models import (
    ASK_TIMEOUT_S,
    MAX_LIST_BYTES,
    MAX_MODELS,
    MAX_NAME_CHARS,
    RETRY_S,
    UpstreamModels,
    ask_upstream,
    models_in,
)
from proxy.routing.patterns import GroupLookup
from proxy.types import Deployment, Secret

TTL_S = 300.0


def deployment(
    group: str = "openai/*", model: str = "*", base: str = "https://a/v1", **fields: object
) -> Deployment:
    defaults = {"id": f"{group} {model} {base}", "provider": "openai", "object_scope": "s"}
    return Deployment(
        group=group, model=model, api_base=base, **{"api_key": Secret("sk-secret"), **defaults, **fields}
    )


def listing(*names: str) -> bytes:
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [{"id": name, "object": "model", "created": 7, "owned_by": "them"} for name in names],
        }
    )


class Upstreams:
    """What they say, by base and key; None: nothing."""

    def __init__(self, **said: bytes | None) -> None:
        self.said = said
        self.asked: list[str] = []
        self.now = 0.0
        self.gate: trio.Event | None = None

    async def ask(self, deployment: Deployment) -> bytes | None:
        name = deployment.api_base.removeprefix("https://").removesuffix("/v1")
        self.asked.append(name)
        if self.gate is not None:
            await self.gate.wait()
        return self.said[name]

    def lists(self, *deployments: Deployment) -> UpstreamModels:
        lookup = GroupLookup([each.group for each in deployments], {})

        def group_of(name: str) -> str | None:
            found = lookup.find(name)
            return None if found is None else found.group

        return UpstreamModels(deployments, group_of, TTL_S, self.ask, lambda: self.now)


async def names(lists: UpstreamModels) -> list[str]:
    return [card.id for card in await lists.cards()]


@pytest.mark.parametrize(
    ("group", "model", "listed", "shown"),
    [
        ("openai/*", "*", ["gpt-4o", "o3"], ["openai/gpt-4o", "openai/o3"]),
        ("*", "*", ["gpt-4o", "a/b"], ["gpt-4o", "a/b"]),
        ("fast-*", "gpt-*", ["gpt-4o", "o3", "gpt-"], ["fast-4o"]),
        ("*", "*-latest", ["m-latest", "-latest", "m"], ["m"]),
        ("x/*/y", "*", ["m"], ["x/m/y"]),
        ("openai/*", "gpt-4o", ["gpt-4o"], []),
        ("gpt-4o", "gpt-4o", ["gpt-4o"], []),
    ],
)
async def test_the_upstreams_names_as_the_pattern_says(
    group: str, model: str, listed: list[str], shown: list[str]
) -> None:
    upstreams = Upstreams(a=listing(*listed))
    lists = upstreams.lists(deployment(group, model))
    assert await names(lists) == shown
    assert upstreams.asked == (["a"] if "*" in group + model and "*" in model else [])
    for card in await lists.cards():
        assert (card.created, card.owned_by, card.object) == (7, "them", "model")


async def test_a_name_that_leads_elsewhere_is_not_listed_here() -> None:
    upstreams = Upstreams(a=listing("gpt-4o", "mini/x", "o3"), b=listing("x"))
    wide, narrow, exact = deployment("*"), deployment("mini/*", base="https://b/v1"), deployment("o3", "o3")
    assert await names(upstreams.lists(wide, narrow, exact)) == ["gpt-4o", "mini/x"]


async def test_a_list_is_asked_when_it_is_needed_and_kept() -> None:
    upstreams = Upstreams(a=listing("m"))
    lists = upstreams.lists(deployment())
    assert upstreams.asked == []
    for now in (0.0, TTL_S - 1):
        upstreams.now = now
        assert await names(lists) == ["openai/m"]
    assert upstreams.asked == ["a"]
    upstreams.now, upstreams.said["a"] = TTL_S, listing("n")
    assert await names(lists) == ["openai/n"]


async def test_who_asks_at_once_waits_for_one_look_up() -> None:
    upstreams = Upstreams(a=listing("m"))
    upstreams.gate = trio.Event()
    lists = upstreams.lists(deployment())
    got: list[list[str]] = []

    async def ask() -> None:
        got.append(await names(lists))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        upstreams.gate.set()
    assert got == [["openai/m"]] * 20
    assert upstreams.asked == ["a"]


async def test_who_leaves_in_mid_look_up_leaves_it_to_the_next() -> None:
    upstreams = Upstreams(a=listing("m"))
    upstreams.gate = trio.Event()
    lists = upstreams.lists(deployment())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lists.cards)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    upstreams.gate, upstreams.now = None, RETRY_S
    assert await names(lists) == ["openai/m"]


async def test_an_upstream_that_does_not_answer_costs_its_part(
    autojump_clock: trio.testing.MockClock,
) -> None:
    silent = trio.Event()
    upstreams = Upstreams(a=listing("m"), b=listing("x"), c=None)
    lists = upstreams.lists(
        deployment("a/*"), deployment("b/*", base="https://b/v1"), deployment("c/*", base="https://c/v1")
    )
    assert await names(lists) == ["a/m", "b/x"]
    upstreams.now = TTL_S
    ask = upstreams.ask

    async def hang(one: Deployment) -> bytes | None:
        if one.api_base.startswith("https://b"):
            await silent.wait()
        return await ask(one)

    lists._ask = hang
    began = trio.current_time()
    assert await names(lists) == ["a/m", "b/x"], "the list of before is kept"
    assert trio.current_time() - began == pytest.approx(ASK_TIMEOUT_S)
    began, asked = trio.current_time(), len(upstreams.asked)
    assert await names(lists) == ["a/m", "b/x"], "and the next page does not wait"
    assert (trio.current_time(), len(upstreams.asked)) == (began, asked)
    upstreams.now += RETRY_S
    lists._ask = ask
    assert await names(lists) == ["a/m", "b/x"]
    assert sorted(upstreams.asked[asked:]) == ["b", "c"]


async def test_another_key_is_tried_for_the_same_list() -> None:
    said: dict[str, bytes | None] = {"sk-1": None, "sk-2": b"{}", "sk-3": listing("m"), "sk-4": listing("n")}
    asked = []

    async def ask(one: Deployment) -> bytes | None:
        asked.append(one.api_key.reveal())
        return said[asked[-1]]

    keys = [deployment(id=key, api_key=Secret(key)) for key in said]
    assert await names(UpstreamModels(keys, lambda _: "openai/*", TTL_S, ask)) == ["openai/m"]
    assert asked == ["sk-1", "sk-2", "sk-3"]


@pytest.mark.parametrize("fields", [{"mock_response": "x"}, {"unservable": "no provider"}])
async def test_who_has_no_upstream_is_not_asked(fields: dict[str, object]) -> None:
    upstreams = Upstreams()
    assert await names(upstreams.lists(deployment(**fields))) == []


async def test_one_model_behind_a_pattern() -> None:
    upstreams = Upstreams(a=listing("m"), b=None)
    lists = upstreams.lists(
        deployment(), deployment("b/*", base="https://b/v1"), deployment("c/*", "fixed"), deployment("d", "d")
    )
    assert await lists.card("openai/m") == (await lists.cards())[0]
    assert await lists.card("openai/nope") is None
    for name in ("b/any", "c/any", "d"):
        card = await lists.card(name)
        assert card is not None
        assert (card.id, card.created) == (name, CREATED_UNIX_S)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"data": 5}', b"{", b"<html>", b'{"data": [}', b"\xff"]
)
def test_what_is_no_list(body: bytes) -> None:
    assert models_in(body) is None


def test_what_is_no_model_is_left_out() -> None:
    odd = [{"id": "m"}, {"id": 5}, 7, None, {"name": "x"}, {"id": ""}, {"id": "x" * (MAX_NAME_CHARS + 1)}]
    found = models_in(msgspec.json.encode({"data": odd, "x": 1}))
    assert found is not None
    assert [(model.id, model.created, model.owned_by) for model in found] == [("m", CREATED_UNIX_S, "openai")]
    many = models_in(listing(*map(str, range(MAX_MODELS + 5))))
    assert many is not None
    assert len(many) == MAX_MODELS


# -- over the wire


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    heads: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        heads.append(await stream.receive_some())
        with suppress(trio.BrokenResourceError):  # who has read enough leaves
            await stream.send_all(answer)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        start: Callable[..., Awaitable[object]] = partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        listeners = await nursery.start(start)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1", heads
        nursery.cancel_scope.cancel()


def answer(body: bytes, status: bytes = b"200 OK", *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, head, len(body), body)


async def test_the_upstream_is_asked_with_the_deployments_key() -> None:
    async with serving(answer(listing("m"))) as (base, heads):
        assert await ask_upstream(deployment(base=base)) == listing("m")
    head = heads[0].lower()
    assert head.startswith(b"get /v1/models http/1.1\r\n")
    assert b"authorization: bearer sk-secret" in head
    assert b"accept-encoding: identity" in head


@pytest.mark.parametrize(
    "said",
    [
        answer(b"{}", b"401 no"),
        answer(b"{}", b"302 go", b"Location: http://127.0.0.1:1/"),
        answer(b"x" * (MAX_LIST_BYTES + 1)),
        answer(listing("m"), b"200 OK", b"Content-Encoding: gzip"),
        answer(listing("m"))[:-5],
        b"\x16\x03 no HTTP\r\n\r\n",
        b"",
    ],
)
async def test_what_it_says_instead_is_no_list(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(said) as (base, _):
        assert await ask_upstream(deployment(base=base)) is None
    assert "sk-secret" not in caplog.text


async def test_no_upstream_at_all() -> None:
    assert await ask_upstream(deployment(base="http://127.0.0.1:1/v1")) is None
    assert await ask_upstream(deployment(ssl_verify="/nowhere.pem")) is None
