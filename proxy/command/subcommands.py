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
    noun: str | None = None
    """Of a module that has several: it makes the `main` of each."""


SUBCOMMANDS: Mapping[str, Subcommand] = {
    **{
        noun: Subcommand("proxy.command.identities", summary, noun)
        for noun, summary in (
            ("keys", "virtual keys: create, list, info, update, delete, block, unblock, regenerate"),
            ("teams", "teams, and who is in them"),
            ("users", "users"),
            ("customers", "customers, on whose behalf requests are sent"),
            ("budgets", "budgets that many may have"),
            ("tags", "tags with limits of their own"),
        )
    },
    "spend": Subcommand("proxy.command.spend", "what was spent, by key, team, model, day ..."),
    "audit": Subcommand("proxy.command.audit", "prove that all that is counted is the sum of the records"),
    "prices": Subcommand("proxy.command.prices", "which prices hold for a model, and why"),
    "db": Subcommand("proxy.command.db", "check, back up or shrink the state file"),
}


def run(name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    from proxy.config.errors import ConfigError  # noqa: PLC0415 - `--help` must answer at once
    from proxy.storage.problems import StateError  # noqa: PLC0415

    found = SUBCOMMANDS[name]
    module = import_module(found.module)
    main = cast("Main", module.main if found.noun is None else module.command_of(found.noun))
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
