"""What `sluice` does besides serving: a word, and the module whose `main` it calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import cast

import msgspec

from proxy.process.exit_codes import EX_CONFIG, EX_FAILED, EX_INTERRUPTED

Main = Callable[[Sequence[str], Mapping[str, str]], int]
"""Given what stands behind the word; returns the exit code. argparse exits with 2 on wrong usage."""


class Subcommand(msgspec.Struct, frozen=True):
    module: str
    """Imported when it is called: `--help` and a start need not wait for it."""
    summary: str


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "spend": Subcommand("proxy.command.spend", "what was spent, by key, team, model, day ..."),
    "db": Subcommand("proxy.command.db", "check, back up or shrink the state file"),
}


def run(name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    from proxy.errors import ConfigError  # noqa: PLC0415 - `--help` must answer at once
    from proxy.storage.problems import StateError  # noqa: PLC0415

    main = cast("Main", import_module(SUBCOMMANDS[name].module).main)
    try:
        return main(arguments, environ)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    except (StateError, OSError) as problem:
        print(f"sluice: {problem}", file=sys.stderr)
        return EX_FAILED
    except KeyboardInterrupt:
        return EX_INTERRUPTED


def summaries() -> str:
    width = max(map(len, SUBCOMMANDS))
    return "\n".join(f"  sluice {name:<{width}}  {one.summary}" for name, one in SUBCOMMANDS.items())
