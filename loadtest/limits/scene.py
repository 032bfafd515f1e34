"""A gateway of several workers, its upstream, and clients that go on until they are told to stop."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from loadtest.client import Client, Seen, connected
from loadtest.gateway_process import GatewayProcess, running_gateway
from loadtest.mock_upstream import MockUpstream, mock_upstream

MASTER = "sk-master-of-limits"
PRICE_IN, PRICE_OUT = 1_000, 10_000
"""Nano-dollars per token."""
CONFIG = """
model_list:
  - model_name: m
    litellm_params:
      {{model: openai/m, api_base: "{url}/v1", api_key: sk-1, input_cost_per_token: 1.0e-6,
        output_cost_per_token: 1.0e-5, num_retries: 0}}
general_settings: {{master_key: {master}}}
sluice_settings:
  drain_timeout_s: 5
  access_log: "off"
  keys:
    - {{key: {budget}, key_alias: budget, max_budget: {dollars}}}
    - {{key: {minutes}, key_alias: minutes, rpm_limit: {rpm}, max_budget: 1000}}
    - {{key: {alone}, key_alias: alone, max_parallel_requests: 1, max_budget: 1000, rpm_limit: 100000}}
"""
BUDGET, MINUTES, ALONE = "sk-of-a-budget", "sk-of-minutes", "sk-alone-always"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":%d}'
STATE = "sluice.db"
SOON_S = 30.0


class Settings(msgspec.Struct, frozen=True):
    workers: int = 4
    clients: int = 200
    dollars: float = 1.0
    rpm: int = 600
    seconds: float = 185.0
    """Of the minutes."""
    kill_every_s: float = 5.0


class Scene:
    """Made by `scene`."""

    def __init__(self, gateway: GatewayProcess, mock: MockUpstream, settings: Settings, folder: Path) -> None:
        self.gateway = gateway
        self.mock = mock
        self.settings = settings
        self.state = folder / STATE
        self.killed = 0

    @asynccontextmanager
    async def client(self, key: str) -> AsyncIterator[Client]:
        async with connected(self.gateway.port, key) as client:
            yield client

    async def ask(self, key: str, max_tokens: int = 64) -> Seen:
        """On a connection of its own. Raises OSError, trio.BrokenResourceError while workers are exchanged."""
        async with self.client(key) as client:
            await client.send(BODY % max_tokens)
            return await client.read()

    def workers(self) -> list[int]:
        pid = self.gateway.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def kill_one(self) -> None:
        workers = self.workers()
        if workers:
            self.killed += 1
            os.kill(random.choice(workers), signal.SIGKILL)

    async def killing(self) -> None:
        """Until cancelled."""
        while True:
            await trio.sleep(self.settings.kill_every_s)
            self.kill_one()

    def read(self, sql: str, *values: object) -> list[tuple[float, ...]]:
        connection = sqlite3.connect(f"{self.state.as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()


@asynccontextmanager
async def scene(folder: Path, settings: Settings) -> AsyncIterator[Scene]:
    async with mock_upstream(keep=0) as mock:
        config = CONFIG.format(
            url=mock.url,
            master=MASTER,
            budget=BUDGET,
            minutes=MINUTES,
            alone=ALONE,
            dollars=settings.dollars,
            rpm=settings.rpm,
        )
        arguments = ("--num_workers", str(settings.workers))
        with running_gateway(folder, config=config, key=None, arguments=arguments) as gateway:
            yield Scene(gateway, mock, settings, folder)


class Told(msgspec.Struct, frozen=True):
    """What one answer said."""

    status: int
    """0: none came."""
    code: str = ""
    message: str = ""
    wait_s: float = 0.0

    @property
    def dollars(self) -> list[int]:
        """The amounts in a refusal's message, in nano-dollars."""
        amounts = re.findall(
            r"(?:cost|budget|of|under way): ?(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?) \$", self.message
        )
        return [_nano(one or other) for one, other in amounts]


def told(seen: Seen) -> Told:
    if not seen.whole or seen.status == 200:
        return Told(seen.status if seen.whole else 0)
    error = seen.error
    wait = int(seen.headers.get(b"retry-after-ms", b"0")) / 1000
    return Told(seen.status, error["code"] or "", error["message"] or "", wait)


def _nano(text: str) -> int:
    whole, _, rest = text.partition(".")
    return int(whole) * 10**9 + int(rest.ljust(9, "0"))


async def asked(scene: Scene, key: str, max_tokens: int = 64) -> Told:
    """Whatever comes of it."""
    try:
        return told(await scene.ask(key, max_tokens))
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        return Told(0)


def now() -> float:
    return time.monotonic()
