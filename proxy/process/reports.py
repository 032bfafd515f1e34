"""What workers tell their parent: that they accept connections, that they live, and what the operator told them."""

from __future__ import annotations

import os
import struct

import msgspec

from proxy.accounting.counting import Counted
from proxy.limits.ledger import Ledger
from proxy.metrics.table import Board
from proxy.process.edition import Edition
from proxy.process.orders import LAYER_BYTES, TARGET_BYTES, Order
from proxy.routing.facts import FactBoard
from proxy.routing.router import Hold

_REPORT = struct.Struct(f"=ii?B{TARGET_BYTES}sd{LAYER_BYTES}s")
"""Process id, edition, whether it accepts, what was said (0: nothing) of which deployment and until when.
Pipes do not part it."""
_REASONS = ("operator", "draining", "")
"""Those of `Hold`, numbered from 1."""
_READ_BYTES = 128 * _REPORT.size


class Report(msgspec.Struct, frozen=True):
    pid: int
    edition: int
    """The newest that the worker serves with."""
    accepts: bool
    order: Order | None = None


class Reports:
    """A pipe from all workers to their parent."""

    def __init__(self) -> None:
        self.fd, self._theirs = os.pipe()
        """`fd`: readable when there are reports."""
        os.set_blocking(self.fd, False)
        os.set_blocking(self._theirs, False)

    def send(self, report: Report) -> bool:
        """In a worker. It never waits; False: the parent does not read, and so has other troubles."""
        said, target, until, layer = 0, b"", 0.0, b""
        if report.order is not None:
            hold = report.order.hold
            said, target, until = 1 + _REASONS.index(hold.reason), report.order.target, hold.until
            layer = report.order.layer.encode()
        try:
            os.write(
                self._theirs,
                _REPORT.pack(report.pid, report.edition, report.accepts, said, target, until, layer),
            )
        except (BlockingIOError, BrokenPipeError):
            return False
        return True

    def read(self) -> list[Report]:
        """In the parent: those since the last time, oldest first."""
        try:
            data = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return []
        return [_report(*fields) for fields in _REPORT.iter_unpack(data)]


def _report(
    pid: int,
    edition: int,
    accepts: bool,  # noqa: FBT001 - as they are packed
    said: int,
    target: bytes,
    until: float,
    layer: bytes,
) -> Report:
    order = Order(target, Hold(_REASONS[said - 1], until), layer.rstrip(b"\0").decode()) if said else None
    return Report(pid, edition, accepts, order)


class Parent:
    """A worker's overseer: the process that forked it."""

    def __init__(
        self,
        reports: Reports,
        edition: int,
        facts: FactBoard | None = None,
        counted: Counted | None = None,
        numbers: Board | None = None,
        limits: Ledger | None = None,
    ) -> None:
        """In the worker. `facts`: where it and the others tell what they learn of upstreams. `counted`: whose usage
        one of them has counted. `numbers`: where each publishes its metrics. `limits`: who has had how much."""
        self.facts = facts
        self.counted = counted
        self.numbers = numbers
        self.limits = limits
        self._reports = reports
        self._latest = Report(os.getpid(), edition, accepts=False)

    def ready(self) -> None:
        self._latest = msgspec.structs.replace(self._latest, accepts=True)
        self._reports.send(self._latest)

    def alive(self) -> None:
        self._reports.send(self._latest)

    def stopping(self) -> None:
        """The parent knows: it asked."""

    def reloading(self) -> None:
        """The parent knows: it has read the configuration."""

    def reloaded(self, edition: Edition | None) -> None:
        if edition is not None:
            self._latest = msgspec.structs.replace(self._latest, edition=edition.number)
            self._reports.send(self._latest)

    def pass_on(self, order: Order) -> bool:
        """The other workers are to hear of it. False: they could not be told."""
        return self._reports.send(msgspec.structs.replace(self._latest, order=order))
