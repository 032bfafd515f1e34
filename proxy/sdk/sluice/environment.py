"""The environment as calls see it: which variables made a decision is remembered, so that it is made anew only when one
of them has changed. A `.env` is read when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path


class Read(Mapping[str, str]):
    """`os.environ`, and which of its variables were looked at. Not for two threads at once."""

    __slots__ = ("_environ", "seen")

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self.seen: dict[str, str | None] = {}
        """Name -> its value then; None: it was not set."""

    def __getitem__(self, name: str) -> str:
        found = self.seen[name] = self._environ.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


def same(seen: Mapping[str, str | None]) -> bool:
    """Whether all of these variables are as they were."""
    now = os.environ.get
    return all(now(name) == value for name, value in seen.items())


def load_env(path: str | os.PathLike[str] = ".env", *, override: bool = False) -> dict[str, str]:
    """Puts the variables of a `.env` file into `os.environ`, and returns those that it put there.

    What is set already stays, unless `override`. Raises FileNotFoundError; ValueError for lines that are no
    `NAME=value`, by their numbers.
    """
    from proxy.config.env_file import parse_env  # noqa: PLC0415 - hardly anybody asks

    odd: list[int] = []
    found = parse_env(Path(path).read_text("utf-8-sig"), odd.append)
    if odd:
        lines = ", ".join(map(str, odd))
        raise ValueError(f"{path}: write NAME=value in line {lines}, with a name of letters, digits and _")
    put = {name: value for name, value in found.items() if override or name not in os.environ}
    os.environ.update(put)
    return put
