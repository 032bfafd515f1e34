"""Connections to upstreams, made on the reactor: a host's addresses in turn, the next one early (RFC 8305)."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from proxy.upstream.destination import Endpoint
from proxy.upstream.resolving import Address, Resolver
from proxy.wire.gone import ClientGone
from proxy.wire.parking import Late, Parking
from proxy.wire.reactor import Reactor

STAGGER_S = 0.25
"""Before the next address is tried beside those under way: RFC 8305 section 5's Connection Attempt Delay."""

Dial = Callable[[Parking, Endpoint, float], Awaitable[socket.socket]]
"""A connected socket, before the deadline (monotonic seconds). Raises OSError, Late, ClientGone."""

OUR_OWN = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
"""This process, or machine, has no descriptors, ports or memory left: that says nothing of any upstream."""


class Dialler:
    """Makes connections over TCP; one per worker."""

    def __init__(self, reactor: Reactor, resolver: Resolver) -> None:
        self._reactor = reactor
        self._resolver = resolver

    async def dial(self, parking: Parking, endpoint: Endpoint, deadline: float) -> socket.socket:
        """A `Dial`."""
        addresses = self._resolver.at_hand(endpoint.host, endpoint.port)
        if addresses is None:
            addresses = await self._look_up(parking, endpoint, deadline)
        race = Race(self._reactor, parking, in_turn(addresses))
        try:
            return await race.first(deadline)
        finally:
            race.end()

    async def _look_up(self, parking: Parking, endpoint: Endpoint, deadline: float) -> list[Address]:
        async with parking.guard(deadline):
            return await self._resolver.look_up(endpoint.host, endpoint.port)
        raise AssertionError("a guard passes nothing over")


class _Connecting:
    """A socket on its way to one address."""

    __slots__ = ("_parking", "ended", "sock")

    def __init__(self, sock: socket.socket, parking: Parking) -> None:
        self.sock = sock
        self.ended = False
        self._parking = parking

    def fileno(self) -> int:
        return self.sock.fileno()

    def on_event(self, _mask: int) -> None:
        self.ended = True
        self._parking.wake()

    def fail(self, _error: Exception) -> None:
        self.on_event(0)


class Race:
    """Who of some addresses answers first."""

    __slots__ = ("_error", "_left", "_next_at", "_parking", "_reactor", "_under_way")

    def __init__(self, reactor: Reactor, parking: Parking, addresses: Sequence[Address]) -> None:
        self._reactor = reactor
        self._parking = parking
        self._left = list(reversed(addresses))
        self._under_way: list[_Connecting] = []
        self._next_at = 0.0
        self._error = OSError(errno.EHOSTUNREACH, "the host has no address")

    async def first(self, deadline: float) -> socket.socket:
        """The socket that is connected first. Raises OSError when none is, Late, ClientGone."""
        while self._left or self._under_way:
            if self._left and (not self._under_way or time.monotonic() >= self._next_at):
                if (sock := self._begin(self._left.pop())) is not None:
                    return sock
                continue
            await self._wait(deadline)
            if (sock := self._connected()) is not None:
                return sock
        raise self._error

    def _begin(self, address: Address) -> socket.socket | None:
        """Set out for an address: the socket when it is there at once, as on the same machine."""
        self._next_at = time.monotonic() + STAGGER_S
        family, kind, proto, _name, place = address
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as error:
            self._failed(error)
            return None
        sock.settimeout(0)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = sock.connect_ex(place)
        except BaseException:
            sock.close()
            raise
        if number == 0:
            return sock
        if number == errno.EINPROGRESS:
            connecting = _Connecting(sock, self._parking)
            self._under_way.append(connecting)
            self._reactor.add(connecting)
        else:
            sock.close()
            self._failed(OSError(number, os.strerror(number)))
        return None

    async def _wait(self, deadline: float) -> None:
        """Until something has come of one of them, or it is time for the next."""
        if self._parking.gone:
            raise ClientGone
        try:
            await self._parking.park(min(deadline, self._next_at) if self._left else deadline)
        except Late:
            if time.monotonic() >= deadline:
                raise

    def _connected(self) -> socket.socket | None:
        for connecting in [each for each in self._under_way if each.ended]:
            sock = connecting.sock
            self._under_way.remove(connecting)
            self._reactor.remove(connecting)
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                return sock
            sock.close()
            self._failed(OSError(number, os.strerror(number)))
        return None

    def _failed(self, error: OSError) -> None:
        """What this machine lacks is told before what any of the addresses said."""
        if self._error.errno not in OUR_OWN:
            self._error = error

    def end(self) -> None:
        """Leave those that are still under way."""
        for connecting in self._under_way:
            self._reactor.remove(connecting)
            connecting.sock.close()
        self._under_way.clear()


def in_turn(addresses: Sequence[Address]) -> list[Address]:
    """One family after the other, that of the first address first: RFC 8305 section 4."""
    if len(addresses) == 1:
        return list(addresses)
    first = [each for each in addresses if each[0] == addresses[0][0]]
    second = [each for each in addresses if each[0] != addresses[0][0]]
    longer = max(len(first), len(second))
    return [each for at in range(longer) for family in (first, second) for each in family[at : at + 1]]
