"""What outlives a configuration, and this process where it can: who may ask, who has had what, what belongs where."""

from __future__ import annotations

import time
from contextlib import suppress

from proxy.access.directory import Directory
from proxy.accounting.counting import Counted, CountedHere
from proxy.config.schema import Config
from proxy.config.sluice import SluiceSettings
from proxy.gateway.trying.costing import Unpriced
from proxy.gateway.trying.reckoning import Reckoning
from proxy.process.limits import lone_ledger
from proxy.routing.affinity import MemoryStore, ObjectStore
from proxy.storage.conversations import StoredConversations
from proxy.storage.file import StateFile
from proxy.storage.objects import StoredObjects
from proxy.storage.problems import StateError
from proxy.storage.prompts import Prompts
from proxy.worker.register import Desk, Register
from proxy.worker.settings import configured_keys, reserved_secrets
from proxy.worker.spending import Spending
from proxy.worker.telemetry import Telemetry


class Given:
    """What a process has for its gateway. None: it has none, and the gateway does without."""

    def __init__(
        self,
        *,
        counted: Counted | None = None,
        state: StateFile | None = None,
        telemetry: Telemetry | None = None,
        spending: Spending | None = None,
        objects: StoredObjects | None = None,
        conversations: StoredConversations | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        """`counted`: whose usage one of the workers has counted; None: this is the only one. `state`: what outlives
        this process. `telemetry`: what `/metrics` shows. `spending`: who has had how much; None: this process knows
        alone, and forgets it at its end. `objects`: which project holds which; None: this process remembers alone.
        `conversations`: of /responses; None: nobody can go on from one. `prompts`: where they are kept.
        """
        self.counted = counted
        self.state = state
        self.telemetry = telemetry
        self.spending = spending
        self.objects = objects
        self.conversations = conversations
        self.prompts = prompts


NOTHING_GIVEN = Given()


class Kept:
    def __init__(self, config: Config, given: Given) -> None:
        limits = config.sluice_settings
        self.state = given.state
        self.telemetry = given.telemetry
        self.objects = given.objects
        self.conversations = given.conversations
        self.prompts = given.prompts
        self.counted: Counted = given.counted or CountedHere()
        self.spending = given.spending or _alone(limits)
        self.directory = Directory()
        self.register = None if self.state is None else Register(self.state, self.directory)
        self.desk = None if self.register is None else Desk(self.register, self.directory)
        self.store: ObjectStore = (
            MemoryStore(limits.remembered_objects) if self.objects is None else self.objects
        )
        self.unpriced = Unpriced()
        self.reckoning = Reckoning()
        self.configure(config)

    def configure(self, config: Config) -> None:
        self.directory.configure(configured_keys(config), reserved_secrets(config))

    async def begin(self) -> None:
        """What the state file knows of keys is known here; of one that cannot be read now, as soon as it can."""
        if self.register is not None:
            with suppress(StateError):
                await self.register.refresh()
        await self.spending.inherit()

    def finish(self) -> None:
        """Blocks, for as long as each bounds it."""
        if self.objects is not None:
            with suppress(StateError):  # it has been told
                self.objects.finish()
        if self.state is not None:
            self.state.close()


def _alone(limits: SluiceSettings) -> Spending:
    return Spending(lone_ledger(limits.limited_subjects), None, time.monotonic)
