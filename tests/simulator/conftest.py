"""One simulator on a real socket for all tests here, and two ways to talk to it."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Iterator

import httpx
import openai
import pytest
import trio

from proxy.simulator.app import Simulator
from proxy.simulator.server import serve

START_TIMEOUT_S = 10


class _Served:
    """A simulator in a thread of its own: the SDK's blocking client needs this one."""

    def __init__(self) -> None:
        self._urls: queue.Queue[str] = queue.Queue()
        self._scope = trio.CancelScope()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._thread.start()
        self.url = self._urls.get(timeout=START_TIMEOUT_S)

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            async with trio.open_nursery() as nursery:
                app = Simulator(pace_s=0)
                self._urls.put(await nursery.start(functools.partial(serve, app=app), "127.0.0.1", 0))

    def stop(self) -> None:
        trio.from_thread.run_sync(self._scope.cancel, trio_token=self._token)
        self._thread.join()


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    served = _Served()
    yield served.url
    served.stop()


@pytest.fixture(scope="session")
def client(simulator_url: str) -> Iterator[openai.OpenAI]:
    """OpenAI's own SDK, checking every answer against its models."""
    with openai.OpenAI(
        base_url=f"{simulator_url}/v1",
        api_key="sk-sim-tests",
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture(scope="session")
def lenient(simulator_url: str) -> Iterator[openai.OpenAI]:
    """The SDK as users have it, for what its own models get wrong."""
    with openai.OpenAI(base_url=f"{simulator_url}/v1", api_key="sk-sim-tests", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def stranger(client: openai.OpenAI) -> openai.OpenAI:
    """Somebody else's key."""
    return client.with_options(api_key="sk-sim-stranger")


@pytest.fixture(scope="session")
def http(simulator_url: str) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sk-sim-http"}
    with httpx.Client(base_url=simulator_url, headers=headers) as client:
        yield client
