"""What the moments and the gateway's records say: the figures, and what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from loadtest.cancel_latency.moments import Moment
from loadtest.figures import percentile

BAR_MS = 50.0
"""The 99th percentile of each figure must not be above."""
GONE = "client_gone"
MOST_FINDINGS = 20


class Ended(msgspec.Struct, frozen=True):
    """Of a record, what matters here."""

    outcome: str
    door: str
    started_unix_s: float
    duration_s: float

    @property
    def ended_unix_s(self) -> float:
        return self.started_unix_s + self.duration_s


@dataclass(frozen=True)
class Figures:
    """Milliseconds."""

    p50: float
    p99: float
    most: float

    def __str__(self) -> str:
        return f"{self.p50:7.2f} {self.p99:7.2f} {self.most:7.2f}"


def figures(values: Iterable[float]) -> Figures | None:
    found = list(values)
    return Figures(percentile(found, 0.5), percentile(found, 0.99), max(found)) if found else None


def closings(moments: Iterable[Moment]) -> list[float]:
    """Milliseconds until the upstream connection was closed."""
    return [moment.closed_ms for moment in moments if moment.closed_ms is not None]


def endings(moments: Iterable[Moment], records: Mapping[str, Sequence[Ended]]) -> list[float]:
    """Milliseconds until the request was over, its slot freed."""
    return [
        (record.ended_unix_s - moment.left_unix_s) * 1000
        for moment in moments
        for record in records.get(moment.visit.model, ())
    ]


def wrong(moments: Sequence[Moment], records: Mapping[str, Sequence[Ended]]) -> list[str]:
    """A line for each leaving that was not noticed, or not recorded as what it was."""
    found = []
    for moment in moments:
        visit = moment.visit
        if fault := _fault(moment, records.get(visit.model, ())):
            found.append(f"{visit.model} ({visit.door}, {visit.how.value}): {fault}")
    return found


def _fault(moment: Moment, found: Sequence[Ended]) -> str:
    visit = moment.visit
    if visit.phase.reaches_upstream and moment.closed_ms is None:
        return "its upstream connection was not closed"
    if len(found) != 1:
        return f"{len(found)} records"
    if (found[0].outcome, found[0].door) != (GONE, visit.door):
        return f"recorded as {found[0].outcome} of the {found[0].door} door"
    return ""


def table(moments: Sequence[Moment], records: Mapping[str, Sequence[Ended]]) -> str:
    """A line per phase and door, and one for all."""
    cells: dict[tuple[str, str], list[Moment]] = {}
    for moment in moments:
        cells.setdefault((moment.visit.phase.name, moment.visit.door), []).append(moment)
    lines = [
        f"{'':22}{'':>6}  {'upstream closed, ms':^23}  {'request over, ms':^23}",
        f"{'phase':14}{'door':8}{'left':>6}{'      p50     p99     max' * 2}",
    ]
    for (phase, door), of_it in (*sorted(cells.items()), (("all", ""), moments)):
        closed, over = figures(closings(of_it)), figures(endings(of_it, records))
        lines.append(f"{phase:14}{door:8}{len(of_it):6}  {_shown(closed)}  {_shown(over)}")
    return "\n".join(lines)


def _shown(found: Figures | None) -> str:
    return f"{str(found) if found else '-':>23}"


def too_slow(moments: Sequence[Moment], records: Mapping[str, Sequence[Ended]]) -> bool:
    found = figures(closings(moments)), figures(endings(moments, records))
    return any(each is not None and each.p99 > BAR_MS for each in found)
