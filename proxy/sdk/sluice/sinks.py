"""The gateway's sinks for programs: `sluice.success_callback = ["langfuse"]`.

Each is fed from a thread of its own, in batches, by the variables that the gateway reads (docs/sinks.md). Records hold
no prompt, no answer and no key.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import logging
import os
import queue
import threading
from datetime import datetime
from typing import Any

from proxy.accounting.record import Record
from proxy.config.callbacks import OTHER_NAMES, SINKS, lacks, targets
from proxy.config.schema import Config
from proxy.sinks.making import made_by
from proxy.sinks.sink import Away, Refused, Sink
from proxy.types import Cost, Outcome
from sluice.asked import Asked
from sluice.course import Answered
from sluice.models.cost import usage_of

log = logging.getLogger("sluice")
MOST_WAITING = 10_000
"""Records: a sink that is away loses those above."""
BATCH = 100
TRIES = 3
AGAIN_S = 1.0
LAST_S = 5.0
"""For what is left when the program ends."""
TIMEOUT_S = 30.0
NANO_DOLLARS = 1e9


class Feed:
    """What goes to one sink."""

    def __init__(self, name: str, made: Sink | None) -> None:
        self._name = name
        self._sink = made
        self._waiting: queue.Queue[Record | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self.lost = 0

    def put(self, record: Record) -> None:
        if self._sink is None:
            return
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self.lost += 1
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name=f"sluice {self._name}", daemon=True)
                self._thread.start()

    def finish(self) -> None:
        """Sends what is left, for a while."""
        if self._thread is not None and self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join(LAST_S)

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch = [first]
            while len(batch) < BATCH and not self._waiting.empty():
                another = self._waiting.get()
                if another is None:
                    asyncio.run(self._send(batch))
                    return
                batch.append(another)
            asyncio.run(self._send(batch))

    async def _send(self, batch: list[Record]) -> None:
        assert self._sink is not None
        why: object = None
        for _ in range(TRIES):
            try:
                await asyncio.wait_for(self._sink.send(batch), TIMEOUT_S)
            except Refused as refused:
                why = refused
                break
            except (Away, TimeoutError) as away:
                why = away
                await asyncio.sleep(AGAIN_S)
            else:
                return
        self.lost += len(batch)
        log.warning("the sink %s did not take %d records: %s", self._name, len(batch), why)


@functools.cache
def sink(name: str) -> Feed:
    """One that is none, or lacks something, is told once, and gets nothing."""
    name = OTHER_NAMES.get(name, name)
    config = Config()
    found = targets(config, os.environ)
    made = None
    if name not in SINKS:
        log.error("there is no sink `%s`: %s, or a function", name, ", ".join(SINKS))
    elif (missing := lacks(name, found)) is not None:
        log.error("the sink `%s` gets nothing: set %s", name, missing)
    else:
        try:
            made = made_by(name, config, found, None)
        except ModuleNotFoundError as needed:
            log.error("the sink `%s` needs %s: pip install 'sluice-gateway[proxy]'", name, needed.name)  # noqa: TRY400
    feed = Feed(name, made)
    atexit.register(feed.finish)
    return feed


def record_of(
    asked: Asked,
    answered: Answered | None,
    answer: Any,
    start: datetime,
    end: datetime,
    error: Exception | None,
) -> Record:
    """As the gateway's, of what a program knows of its own call."""
    hidden = getattr(answer, "_hidden_params", None) or {}
    dollars = hidden.get("response_cost")
    return Record(
        call_id=asked.call_id,
        started_unix_s=start.timestamp(),
        method="POST",
        route=asked.endpoint.path.decode(),
        model_asked=asked.model,
        model_served=answer.get("model") if isinstance(answer, dict) else None,
        deployment_id=None if answered is None else answered.ready.way.deployment.id,
        status=200 if error is None else getattr(error, "status_code", 500),
        outcome=Outcome.OK if error is None else Outcome.UPSTREAM_ERROR,
        attempts=1 if answered is None else answered.retries + 1,
        duration_s=(end - start).total_seconds(),
        usage=usage_of(answer) if isinstance(answer, dict) else None,
        stream=asked.stream,
        customer=asked.fields.get("user"),
        tags=tuple(map(str, (asked.own.get("metadata") or {}).get("tags") or ())),
        cost=None if dollars is None else Cost(round(dollars * NANO_DOLLARS)),
        error=None if error is None else type(error).__name__,
    )
