"""A 401 without a word that decides: the key is asked for by one free call, and rests only when that is refused too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from loadtest.answers import JSON_TYPE, Answer, RawRequest

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
VAGUE = Answer(401, (JSON_TYPE,), b'{"error":{"message":"Not you.","type":"t","param":null,"code":null}}')
MODELS = Answer(200, (JSON_TYPE,), b'{"object":"list","data":[]}')


def _free_calls(s: Any) -> list[RawRequest]:
    return [request for request in s.bad.requests if request.head.startswith(b"GET /v1/models ")]


async def _asked_free(s: Any, count: int) -> None:
    while len(_free_calls(s)) < count:
        await s.bad.received(len(s.bad.requests) + 1)
    while s.gateway.links:  # noqa: ASYNC110 - it tells nobody
        await trio.sleep(0.001)


@pytest.mark.parametrize("door", ["fast", "asgi"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_that_is_refused_twice_rests(scene: OpenScene, stream: bool, door: str) -> None:
    async with scene(keys=2) as s:
        s.bad.script(lambda _: VAGUE)
        assert (await s.ask(stream=stream, door=door)).status == 200
        await _asked_free(s, 1)
        assert (s.gateway.status("bad").state, s.gateway.status("bad").reason) == ("open", "auth")
        for _ in range(3):
            assert (await s.ask()).status == 200
        assert len(s.bad.requests) == 2
        (free,) = _free_calls(s)
        assert free.header(b"authorization") == b"Bearer sk-bad"
        assert s.gateway.gateway.reaching.confirmer.refused == 1


async def test_a_key_that_is_well_goes_on(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(lambda request: MODELS if request.head.startswith(b"GET") else VAGUE)
        assert (await s.ask()).status == 200
        await _asked_free(s, 1)
        assert s.gateway.status("bad").state == "closed"
        s.bad.script(lambda _: None)
        asked = len(s.bad.requests)
        assert (await s.ask()).retries == 0
        assert len(s.bad.requests) == asked + 1


async def test_a_reloads_router_asks_too(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        gateway = s.gateway.gateway
        gateway.reload(gateway.config, {})
        s.bad.script(lambda _: VAGUE)
        assert (await s.ask()).status == 200
        await _asked_free(s, 1)
        assert s.gateway.status("bad").reason == "auth"


async def test_many_at_once_are_asked_for_once_a_second(scene: OpenScene) -> None:
    async with scene(keys=2) as s:
        s.bad.script(lambda request: MODELS if request.head.startswith(b"GET") else VAGUE)
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(s.ask)
        await _asked_free(s, 1)
        assert len(_free_calls(s)) == 1
