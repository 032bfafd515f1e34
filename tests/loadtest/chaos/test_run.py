"""A short run with a fixed seed: real processes that are killed, before a real gateway."""

from __future__ import annotations

from pathlib import Path

from loadtest.chaos.judge import Kind
from loadtest.chaos.report import table
from loadtest.chaos.run import Options, run

SECONDS = 2.0
SEED = 189
"""One upstream resets its answers and dies, two are well; none is ever silent, which would take its time."""


async def test_nothing_is_wrong_and_nothing_is_left(tmp_path: Path) -> None:
    outcome = await run(tmp_path, Options(seconds=SECONDS, seed=SEED, upstreams=3, rate=60.0))
    assert outcome.wrong == []
    assert outcome.plan.must_succeed(0.0, SECONDS)
    tally = outcome.tally
    assert tally.asked == tally.kinds.total() > SECONDS * 60 / 2
    assert tally.kinds[Kind.WHOLE] > tally.asked / 2
    assert outcome.deaths > 0
    assert outcome.hostile > SECONDS, "and none of the load's clients noticed them"
    text = table(tally, outcome.plan, SECONDS, outcome.rate, outcome.deaths, outcome.holdings)
    assert f"requests                    {tally.asked}\n" in text
