"""Child processes: how one is forked, and how it learns that its parent wants it to end, or has ended."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable

log = logging.getLogger("sluice")

TOLD_TO_STOP = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
TOLD_OF_NEWS = signal.SIGHUP
"""To the first process: read the configuration anew. To its workers: read what it has written down."""


class Lifeline:
    """A pipe whose reading end becomes readable when the parent cuts it, or has died in whatever way."""

    def __init__(self) -> None:
        self.fd, self._held = os.pipe()
        """`fd`: what the children watch."""

    def cut(self) -> None:
        """In the parent: its children are to end. Idempotent."""
        self.let_go()

    def let_go(self) -> None:
        """In a child: what only the parent may hold."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1


def fork(run: Callable[[], object], lifeline: Lifeline) -> int:
    """A child that runs `run` and exits; its process id. Call it before threads and event loops exist.

    The child ignores Ctrl-C, which reaches the whole terminal: its parent decides, by the lifeline. It ignores news
    too until it listens for them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TOLD_TO_STOP | {TOLD_OF_NEWS})
    pid = os.fork()
    if not pid:
        _live(run, lifeline)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _live(run: Callable[[], object], lifeline: Lifeline) -> None:
    """The child's whole life: it never returns into its parent's code."""
    code = 1
    try:
        lifeline.let_go()
        _forget_parents_signals()
        run()
        code = 0
    except Exception:  # the one place that could tell of it: the parent sees no more than the exit code
        log.exception("a child process failed")
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _forget_parents_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, TOLD_OF_NEWS):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
