"""Where a task waits for its sockets, and how its waits cost no pass through trio's scheduler.

A connection's coroutine is *carried*: its trio task hands it to the reactor when it first parks, and sleeps. From then
on the reactor steps it, from wait to wait, until it ends or asks for its task. The code of a request knows nothing of
this, but for one rule: whoever waits on trio itself (a nursery, a cancel scope, a timer) calls `Parking.own` before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Protocol, TypeVar, cast

import trio
from trio.lowlevel import Abort, Task, checkpoint, current_task, reschedule, wait_task_rescheduled

from proxy.wire.gone import ClientGone
from proxy.wire.saying import Passing, apart, saying

T = TypeVar("T")

PARKED = object()
"""What a carried coroutine says when it waits at a parking."""
OWN = object()
"""What it says when it needs its own task."""
_PARKED = saying(PARKED)
_OWN = saying(OWN)


class Late(Exception):  # noqa: N818 - a fact, not an error
    """The deadline that the task was parked with has passed."""


class _Woken:
    """What a wake-up brings, for all of them: trio would make an `outcome.Value` for each."""

    __slots__ = ()

    def unwrap(self) -> None: ...


WOKEN = _Woken()


class Dispatcher(Protocol):
    """What a parking needs of the reactor."""

    ready: list[Carrier]
    """Coroutines to be stepped in this round."""
    asleep: bool
    """It waits for trio to wake it: until then it steps nothing."""
    woken: int
    """Tasks that were woken and have not run yet."""

    def file(self, parking: Parking, deadline: float) -> None: ...
    def unfile(self, parking: Parking) -> None: ...


class Carrier:
    """One coroutine, the task that carries it, and who runs it now."""

    __slots__ = ("_ended", "_foreign", "_lent", "_over", "_result", "_send", "_task", "owns")

    _send: Callable[[None], object]
    _task: Task

    def __init__(self) -> None:
        self.owns = True
        """Its task keeps it through its waits: it may use all of trio."""
        self._lent = False
        """Its task sleeps until it is given back."""
        self._over = False
        """It came to its end while the reactor stepped it."""
        self._result: object = None
        self._ended: BaseException | None = None
        """What it raised while the reactor stepped it."""
        self._foreign = False
        """It waited on trio while the reactor stepped it, which is a bug."""

    async def carry(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run it in this task. Returns and raises what it does."""
        coroutine = apart(coroutine)
        self._task = current_task()
        self._send = send = coroutine.send
        self.owns = False
        try:
            said = send(None)
            while True:
                if said is not PARKED:  # trio's business
                    said = coroutine.send(await Passing(said))
                    continue
                self._lent = True
                try:
                    await wait_task_rescheduled(self._take_back)
                except BaseException as error:  # noqa: BLE001 - goes on in the coroutine
                    if not self._over and self._ended is None:
                        said = coroutine.throw(error)
                        continue
                if self._over:
                    return cast("T", self._result)
                if self._ended is not None:
                    raise self._take_ended()
                if self._foreign:
                    self._foreign = False
                    said = coroutine.throw(RuntimeError("waited on trio without its own task"))
                else:
                    said = send(None)
        except StopIteration as end:
            return cast("T", end.value)
        finally:
            self.owns = True

    def _take_ended(self) -> BaseException:
        """No frame that its traceback holds may hold it: of that circle nobody but the collector would be rid."""
        ended, self._ended = self._ended, None
        assert ended is not None
        return ended

    async def own(self) -> None:
        """Go on in the own task, and stay there until `share`."""
        self.owns = True
        if current_task() is not self._task:
            await _OWN

    def share(self) -> None:
        """No scope of trio's is open: the reactor may step it again."""
        self.owns = False

    def step(self) -> None:
        """HOT. From the reactor: run it to its next wait."""
        if self.owns:  # cancelled since it was woken
            return
        try:
            said = self._send(None)
        except StopIteration as end:
            self._result, self._over = end.value, True
        except BaseException as ended:  # noqa: BLE001 - raised again in its task
            self._ended = ended
        else:
            if said is PARKED:
                return
            if said is not OWN:
                self.owns = self._foreign = True
        self.give_back()

    def give_back(self) -> None:
        """Have its task go on with it."""
        if self._lent:
            self._lent = False
            reschedule(self._task)

    def _take_back(self, _raise_cancel: object) -> Abort:
        self._lent = False
        self.owns = True
        return Abort.SUCCEEDED


