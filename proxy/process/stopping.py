"""What tells a worker to stop: signals, and the end of its parent."""

from __future__ import annotations

import os
import signal
from types import FrameType

import trio

from proxy.process.exit_codes import EX_INTERRUPTED, EX_OK


class Terminal:
    """Whether the terminal that this process was started from is still there: SIGHUP tells of its end too."""

    def __init__(self) -> None:
        ignores = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup: to outlive the terminal
        self._had_one = not ignores and _has_terminal()

    def hung_up(self) -> bool:
        return self._had_one and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class Stop:
    """`asked`: finish what runs, accept no more. `at_once`: cut what still runs. Make it inside trio."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.at_once = trio.Event()
        self._first = 0
        self._token = trio.lowlevel.current_trio_token()

    @property
    def exit_code(self) -> int:
        """0 after a drain that a service manager or a parent asked for."""
        return EX_INTERRUPTED if self._first == signal.SIGINT else EX_OK

    def on_signals(self, *numbers: signal.Signals) -> None:
        """Listen to these until the process ends: a late one must not kill it half-way through its last lines."""
        for number in numbers:
            signal.signal(number, self._handle)

    async def on_end_of(self, lifeline: int) -> None:
        """Ask when the pipe's other end is closed."""
        await trio.lowlevel.wait_readable(lifeline)
        self.asked.set()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        try:
            self._token.run_sync_soon(self.tell, number)
        except trio.RunFinishedError:
            return

    def tell(self, number: int) -> None:
        """The first signal asks, the second hurries. SIGQUIT never waits."""
        if self._first or number == signal.SIGQUIT:
            self.at_once.set()
        self._first = self._first or number
        self.asked.set()
