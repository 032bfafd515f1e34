from __future__ import annotations

from proxy.routing.hold import NO_HOLD, Hold


def test_holds_end() -> None:
    assert Hold.benched(10.0).holds(9.9)
    assert not Hold.benched(10.0).holds(10.0)
    assert Hold.benched().holds(1e12)
    assert Hold.draining().holds(1e12)
    assert not Hold.revived().holds(0.0)
    assert not NO_HOLD.holds(0.0)
