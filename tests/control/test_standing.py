"""Until when: as people read it, and as programs count it."""

from __future__ import annotations

import math

import msgspec
import pytest

from proxy.control.standing import endpoint

NOON_UNIX_S = 1_795_608_000.0
"""2026-11-25T12:00:00Z"""


@pytest.mark.parametrize(
    ("until_s", "until", "shown_s"),
    [
        (0.0, None, 0.0),
        (12.3456, "2026-11-25T12:00:12.346Z", 12.346),
        (86_400.0, "2026-11-26T12:00:00.000Z", 86_400.0),
        (math.inf, None, None),
    ],
)
def test_the_end_of_a_rest(status, until_s, until, shown_s):
    found = endpoint(status(id="a", state="open", reason="operator", until_s=until_s), NOON_UNIX_S)
    assert (found.until, found.until_s) == (until, shown_s)
    assert b"Infinity" not in msgspec.json.encode(found)
