"""What must come out and what is aimed for: one table, and how a number is held against it."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Results = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""case -> server -> reading -> one number per round"""

SPREAD_LIMIT = 1.4
"""Paired rounds whose ratios differ by more than this factor say nothing."""
OUTLIERS_FROM = 5
"""Of so many rounds the median stands whatever one at either end was: these two are left out of the spread."""


class How(enum.Enum):
    RATIO = "x"
    """Subject over peer, round by round."""
    DIFFERENCE = "+"
    """Subject minus peer, round by round."""
    ABSOLUTE = ""


class Verdict(enum.Enum):
    AIM = "aim met"
    MUST = "must met"
    MISSED = "MISSED"
    NOISY = "too noisy to say"


@dataclass(frozen=True)
class Bar:
    case: str
    reading: str
    title: str
    must: float
    aim: float
    how: How = How.RATIO
    at_least: bool = False
    """True: more is better."""
    subject: str = "gateway"
    peer: str = "nginx"
    tail: bool = False
    """True: a tail latency, whose spread is not held against it."""
    spared: float = 0.0
    """Of the subject's reading, what is not counted in a ratio: no more can be asked of any proxy."""


BARS = (
    Bar("proxied", "cpu_us_per_request", "chat behind a proxy: CPU per request", 2.7, 2.1),
    Bar(
        "proxied",
        "requests_per_s",
        "chat behind a proxy: requests per second",
        0.37,
        0.48,
        at_least=True,
    ),
    Bar("chat", "cpu_us_per_request", "chat: CPU per request", 2.4, 1.9),
    Bar("chat", "requests_per_s", "chat: requests per second", 0.42, 0.5, at_least=True),
    Bar("fresh", "cpu_us_per_request", "a connection per request: CPU per request", 2.5, 2.0),
    Bar("burst", "events_per_s", "burst streams: events per second", 1.4, 1.8, at_least=True),
    Bar("paced", "cpu_us_per_event", "500 paced streams: CPU per event", 1.3, 1.1),
    *(
        Bar(
            case,
            f"first_{share}_ms",
            f"{streams} paced streams: first event {share}, less 0.3 ms",
            3.0,
            1.0,
            tail=True,
            spared=0.3,
        )
        for case, streams in (("paced", "500"), ("crowd", "2,000"))
        for share in ("p50", "p99")
    ),
    Bar("crowd", "complete_share", "2,000 paced streams: share completed", 1, 1, How.ABSOLUTE, at_least=True),
    Bar("crowd", "gap_p99_ms", "2,000 paced streams: gap p99", 2.0, 1.0, tail=True),
    Bar("alone", "p50_ms", "one connection: added p50, ms", 0.04, 0.02, How.DIFFERENCE),
    Bar("idle", "kb_per_stream", "10,000 idle streams: KB per stream", 12, 8, How.ABSOLUTE),
    Bar("soak", "rss_mb", "after 1,000,000 requests: MB resident", 80, 50, How.ABSOLUTE),
    Bar("soak", "growth_mb", "from 100,000 to 1,000,000 requests: MB grown", 4, 1, How.ABSOLUTE),
    Bar("tls", "cpu_us_per_request", "TLS upstream: CPU per request", 2.4, 2.0),
    Bar("upload", "cpu_us_per_mb", "1 MB bodies: CPU per MB", 2.0, 1.0),
    Bar("download", "cpu_us_per_mb", "10 MB answers: CPU per MB", 2.0, 1.0),
    Bar(
        "workers",
        "capacity_per_s",
        "two workers: capacity, x one worker",
        1.7,
        1.9,
        at_least=True,
        subject="pair",
        peer="gateway",
    ),
    Bar("start", "seconds", "start to first answer, s", 0.3, 0.2, How.ABSOLUTE),
)


@dataclass(frozen=True)
class Finding:
    """One bar with what was measured: medians, and the value that is judged."""

    bar: Bar
    values: tuple[float, ...]
    """Each round's, sorted."""
    subject: float
    peer: float | None

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> Verdict:
        bar = self.bar
        if bar.how is How.RATIO and not bar.tail and self._disagrees():
            return Verdict.NOISY
        if _holds(self.value, bar.aim, at_least=bar.at_least):
            return Verdict.AIM
        return Verdict.MUST if _holds(self.value, bar.must, at_least=bar.at_least) else Verdict.MISSED

    def _disagrees(self) -> bool:
        inner = self.values[1:-1] if len(self.values) >= OUTLIERS_FROM else self.values
        return inner[-1] > inner[0] * SPREAD_LIMIT


def _holds(value: float, bar: float, *, at_least: bool) -> bool:
    return value >= bar if at_least else value <= bar


def find(results: Results) -> list[Finding]:
    """A finding per bar that was measured."""
    return [_finding(bar, results) for bar in BARS if _measured(bar, results)]


def _measured(bar: Bar, results: Results) -> bool:
    servers = results.get(bar.case, {})
    needed = {bar.subject} if bar.how is How.ABSOLUTE else {bar.subject, bar.peer}
    return needed <= servers.keys()


def _finding(bar: Bar, results: Results) -> Finding:
    servers = results[bar.case]
    subject = servers[bar.subject][bar.reading]
    peer = servers[bar.peer][bar.reading] if bar.peer in servers else None
    values = subject if peer is None or bar.how is How.ABSOLUTE else _paired(bar, subject, peer)
    return Finding(
        bar,
        tuple(sorted(values)),
        statistics.median(subject),
        None if peer is None else statistics.median(peer),
    )


def _paired(bar: Bar, subject: Sequence[float], peer: Sequence[float]) -> list[float]:
    pairs = zip(subject, peer, strict=True)
    if bar.how is How.DIFFERENCE:
        return [mine - other for mine, other in pairs]
    return [max(0.0, mine - bar.spared) / other for mine, other in pairs]
