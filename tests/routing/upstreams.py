"""Upstreams that count as real ones do, and load on them: a simulation of minutes in milliseconds, from a seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import msgspec

from proxy.routing.router import Pool, Router, Wish
from proxy.types import Deployment, Limits, Result, ResultKind


class Meter(Protocol):
    """One kind of quota of one key, as its upstream counts it."""

    limit: int

    def left(self, now: float) -> float: ...
    def take(self, amount: int, now: float) -> None: ...
    def reset_s(self, now: float) -> float: ...


class FixedWindow:
    """Begins anew every minute."""

    def __init__(self, limit: int, phase_s: float) -> None:
        self.limit = limit
        self._phase_s = phase_s
        self._window = -1
        self._used = 0

    def left(self, now: float) -> float:
        window = int((now + self._phase_s) // 60)
        if window != self._window:
            self._window, self._used = window, 0
        return self.limit - self._used

    def take(self, amount: int, now: float) -> None:
        self._used += amount

    def reset_s(self, now: float) -> float:
        return 60 - (now + self._phase_s) % 60


class Bucket:
    """Fills all the time; a full one holds a minute's."""

    def __init__(self, limit: int, _phase_s: float = 0.0) -> None:
        self.limit = limit
        self._level = float(limit)
        self._at = 0.0

    def left(self, now: float) -> float:
        self._level = min(self.limit, self._level + (now - self._at) * self.limit / 60)
        self._at = now
        return self._level

    def take(self, amount: int, now: float) -> None:
        self._level -= amount

    def reset_s(self, now: float) -> float:
        return (self.limit - self._level) * 60 / self.limit


class Key(msgspec.Struct, eq=False):
    """An upstream's view of one key: whole requests are refused, and nothing is taken then."""

    requests: Meter
    tokens: Meter
    refused: int = 0

    def arrive(self, tokens: int, now: float) -> bool:
        if self.requests.left(now) < 1 or self.tokens.left(now) < tokens:
            self.refused += 1
            return False
        self.requests.take(1, now)
        self.tokens.take(tokens, now)
        return True

    def says(self, now: float) -> Limits:
        return Limits(
            int(self.requests.left(now)),
            int(self.tokens.left(now)),
            self.requests.reset_s(now),
            self.tokens.reset_s(now),
        )


class Job(msgspec.Struct, eq=False):
    born: float
    expected: int
    tokens: int
    picked_at: float = 0.0


class Load:
    """Requests that come by chance, wait in a queue while the router has none, and run on the keys."""

    def __init__(self, router: Router, pool: Pool, keys: Mapping[str, Key], seed: int) -> None:
        self._router = router
        self._pool = pool
        self._keys = keys
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._queue: deque[Job] = deque()
        self._woken_at = -1.0
        self.waits_s: list[float] = []
        self.served: Counter[str] = Counter()

    def run(self, per_s: float, mean_tokens: int, until: float) -> None:
        for born in self._births(per_s, until):
            self._at(born, lambda now: self._come(now, mean_tokens))
        while self._events:
            now, _, happen = heapq.heappop(self._events)
            happen(now)

    def _births(self, per_s: float, until: float) -> Iterator[float]:
        born = self._random.expovariate(per_s)
        while born < until:
            yield born
            born += self._random.expovariate(per_s)

    def _at(self, when: float, happen: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, happen))

    def _come(self, now: float, mean_tokens: int) -> None:
        tokens = int(mean_tokens * self._random.uniform(0.1, 1.9))
        expected = int(tokens * self._random.uniform(1.0, 1.5))
        self._queue.append(Job(now, expected, tokens))
        self._serve(now)

    def _serve(self, now: float) -> None:
        while self._queue:
            job = self._queue[0]
            picked = self._router.pick(self._pool, now, wish=Wish(tokens=job.expected))
            if not isinstance(picked, Deployment):
                if now >= self._woken_at:
                    self._woken_at = now + picked.retry_after_s
                    self._at(self._woken_at, self._serve)
                return
            self._queue.popleft()
            self.waits_s.append(now - job.born)
            self._send(job, picked, now)

    def _send(self, job: Job, picked: Deployment, now: float) -> None:
        job.picked_at = now
        self._at(now + self._random.uniform(0.005, 0.3), lambda then: self._arrive(job, picked, then))

    def _arrive(self, job: Job, picked: Deployment, now: float) -> None:
        key = self._keys[picked.id]
        taken, limits = key.arrive(job.tokens, now), key.says(now)
        if not taken:
            refused = Result(ResultKind.RATE_LIMITED, 429, 1.0, limits=limits)
            self._at(now + 0.05, lambda then: self._settle(job, picked, refused, then))
            return
        self.served[picked.id] += 1
        head_s = self._random.choice((0.2, 0.5, 1.0, 3.0, 12.0))
        self._at(now + head_s, lambda then: self._answer(job, picked, limits, then))

    def _answer(self, job: Job, picked: Deployment, limits: Limits, now: float) -> None:
        if self._router.listens(picked, now, Wish(tokens=job.expected)):
            self._router.answered(picked, now, limits, job.picked_at, Wish(tokens=job.expected))
        self._serve(now)
        result = Result(ResultKind.OK, 200, first_byte_s=now - job.picked_at, tokens=job.tokens)
        self._at(now + self._random.uniform(0, 20), lambda then: self._settle(job, picked, result, then))

    def _settle(self, job: Job, picked: Deployment, result: Result, now: float) -> None:
        self._router.settle(picked, result, now, Wish(tokens=job.expected))
        self._serve(now)
