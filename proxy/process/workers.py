"""Several worker processes on one listening socket: forked, watched, replaced, drained.

The parent serves nothing. It waits for three things at once: signals, its workers' reports, and the moment when
it has something to do of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from proxy.process.bulletin import Bulletin, Reader
from proxy.process.counted import SharedCounted
from proxy.process.edition import Edition, Latest
from proxy.process.editions import Editions
from proxy.process.exit_codes import EX_FAILED, EX_INTERRUPTED, EX_OK
from proxy.process.facts import SharedFacts
from proxy.process.forking import TOLD_OF_NEWS, TOLD_TO_STOP, Lifeline, fork
from proxy.process.limits import SharedLimits
from proxy.process.numbers import SharedNumbers
from proxy.process.reports import Parent, Reports
from proxy.process.stopping import Terminal
from proxy.process.systemd import BEATS_PER_WATCHDOG, Service

log = logging.getLogger("sluice")

MAX_STILLBORN = 5
STILLBORN_WITHIN_S = 30.0
"""So many workers in so short a time that died before they could serve: a new one will not mend what is wrong.
Those that served died of their work, however soon, and giving up would only finish what killed them."""
PAUSE_S = 0.5
"""Before a worker that never served is replaced."""
_SIGNALS_AT_ONCE = 64

Work = Callable[[Edition, Parent, Latest, int, int], object]
"""What a worker does until its end, given what to serve with, whom to report to, where news are, the lifeline to
watch, and its number."""


class _Worker:
    __slots__ = ("accepts", "edition", "heard", "number", "served")

    def __init__(self, number: int, edition: int, now: float) -> None:
        self.number = number
        self.edition = edition
        self.heard = now
        self.accepts = self.served = False


class Workers:
    """`count` processes that each do `work`; those that die are replaced until a signal says stop."""

    def __init__(
        self,
        count: int,
        work: Work,
        editions: Editions,
        service: Service,
        shared: Sequence[socket.socket] = (),
        watchdog_s: float | None = None,
    ) -> None:
        """`shared`: what the workers accept from; the parent closes its own copies when the drain begins."""
        self._count = count
        self._work = work
        self._editions = editions
        self._service = service
        self._shared = shared
        self._watchdog_s = watchdog_s
        self._reports = Reports()
        self._bulletin = Bulletin()
        self._facts = SharedFacts(count)
        self._counted = SharedCounted()
        self._numbers = SharedNumbers(count)
        self._limits = SharedLimits(editions.newest.config.sluice_settings.limited_subjects, count)
        self._lifeline = Lifeline()
        self._terminal = Terminal()
        self._workers: dict[int, _Worker] = {}
        self._announced = False
        self._reloading = False
        self._draining = False
        self._stillborn: deque[float] = deque(maxlen=MAX_STILLBORN)
        self._start_after = 0.0
        self._beat_at = 0.0

    def supervise(self) -> int:
        """Start them and stay. Returns the exit code: 0 or 130 after a signal, 1 when workers die at once."""
        with _bell(TOLD_TO_STOP | {TOLD_OF_NEWS, signal.SIGCHLD}) as bell:
            told = 0
            while not told and not self._hopeless():
                self._start_missing()
                told = self._wait(bell)
            if not told:
                log.error("workers die before they serve: giving up")
            self._drain(bell, at_once=told == signal.SIGQUIT)
        return {signal.SIGINT: EX_INTERRUPTED, 0: EX_FAILED}.get(told, EX_OK)

    def _start_missing(self) -> None:
        while len(self._workers) < self._count and time.monotonic() >= self._start_after:
            number = min(
                set(range(1, self._count + 1)) - {worker.number for worker in self._workers.values()}
            )
            edition = self._editions.newest
            pid = fork(partial(self._live, edition, number), self._lifeline)
            self._workers[pid] = _Worker(number, edition.number, time.monotonic())

    def _live(self, edition: Edition, number: int) -> None:
        """In the worker."""
        parent = Parent(
            self._reports,
            edition.number,
            self._facts.of(number),
            self._counted,
            self._numbers.of(number),
            self._limits.of(number),
        )
        latest = Reader(self._bulletin, edition.number).latest
        self._work(edition, parent, latest, self._lifeline.fd, number)

    def _wait(self, bell: int) -> int:
        """Until something happens, and take note of it. Returns a signal that says stop, or 0."""
        ready, _, _ = select.select((bell, self._reports.fd), (), (), self._patience_s())
        rung = os.read(bell, _SIGNALS_AT_ONCE) if bell in ready else b""
        self._note_reports()
        self._note_deaths()
        self._beat()
        if TOLD_OF_NEWS in rung and not self._draining:
            if self._terminal.hung_up():
                return TOLD_OF_NEWS
            self._reload()
        return next((number for number in rung if number in TOLD_TO_STOP), 0)

    def _reload(self) -> None:
        """Signals that come while the files are read are answered by one more reload."""
        self._service.reloading()
        self._reloading = True
        edition = self._editions.latest().edition
        if edition is not None:
            self._bulletin.publish(edition)
            self._tell(TOLD_OF_NEWS)
        self._note_reloaded()

    def _note_reloaded(self) -> None:
        """Once every worker serves with the newest."""
        newest = self._editions.newest
        if self._reloading and all(worker.edition == newest.number for worker in self._workers.values()):
            self._reloading = False
            self._service.reloaded(newest)

    def _patience_s(self) -> float | None:
        missing = not self._draining and len(self._workers) < self._count
        moments = [self._start_after] if missing else []
        if self._watchdog_s is not None:
            moments.append(self._beat_at)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _note_reports(self) -> None:
        for report in self._reports.read():
            if report.order is not None:
                self._bulletin.pass_on(report.order)
                self._tell(TOLD_OF_NEWS)
            worker = self._workers.get(report.pid)
            if worker is not None:
                worker.heard = time.monotonic()
                worker.accepts = report.accepts
                worker.served = worker.served or report.accepts
                worker.edition = report.edition
        accepting = sum(worker.accepts for worker in self._workers.values())
        if accepting == self._count and not self._announced:
            self._announced = True
            self._service.ready()
        self._note_reloaded()

    def _beat(self) -> None:
        """systemd hears that all is well only while every worker reports: it restarts a service that hangs."""
        now = time.monotonic()
        if self._watchdog_s is None or now < self._beat_at:
            return
        self._beat_at = now + self._watchdog_s / BEATS_PER_WATCHDOG
        if all(now - worker.heard < self._watchdog_s for worker in self._workers.values()):
            self._service.alive()

    def _note_deaths(self) -> None:
        ended = _ended(self._workers)
        if ended:
            self._note_reports()  # their last words
        for pid, how in ended:
            worker = self._workers.pop(pid)
            self._limits.of(worker.number).give_back(worker.number)
            if self._draining:
                continue
            log.warning("worker %d %s; another takes its place", pid, how)
            now = time.monotonic()
            if not worker.served:
                self._stillborn.append(now)
                self._start_after = now + PAUSE_S

    def _hopeless(self) -> bool:
        deaths = self._stillborn
        return len(deaths) == MAX_STILLBORN and deaths[-1] - deaths[0] < STILLBORN_WITHIN_S

    def _drain(self, bell: int, *, at_once: bool) -> None:
        """Every worker finishes what it has; a further signal stops them at once."""
        self._draining = True
        self._service.stopping()
        for sock in self._shared:
            sock.close()
        self._lifeline.cut()
        while self._workers:
            if at_once:
                self._tell(signal.SIGQUIT)
            at_once = bool(self._wait(bell))

    def _tell(self, number: int) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _ended(pids: Iterable[int]) -> list[tuple[int, str]]:
    """Those that have ended, and how."""
    found = []
    for pid in pids:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            found.append((pid, f"ended with code {code}" if code >= 0 else f"was killed by signal {-code}"))
    return found


@contextmanager
def _bell(numbers: frozenset[signal.Signals]) -> Iterator[int]:
    """A descriptor on which each of these signals leaves a byte: its number."""
    bell, striker = socket.socketpair()
    os.set_blocking(striker.fileno(), False)
    signal.set_wakeup_fd(striker.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, _rung)
    try:
        yield bell.fileno()
    finally:
        signal.set_wakeup_fd(-1)
        bell.close()
        striker.close()


def _rung(_number: int, _frame: object) -> None:
    """Python has written the number to the wakeup descriptor. The handler stays: a late signal must not kill."""
