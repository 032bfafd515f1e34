"""What there is to say about a file, each word with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from proxy.config.paths import KeyPath, dotted
from proxy.config.unset import Unset

if TYPE_CHECKING:
    from yaml.nodes import Node


class Notice(msgspec.Struct, frozen=True):
    """One error or warning; `str()` is its line of text."""

    where: str
    """`file:line`"""
    key: str
    """`model_list[0].litellm_params.rpm`; empty for the file as a whole."""
    text: str
    """What is wrong, and what to write."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.text) if part)


def warning_lines(warnings: Sequence[Notice], about: str) -> list[str]:
    """As they are told at a start and a reload: the first line says how many there are."""
    if not warnings:
        return []
    count = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"
    return [
        f"sluice: {count} about {about}; --strict makes errors of them",
        *(f"warning: {each}" for each in warnings),
    ]


class Findings:
    """Collects errors and warnings; one of them is never the reason not to look for the next."""

    def __init__(self, source: str) -> None:
        self.root: Node | None = None
        """The file's nodes, once it could be read: what positions are looked up in."""
        self.missing: list[tuple[KeyPath, Unset]] = []
        """Keys that would be honoured, and whose variable is not set."""
        self.wrong: set[KeyPath] = set()
        """The keys that errors are about."""
        self._source = source
        self._errors: list[tuple[KeyPath, Notice]] = []
        self._warnings: list[tuple[KeyPath, str]] = []
        self._warnings_at: list[Notice] = []
        self._written: dict[KeyPath, KeyPath] = {}

    @property
    def errors(self) -> list[Notice]:
        """In the order in which they were found."""
        return [notice for _, notice in self._errors]

    def error(self, path: KeyPath, text: str) -> None:
        """One error per key: what follows from the first is no news."""
        if path and path in self.wrong:
            return
        self.wrong.add(path)
        self._errors.append((path, self._notice(path, text)))

    def error_at(self, where: str, text: str, path: KeyPath = ()) -> None:
        """For problems found before the file has keys to look up."""
        self._errors.append((path, Notice(where, dotted(path), text)))

    def warn(self, path: KeyPath, text: str) -> None:
        """The same words about the same key of many entries become one warning with a count."""
        self._warnings.append((path, text))

    def warn_at(self, where: str, text: str, path: KeyPath) -> None:
        """About another place than the one that a look-up of `path` would find."""
        self._warnings_at.append(Notice(where, dotted(path), text))

    def is_wrong(self, path: KeyPath) -> bool:
        """Whether an error is about it, or about something in it."""
        return any(_within(path, wrong) for wrong in self.wrong)

    def forgive(self, path: KeyPath) -> None:
        """What was found in it does not matter: nothing is done with it."""
        self._errors = [error for error in self._errors if not _within(path, error[0])]
        self._warnings = [warning for warning in self._warnings if not _within(path, warning[0])]
        self.wrong = {wrong for wrong in self.wrong if not _within(path, wrong)}

    def lacks(self, path: KeyPath, unset: Unset) -> None:
        """What follows depends on where it is: see `fill`."""
        self.missing.append((path, unset))

    def renamed(self, path: KeyPath, written: str) -> None:
        """The key at `path` stands in the file under another name."""
        self._written[path] = (*path[:-1], written)

    def errors_in_order(self) -> tuple[Notice, ...]:
        """As they stand in the file, to be mended from top to bottom."""
        return tuple(sorted(self.errors, key=_position))

    def warnings(self) -> tuple[Notice, ...]:
        """As they stand in the file."""
        kinds: dict[tuple[str, str], list[KeyPath]] = {}
        for path, text in self._warnings:
            kinds.setdefault((str(path[-1]) if path else "", text), []).append(path)
        told = [self._notice(paths[0], text + _more(len(paths) - 1)) for (_, text), paths in kinds.items()]
        return tuple(sorted((*self._warnings_at, *told), key=_position))

    def _notice(self, path: KeyPath, text: str) -> Notice:
        written = self._written.get(path, path)
        return Notice(self._where(written), dotted(written), text)

    def _where(self, path: KeyPath) -> str:
        if self.root is None:
            return self._source
        from proxy.config.nodes import locate  # noqa: PLC0415 - the library reads no YAML, and may have none

        return locate(self.root, path)


def _within(path: KeyPath, other: KeyPath) -> bool:
    return other[: len(path)] == path


def _more(count: int) -> str:
    return f" (and {count} more like it)" if count else ""


def _position(notice: Notice) -> tuple[str, int]:
    file, _, line = notice.where.rpartition(":")
    return (file, int(line)) if line.isdigit() else (notice.where, 0)
