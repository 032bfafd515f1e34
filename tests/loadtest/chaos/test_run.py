"""A short run with a fixed seed: real processes that are killed, before a real gateway."""

from __future__ import annotations

from pathlib import Path

from loadtest.chaos.judge import Kind
from loadtest.chaos.plan import DEAD
from loadtest.chaos.report import table
from loadtest.chaos.run import Options, run

SECONDS = 3.0


async def test_nothing_is_wrong_and_nothing_is_left(tmp_path: Path) -> None:
    outcome = await run(tmp_path, Options(seconds=SECONDS, seed=4, upstreams=3, rate=60.0))
    assert outcome.wrong == []
    tally = outcome.tally
    assert tally.asked == tally.kinds.total() > SECONDS * 60 / 2
    assert tally.kinds[Kind.WHOLE] > tally.asked / 2
    spells = [spell for spells in outcome.plan.spells.values() for spell in spells]
    assert outcome.deaths == sum(spell.kind == DEAD and spell.begins < SECONDS for spell in spells) > 0
    text = table(tally, outcome.plan, SECONDS, outcome.rate, outcome.deaths, outcome.holdings)
    assert f"requests                    {tally.asked}\n" in text
