"""The simulated OpenAI in a thread, which remembers what it was sent."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from proxy.simulator.app import Simulator
from proxy.simulator.server import serve

if TYPE_CHECKING:
    from hypercorn.typing import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, Scope

_AUTHORIZATION = b"authorization"
_ANYBODY = b"Bearer sk-anybody"


@dataclass
class Seen:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Remembering(Simulator):
    """As a server of one's own: it lets everybody in, with any key and without."""

    def __init__(self) -> None:
        super().__init__(pace_s=0.0, key_prefixes=("",))
        self.seen: list[Seen] = []

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        headers = list(scope["headers"])
        seen = Seen(scope["path"], {name.decode().lower(): value.decode() for name, value in headers})
        self.seen.append(seen)
        if _AUTHORIZATION.decode() not in seen.headers:
            headers.append((_AUTHORIZATION, _ANYBODY))

        async def hearing() -> ASGIReceiveEvent:
            message = await receive()
            if message["type"] == "http.request":
                seen.body += message["body"]
            return message

        await super().__call__({**scope, "headers": headers}, hearing, send)


class Simulated:
    def __init__(self, url: str, app: Remembering) -> None:
        self.base = f"{url}/v1"
        self._app = app

    @property
    def seen(self) -> list[Seen]:
        return self._app.seen


@contextmanager
def simulated_openai() -> Iterator[Simulated]:
    app = Remembering()
    there: list[tuple[str, trio.lowlevel.TrioToken]] = []
    ready, done = threading.Event(), trio.Event()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(functools.partial(serve, app=app), "127.0.0.1", 0)
            there.append((url, trio.lowlevel.current_trio_token()))
            ready.set()
            await done.wait()
            nursery.cancel_scope.cancel()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    ready.wait()
    url, token = there[0]
    try:
        yield Simulated(url, app)
    finally:
        token.run_sync_soon(done.set)
        thread.join()
