from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.cancel_latency.clients import DOORS, Leaving
from loadtest.cancel_latency.moments import Moment, Visit, leave_at_random
from loadtest.cancel_latency.phases import BY_NAME, CONFIG, HOLDER, PHASES
from loadtest.cancel_latency.verdict import (
    BAR_MS,
    Ended,
    closings,
    endings,
    figures,
    table,
    too_slow,
    wrong,
)
from loadtest.figures import percentile
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, unanswered_port

KEY = "sk-cancel"
COUNT = 2 * len(PHASES) * len(DOORS)
GENEROUS_MS = 250
"""A quiet machine needs under 10; this one may be busy with anything."""


async def test_every_phase_through_both_doors(mock: MockUpstream, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    async with unanswered_port() as unanswered:
        config.write_text(CONFIG.format(mock=mock.url, unanswered=unanswered, key=KEY))
        async with gateway_within(config, {}) as gateway:
            moments = await leave_at_random(gateway.port, KEY, mock, COUNT, seed=7)
            await gateway.recorded(COUNT + 1)
            await gateway.quiet()
            records = recorded(gateway)
    assert len({moment.visit.model for moment in moments}) == COUNT
    assert {(moment.visit.phase, moment.visit.door) for moment in moments} == {
        (p, d) for p in PHASES for d in DOORS
    }
    assert wrong(moments, records) == []
    assert set(records) - {moment.visit.model for moment in moments} == {HOLDER}
    assert percentile(closings(moments), 0.99) < GENEROUS_MS
    assert percentile(endings(moments, records), 0.99) < GENEROUS_MS
    assert mock.open_connections == 0


def recorded(gateway: GatewayWithin) -> dict[str, list[Ended]]:
    found: defaultdict[str, list[Ended]] = defaultdict(list)
    for each in gateway.records:
        ended = Ended(each.outcome.value, each.door, each.started_unix_s, each.duration_s)
        found[each.model_asked or ""].append(ended)
    return found


# -- the verdict

STREAM = Visit("stream-1", BY_NAME["stream"], "fast", Leaving.CLOSE, 0.1)
MOMENT = Moment(STREAM, left_unix_s=100.0, closed_ms=1.0)
QUEUED = Moment(Visit("queued-2", BY_NAME["queued"], "asgi", Leaving.RESET, 0.1), 100.0, None)
RECORD = Ended("client_gone", "fast", started_unix_s=99.0, duration_s=1.002)
GOOD = {"stream-1": [RECORD], "queued-2": [Ended("client_gone", "asgi", 99.0, 1.004)]}


def test_nothing_is_wrong_with_leavings_that_were_noticed() -> None:
    assert wrong([MOMENT, QUEUED], GOOD) == []


@pytest.mark.parametrize(
    ("moment", "records", "said"),
    [
        (replace(MOMENT, closed_ms=None), GOOD, "not closed"),
        (MOMENT, {}, "0 records"),
        (MOMENT, {"stream-1": [RECORD, RECORD]}, "2 records"),
        (MOMENT, {"stream-1": [Ended("ok", "fast", 99.0, 1.0)]}, "recorded as ok"),
        (MOMENT, {"stream-1": [Ended("client_gone", "asgi", 99.0, 1.0)]}, "of the asgi door"),
        (QUEUED, {}, "0 records"),
    ],
)
def test_what_is_wrong(moment: Moment, records: dict[str, list[Ended]], said: str) -> None:
    (line,) = wrong([moment], records)
    assert line.startswith(f"{moment.visit.model} ({moment.visit.door}, {moment.visit.how.value}): ")
    assert said in line


def test_the_figures() -> None:
    assert closings([MOMENT, QUEUED]) == [1.0]
    assert endings([MOMENT, QUEUED], GOOD) == pytest.approx([2.0, 4.0])
    assert figures([]) is None
    found = figures(range(1, 201))
    assert found is not None
    assert (found.p50, found.p99, found.most) == (100, 198, 200)


@pytest.mark.parametrize(
    ("closed_ms", "over_s", "slow"),
    [(BAR_MS, 1.0, False), (BAR_MS + 1, 1.0, True), (1.0, 1.04, False), (1.0, 1.06, True)],
)
def test_the_bar(closed_ms: float, over_s: float, slow: bool) -> None:
    records = {"stream-1": [Ended("client_gone", "fast", 99.0, over_s)]}
    assert too_slow([replace(MOMENT, closed_ms=closed_ms)], records) is slow


def test_the_table_has_a_line_per_cell_and_one_for_all() -> None:
    _, _, *lines = table([MOMENT, QUEUED, MOMENT], GOOD).splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["queued", "asgi", "1"],
        ["stream", "fast", "2"],
        ["all", "3", "1.00"],
    ]
