"""All upstreams: started, killed and started again by the plan."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from loadtest.chaos.plan import DEAD, Plan
from loadtest.gateway_process import free_port

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 20.0


class Upstreams:
    """`ports` by name. `began_unix_s`: when the plan begins."""

    def __init__(self, plan: Plan, seed: int, seconds: float, began_unix_s: float) -> None:
        self.plan = plan
        self.ports = {name: free_port() for name in plan.spells}
        self.deaths = 0
        self._began_unix_s = began_unix_s
        self._options = ("--names", ",".join(plan.spells), "--seed", str(seed), "--seconds", str(seconds),
                         "--began", str(began_unix_s))  # fmt: skip
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = [sys.executable, "-m", "loadtest.chaos.upstream", name, "--port", str(self.ports[name])]
        self._processes[name] = subprocess.Popen([*command, *self._options], cwd=ROOT)

    def kill(self, name: str) -> None:
        """As a crash does it: what it was saying stops, and its port refuses."""
        self._processes[name].kill()
        self._processes[name].wait()

    def kill_all(self) -> None:
        for name in self._processes:
            self.kill(name)

    async def listening(self) -> None:
        with trio.fail_after(START_TIMEOUT_S):
            for port in self.ports.values():
                await _listening(port)

    async def live_and_die(self) -> None:
        """Until the plan is over."""
        async with trio.open_nursery() as nursery:
            for name in self.ports:
                nursery.start_soon(self._live_and_die, name)

    async def _live_and_die(self, name: str) -> None:
        for spell in self.plan.spells[name]:
            if spell.kind == DEAD:
                await self._until(spell.begins)
                self.kill(name)
                self.deaths += 1
                await self._until(spell.ends)
                self.start(name)

    async def _until(self, moment_s: float) -> None:
        await trio.sleep(max(0.0, self._began_unix_s + moment_s - time.time()))


async def _listening(port: int) -> None:
    while True:
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.02)
        else:
            return await stream.aclose()


@contextmanager
def running_upstreams(plan: Plan, seed: int, seconds: float, began_unix_s: float) -> Iterator[Upstreams]:
    upstreams = Upstreams(plan, seed, seconds, began_unix_s)
    try:
        for name in upstreams.ports:
            upstreams.start(name)
        yield upstreams
    finally:
        upstreams.kill_all()
