"""Clients ask, stay for a random while, and leave; when that was, and when the upstream saw its connection close."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice, product
from random import Random

import msgspec
import trio

from loadtest.answers import Answer, RawRequest
from loadtest.cancel_latency.clients import DOORS, Leaving, connected
from loadtest.cancel_latency.phases import HOLDER, PHASES, Phase, answer_for
from loadtest.mock_upstream import MockUpstream

SIDE_BY_SIDE = 8
LONGEST_STAY_S = 0.2
GIVE_UP_S = 5.0
"""A connection still open after this long was never going to be closed."""
ARRIVES_S = 10.0


class _Named(msgspec.Struct):
    model: str


@dataclass(frozen=True)
class Moment:
    """One client's leaving."""

    model: str
    """Names the request in the gateway's records; no other has it."""
    phase: Phase
    door: str
    how: Leaving
    left_unix_s: float
    closed_ms: float | None
    """From the leaving until the upstream saw the close; None: it never did, or was never reached."""


class Arrivals:
    """Which request is on which of the mock's connections."""

    def __init__(self, mock: MockUpstream) -> None:
        self._mock = mock
        self._arrived: defaultdict[str, trio.Event] = defaultdict(trio.Event)
        self._connections: dict[str, int] = {}
        mock.script(self._answer)

    def _answer(self, request: RawRequest) -> Answer:
        model = msgspec.json.decode(request.body, type=_Named).model
        self._connections[model] = request.connection
        self._arrived[model].set()
        return answer_for(model)

    async def arrived(self, model: str) -> None:
        with trio.fail_after(ARRIVES_S):
            await self._arrived[model].wait()

    async def closed_ms(self, model: str, left_at: float) -> float | None:
        connection = self._mock.connections[self._connections[model]]
        with trio.move_on_after(GIVE_UP_S):
            await connection.closed.wait()
        return None if connection.closed_at is None else (connection.closed_at - left_at) * 1000


async def leave_at_random(port: int, key: str, mock: MockUpstream, count: int, seed: int) -> list[Moment]:
    """`count` clients, a few at a time, every phase and door in turn."""
    random = Random(seed)
    arrivals = Arrivals(mock)
    found: list[Moment] = []
    turns = enumerate(islice(cycle(product(PHASES, DOORS)), count))
    holder = await connected("fast", port, key)
    await holder.ask(_body(HOLDER, stream=False), "")
    await arrivals.arrived(HOLDER)

    async def leave_again_and_again(turns: Iterator[tuple[int, tuple[Phase, str]]]) -> None:
        for number, (phase, door) in turns:
            how, stay_s = random.choice(list(Leaving)), random.uniform(0, LONGEST_STAY_S)
            found.append(
                await _leave(port, key, arrivals, f"{phase.name}-{number}", phase, door, how, stay_s)
            )

    async with trio.open_nursery() as nursery:
        for _ in range(SIDE_BY_SIDE):
            nursery.start_soon(leave_again_and_again, turns)
    await holder.close()
    return found


async def _leave(
    port: int, key: str, arrivals: Arrivals, model: str, phase: Phase, door: str, how: Leaving, stay_s: float
) -> Moment:
    client = await connected(door, port, key)
    await client.ask(_body(model, stream=phase.stream), phase.mode)
    if phase.reaches_upstream:
        await arrivals.arrived(model)
    if phase.begun:
        await client.first_piece()
    await trio.sleep(stay_s)
    left_at, left_unix_s = trio.current_time(), time.time()
    await client.leave(how)
    closed_ms = await arrivals.closed_ms(model, left_at) if phase.reaches_upstream else None
    if not phase.reaches_upstream:
        await trio.sleep(LONGEST_STAY_S)  # an HTTP/2 connection stays, so that only its stream's reset tells
    await client.close()
    return Moment(model, phase, door, how, left_unix_s, closed_ms)


def _body(model: str, *, stream: bool) -> bytes:
    flag = b',"stream":true' if stream else b""
    return b'{"model":"%b","messages":[]%b}' % (model.encode(), flag)
