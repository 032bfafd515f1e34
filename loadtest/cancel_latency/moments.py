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
from loadtest.cancel_latency.clients import DOORS, Client, Leaving, connected
from loadtest.cancel_latency.phases import HOLDER, PHASES, Phase, answer_for
from loadtest.mock_upstream import MockUpstream

SIDE_BY_SIDE = 8
LONGEST_STAY_S = 0.2
GIVE_UP_S = 5.0
"""A connection still open after this long was never going to be closed."""
ARRIVES_S = 10.0
UNTOLD_S = 0.1
"""For a request to be read by the gateway where no upstream tells of it; one that was not read has no record."""


class _Named(msgspec.Struct):
    model: str


@dataclass(frozen=True)
class Visit:
    """What one client means to do."""

    model: str
    """Names the request in the gateway's records; no other has it."""
    phase: Phase
    door: str
    how: Leaving
    stay_s: float


@dataclass(frozen=True)
class Moment:
    """One client's leaving."""

    visit: Visit
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
    arrivals = Arrivals(mock)
    found: list[Moment] = []
    visits = _visits(count, Random(seed))
    holder = await connected("fast", port, key)
    await holder.ask(_body(HOLDER, stream=False), "")
    await arrivals.arrived(HOLDER)

    async def leave_again_and_again() -> None:
        for visit in visits:
            client = await connected(visit.door, port, key)
            found.append(await _leave(client, arrivals, visit))
            await client.close()

    async with trio.open_nursery() as nursery:
        for _ in range(SIDE_BY_SIDE):
            nursery.start_soon(leave_again_and_again)
    await holder.close()
    return found


def _visits(count: int, random: Random) -> Iterator[Visit]:
    for number, (phase, door) in enumerate(islice(cycle(product(PHASES, DOORS)), count)):
        how, stay_s = random.choice(list(Leaving)), random.uniform(0, LONGEST_STAY_S)
        yield Visit(f"{phase.name}-{number}", phase, door, how, stay_s)


async def _leave(client: Client, arrivals: Arrivals, visit: Visit) -> Moment:
    phase = visit.phase
    await client.ask(_body(visit.model, stream=phase.stream), phase.mode)
    if phase.reaches_upstream:
        await arrivals.arrived(visit.model)
    else:
        await trio.sleep(UNTOLD_S)
    if phase.begun:
        await client.first_piece()
    await trio.sleep(visit.stay_s)
    left_at, left_unix_s = trio.current_time(), time.time()
    await client.leave(visit.how)
    if phase.reaches_upstream:
        return Moment(visit, left_unix_s, await arrivals.closed_ms(visit.model, left_at))
    await trio.sleep(LONGEST_STAY_S)  # after an HTTP/2 stream's reset, so that not the close tells
    return Moment(visit, left_unix_s, None)


def _body(model: str, *, stream: bool) -> bytes:
    flag = b',"stream":true' if stream else b""
    return b'{"model":"%b","messages":[]%b}' % (model.encode(), flag)
