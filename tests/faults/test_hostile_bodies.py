"""Bodies made to break the gateway cost their sender a 400, and nobody anything else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]


async def test_nesting_of_any_depth(scene: OpenScene) -> None:
    """Around the interpreter's own limit the peek may pass what the renaming, some frames deeper, does not."""
    async with scene() as s:
        found = set()
        for depth in [*range(900, 1_010, 1), 5_000, 200_000]:
            async with s.client() as client:
                body = b'{"model":"m","messages":%b%b}' % (b"[" * depth, b"]" * depth)
                await client.send(body)
                seen = await client.read()
                assert seen.whole
                found.add(seen.status)
        assert found == {200, 400}
        assert {record.outcome for record in s.gateway.records} == {Outcome.OK, Outcome.CLIENT_ERROR}
        assert (await s.ask()).status == 200


async def test_text_that_is_no_utf8(scene: OpenScene) -> None:
    async with scene() as s, s.client() as client:
        await client.send(b'{"model":"m","\xff":1}')
        seen = await client.read()
        assert (seen.status, seen.error["code"]) == (400, "invalid_json")


async def test_a_bomb(scene: OpenScene) -> None:
    async with scene() as s, s.client() as client:
        bomb = gzip.compress(b'{"model":"m","x":"' + b"0" * 150_000_000 + b'"}', compresslevel=1)
        await client.send(bomb, lines=b"Content-Encoding: gzip\r\n")
        seen = await client.read()
        assert (seen.status, seen.error["code"]) == (413, "request_too_large")
        assert s.bad.requests == []
