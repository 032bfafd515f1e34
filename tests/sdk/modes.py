"""The three ways in which the library is called; each gives back what the same call gives in the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import trio

import sluice
from sluice.streams import AsyncStream, Stream


class Mode:
    """A stream is read to its end, into a list."""

    def __init__(self, run: Callable[[Callable[[], Awaitable[Any]]], Any] | None) -> None:
        self._run = run

    @property
    def waits(self) -> bool:
        """Whether it is one of the event loops."""
        return self._run is not None

    def call(self, name: str, *args: Any, **more: Any) -> Any:
        return self.of(lambda name: getattr(sluice, name), name, *args, **more)

    def of(self, find: Callable[[str], Any], name: str, *args: Any, **more: Any) -> Any:
        """`find`: where the function is: of a Router, as of the module."""
        if self._run is None:
            got = find(name)(*args, **more)
            return list(got) if isinstance(got, Stream) else got

        async def main() -> Any:
            got = await find(f"a{name}")(*args, **more)
            return [chunk async for chunk in got] if isinstance(got, AsyncStream) else got

        return self._run(main)

    def run(self, main: Callable[[], Awaitable[Any]]) -> Any:
        assert self._run is not None
        return self._run(main)


MODES = {
    "threads": Mode(None),
    "asyncio": Mode(lambda main: asyncio.run(main())),  # type: ignore[arg-type]
    "trio": Mode(lambda main: trio.run(main)),
}
LOOPS = {name: mode for name, mode in MODES.items() if mode.waits}
