"""`sluice spend`: what was spent, by whatever it is asked, as a table with bars, as CSV or as JSON."""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from proxy.command.spend_table import table
from proxy.command.state import add_options, path_of, reading
from proxy.process.exit_codes import EX_OK
from proxy.storage.reports import MAIN, By, Figures, Scope, Total, totals
from proxy.storage.rollups import DAY_S, FIGURES

NAMES: Mapping[str, By] = {
    "day": "day", "key": "caller", "user": "user", "team": "team", "customer": "customer", "tag": "tag",
    "model": "name", "upstream-model": "model", "provider": "provider", "deployment": "deployment",
}  # fmt: skip
"""What may be asked for, and what it is called in reports."""
EPOCH = date(1970, 1, 1)
DEFAULT_SINCE = "30d"
EXAMPLES = """\
examples:
  sluice spend                                   by model, the last 30 days
  sluice spend --by team,model --since 7d        each team's models, a week
  sluice spend --by day --key ci --since all     one key, day by day
  sluice spend --by customer --csv > spend.csv   for a spreadsheet

Days are those of UTC. 7d are today and the six before."""


def parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    command = argparse.ArgumentParser(
        prog="sluice spend",
        description="What was spent.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = command.add_argument
    add(
        "--by",
        type=_by,
        default=("model",),
        metavar="WHAT[,WHAT]",
        help=f"of {', '.join(NAMES)}; default model",
    )
    add(
        "--since",
        default=DEFAULT_SINCE,
        metavar="WHEN",
        help="7d, 4w, 2026-11-01, today, or all; default 30d",
    )
    add("--until", default="today", metavar="WHEN", help="the last day; default today")
    for name in ("key", "user", "team", "customer", "tag", "model", "provider", "deployment"):
        add(f"--{name}", metavar="NAME", help=f"only of this {name}")
    add("--limit", type=int, default=50, metavar="N", help="lines of the table; default 50")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="all lines, with a head")
    form.add_argument("--json", action="store_true", help="all lines, as a list")
    add_options(command, environ)
    return command


def main(arguments: Sequence[str], environ: Mapping[str, str], now: float | None = None) -> int:
    command = parser(environ)
    options = command.parse_args(arguments)
    today = int((time.time() if now is None else now) // DAY_S)
    try:
        scope = _scope(options, today)
        with reading(path_of(options, environ)) as connection:
            figures = FIGURES if options.csv or options.json else MAIN
            found = totals(connection, [NAMES[name] for name in options.by], scope, figures=figures)
    except ValueError as problem:
        command.error(str(problem))
    if options.by[0] == "day":
        found.sort(key=lambda one: one.of[0])
    if options.csv:
        _write_csv(options.by, found)
    elif options.json:
        print(msgspec.json.format(msgspec.json.encode([_fields(options.by, one) for one in found])).decode())
    else:
        since = "the beginning" if options.since == "all" else day_text(scope.first_day)
        title = f"{since} to {day_text(scope.last_day)} (UTC), by {', '.join(options.by)}"
        print(
            table(
                title, options.by, [(_labels(options.by, one), one.figures) for one in found], options.limit
            )
        )
    return EX_OK


def _by(text: str) -> tuple[str, ...]:
    names = tuple(text.replace("_", "-").split(","))
    for name in names:
        if name not in NAMES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(NAMES)}")
    return names


def _scope(options: argparse.Namespace, today: int) -> Scope:
    """Raises ValueError."""
    asked = ("key", "user", "team", "customer", "tag", "model", "provider", "deployment")
    only: dict[By, str] = {
        NAMES[name]: getattr(options, name) for name in asked if getattr(options, name) is not None
    }
    last = day_number(options.until, today)
    return Scope(first_day=day_number(options.since, last), last_day=last, only=only)


def day_number(text: str, today: int) -> int:
    """UTC days since 1970. Raises ValueError."""
    if text == "today":
        return today
    if text == "all":
        return 0
    back = re.fullmatch(r"(\d{1,5})([dw])", text)
    if back is not None:
        days = int(back[1]) * (7 if back[2] == "w" else 1)
        return max(0, today - max(days, 1) + 1)
    try:
        return (datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date() - EPOCH).days
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 7d, 4w, 2026-11-01, today or all") from None


def day_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def _labels(by: Sequence[str], total: Total) -> tuple[str, ...]:
    named = zip(by, total.of, strict=True)
    return tuple(day_text(int(value)) if name == "day" else str(value) for name, value in named)


def _fields(by: Sequence[str], total: Total) -> dict[str, object]:
    """Spend in dollars."""
    figures = {
        name: dollars(value) if name.startswith("spend") or name == "saved" else value
        for name, value in zip(Figures.__struct_fields__, msgspec.structs.astuple(total.figures), strict=True)
    }
    return {**dict(zip(by, _labels(by, total), strict=True)), **figures}


def dollars(nano: int) -> float:
    return nano / 1e9


def _write_csv(by: Sequence[str], found: Sequence[Total]) -> None:
    rows = csv.DictWriter(sys.stdout, [*by, *Figures.__struct_fields__], lineterminator="\n")
    rows.writeheader()
    rows.writerows(_fields(by, one) for one in found)
