"""One reactor per worker: a nested epoll that parks tasks until sockets are ready.

Theory of operation
-------------------
Trio's own `wait_readable` costs an `epoll_ctl` and a dozen microseconds per wait. Here every socket is
registered once, edge-triggered, on an epoll of our own; one trio task waits for that epoll as a whole
(and under load on it directly, for HOLD_S at most: everything else in the worker waits that long).

Rule 1: an edge is told once. Each `Link` remembers it (`readable`, `hangup`) until a read drains it.
Rule 2: look at the flags, then park, with no `await` between. Nothing runs in between, so no wake-up is lost.
Rule 3: dispatching never registers a socket, so an event never reaches a link younger than itself.

Rule 4: what a callee raises ends its own exchange (`fail`), never the dispatcher, which serves everybody.
"""

from __future__ import annotations

import fcntl
import select
import termios
import time
from collections.abc import Callable
from typing import Protocol

import trio

from proxy.wire.deadlines import Deadlines, Filing
from proxy.wire.parking import Carrier, Parking
from proxy.wire.walls import Walls

EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
ARRIVALS = select.EPOLLIN | select.EPOLLET
HOLD_S = 0.001
"""How long the dispatcher waits on its own epoll before it goes back to trio's. Under load the next event comes
sooner, and is spared trio's whole turn (some 40 us)."""
TURN_S = 0.002
"""After this long without a woken task, trio's other tasks (new connections, timers) get their turn all the same."""
BATCH_EVENTS = 512
"""Events taken in one poll: enough to amortise the poll, few enough to let the woken tasks run."""

_NONE = bytes(4)
"""Of FIONREAD: no byte. A C int."""


class Failing(Protocol):
    """What the reactor calls."""

    def fail(self, error: Exception) -> None:
        """What it raised when it was called: it ends what it belongs to, and nothing else."""


class Dispatched(Failing, Protocol):
    """What the reactor needs of a registered socket."""

    def on_event(self, mask: int) -> None: ...
    def fileno(self) -> int: ...


class Posted(Failing, Protocol):
    """A link that has posted."""

    def send_posted(self, data: bytes) -> None: ...


class Poller(Protocol):
    """Tells of edges on sockets: an epoll, or whatever stands in for one."""

    def register(self, fd: int, mask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]: ...
    def arrived(self, fd: int, /) -> bool:
        """Whether bytes are there to be read now, told or not."""

    async def wait(self) -> None:
        """Until `poll` has something to tell."""


class EpollPoller:
    """The kernel's own methods, bound: no frame of ours stands between."""

    __slots__ = ("_fd", "poll", "register", "unregister")

    def __init__(self) -> None:
        epoll = select.epoll()
        self._fd = epoll.fileno()
        self.register: Callable[[int, int], None] = epoll.register
        self.unregister: Callable[[int], None] = epoll.unregister
        self.poll: Callable[[float, int], list[tuple[int, int]]] = epoll.poll

    @staticmethod
    def arrived(fd: int, /) -> bool:
        """HOT. ioctl(2) needs no exception to say no, as a peek does: 1,500 instructions instead of 16,000."""
        return fcntl.ioctl(fd, termios.FIONREAD, _NONE) != _NONE

    async def wait(self) -> None:
        await trio.lowlevel.wait_readable(self._fd)


