"""A user's own class or function, by its Python path: `my_callbacks.my_logger`.

It is called in a thread of its own, with an asyncio loop for what is asynchronous, since that is what LiteLLM's users
write for. It cannot be told twice, so what it raises is counted and told, and not tried again.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import trio

from proxy.accounting.record import Record
from proxy.config.errors import ConfigError
from proxy.sinks.litellm_names import ASYNC_FAILURE, ASYNC_SUCCESS, FAILURE, SUCCESS, lend
from proxy.sinks.payload import arguments
from proxy.sinks.sink import Away
from proxy.types import Outcome

log = logging.getLogger("sluice")

Call: TypeAlias = Callable[..., object]
TOLD = 10
"""Different errors of one class that are told in the log."""


class Python:
    keeps = False

    def __init__(self, path: str, target: object) -> None:
        """`target`: an instance, a class, or a function of four arguments."""
        self.name = path
        target = target() if inspect.isclass(target) else target
        self._good = _calls(target, (SUCCESS, ASYNC_SUCCESS))
        self._failed = _calls(target, (FAILURE, ASYNC_FAILURE))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy = False
        self._told: set[str] = set()
        self.errors = 0

    async def send(self, records: Sequence[Record]) -> None:
        """Raises Away while it still works on the batch before, whose time was up."""
        if self._busy:
            raise Away("it still works on what came before")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name=f"sink {self.name}", daemon=True).start()
        self._busy = True
        done = asyncio.run_coroutine_threadsafe(self._tell(records), self._loop)
        await trio.to_thread.run_sync(done.result, abandon_on_cancel=True)

    async def _tell(self, records: Sequence[Record]) -> None:
        try:
            for record in records:
                calls = self._good if record.outcome is Outcome.OK else self._failed
                for call in calls:
                    await self._contained(call, record)
        finally:
            self._busy = False

    async def _contained(self, call: Call, record: Record) -> None:
        try:
            returned = call(*arguments(record))
            if isinstance(returned, Awaitable):
                await returned
        except Exception as error:  # noqa: BLE001 - a user's own code: the wall around it
            self.errors += 1
            self._note(error)

    def _note(self, error: Exception) -> None:
        said = type(error).__name__
        if said not in self._told and len(self._told) < TOLD:
            self._told.add(said)
            log.warning("sink %s raised %s: %s", self.name, said, error)


def _calls(target: object, names: Sequence[str]) -> list[Call]:
    """Its methods of these names; a function is called whatever became of a request."""
    found = [getattr(target, name, None) for name in names]
    methods = [method for method in found if callable(method)]
    return methods or ([target] if inspect.isroutine(target) else [])


def load(path: str, folder: Path | None) -> object:
    """`module.object`, where the module may be a file in `folder`. Raises ConfigError."""
    module_name, dot, name = path.rpartition(".")
    if not dot:
        raise ConfigError(f"`{path}` is not the name of a sink, nor a Python path (`module.object`)")
    lend()
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        return getattr(importlib.import_module(module_name), name)
    except Exception as error:
        raise ConfigError(f"`{path}` cannot be loaded: {type(error).__name__}: {error}") from error
