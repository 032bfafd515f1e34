from __future__ import annotations

import functools

import httpx
import trio

from proxy.simulator.app import Simulator
from proxy.simulator.server import serve


async def test_port_0_tells_its_url_and_cancelling_frees_it(nursery: trio.Nursery) -> None:
    async with trio.open_nursery() as own:
        app = Simulator(key_prefixes=("",))
        url = await own.start(functools.partial(serve, app=app), "127.0.0.1", 0)
        async with httpx.AsyncClient(headers={"authorization": "Bearer any"}) as client:
            answer = await client.get(f"{url}/v1/models/gpt-4o")
        assert answer.json()["id"] == "gpt-4o"
        own.cancel_scope.cancel()
    listeners = await trio.open_tcp_listeners(int(url.rpartition(":")[2]), host="127.0.0.1")
    await listeners[0].aclose()
