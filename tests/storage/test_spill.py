from __future__ import annotations

from pathlib import Path

import pytest

from proxy.storage.file import StateFile
from proxy.storage.spill import SpillTable

LEASE_S = 100.0


async def test_batches_come_back_in_order_each_to_one_worker(state: StateFile, path: Path) -> None:
    other = StateFile(path)
    one, two = SpillTable(state, 10_000), SpillTable(other, 10_000)
    for number in range(3):
        await one.keep("hook", b"%d" % number, float(number))
    await one.keep("other", b"x", 0.0)
    assert (await two.waiting("hook")).batches == 3
    assert (await two.waiting("hook")).oldest_unix_s == 0.0
    first, second = await one.claim("hook", 1000.0, LEASE_S), await two.claim("hook", 1000.0, LEASE_S)
    assert first is not None
    assert second is not None
    assert (first.records, second.records) == (b"0", b"1")
    await one.done(first.id)
    await two.release(second.id)
    again = await one.claim("hook", 1000.0, LEASE_S)
    assert again == second
    other.close()


async def test_what_a_worker_took_along_when_it_died_is_free_after_its_lease(state: StateFile) -> None:
    spill = SpillTable(state, 10_000)
    await spill.keep("hook", b"x", 0.0)
    assert await spill.claim("hook", 1000.0, LEASE_S) is not None
    assert await spill.claim("hook", 1000.0 + LEASE_S / 2, LEASE_S) is None
    assert await spill.claim("hook", 1001.0 + LEASE_S, LEASE_S) is not None


async def test_too_many_push_out_the_oldest_of_their_own(
    state: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    spill = SpillTable(state, 100)
    await spill.keep("other", b"o" * 90, 0.0)
    for number in range(5):
        await spill.keep("hook", b"%d" % number * 40, 0.0)
    assert (await spill.waiting("other")).batches == 1
    assert (await spill.waiting("hook")).batches == 2
    found = await spill.claim("hook", 1.0, LEASE_S)
    assert found is not None
    assert found.records == b"3" * 40
    assert spill.dropped == 3
    assert "sink hook: 1 of its batches that waited the longest are lost" in caplog.text


async def test_a_file_that_cannot_be_used_says_so_as_any_file_does(tmp_path: Path) -> None:
    spill = SpillTable(StateFile(tmp_path / "none" / "sluice.db"), 100)
    with pytest.raises(OSError, match="state file"):
        await spill.keep("hook", b"x", 0.0)
    with pytest.raises(OSError, match="state file"):
        spill.keep_now("hook", b"x", 0.0)
    with pytest.raises(OSError, match="state file"):
        await spill.waiting("hook")
