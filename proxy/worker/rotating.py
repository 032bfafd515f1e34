"""Keys that get a new secret by themselves: it is handed over first, and holds then.

So no secret is lost: one that could not be handed over is tried again, and the old one holds on meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import trio

from proxy.access.directory import AliasTaken, Directory, Stale
from proxy.access.identity import VirtualKey
from proxy.access.periods import later
from proxy.access.rotation import exchanged, is_due
from proxy.config.schema import Config
from proxy.control.management.making import made_secret
from proxy.sinks.alerts import Hears
from proxy.sinks.delivery import Delivery
from proxy.sinks.events import KeyEvent, rotated
from proxy.sinks.folder import KeyFolder
from proxy.sinks.sink import Away, Refused
from proxy.storage.problems import StateError
from proxy.worker.register import Register

log = logging.getLogger("sluice")

LOOK_S = 1.0
"""Between two looks at which of those in memory are due."""
TELL_S = 10.0
"""That handing one over may take."""
AT_ONCE = 100
"""Keys in one look: the others are due in the next."""


class Rotating:
    """One worker's of all."""

    def __init__(
        self,
        register: Register,
        directory: Directory,
        hands: Sequence[Hears],
        grace: str,
        clock: Callable[[], float] = time.time,
        secret: Callable[[], str] = made_secret,
    ) -> None:
        """`hands`: all of whom are given a new secret before it holds. `grace`: how long the old one is accepted."""
        self._register = register
        self._directory = directory
        self._hands = hands
        self._grace = grace
        self._clock = clock
        self._secret = secret
        self._failing: set[str] = set()
        """Keys whose secret could not be handed over: told once."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.sleep(LOOK_S)
            with suppress(StateError):  # told by the state file
                await self.look()

    async def look(self) -> None:
        """Raises StateError."""
        now = self._clock()
        for key in [key for key in self._directory.rotating() if is_due(key, now)][:AT_ONCE]:
            await self._rotate(key)

    async def _rotate(self, key: VirtualKey) -> None:
        secret, now = self._secret(), self._clock()
        until = later(self._grace, now)
        changed = exchanged(key, secret, now, until)
        change = self._directory.change(changed)
        if not await self._hand_over(rotated(changed, secret, now, until)):
            return
        try:
            await self._register.commit((change,))
        except (Stale, AliasTaken):  # it was changed meanwhile: the next look sees what it is now
            return
        log.info("key %s has a new secret; the old one is accepted for %s more", _shown(changed), self._grace)

    async def _hand_over(self, event: KeyEvent) -> bool:
        for hand in self._hands:
            try:
                with trio.fail_after(TELL_S):
                    await hand.tell(event)
            except (Away, Refused, trio.TooSlowError) as problem:
                if event.key not in self._failing:
                    self._failing.add(event.key)
                    why = (
                        problem if isinstance(problem, Away | Refused) else f"it took more than {TELL_S:g} s"
                    )
                    log.warning(
                        "key %s keeps its secret, since nobody would know a new one: %s. It is tried again",
                        event.key_alias or event.key[:8],
                        why,
                    )
                return False
        self._failing.discard(event.key)
        return True


def _shown(key: VirtualKey) -> str:
    return f"{key.key_alias or key.id[:8]} ({key.key_name})"


def hands_of(config: Config, made: Sequence[Delivery], folder: Path | None) -> list[Hears]:
    """Whom new secrets are given to. `folder`: of the configuration."""
    wanted = config.sluice_settings.key_rotation
    hands: list[Hears] = []
    if wanted.folder is not None:
        hands.append(KeyFolder((folder or Path()) / wanted.folder))
    if wanted.webhook:
        hands += [each.sink for each in made if each.name == "webhook" and isinstance(each.sink, Hears)]
    return hands


def tasks(
    config: Config,
    register: Register | None,
    directory: Directory,
    made: Sequence[Delivery],
    folder: Path | None,
) -> list[Callable[[], Awaitable[None]]]:
    hands = hands_of(config, made, folder)
    if register is None or not hands:
        return []
    return [Rotating(register, directory, hands, config.sluice_settings.key_rotation.grace).run]
