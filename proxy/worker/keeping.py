"""What one worker keeps in the state file: records, their sums, what everybody has spent, objects; and what goes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from proxy.accounting.bus import Consumer
from proxy.accounting.counting import Counted
from proxy.config.schema import Config
from proxy.limits.ledger import Ledger
from proxy.metrics import families as f
from proxy.metrics.table import Table
from proxy.storage import conversations
from proxy.storage.conversations import StoredConversations
from proxy.storage.file import StateFile
from proxy.storage.objects import StoredObjects, tidy
from proxy.storage.prompts import Prompts
from proxy.storage.prompts import tidy as tidy_prompts
from proxy.storage.records import RecordRows
from proxy.storage.retention import Retention, Step
from proxy.storage.spend import SpendRows
from proxy.types import Deployment
from proxy.worker.kept import Given
from proxy.worker.settings import (
    conversation_limits,
    object_limits,
    retention_limits,
    row_limits,
    state_limits,
)
from proxy.worker.spending import Spending
from proxy.worker.telemetry import Telemetry


class Keeper(Protocol):
    """What is asked of a gateway."""

    def deployment(self, id_: str, /) -> Deployment | None: ...
    def is_page(self, route: str, /) -> bool: ...


class Keeping:
    """Made after the fork. Without a path nothing is kept."""

    def __init__(self, path: Path | None, config: Config, ledger: Ledger, worker: int = 1) -> None:
        """`ledger`: of what everybody has spent, this worker's hand on it."""
        self.file: StateFile | None = None
        self.consumers: Sequence[Consumer] = ()
        self.tasks: Sequence[Callable[[], Awaitable[object]]] = ()
        """While the gateway serves, beside the file's own."""
        self.objects: StoredObjects | None = None
        self.conversations: StoredConversations | None = None
        self.prompts: Prompts | None = None
        self._rows: RecordRows | None = None
        if path is not None:
            self.file = StateFile(path, state_limits(config))
        self.spending = Spending(ledger, self.file, time.monotonic, worker)
        if self.file is not None:
            self._rows = RecordRows(self.file, row_limits(config), [SpendRows(self.spending.moved)])
            self.consumers = (self._rows,)
            self.objects = StoredObjects(self.file, object_limits(config))
            self.conversations = StoredConversations(self.file)
            self.prompts = Prompts(self.file)
            others: list[Step] = [
                partial(tidy, object_limits(config)),
                partial(conversations.tidy, conversation_limits(config)),
                tidy_prompts,
            ]
            retention = Retention(retention_limits(config), self.file, others=others)
            self.tasks = (retention.run, self.spending.run, self.objects.run)

    def given(self, counted: Counted | None, telemetry: Telemetry | None) -> Given:
        """To the gateway, with what this process has from elsewhere."""
        return Given(
            counted=counted,
            state=self.file,
            telemetry=telemetry,
            spending=self.spending,
            objects=self.objects,
            conversations=self.conversations,
            prompts=self.prompts,
        )

    def tell(self, table: Table) -> None:
        """For the metrics."""
        if self.file is None:
            return
        status = self.file.status()
        table.set(f.STATE_USABLE, int(status.problem is None))
        table.set(f.STATE_WAITING, status.waiting)
        table.follow(f.STATE_DROPPED, status.dropped)
        with suppress(OSError):
            table.set(f.STATE_BYTES, self.file.path.stat().st_size)

    def watch(self, gateway: Keeper) -> None:
        if self._rows is not None:
            self._rows.watch(gateway.deployment, gateway.is_page)