class Reactor:
    """Dispatches socket events and deadlines. `run` is its one task; everything else is called from tasks."""

    def __init__(
        self, poller: Poller | None = None, walls: Walls | None = None, deadlines: Filing | None = None
    ) -> None:
        """`poller`: an epoll of its own if None; `deadlines`: swept ten times a second if None."""
        self._poller = poller or EpollPoller()
        self.walls = walls or Walls()
        self.arrived = self._poller.arrived
        self._links: dict[int, Dispatched] = {}
        self._listening: set[int] = set()
        self._again: list[Dispatched] = []
        self.deadlines: Filing = Deadlines() if deadlines is None else deadlines
        self._outbox: list[tuple[Posted, bytes]] = []
        self.ready: list[Carrier] = []
        """Coroutines that were woken, to be stepped in this round."""
        self._stepping = False
        self.asleep = False
        """The dispatcher waits for trio to wake it: until then it steps and flushes nothing."""
        self.woken = 0
        """Tasks that were woken and have not run yet."""

    def add(self, link: Dispatched) -> None:
        """Register a connected or connecting non-blocking socket, once, for all its events."""
        fd = link.fileno()
        self._links[fd] = link
        self._poller.register(fd, EDGES)

    def add_listener(self, link: Dispatched) -> None:
        """Register a listening non-blocking socket."""
        fd = link.fileno()
        self._links[fd] = link
        self._listening.add(fd)
        self._poller.register(fd, ARRIVALS)

    def remove(self, link: Dispatched) -> None:
        """Forget the socket. Call before it is closed or handed on."""
        fd = link.fileno()
        self._listening.discard(fd)
        if self._links.pop(fd, None) is not None:
            self._poller.unregister(fd)

    def again(self, link: Dispatched) -> None:
        """Call the link once more in the next round: it had more to read than its fair share."""
        self._again.append(link)

    def __len__(self) -> int:
        """Connections."""
        return len(self._links) - len(self._listening)

    async def run(self) -> None:
        """Serve events and deadlines until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.deadlines.sweep, self.look_at)
            await self._dispatch()

    async def _dispatch(self) -> None:
        links, poll = self._links, self._poller.poll
        turn_ends = 0.0
        while True:
            if self.woken or time.monotonic() > turn_ends:
                await trio.lowlevel.checkpoint()
                turn_ends = time.monotonic() + TURN_S
                continue
            if self._outbox:
                self.flush()
            events = poll(0 if self._again or self.ready else HOLD_S, BATCH_EVENTS)
            if not (events or self._again or self.ready):
                self.asleep = True
                await self._poller.wait()
                self.asleep = False
                continue
            for ready_fd, mask in events:
                link = links.get(ready_fd)
                if link is not None:
                    try:
                        link.on_event(mask)
                    except Exception as error:  # noqa: BLE001 - the wall around callees
                        self._fail(link, error)
            if self._again:
                self._repeat()
            if self.ready:
                self._step()
            if self._outbox:
                self.flush()

    def _step(self) -> None:
        """Those that are woken meanwhile have their turn in the next round."""
        ready, self.ready = self.ready, []
        self._stepping = True
        for carrier in ready:
            carrier.step()  # what its coroutine raises is raised in its task
        self._stepping = False

    def post(self, link: Posted, data: bytes) -> None:
        """Have the link send `data` with all that the tasks of this turn post: the last of them sends for all.

        A send wakes the process at the other end, which costs more than the send itself when it sleeps; sends
        that follow each other closely find it awake. A task that is alone sends at once.
        """
        self._outbox.append((link, data))
        if self.asleep or not (self._stepping or self.woken):
            self.flush()

    def defer(self, mover: Posted, data: bytes) -> None:
        """`post`, for those who are called by the dispatcher: it flushes when its round is over."""
        self._outbox.append((mover, data))

    def flush(self) -> None:
        """Send what was posted, in its order."""
        outbox, self._outbox = self._outbox, []
        for link, data in outbox:
            try:
                link.send_posted(data)
            except Exception as error:  # noqa: BLE001 - the wall around callees
                self._fail(link, error)

    def _repeat(self) -> None:
        again, self._again = self._again, []
        for link in again:
            try:
                link.on_event(select.EPOLLIN)
            except Exception as error:  # noqa: BLE001 - the wall around callees
                self._fail(link, error)

    def _fail(self, callee: Failing, error: Exception) -> None:
        """A callee that raised ends alone: it is told, so that its request hears of it where it waits."""
        self.walls.callees.stop(error, type(callee).__name__)
        with self.walls.callees.around(lambda: f"{type(callee).__name__}, while ending,"):
            callee.fail(error)

    def file(self, parking: Parking, deadline: float) -> None:
        """Look at the parking's deadline when this one comes due."""
        self.deadlines.file(parking, deadline)

    def unfile(self, parking: Parking) -> None:
        """Forget the parking's deadline, for one that will not park again."""
        self.deadlines.unfile(parking)

    def look_at(self, parking: Parking, now: float) -> None:
        """Its deadline, as it was filed, has come."""
        try:
            parking.look_at_deadline(now)
        except Exception as error:  # noqa: BLE001 - the wall around callees
            self._fail(parking, error)
