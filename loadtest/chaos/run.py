"""One run: upstreams that live and die, a gateway before them, the load, and what it leaves behind."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from loadtest.chaos.growth import Held, grown, held, settled
from loadtest.chaos.hostile import PER_S, Hostile
from loadtest.chaos.judge import Judge
from loadtest.chaos.load import Load, Tally
from loadtest.chaos.plan import Plan, make_plan
from loadtest.chaos.records import wrong_records
from loadtest.chaos.upstreams import Upstreams, running_upstreams
from loadtest.fuzz.hunt import stopped
from loadtest.gateway_process import GatewayProcess, running_gateway

KEY = "sk-chaos"
TOTAL_S = 15.0
SLACK_S = 2.0
"""What a busy machine may add to the gateway's deadline."""
LEAD_S = 1.0
"""From the upstreams' start to the plan's beginning: they start, the gateway starts."""
CAPACITY_S = 4.0
EARLY = 0.1
"""The share of the time after which memory is looked at for the first time."""
LONG_S = 60.0
"""A shorter run is looked at once, at its end: the load would pause for most of it."""
FLUSH_S = 1.0
"""For the last records to be written."""
DEPLOYMENT = """
  - model_name: m
    litellm_params: {{model: openai/m, api_base: "http://127.0.0.1:{port}/v1", api_key: sk-{name}}}
    model_info: {{id: {name}}}
"""
CONFIG = """
model_list:
{deployments}
router_settings: {{num_retries: {others}, cooldown_time: 1}}
general_settings: {{master_key: {key}}}
sluice_settings:
  connect_timeout_s: 1
  first_byte_timeout_s: 2
  first_token_timeout_s: 2
  stream_gap_timeout_s: 2
  total_timeout_s: {total_s}
  retry_budget_percent: 100
  upstream_idle_timeout_s: 1
  upstream_preopened_connections: 0
  drain_timeout_s: 2
  access_log: json
"""
"""Every upstream may be tried for every request, so that one that is well is found."""


@dataclass(frozen=True)
class Options:
    seconds: float
    seed: int
    upstreams: int
    rate: float | None
    """Requests per second; None: half of what can be served, which is measured first."""
    hostile: float = PER_S
    """Hostile connections per second; 0: none."""


@dataclass(frozen=True)
class Outcome:
    options: Options
    plan: Plan
    tally: Tally
    rate: float
    deaths: int
    hostile: int
    """Connections."""
    holdings: tuple[Held, Held, Held]
    """Before the load, a while into it, and after it; each in a pause."""
    wrong: Sequence[str]
    """The first wrong answers, wrong records, and growth."""


async def run(folder: Path, options: Options) -> Outcome:
    plan = make_plan(options.seed, options.seconds, [f"u{number}" for number in range(options.upstreams)])
    lead_s = LEAD_S + (CAPACITY_S if options.rate is None else 0.0)
    began = time.time() + lead_s
    with (
        running_upstreams(plan, options.seed, options.seconds, began) as upstreams,
        running_gateway(folder, config=config(upstreams.ports), key=None) as gateway,
    ):
        await upstreams.listening()
        judge = Judge(plan, TOTAL_S + SLACK_S)
        load = Load(gateway.port, KEY, judge, options.seed, lambda: time.time() - began)
        base = held(gateway.process.pid)
        rate = options.rate or await _half_of_capacity(load)
        await trio.sleep(max(0.0, began - time.time()))
        crowd = Hostile(gateway.port, options.seed, options.hostile)
        early, late = await _under_load(gateway, upstreams, load, crowd, options.seconds, rate, base)
        busy = gateway.in_flight(KEY)
        await trio.sleep(FLUSH_S)
    wrong = [*load.tally.lines, *_records(gateway, load.tally), *grown(base, early, late)]
    wrong += [f"a wall stopped {bug}" for bug in stopped(gateway.log)]
    if busy:
        wrong.append(f"{busy} slots are still taken")
    holdings = (base, early, late)
    return Outcome(options, plan, load.tally, rate, upstreams.deaths, crowd.connections, holdings, wrong)


async def _under_load(
    gateway: GatewayProcess,
    upstreams: Upstreams,
    load: Load,
    crowd: Hostile,
    seconds: float,
    rate: float,
    base: Held,
) -> tuple[Held, Held]:
    """What is held a while into it, and after it."""
    early, ends = None, trio.current_time() + seconds
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upstreams.live_and_die)
        if seconds >= LONG_S:
            await _beside(crowd, load, seconds * EARLY, rate)
            early = await settled(gateway.process.pid, base)
        await _beside(crowd, load, ends - trio.current_time(), rate)
        nursery.cancel_scope.cancel()
    late = await settled(gateway.process.pid, base)
    return early or late, late


async def _beside(crowd: Hostile, load: Load, seconds: float, rate: float) -> None:
    async with trio.open_nursery() as nursery:
        if crowd.wanted:
            nursery.start_soon(crowd.run)
        await load.run(seconds, rate)
        nursery.cancel_scope.cancel()


async def _half_of_capacity(load: Load) -> float:
    await load.run(CAPACITY_S, math.inf)
    return load.tally.asked / CAPACITY_S / 2


def _records(gateway: GatewayProcess, tally: Tally) -> Sequence[str]:
    with gateway.log.open(errors="replace") as lines:
        return wrong_records(lines, tally.asked, tally.kind_of_call)


def config(ports: Mapping[str, int]) -> str:
    deployments = "".join(DEPLOYMENT.format(name=name, port=port) for name, port in ports.items())
    return CONFIG.format(deployments=deployments, others=len(ports) - 1, key=KEY, total_s=TOTAL_S)
