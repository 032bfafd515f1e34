from __future__ import annotations

import math
import time

import pytest
import trio
import trio.testing

from proxy.errors import UpstreamFailure
from proxy.types import Headers, Layer, ResultKind
from proxy.upstream.renewed import Renewed
from proxy.wire.parking import Parking
from proxy.wire.reactor import Reactor

BEARER: Headers = ((b"Authorization", b"Bearer t"),)


class Asked:
    def __init__(self) -> None:
        self.headers: Headers = ()

    def admit(self, headers: Headers) -> None:
        self.headers = headers


@pytest.fixture
def parking():
    parking = Parking(Reactor())
    yield parking
    parking.close()


async def test_while_it_holds_nobody_waits(parking: Parking) -> None:
    renewed, asked = Renewed(), Asked()
    renewed.put(BEARER, math.inf)
    renewed.serves([asked])  # type: ignore[list-item]
    assert asked.headers == BEARER
    with trio.testing.assert_no_checkpoints():
        await renewed.ready(parking, math.inf)


async def test_who_comes_before_the_first_waits_for_it(parking: Parking, nursery: trio.Nursery) -> None:
    renewed = Renewed()
    nursery.start_soon(renewed.ready, parking, math.inf)
    await trio.testing.wait_all_tasks_blocked()
    renewed.put(BEARER, math.inf)


async def test_one_that_cannot_be_had_fails_at_once_and_blames_nobody(parking: Parking) -> None:
    renewed = Renewed()
    renewed.fail("answered 400 invalid_client")
    with pytest.raises(UpstreamFailure, match="invalid_client") as caught:
        await renewed.ready(parking, math.inf)
    assert (caught.value.kind, caught.value.blame) == (ResultKind.REFUSED, Layer.NOBODY)
    renewed.put(BEARER, math.inf)
    await renewed.ready(parking, math.inf)


async def test_one_that_ended_is_no_credential(parking: Parking) -> None:
    renewed = Renewed()
    renewed.put(BEARER, time.monotonic() - 1)
    renewed.fail("no")
    with pytest.raises(UpstreamFailure):
        await renewed.ready(parking, math.inf)


async def test_a_failed_renewal_leaves_what_holds(parking: Parking) -> None:
    renewed = Renewed()
    renewed.put(BEARER, math.inf)
    renewed.fail("later")
    await renewed.ready(parking, math.inf)
    assert renewed.headers == BEARER


async def test_no_wait_outlasts_the_request(parking: Parking) -> None:
    with pytest.raises(UpstreamFailure, match="none came in time"):
        await Renewed().ready(parking, time.monotonic() - 1)
