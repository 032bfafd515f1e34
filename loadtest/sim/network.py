"""Who reaches whom: connections are made here, file descriptors given out, and everything kept for the judges."""

from __future__ import annotations

import heapq
import random
import socket
from collections.abc import Callable
from functools import partial
from typing import cast

import trio

from loadtest.sim.clock import VirtualClock
from loadtest.sim.plan import Fault
from loadtest.sim.poller import MemoryPoller
from loadtest.sim.sockets import End, Wire, pair
from loadtest.sim.story import Chronicle, Connection, Dial
from proxy.upstream.destination import Endpoint
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Parking

FIRST_FD = 1000
"""Far from the real ones."""
SUFFIX = ".sim"
"""Of the upstreams' hosts."""


class Listener:
    """An upstream's."""

    def __init__(
        self,
        accepts: Callable[[Connection], None],
        reachable: Callable[[], Fault],
        latency_s: float,
        capacity: int,
    ) -> None:
        """`reachable`: NONE, REFUSED or HANGS, asked at every connect."""
        self.accepts = accepts
        self.reachable = reachable
        self.latency_s = latency_s
        self.capacity_bytes = capacity


class Network:
    def __init__(self, clock: VirtualClock, chance: random.Random, story: Chronicle) -> None:
        self._clock = clock
        self._chance = chance
        self._story = story
        self._free: list[int] = []
        self._next_fd = FIRST_FD
        self.ends: dict[int, End] = {}
        self.poller = MemoryPoller(self.ends, chance)
        self.listeners: dict[str, Listener] = {}
        self.door: Callable[[End], None] | None = None
        """Where clients are let in; None: nobody listens."""

    def _pair(self, latency_s: float, capacity: int, gateway: str, other: str) -> tuple[End, End]:
        wire = Wire(self._clock, self._chance, latency_s, capacity)
        near, far = self._end(wire, gateway), self._end(wire, other)
        pair(wire, near, far)
        return near, far

    def _end(self, wire: Wire, name: str) -> End:
        """The lowest descriptor that is free, as the kernel does it."""
        fd = heapq.heappop(self._free) if self._free else self._next_fd
        self._next_fd = max(self._next_fd, fd + 1)
        end = self.ends[fd] = End(wire, name, fd, self._release)
        return end

    def _release(self, fd: int) -> None:
        del self.ends[fd]
        heapq.heappush(self._free, fd)

    def enter(self, client: str, latency_s: float, capacity: int) -> tuple[End, End] | None:
        """A client's connection: the gateway's end and its own; None: refused."""
        if self.door is None:
            return None
        near, far = self._pair(latency_s, capacity, f"gateway<-{client}", client)
        self.door(near)
        return near, far

    async def dial(self, parking: Parking, endpoint: Endpoint, deadline: float) -> socket.socket:
        """Implements proxy.upstream.dialling.Dial."""
        return await self._dial(parking, endpoint, deadline, ahead=False)

    async def dial_ahead(self, parking: Parking, endpoint: Endpoint, deadline: float) -> socket.socket:
        """The same, for no request."""
        return await self._dial(parking, endpoint, deadline, ahead=True)

    async def _dial(
        self, parking: Parking, endpoint: Endpoint, deadline: float, *, ahead: bool
    ) -> socket.socket:
        host = endpoint.host.removesuffix(SUFFIX)
        connecting = _Connecting(Dial(host, self._clock.now, ahead))
        self._story.dials.append(connecting.dial)
        self._story.tell(host, "dialled")
        listener = self.listeners[host]
        self._clock.after(2 * listener.latency_s, partial(self._connect, host, listener, connecting))
        try:
            async with parking.guard(deadline):
                await connecting.over.wait()
        except ClientGone:
            if connecting.connection is not None:  # it came in the moment that the client left
                connecting.connection.gateway.close()
            raise
        finally:
            connecting.wanted = False
        if connecting.connection is None:
            raise ConnectionRefusedError
        return cast(socket.socket, connecting.connection.gateway)

    def _connect(self, host: str, listener: Listener, connecting: _Connecting) -> None:
        fault = listener.reachable()
        if fault is Fault.HANGS or not connecting.wanted:
            return
        if fault is Fault.REFUSED:
            connecting.dial.refused_s = self._clock.now
            self._story.tell(host, "refuses")
        else:
            near, far = self._pair(listener.latency_s, listener.capacity_bytes, f"gateway->{host}", host)
            connection = connecting.connection = Connection(
                host, connecting.dial.at_s, near, far, connecting.dial.ahead
            )
            self._story.connections.append(connection)
            listener.accepts(connection)
        connecting.over.set()


class _Connecting:
    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        self.over = trio.Event()
        self.wanted = True
        self.connection: Connection | None = None
