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
from proxy.routing.rules import RATE_LIMITED, SLOW

log = logging.getLogger("sluice")

EVERY_S = 0.02
"""How often the board is looked at: what others have learned is known here within 50 ms."""
LINES_PER_S = 20
"""Clients may bring about as many as they like, by inventing models; an operator reads no more than this."""
_OFTEN = (RATE_LIMITED, SLOW)
"""Rests of an ordinary day: said at the level of requests."""


class Facts:
    """One per worker; outlives its configurations."""

    def __init__(self, board: FactBoard | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`board` None: this is the only worker."""
        self._board = board
        self._clock = clock
        self._second = 0
        self._lines = self._unwritten = 0

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
        second = int(change.now)
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > LINES_PER_S:
            self._unwritten += 1
            return
        level = logging.INFO if change.layer.health.rule in _OFTEN else logging.WARNING
        more = f"; {self._unwritten} such lines before were too many to write" if self._unwritten else ""
        if log.isEnabledFor(level):
            log.log(level, "%s%s", described(change), more)
            self._unwritten = 0


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
