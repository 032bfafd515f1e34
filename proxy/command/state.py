"""The state file, for commands: found as the gateway finds it, open beside it."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from proxy.config.errors import ConfigError
from proxy.config.load import examine
from proxy.storage.opening import connect_to_read, open_file
from proxy.storage.place import OFF, state_path
from proxy.storage.problems import Problem, StateError, problem_of


def add_options(command: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    add = command.add_argument
    add(
        "-c",
        "--config",
        type=Path,
        default=environ.get("CONFIG_FILE_PATH") or None,
        metavar="FILE",
        help="the gateway's configuration, which says where its state file lies (env CONFIG_FILE_PATH)",
    )
    add("--state", metavar="FILE", help="the state file itself")


def path_of(options: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """Raises ConfigError when there is none by the configuration, StateError when it is not there."""
    if options.state:
        path: Path | None = Path(options.state)
    else:
        examined = examine(options.config, environ)
        if examined.config is None:
            raise ConfigError("\n".join(map(str, examined.errors)))
        path = state_path(examined.config.sluice_settings.state, options.config, examined.environ)
    if path is None:
        raise ConfigError(
            f"There is no state file: sluice_settings.state is `{OFF}`. --state FILE names one."
        )
    if not path.exists():
        raise StateError(Problem.UNREACHABLE, path, "there is no such file; --config or --state says which")
    return path


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Of a file whose tables are this program's. Raises StateError."""
    with _told(path):
        open_file(path).connection.close()
        connection = connect_to_read(path)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction. Raises StateError."""
    with _told(path):
        connection = open_file(path).connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise StateError(problem, path, str(error)) from error


def in_words(size_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"
