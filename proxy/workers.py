"""Processes: one worker runs in this one; several are forked, watched and replaced.

All workers accept from the same listening sockets, which the parent opened and outlives.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable

log = logging.getLogger("sluice")

STOP_SIGNALS = frozenset((signal.SIGTERM, signal.SIGINT))
WATCHED = STOP_SIGNALS | {signal.SIGCHLD}
QUICK_S = 1.0
"""A worker that dies sooner than this after its start did not die of its work."""
MAX_QUICK_DEATHS = 5
"""In a row: then something is wrong that a new worker will not mend."""
PAUSE_S = 0.5
"""Before a worker that died quickly is replaced."""


def fork(run: Callable[[], None]) -> int:
    """A child that runs `run` and exits; its process id. Call it before threads and event loops exist."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, set())
        run()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        log.exception("a worker failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Workers:
    """`count` processes that each run `run`; those that die are replaced until a signal says stop."""

    def __init__(self, count: int, run: Callable[[], None]) -> None:
        self._run = run
        self._started: dict[int, float] = {}
        self._count = count
        self._quick_deaths = 0

    def supervise(self) -> int:
        """Start them and stay. Returns the exit code: 0 after a signal, 1 when workers die at once."""
        signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        while True:
            while len(self._started) < self._count:
                self._start()
            if self._wait() in STOP_SIGNALS:
                return self._stop()
            self._reap()
            if self._quick_deaths >= MAX_QUICK_DEATHS:
                log.error("workers die as soon as they start: giving up")
                self._stop()
                return 1

    def _start(self) -> None:
        if self._quick_deaths:
            time.sleep(PAUSE_S)
        pid = fork(self._run)
        self._started[pid] = time.monotonic()

    def _wait(self) -> int:
        return signal.sigwait(WATCHED)

    def _reap(self) -> None:
        while (pid := _dead_child()) is not None:
            started = self._started.pop(pid, None)
            if started is None:
                continue
            quick = time.monotonic() - started < QUICK_S
            self._quick_deaths = self._quick_deaths + 1 if quick else 0
            log.warning("worker %d died; another takes its place", pid)

    def _stop(self) -> int:
        """Every worker drains; a second signal stops them at once."""
        self._tell(signal.SIGTERM)
        while self._started:
            if self._wait() in STOP_SIGNALS:
                self._tell(signal.SIGTERM)
            while (pid := _dead_child()) is not None:
                self._started.pop(pid, None)
        return 0

    def _tell(self, number: int) -> None:
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _dead_child() -> int | None:
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return pid or None
