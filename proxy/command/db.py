"""`sluice db`: whether the state file is whole, a copy of it while the gateway runs, the file without spare room."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from proxy.command.state import add_options, in_words, path_of
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage.checking import faults
from proxy.storage.copying import back_up, shrink


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="sluice db", description="The state file: what outlives a restart.", allow_abbrev=False
    )
    actions = command.add_subparsers(dest="action", required=True, metavar="check|backup|vacuum")
    check = actions.add_parser("check", help="say whether it is whole; the gateway may run")
    backup = actions.add_parser("backup", help="copy it; the gateway may run")
    backup.add_argument("to", type=Path, metavar="FILE", help="of the copy; it must not be there yet")
    vacuum = actions.add_parser("vacuum", help="give back what it does not need; the gateway's writes wait")
    for action in (check, backup, vacuum):
        add_options(action, environ)
    return command


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = parser(environ).parse_args(arguments)
    path = path_of(options, environ)
    if options.action == "check":
        return _check(path)
    if options.action == "backup":
        size = back_up(path, options.to)
        print(f"{options.to}: {in_words(size)}, whole")
        return EX_OK
    before = path.stat().st_size
    shrink(path)
    print(f"{path}: {in_words(before)} before, {in_words(path.stat().st_size)} now")
    return EX_OK


def _check(path: Path) -> int:
    found = faults(path)
    for fault in found:
        print(f"{path}: {fault}")
    if not found:
        print(f"{path}: whole")
    return EX_FAILED if found else EX_OK
