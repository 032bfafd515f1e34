"""The load: a closed loop of clients, paced; each answer goes to the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import trio

from loadtest.chaos.client import Connection, Seen
from loadtest.chaos.judge import Asked, Judge, Kind

CLIENTS = 64
STREAMS = 0.5
"""Share of the requests that ask for one."""
MODES = ("", "", "", "probe", "buffered")
LEAVERS = 0.05
"""Share of the clients that do not wait for the end."""
STAY_S = (0.02, 0.5)
GIVE_UP_S = 30.0
BACKLOG_S = 1.0
"""What could not be asked in time, because every client was waiting, is not asked later all at once."""
MOST_LINES = 20


@dataclass
class Tally:
    """What became of the requests."""

    asked: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    wrong: int = 0
    lines: list[str] = field(default_factory=list)
    """The first of the wrong ones."""
    kind_of_call: dict[str, Kind] = field(default_factory=dict)
    """By call id, where the client learned it."""
    whole_s: list[float] = field(default_factory=list)
    """How long whole answers took that are no streams."""
    first_s: list[float] = field(default_factory=list)
    """Until the first byte of the body of whole streams."""

    def count(self, asked: Asked, seen: Seen, kind: Kind | None, wrong: str) -> None:
        if wrong:
            self.wrong += 1
            if len(self.lines) < MOST_LINES:
                what = f"stream {asked.mode}".strip() if asked.stream else "whole"
                self.lines.append(f"request {asked.number} ({what}): {wrong}")
        if kind is None:
            return
        self.kinds[kind] += 1
        if seen.call_id:
            self.kind_of_call[seen.call_id] = kind
        if kind is Kind.WHOLE and not asked.stream:
            self.whole_s.append(seen.took_s)
        elif kind is Kind.WHOLE and seen.first_at is not None:
            self.first_s.append(seen.first_at - seen.asked_at)


class Pace:
    """So many turns per second, evenly; `inf`: all at once."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1 / per_s
        self._next = trio.current_time()

    async def turn(self) -> None:
        now = trio.current_time()
        self._next = max(self._next, now - BACKLOG_S)
        due, self._next = self._next, self._next + self._gap_s
        await trio.sleep(max(0.0, due - now))


class Load:
    """`plan_clock`: seconds since the plan began."""

    def __init__(self, port: int, key: str, judge: Judge, seed: int, plan_clock: Callable[[], float]) -> None:
        self.tally = Tally()
        self._port = port
        self._key = key
        self._judge = judge
        self._random = Random(seed)
        self._plan_clock = plan_clock
        self._numbers = count()

    async def run(self, seconds: float, per_s: float) -> None:
        """No request begins later; all have their end when this returns."""
        pace, until = Pace(per_s), trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(self._ask_on_and_on, pace, until)

    async def _ask_on_and_on(self, pace: Pace, until: float) -> None:
        connection = Connection(self._port)
        while True:
            await pace.turn()
            if trio.current_time() >= until:
                return await connection.close()
            await self._ask(connection)

    async def _ask(self, connection: Connection) -> None:
        random = self._random
        stream = random.random() < STREAMS
        asked = Asked(next(self._numbers), stream, random.choice(MODES) if stream else "")
        leave_s = random.uniform(*STAY_S) if random.random() < LEAVERS else None
        begins = self._plan_clock()
        self.tally.asked += 1
        seen = await connection.ask(request(asked, self._key), GIVE_UP_S, leave_s)
        verdict = self._judge.judge(asked, seen, begins)
        self.tally.count(asked, seen, verdict.kind, verdict.wrong)


def request(asked: Asked, key: str) -> bytes:
    """The request's number is its `user`."""
    flag = b',"stream":true' if asked.stream else b""
    body = b'{"model":"m","messages":[{"role":"user","content":"Go on."}]%b,"user":"%d"}' % (
        flag,
        asked.number,
    )
    mode = b"x-litellm-stream-mode: %b\r\n" % asked.mode.encode() if asked.mode else b""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %b\r\n%b"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    ) % (key.encode(), mode, len(body), body)
