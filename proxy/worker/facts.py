"""What this worker learns of upstreams, told to people by a line of the log, and to the other workers by a board."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import trio

from proxy.routing.facts import FactBoard, hear, written
from proxy.routing.ground import Layers
from proxy.routing.layered import Change, News
from proxy.routing.layers import Model
from proxy.types import Layer

log = logging.getLogger("sluice")

EVERY_S = 0.02
"""How often the board is looked at: what others have learned is known here within 50 ms."""
LINES_PER_S = 20
"""Of hosts, of keys, of the configuration's models and kinds of request, and of other models: these clients may bring
about as many as they like, by inventing them. An operator reads no more, and of the others misses none for it."""


class Facts:
    """One per worker; outlives its configurations."""

    def __init__(self, board: FactBoard | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`board` None: this is the only worker."""
        self._board = board
        self._clock = clock
        self._lines: dict[tuple[Layer, bool], _Lines] = {}

    def changed(self, change: Change) -> None:
        """For `Router.on_change`."""
        if change.news in (News.RESTS, News.WELL):
            self._write(change)
        if self._board is not None and (message := written(change)) is not None:
            self._board.tell(message)

    async def listen(self, layers: Callable[[], Layers], heard: Callable[[], None]) -> None:
        """Until cancelled. `layers`: those of the present configuration. `heard`: something has changed by it."""
        board = self._board
        while board is not None:
            messages = board.news()
            if messages:
                now, present = self._clock(), layers()
                if sum(hear(present, message, now) for message in messages):
                    heard()
            await trio.sleep(EVERY_S)

    def _write(self, change: Change) -> None:
        layer = change.layer
        invented = isinstance(layer, Model) and not layer.fixed
        lines = self._lines.setdefault((layer.kind, invented), _Lines())
        if lines.admit(int(change.now)):
            log.warning("%s%s", described(change), lines.missed())


class _Lines:
    """Of one sort. Mutable."""

    __slots__ = ("_second", "_unwritten", "_written")

    def __init__(self) -> None:
        self._second = self._written = self._unwritten = 0

    def admit(self, second: int) -> bool:
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= LINES_PER_S:
            self._unwritten += 1
            return False
        self._written += 1
        return True

    def missed(self) -> str:
        """For the next that is written."""
        unwritten, self._unwritten = self._unwritten, 0
        return f"; {unwritten} such lines before were too many to write" if unwritten else ""


def described(change: Change) -> str:
    """`key config.yaml:3 KEY_A at https://api.openai.com:443 rests: auth (401 invalid_api_key), for 300 s, until
    2026-11-29T21:30:05Z; learned by call 1347...`: a person's words, never a credential."""
    layer, health = change.layer, change.layer.health
    if change.news is News.WELL:
        return f"{layer.shown} rests no longer"
    told = health.told
    answer = " ".join(part for part in (str(told.status or ""), told.word) if part)
    length_s = health.until_s(change.now)
    until = datetime.now(UTC) + timedelta(seconds=length_s)
    by = f"; learned by call {told.call_id}" if told.call_id else ""
    why = f"{health.reason()} ({answer})" if answer else health.reason()
    where = f" for {', '.join(layer.denied_to)}" if isinstance(layer, Model) and layer.denied_to else ""
    return f"{layer.shown} rests{where}: {why}, for {length_s:.0f} s, until {until:%Y-%m-%dT%H:%M:%SZ}{by}"
