"""`sluice audit`: proves that all sums and counters are those of the records, and mends those that are not."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence

from proxy.command.spend import day_text
from proxy.command.spend_table import money
from proxy.command.state import add_options, path_of, reading, writing
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage.audit import Audit, audit, mend

SHOWN = 20


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="sluice audit",
        description="Whether the spend of every key, user, team, customer and tag, and all sums by day, are those of"
        " the records. The gateway may run.",
        allow_abbrev=False,
    )
    command.add_argument(
        "--mend",
        action="store_true",
        help="make them so; the gateway's writes wait, and it has them within seconds",
    )
    add_options(command, environ)
    return command


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    options = parser(environ).parse_args(arguments)
    path = path_of(options, environ)
    if options.mend:
        with writing(path) as connection:
            found = mend(connection, time.time())
    else:
        with reading(path) as connection:
            connection.execute("BEGIN")  # of one moment
            found = audit(connection)
    print(_text(found, mended=options.mend))
    return EX_OK if found.balanced or options.mend else EX_FAILED


def _text(found: Audit, *, mended: bool) -> str:
    since = f", all from {day_text(found.first_day)} on" if found.first_day else ""
    lines = [f"{found.records:,} records{since}: {money(found.spend)} ({found.spend:,} nano-dollars)"]
    lines += _days(found)
    lines += _counters(found)
    if found.balanced:
        return "\n".join([*lines, "balanced to the nano-dollar"])
    return "\n".join([*lines, "mended" if mended else "not balanced: --mend makes it so"])


def _days(found: Audit) -> list[str]:
    if not found.wrong_days:
        return [f"{found.sums:,} sums by day agree"]
    shown = ", ".join(map(day_text, found.wrong_days[:SHOWN]))
    return [f"sums of {len(found.wrong_days)} days do not agree: {shown}{_rest(len(found.wrong_days))}"]


def _counters(found: Audit) -> list[str]:
    wrong = found.wrong_counters
    if not wrong:
        return [f"{found.counters:,} counters agree"]
    return [
        f"{len(wrong)} counters do not agree:",
        *(
            f"  {one.of}: {one.counted:,} counted, {one.records:,} by the records ({one.counted - one.records:+,})"
            for one in wrong[:SHOWN]
        ),
        *([f" {_rest(len(wrong))}"] if len(wrong) > SHOWN else []),
    ]


def _rest(count: int) -> str:
    return f" and {count - SHOWN} more" if count > SHOWN else ""
