from __future__ import annotations

import functools
import socket

import httpx
import trio

from proxy.simulator.app import Simulator
from proxy.simulator.server import serve, serve_socket


async def test_port_0_tells_its_url_and_cancelling_frees_it() -> None:
    async with trio.open_nursery() as own:
        app = Simulator(key_prefixes=("",))
        url = await own.start(functools.partial(serve, app=app), "127.0.0.1", 0)
        async with httpx.AsyncClient(headers={"authorization": "Bearer any"}) as client:
            answer = await client.get(f"{url}/v1/models/gpt-4o")
        assert answer.json()["id"] == "gpt-4o"
        own.cancel_scope.cancel()
    listeners = await trio.open_tcp_listeners(int(url.rpartition(":")[2]), host="127.0.0.1")
    await listeners[0].aclose()


async def test_a_socket_that_listens_already_is_taken_over() -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with trio.open_nursery() as own:
        own.start_soon(functools.partial(serve_socket, sock, app=Simulator(key_prefixes=("",))))
        async with httpx.AsyncClient(headers={"authorization": "Bearer any"}) as client:
            assert (await client.get(f"{url}/v1/models")).status_code == 200
        own.cancel_scope.cancel()
    assert sock.fileno() == -1
