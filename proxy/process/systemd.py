"""What systemd and a service tell each other, when there is a systemd.

https://www.freedesktop.org/software/systemd/man/sd_notify.html and sd_listen_fds.html
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from proxy.accounting.counting import Counted
from proxy.limits.ledger import Ledger
from proxy.metrics.table import Board
from proxy.process.edition import Edition
from proxy.process.orders import Order
from proxy.routing.facts import FactBoard

FIRST_PASSED_FD = 3
MICROSECONDS = 1_000_000
BEATS_PER_WATCHDOG = 3
"""Signs of life within the time that systemd allows: one may be late, one may be lost."""


class Service:
    """How the whole service is doing, as its first process tells it: the person who started it, and systemd."""

    def __init__(self, greeting: str) -> None:
        self._greeting = greeting
        self.facts: FactBoard | None = None
        """A lone worker has nobody to tell."""
        self.counted: Counted | None = None
        self.numbers: Board | None = None
        self.limits: Ledger | None = None

    def ready(self) -> None:
        """Connections are accepted."""
        print(self._greeting, flush=True)
        _notify("READY=1")

    def alive(self) -> None:
        """Call it at least once in `watchdog_s`."""
        _notify("WATCHDOG=1")

    def stopping(self) -> None:
        """Running requests are finished, no others accepted."""
        _notify("STOPPING=1")

    def reloading(self) -> None:
        """The configuration is being read; `reloaded` follows, whatever came of it."""
        _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self, _edition: Edition | None) -> None:
        _notify("READY=1")

    def pass_on(self, _command: Order) -> bool:
        """There is no other worker to tell."""
        return True


def _notify(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
            sock.sendall(state.encode())
        except OSError:
            return  # nobody listens any more: that is no reason to fail a request


def watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Seconds within which systemd wants a sign of life; None when it wants none from this process."""
    wanted = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()) or not wanted.isdecimal():
        return None
    return int(wanted) / MICROSECONDS or None


def passed_socket(environ: Mapping[str, str]) -> socket.socket | None:
    """The listening socket of socket activation; of several, the first. None when none was passed to this process."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS", "0") == "0":
        return None
    return socket.socket(fileno=FIRST_PASSED_FD)
