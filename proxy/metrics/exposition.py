"""The numbers of all workers as one text, in Prometheus' format or OpenMetrics'.

https://prometheus.io/docs/instrumenting/exposition_formats/ and https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

from proxy.metrics.families import FAMILIES, Family, Kind
from proxy.metrics.table import Labels, decode_series, decode_sheet

STALE_S = 15.0
"""Levels older than that are of a worker that died or hangs: they are levels no more."""
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Numbers = list[float]
Merged = dict[int, dict[Labels, Numbers]]
"""By metric, then by labels."""


def merged(sheets: Iterable[bytes], now: float) -> Merged:
    """`now`: by the same clock as the sheets' moments."""
    found: Merged = {}
    for sheet in filter(None, sheets):
        _add_sheet(found, sheet, now)
    return found


def _add_sheet(found: Merged, sheet: bytes, now: float) -> None:
    decoded = decode_sheet(sheet)
    lives = now - decoded.at < STALE_S
    values = array("d", decoded.values)
    at = 0
    for number, labels in decode_series(decoded.series):
        family = FAMILIES[number]
        numbers = values[at : at + family.width].tolist()
        at += family.width
        if not family.is_level or (lives and not math.isnan(numbers[0])):
            series = found.setdefault(number, {})
            before = series.get(labels)
            series[labels] = numbers if before is None else _together(family, before, numbers)


def _together(family: Family, one: Numbers, other: Numbers) -> Numbers:
    if family.kind is Kind.MOST:
        return [max(one[0], other[0])]
    if family.kind is Kind.LEAST:
        return [min(one[0], other[0])]
    return [left + right for left, right in zip(one, other, strict=True)]


_TYPES = {Kind.COUNTER: "counter", Kind.HISTOGRAM: "histogram"}


def text(numbers: Merged, *, openmetrics: bool = False) -> bytes:
    lines: list[str] = []
    for family in FAMILIES:
        series = numbers.get(family.number)
        if series:
            name = _named(family, openmetrics=openmetrics)
            lines += (f"# HELP {name} {_help(family)}", f"# TYPE {name} {_TYPES.get(family.kind, 'gauge')}")
            for labels, values in series.items():
                lines += _samples(family, labels, values)
    if openmetrics:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def shown_name(family: Family) -> str:
    """Of its samples; a histogram's have `_bucket`, `_sum` and `_count` behind it."""
    return f"{family.name}_total" if family.kind is Kind.COUNTER else family.name


def _named(family: Family, *, openmetrics: bool) -> str:
    """In what is told of it: OpenMetrics leaves a counter's `_total` out there."""
    return family.name if openmetrics else shown_name(family)


def _help(family: Family) -> str:
    return family.help.replace("\\", "\\\\").replace("\n", "\\n")


def _samples(family: Family, labels: Labels, values: Sequence[float]) -> Iterable[str]:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(family.labels, labels, strict=True)]
    if family.kind is not Kind.HISTOGRAM:
        return (f"{shown_name(family)}{_braced(pairs)} {_number(values[0])}",)
    return _histogram(family, pairs, values)


def _histogram(family: Family, pairs: list[str], values: Sequence[float]) -> list[str]:
    lines: list[str] = []
    count = 0.0
    for bound, in_bucket in zip((*family.buckets, math.inf), values[:-1], strict=True):
        count += in_bucket
        limit = "+Inf" if bound == math.inf else repr(float(bound))
        bucket = _braced([*pairs, f'le="{limit}"'])
        lines.append(f"{family.name}_bucket{bucket} {_number(count)}")
    braced = _braced(pairs)
    lines.append(f"{family.name}_count{braced} {_number(count)}")
    lines.append(f"{family.name}_sum{braced} {_number(values[-1])}")
    return lines


def _braced(pairs: list[str]) -> str:
    return f"{{{','.join(pairs)}}}" if pairs else ""


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
