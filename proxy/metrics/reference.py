"""The table of docs/metrics.md, made of the metrics themselves: `python -m proxy.metrics.reference docs/metrics.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from proxy.metrics.exposition import shown_name
from proxy.metrics.families import FAMILIES, Family, Kind

BEGIN, END = "<!-- metrics: made by proxy.metrics.reference -->", "<!-- end of metrics -->"
_KINDS = {
    Kind.COUNTER: "counter",
    Kind.HISTOGRAM: "histogram",
    Kind.SUM: "gauge",
    Kind.MOST: "gauge, the largest",
    Kind.LEAST: "gauge, the least",
}


def table() -> str:
    rows = [_row(family) for family in FAMILIES]
    return "\n".join(("| metric | kind | labels | meaning |", "|---|---|---|---|", *rows)) + "\n"


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{shown_name(family)}` | {_KINDS[family.kind]} | {labels} | {family.help} |"


def page(current: str) -> str:
    """The page with its table made new."""
    head, _, rest = current.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(page(target.read_text()))
