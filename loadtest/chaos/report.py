"""The table of a run."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.chaos.growth import Held
from loadtest.chaos.judge import Kind
from loadtest.chaos.load import Tally
from loadtest.chaos.plan import Plan
from loadtest.figures import percentile


def table(
    tally: Tally, plan: Plan, seconds: float, rate: float, deaths: int, holdings: Sequence[Held]
) -> str:
    rows = [("load", f"{rate:.0f} requests per second for {seconds:g} s"), ("requests", str(tally.asked))]
    rows += [(kind.value, str(tally.kinds[kind])) for kind in Kind]
    rows += [
        ("wrong", str(tally.wrong)),
        ("upstream deaths", str(deaths)),
        ("spells of trouble", str(sum(map(len, plan.spells.values())))),
        ("had to succeed", f"{_share_of_time(plan, seconds):.0%} of the time"),
        ("whole answers", _milliseconds(tally.whole_s)),
        ("first byte of streams", _milliseconds(tally.first_s)),
    ]
    rows += [
        (f"held {when}", str(each)) for when, each in zip(("before", "early", "late"), holdings, strict=True)
    ]
    return "\n".join(f"{name:28}{text}" for name, text in rows)


def _share_of_time(plan: Plan, seconds: float) -> float:
    moments = range(int(seconds))
    return sum(plan.must_succeed(at, at + 1) for at in moments) / max(1, len(moments))


def _milliseconds(values: Sequence[float]) -> str:
    if not values:
        return "none"
    p50, p99 = (percentile(values, share) * 1000 for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
