"""What a sink is, and what can go wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from proxy.accounting.record import Record
from proxy.types import Outcome


class Away(Exception):  # noqa: N818 - a fact, not an error
    """It takes nothing now: try again later. Its text is for the log, and holds no secret."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Refused(Exception):  # noqa: N818 - a fact
    """It will not take this batch, however often it is sent. Its text is for the log."""


class Sink(Protocol):
    name: str
    """As the configuration names it: a label of the metrics."""
    keeps: bool
    """Batches that it does not take are kept for later. False: they may have had their effect."""

    async def send(self, records: Sequence[Record]) -> None:
        """All of them. Raises Away, Refused. Called by one task at a time; cancelled when it takes too long."""


class Kept(Protocol):
    """A batch that waits in the state file, and is this worker's for a while."""

    @property
    def id(self) -> int: ...
    @property
    def records(self) -> bytes: ...


class Waiting(Protocol):
    """What waits for one sink, of all workers."""

    @property
    def batches(self) -> int: ...
    @property
    def oldest_unix_s(self) -> float: ...


class Nothing(msgspec.Struct, frozen=True):
    """That waits, as far as is known."""

    batches: int = 0
    oldest_unix_s: float = 0.0


class Spill(Protocol):
    """Where batches wait that a sink did not take. OSError: it cannot keep, or give, anything now."""

    async def keep(self, sink: str, records: bytes, now_unix_s: float) -> None: ...
    def keep_now(self, sink: str, records: bytes, now_unix_s: float) -> None:
        """Blocks: for the end."""

    async def claim(self, sink: str, now_unix_s: float, lease_s: float) -> Kept | None:
        """The oldest that nobody has claimed, for so long."""

    async def done(self, id_: int) -> None: ...
    async def release(self, id_: int) -> None:
        """It was not taken: whoever comes next may claim it."""

    async def waiting(self, sink: str) -> Waiting: ...


class Wanted(msgspec.Struct, frozen=True):
    """Of which requests a sink has the records."""

    good: bool
    failed: bool

    def __call__(self, record: Record) -> bool:
        """Pages of the gateway's own are nobody's: neither health checks nor scrapes."""
        if not record.attempts and (record.outcome is Outcome.OK or record.method != "POST"):
            return False
        return self.good if record.outcome is Outcome.OK else self.failed
