"""A credential that ends, and is renewed beside all requests: who comes before the first one waits for it."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Protocol

import trio

from proxy.errors import UpstreamFailure
from proxy.types import Headers, Layer, ResultKind
from proxy.wire.parking import Late, Parking

PATIENCE_S = 10.0
"""For the first token; whoever gives it answers in a tenth of a second, or is not there."""


class Admitted(Protocol):
    """Who is asked with it."""

    def admit(self, headers: Headers) -> None: ...


class Renewed:
    """One per source of tokens, for all destinations that share it."""

    __slots__ = ("_admitted", "_told", "ends", "headers", "why")

    def __init__(self) -> None:
        self.headers: Headers = ()
        self.ends = -math.inf
        """Monotonic seconds."""
        self.why: str | None = None
        """Why there is none, where there is none."""
        self._told = trio.Event()
        self._admitted: list[Admitted] = []

    def serves(self, admitted: list[Admitted]) -> None:
        """From now on, in place of those before."""
        self._admitted = admitted
        self._spread()

    def put(self, headers: Headers, ends: float) -> None:
        self.headers, self.ends, self.why = headers, ends, None
        self._spread()
        self._told.set()

    def fail(self, why: str) -> None:
        """The credential that there is holds until its end."""
        self.why = why
        self._told.set()

    async def ready(self, parking: Parking, until: float) -> None:
        """Returns at once while it holds. Raises UpstreamFailure where there is none, ClientGone."""
        now = time.monotonic()
        if now < self.ends:
            return
        if self.why is None:
            with suppress(Late):
                async with parking.guard(min(until, now + PATIENCE_S)):
                    await self._told.wait()
        if time.monotonic() >= self.ends:
            why = self.why or "none came in time"
            raise UpstreamFailure(ResultKind.REFUSED, f"no token for this upstream: {why}", Layer.NOBODY)

    def _spread(self) -> None:
        if self.headers:
            for each in self._admitted:
                each.admit(self.headers)