class Parking:
    """Where one task waits for its sockets: one per client connection, or per request behind ASGI.

    `gone` is set once the client has left; whoever waits here looks at it before and after.
    """

    __slots__ = (
        "_carrier", "_reactor", "_waiter", "deadline", "filed_tick", "gone", "guarded", "late", "left_at",
        "looked_at",
    )  # fmt: skip

    def __init__(self, reactor: Dispatcher, carrier: Carrier | None = None) -> None:
        """`carrier`: of the coroutine that waits here; None: it is a task's own."""
        self._reactor = reactor
        self._carrier = carrier
        self._waiter: Task | Carrier | None = None
        self.guarded: trio.CancelScope | None = None
        """Of a wait on trio, which ends when the client leaves."""
        self.deadline = math.inf
        self.filed_tick = 0
        self.looked_at = math.inf
        """A deadline before this moment must be filed: the sweeper would look too late."""
        self.gone = False
        self.left_at = math.inf
        """When the client left: monotonic seconds."""
        self.late = False

    def another(self) -> Parking:
        """For what must outlast this one's client."""
        return Parking(self._reactor, self._carrier)

    async def park(self, deadline: float = math.inf) -> None:
        """Until `wake`, which a leaving client causes too. Raises `Late` at the deadline (monotonic seconds)."""
        self.deadline = deadline
        if deadline < self.looked_at:
            self._reactor.file(self, deadline)
        carrier = self._carrier
        if carrier is None or carrier.owns:
            self._waiter = current_task()
            await wait_task_rescheduled(self._unpark)
            self._reactor.woken -= 1
        else:
            self._waiter = carrier
            try:
                await _PARKED
            finally:
                self._waiter = None
        if self.late:
            self.late = False
            raise Late

    async def pass_turn(self) -> None:
        """Let the others go first, once."""
        carrier = self._carrier
        if carrier is None or carrier.owns or self._reactor.asleep:
            await checkpoint()
        else:
            self._reactor.ready.append(carrier)
            await _PARKED

    async def own(self) -> None:
        """Before waiting on trio itself: from here to its end the request is run by its own task."""
        if self._carrier is not None:
            await self._carrier.own()

    def set_deadline(self, deadline: float) -> None:
        """Move the deadline of a task that is parked."""
        self.deadline = deadline
        if deadline < self.looked_at:
            self._reactor.file(self, deadline)

    def wake(self) -> None:
        """Resume whoever is parked, if somebody is. Idempotent."""
        waiter = self._waiter
        if waiter is None:
            return
        self._waiter = None
        reactor = self._reactor
        if waiter is not self._carrier:
            reactor.woken += 1
            reschedule(waiter, WOKEN)  # type: ignore[arg-type]
        elif reactor.asleep:
            waiter.give_back()
        else:
            reactor.ready.append(waiter)

    def leave(self) -> None:
        """The client has left: wake the task, or cancel the guarded wait it is in."""
        if not self.gone:
            self.left_at = time.monotonic()
        self.gone = True
        if self.guarded is not None:
            self.guarded.cancel()
        self.wake()

    def guard(self, deadline: float = math.inf) -> Guard:
        """`async with`: a wait that is not on the reactor (a connect, a sleep); ends at once when the client leaves.

        Raises `ClientGone`, or `Late` at the deadline (monotonic seconds).
        """
        return Guard(self, deadline)

    def look_at_deadline(self, now: float) -> None:
        """The sweeper's call: fire, file again, or forget."""
        self.filed_tick = 0
        self.looked_at = math.inf
        if self.deadline <= now:
            self.deadline = math.inf
            if self._waiter is not None:
                self.late = True
                self.wake()
        elif self.deadline != math.inf:
            self._reactor.file(self, self.deadline)

    def fail(self, _error: Exception) -> None:
        """From the reactor, whose call raised: nobody can wait here any more."""
        self.leave()

    def close(self) -> None:
        """This task parks no more."""
        self._reactor.unfile(self)

    def _unpark(self, _raise_cancel: object) -> Abort:
        self._waiter = None
        return Abort.SUCCEEDED


class Guard:
    """Made by `Parking.guard`."""

    __slots__ = ("_parking", "_scope")

    def __init__(self, parking: Parking, deadline: float) -> None:
        self._parking = parking
        self._scope = trio.CancelScope()
        if deadline != math.inf:
            self._scope.deadline = trio.current_time() + deadline - time.monotonic()

    async def __aenter__(self) -> None:
        if self._parking.gone:
            raise ClientGone
        await self._parking.own()
        self._scope.__enter__()
        self._parking.guarded = self._scope

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, way: TracebackType | None
    ) -> bool:
        self._parking.guarded = None
        if not self._scope.__exit__(kind, error, way) and error is not None:
            return False
        if self._parking.gone:
            raise ClientGone
        if self._scope.cancelled_caught:
            raise Late
        return False
