"""Spend as a table for people: the dearest first, a bar for each, and the sum of all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import msgspec

from proxy.storage.reports import Figures

BAR_CELLS = 24
LABEL_CHARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_HEADS = ("requests", "failed", "input", "cached", "output", "spend")
Line = tuple[tuple[str, ...], Figures]


def table(title: str, by: Sequence[str], lines: Sequence[Line], limit: int) -> str:
    """The first `limit` lines, and the others as one."""
    if not lines:
        return f"{title}\n\nnothing was asked"
    shown, rest = list(lines[:limit]), lines[limit:]
    whole = _sum(lines)
    most = max(figures.spend for _, figures in shown)
    cells = [(*by, *_HEADS, "")]
    cells += [(*map(_label, of), *_numbers(figures), _bar(figures.spend, most)) for of, figures in shown]
    blank = [""] * (len(by) - 1)
    if rest:
        cells.append((f"{len(rest)} more", *blank, *_numbers(_sum(rest)), ""))
    cells.append(("all", *blank, *_numbers(whole), ""))
    return f"{title}\n\n{_aligned(cells, len(by))}{_notes(whole)}"


def _aligned(rows: Sequence[Sequence[str]], left: int) -> str:
    """Numbers to the right; the names before them and the bar behind them to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < left or at == last else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _sum(lines: Sequence[Line]) -> Figures:
    rows = [msgspec.structs.astuple(figures) for _, figures in lines]
    return Figures(*(reduce(add, column) for column in zip(*rows, strict=True)))


def _label(text: str) -> str:
    """Clients choose names: one may hold what drives a terminal."""
    text = text or "-"
    text = text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= LABEL_CHARS else text[: LABEL_CHARS - 1] + "…"


def _numbers(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.requests:,}",
        f"{figures.failures:,}",
        short(figures.input_tokens),
        short(figures.cached_tokens),
        short(figures.output_tokens),
        money(figures.spend),
    )


def short(count: int) -> str:
    """`1,234`, `12.3 M`."""
    for least, unit, letter in _UNITS:
        if count >= least:
            return f"{count / unit:.1f} {letter}"
    return f"{count:,}"


_UNITS = ((10**12, 10**12, "T"), (10**9, 10**9, "G"), (10**6, 10**6, "M"), (10**4, 10**3, "k"))


def money(nano: int) -> str:
    """Of small sums the digits that say something: `$0.000025`."""
    sign, nano = ("-", -nano) if nano < 0 else ("", nano)
    if nano == 0:
        return "$0"
    if nano < 1_000:
        return f"{sign}<$0.000001"
    return f"{sign}${nano / 1e9:,.2f}" if nano >= 10**9 else f"{sign}${nano / 1e9:.6f}"


def _bar(value: int, most: int) -> str:
    if most <= 0 or value <= 0:
        return ""
    eighths = max(1, round(value / most * BAR_CELLS * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _notes(whole: Figures) -> str:
    notes = []
    if whole.saved:
        share = whole.cached_tokens / max(1, whole.input_tokens)
        notes.append(f"providers' caches had {share:.0%} of the input, and saved {money(whole.saved)}")
    if whole.unpriced:
        notes.append(
            f"{whole.unpriced:,} requests used something whose price is not known: `sluice prices MODEL`"
        )
    if whole.estimated:
        notes.append(f"{whole.estimated:,} requests did not say what they used: it is estimated")
    return "".join(f"\n{note}" for note in ["", *notes]) if notes else ""
