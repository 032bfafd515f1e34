"""Host names to addresses: one look-up per host at a time, remembered, so that a dead zone costs only itself.

The system's resolver blocks its thread for as long as a zone's servers are silent. Trio shares forty threads among all
look-ups: one dead zone under load would take them all.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NoReturn, TypeAlias, cast

import trio

log = logging.getLogger("sluice")

MAX_LOOKUPS = 64
"""Threads that look up at once: as many dead zones do not hold up others, and a thread takes some 100 KB."""
MAX_HOSTS = 4096
"""Hosts remembered: those of the configuration, and those of pages that probe it."""
AGAIN_S = 1.0
"""After a look-up that failed while old addresses are still good: until the next."""

_V4: TypeAlias = tuple[Literal[socket.AddressFamily.AF_INET], socket.SocketKind, int, str, tuple[str, int]]
_V6Place: TypeAlias = tuple[str, int, int, int] | tuple[int, bytes]
_V6: TypeAlias = tuple[Literal[socket.AddressFamily.AF_INET6], socket.SocketKind, int, str, _V6Place]
Address: TypeAlias = _V4 | _V6
_Key: TypeAlias = tuple[bytes | None, int, int, int, int]
"""Host, family, type, protocol, flags."""
Lookup: TypeAlias = Callable[..., list[Address]]
"""`socket.getaddrinfo`. Raises OSError."""


class _Host:
    """What is known of one."""

    __slots__ = ("addresses", "asked_again_at", "error", "known_at", "under_way")

    def __init__(self) -> None:
        self.addresses: list[Address] = []
        self.known_at = 0.0
        self.asked_again_at = 0.0
        """Not before (monotonic seconds), after a look-up that failed."""
        self.error: OSError | None = None
        """Of the last look-up."""
        self.under_way: trio.Event | None = None
        """Set when the look-up has ended."""


class Resolver(trio.abc.HostnameResolver):
    """Trio's resolver while `run` runs. One per worker."""

    def __init__(
        self,
        fresh_s: float,
        stale_s: float,
        lookup: Lookup = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fresh_s`: how long addresses are used unasked; `stale_s`: how long beyond, while a new look-up goes on."""
        self._fresh_s = fresh_s
        self._stale_s = stale_s
        self._lookup = lookup
        self._clock = clock
        self._hosts: dict[_Key, _Host] = {}
        self._limiter = trio.CapacityLimiter(MAX_LOOKUPS)
        self._nursery: trio.Nursery | None = None
        self._waiting: list[tuple[_Key, _Host, trio.Event]] = []
        """Look-ups that were asked for before `run` had begun."""

    def configure(self, fresh_s: float, stale_s: float) -> None:
        """What a reload says."""
        self._fresh_s, self._stale_s = fresh_s, stale_s

    async def run(self) -> NoReturn:
        """Resolve for all of trio, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            while self._waiting:
                nursery.start_soon(self._look_up, *self._waiting.pop())
            before = trio.socket.set_custom_hostname_resolver(self)
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None
                trio.socket.set_custom_hostname_resolver(before)
        raise AssertionError("it sleeps for ever")

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name in trio's interface
        proto: int = 0,
        flags: int = 0,
    ) -> list[Address]:
        """As trio's, from memory where that is good enough. Raises OSError."""
        key = (host, family, type, proto, flags)
        known = self._known(key)
        now = self._clock()
        age_s = now - known.known_at
        if not known.addresses or age_s >= self._fresh_s + self._stale_s:
            await self._begin(key, known).wait()
            if known.error is not None:
                raise known.error.with_traceback(None)
        elif age_s >= self._fresh_s and now >= known.asked_again_at:
            self._begin(key, known)
        return [_at_port(address, int(port or 0)) for address in known.addresses]

    def at_hand(self, host: str, port: int) -> list[Address] | None:
        """HOT. The TCP addresses of a host, where they are known well enough to be used unasked; None: `look_up`."""
        numeric = _numeric(host)
        if numeric is not None:
            return [_at_port(numeric, port)]
        known = self._hosts.get(_key_of(host))
        if known is None or not known.addresses:
            return None
        now = self._clock()
        age_s = now - known.known_at
        if age_s >= self._fresh_s:
            if age_s >= self._fresh_s + self._stale_s:
                return None
            if now >= known.asked_again_at:
                self._begin(_key_of(host), known)
        return [_at_port(address, port) for address in known.addresses]

    async def look_up(self, host: str, port: int) -> list[Address]:
        """The same, waiting for them. Raises OSError."""
        name, *what = _key_of(host)
        return await self.getaddrinfo(name, port, *what)

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True, limiter=self._limiter
        )

    def _known(self, key: _Key) -> _Host:
        known = self._hosts.get(key)
        if known is None:
            if len(self._hosts) >= MAX_HOSTS:
                self._hosts = {key: host for key, host in self._hosts.items() if host.under_way is not None}
            known = self._hosts[key] = _Host()
        return known

    def _begin(self, key: _Key, known: _Host) -> trio.Event:
        """A look-up, unless one is under way. The event of its end."""
        if known.under_way is None:
            known.under_way = trio.Event()
            if self._nursery is None:
                self._waiting.append((key, known, known.under_way))
            else:
                self._nursery.start_soon(self._look_up, key, known, known.under_way)
        return known.under_way

    async def _look_up(self, key: _Key, known: _Host, ended: trio.Event) -> None:
        """In a task of its own: whoever waited may have given up, and the thread goes on all the same."""
        host, *what = key
        try:
            known.addresses = await trio.to_thread.run_sync(
                self._lookup, host, None, *what, abandon_on_cancel=True, limiter=self._limiter
            )
            known.known_at, known.error = self._clock(), None
        except OSError as error:
            known.error, known.asked_again_at = error, self._clock() + AGAIN_S
            log.info("the addresses of %s cannot be looked up: %s", (host or b"").decode("latin-1"), error)
        finally:
            known.under_way = None
            ended.set()


@lru_cache(maxsize=MAX_HOSTS)
def _numeric(host: str) -> Address | None:
    """What is an address already is not looked up."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return found[0]


@lru_cache(maxsize=MAX_HOSTS)
def _key_of(host: str) -> _Key:
    """Raises OSError for what cannot be a name."""
    try:
        return host.encode("idna"), 0, socket.SOCK_STREAM, 0, 0
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "no host has such a name") from error


def _at_port(address: Address, port: int) -> Address:
    family, kind, proto, name, place = address
    return cast("Address", (family, kind, proto, name, (place[0], port, *place[2:])))
