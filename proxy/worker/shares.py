"""What all requests share, of which each caller has a part at most: retries, places to wait, room for bodies."""

from __future__ import annotations

import time

from proxy.config.sluice import SluiceSettings
from proxy.gateway.accounts.turns import Turns
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.refusals import disk_share_taken, memory_share_taken
from proxy.gateway.trying.retry_budget import RetryBudget
from proxy.gateway.trying.waiting import WaitingRoom
from proxy.worker.settings import MEBIBYTE


class Shares:
    """A reload changes how large they are; who has what of them stays."""

    def __init__(self, limits: SluiceSettings) -> None:
        self.retries = RetryBudget(limits.retry_budget_percent, limits.retry_budget_min)
        self.room = WaitingRoom(limits.queue_limit, limits.queue_timeout_s, time.monotonic)
        """For an upstream to be free."""
        self.turns = Turns(limits.queue_limit, limits.queue_timeout_s, time.monotonic)
        """For a limit of the caller's own."""
        self.memory = Budget(int(limits.held_bodies_mb * MEBIBYTE), memory_share_taken)
        self.disk = Budget(int(limits.spool_total_mb * MEBIBYTE), disk_share_taken)

    def configure(self, limits: SluiceSettings) -> None:
        self.retries.configure(limits.retry_budget_percent, limits.retry_budget_min)
        self.room.configure(limits.queue_limit, limits.queue_timeout_s)
        self.turns.configure(limits.queue_limit, limits.queue_timeout_s)
        self.memory.limit_bytes = int(limits.held_bodies_mb * MEBIBYTE)
        self.disk.limit_bytes = int(limits.spool_total_mb * MEBIBYTE)
        self.room.call_next()
