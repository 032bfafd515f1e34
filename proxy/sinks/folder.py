"""A folder in which each key that rotates has a file with its present secret, for whoever mounts or watches it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import trio

from proxy.sinks.events import BudgetEvent, KeyEvent
from proxy.sinks.sink import Away

_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
MODE = 0o600


class KeyFolder:
    name = "key_rotation.folder"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def tell(self, event: BudgetEvent | KeyEvent) -> None:
        """Raises Away."""
        if isinstance(event, KeyEvent):
            try:
                await trio.to_thread.run_sync(self._write, file_name(event), event.secret)
            except OSError as problem:
                raise Away(f"{self._path}: {problem.strerror}") from None

    def _write(self, name: str, secret: str) -> None:
        """Whoever reads sees the one or the other, whole."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._path / f".{name}.new"
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE), "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path / name)


def file_name(event: KeyEvent) -> str:
    """The key's alias, where that is a plain name; else its id."""
    alias = event.key_alias
    return alias if alias is not None and _PLAIN.fullmatch(alias) else event.key
