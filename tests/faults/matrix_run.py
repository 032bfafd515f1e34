"""Runs the cells of the matrix side by side, each with deployments of its own, before one gateway."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import trio

from loadtest.answers import RawRequest
from loadtest.client import Seen, connected
from loadtest.fault_matrix.table import Cell, Sort, Topology
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.accounting.record import Record
from proxy.routing.router import DeploymentStatus
from tests.faults.staging import Place, place

KEY = "sk-gateway"
SIDE_BY_SIDE = 32
RUN_S = 60.0
MODEL = """
  - model_name: {group}
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{base}", api_key: sk-{id}, order: {order}{mode}}}
    model_info: {{id: {id}}}
"""
CONFIG = """
model_list:
{models}
litellm_settings: {{fallbacks: [{fallbacks}]}}
general_settings: {{master_key: sk-gateway}}
router_settings: {{cooldown_time: 300}}
sluice_settings:
  ask_stream_usage: false
  upstream_preopened_connections: 0
  connect_timeout_s: 2
  first_byte_timeout_s: 0.8
  first_token_timeout_s: 0.8
  stream_gap_timeout_s: 0.5
  probe_hold_s: 0.2
  drain_timeout_s: 1
  retry_budget_percent: 100
"""
"""What all cells have in common; their retries must not take each other's budget."""
MODE_HEADER = b"x-litellm-stream-mode: %b\r\n"


@dataclass(frozen=True)
class Observed:
    seen: Seen
    record: Record
    bad: DeploymentStatus
    good: DeploymentStatus | None
    asked: Sequence[RawRequest]
    """What reached the faulty upstream."""
    helped: Sequence[RawRequest]
    """What reached the good one."""


class Stage:
    """The gateway, and what is behind it."""

    def __init__(self, gateway: GatewayWithin, places: Mapping[str, Place], good: MockUpstream) -> None:
        self.gateway = gateway
        self._places = places
        self._good = good

    def observe(self, seen: Mapping[str, Seen]) -> dict[str, Observed]:
        """By the cells' names."""
        found = self.gateway.gateway.router.snapshot(time.monotonic())
        status = {each.id: each for each in found}
        records = {record.model_asked: record for record in self.gateway.records}
        assert len(records) == len(self.gateway.records), "more than one record of a request"
        return {
            name: Observed(
                seen[name],
                records[name],
                status[f"bad-{name}"],
                status.get(f"good-{name}"),
                place_of(name, self._places).requests(f"sk-bad-{name}"),
                [each for each in self._good.requests if each.header(b"authorization") == good_key(name)],
            )
            for name in seen
        }


def place_name(cell: Cell) -> str:
    """What cannot be reached is so for all who ask the same host: there each cell has its own."""
    return cell.name if cell.fault.sort is Sort.UNREACHABLE else cell.fault.name


def place_of(cell_name: str, places: Mapping[str, Place]) -> Place:
    return places.get(cell_name) or places[cell_name.partition(".")[0]]


def good_key(name: str) -> bytes:
    return f"Bearer sk-good-{name}".encode()


def body_of(cell: Cell) -> bytes:
    flag = b',"stream":true' if cell.mode.streams else b""
    return b'{"model":"%b","messages":[{"role":"user","content":"hi"}]%b}' % (cell.name.encode(), flag)


def asked_mode(cell: Cell) -> bytes:
    """Two ways to choose the mode: the request's header here, the deployment's setting elsewhere."""
    if not cell.mode.streams or cell.topology is not Topology.TWO_KEYS:
        return b""
    return MODE_HEADER % cell.mode.name.lower().encode()


def config_of(cells: Sequence[Cell], places: Mapping[str, Place], good: MockUpstream) -> str:
    models, fallbacks = [], []
    for cell in cells:
        name, topology = cell.name, cell.topology
        configured = cell.mode.streams and topology is not Topology.TWO_KEYS
        mode = f", stream_mode: {cell.mode.name.lower()}" if configured else ""
        base = place_of(name, places).base
        models.append(MODEL.format(group=name, base=base, id=f"bad-{name}", order=0, mode=mode))
        if topology is not Topology.ONE_KEY:
            group = name if topology is Topology.TWO_KEYS else f"other-{name}"
            models.append(
                MODEL.format(group=group, base=f"{good.url}/v1", id=f"good-{name}", order=1, mode="")
            )
        if topology is Topology.FALLBACK:
            fallbacks.append(f"{{{name}: [other-{name}]}}")
    return CONFIG.format(models="".join(models), fallbacks=", ".join(fallbacks))


@asynccontextmanager
async def stage(cells: Sequence[Cell], folder: Path, tls: ssl.SSLContext) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(mock_upstream())
        faults = {place_name(cell): cell.fault.name for cell in cells}
        places = {
            name: await stack.enter_async_context(place(fault, tls, name.replace("_", "-")))
            for name, fault in faults.items()
        }
        config = folder / "matrix.yaml"
        config.write_text(config_of(cells, places, good))
        with trio.fail_after(RUN_S):
            async with gateway_within(config) as gateway:
                yield Stage(gateway, places, good)
                await gateway.quiet()
        assert len(gateway.gateway.reactor) == 0


Answered = TypeVar("Answered")
Ask: TypeAlias = Callable[[GatewayWithin, Cell], Awaitable[Answered]]


async def side_by_side(
    gateway: GatewayWithin, cells: Sequence[Cell], ask: Ask[Answered]
) -> dict[str, Answered]:
    """What was answered, by the cells' names."""
    limit = trio.CapacityLimiter(SIDE_BY_SIDE)
    answered: dict[str, Answered] = {}

    async def one(cell: Cell) -> None:
        async with limit:
            answered[cell.name] = await ask(gateway, cell)

    async with trio.open_nursery() as nursery:
        for cell in cells:
            nursery.start_soon(one, cell)
    await gateway.recorded(len(cells))
    return answered


async def run_all(
    cells: Sequence[Cell], folder: Path, tls: ssl.SSLContext, lines: bytes
) -> dict[str, Observed]:
    """Every cell once, read as raw bytes. `lines`: header lines of every request."""

    async def ask(gateway: GatewayWithin, cell: Cell) -> Seen:
        async with connected(gateway.port, KEY) as client:
            await client.send(body_of(cell), lines=lines + asked_mode(cell))
            return await client.read()

    async with stage(cells, folder, tls) as staged:
        return staged.observe(await side_by_side(staged.gateway, cells, ask))
