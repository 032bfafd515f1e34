"""Room for bodies, and whose it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import GatewayError
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.refusals import memory_share_taken

LIMIT = 900


def budget() -> Budget:
    return Budget(LIMIT, memory_share_taken)


def test_alone_one_gets_two_thirds() -> None:
    room = budget()
    lease = room.lease(b"a")
    lease.take(600)
    with pytest.raises(GatewayError) as full:
        room.lease(b"a").take(1)
    assert (full.value.status, full.value.code) == (503, "gateway_busy")
    lease.close()
    lease.close()
    assert room.held_bytes == 0
    room.lease(b"a").take(600)


def test_however_much_one_sends_another_finds_room() -> None:
    room = budget()
    hog = [room.lease(b"hog") for _ in range(1_000)]
    taken = sum(lease.try_take(10) for lease in hog)
    assert taken == 60
    other = room.lease(b"other")
    other.take(200)
    third = room.lease(b"third")
    third.take(66)
    assert not room.lease(b"hog").try_take(1)
    for lease in hog:
        lease.close()
    assert room.held_bytes == 266
    room.lease(b"hog").take(400)


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.integers(1, 300), st.booleans())))
def test_who_holds_nothing_finds_two_thirds_of_what_is_left(steps: list[tuple[bytes, int, bool]]) -> None:
    room = budget()
    leases = {name: room.lease(name) for name in (b"a", b"b", b"c", b"d")}
    for name, size, closes in steps:
        if closes:
            leases[name].close()
        else:
            leases[name].try_take(size)
        held = sum(lease.held_bytes for lease in leases.values())
        assert room.held_bytes == held <= LIMIT
        left = LIMIT - held
        newcomer = room.lease(b"new")
        assert newcomer.try_take(left * 2 // 3)
        newcomer.close()
    for lease in leases.values():
        lease.close()
    assert (room.held_bytes, room._held_by) == (0, {})
