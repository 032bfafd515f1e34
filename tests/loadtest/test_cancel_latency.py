from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.cancel_latency import CONFIG, answer_by_name, latencies_ms, percentile
from loadtest.gateway_within import gateway_within
from loadtest.mock_upstream import MockUpstream
from proxy.types import Outcome

GENEROUS_MS = 250
"""A quiet machine needs under 10; this one may be busy with anything."""


async def test_upstream_connections_close_when_their_clients_leave(
    mock: MockUpstream, tmp_path: Path
) -> None:
    mock.script(answer_by_name)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.replace("PORT", str(mock.port)))
    async with gateway_within(config, {}) as gateway:
        found = await latencies_ms(gateway.port, "", mock, requests=45, seed=7)
        await gateway.recorded(45)
        await gateway.quiet()
    assert len(found) == 45
    assert percentile(found, 0.99) < GENEROUS_MS
    assert {record.outcome for record in gateway.records} == {Outcome.CLIENT_GONE}
    assert mock.open_connections == 0


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.51, 3), (0.99, 4), (1, 4), (0.01, 1)])
def test_percentile(share: float, expected: int) -> None:
    assert percentile([4, 2, 3, 1], share) == expected
