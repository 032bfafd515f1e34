"""Who the callers are, and what they share by parts: a seed has one of these themes."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from loadtest.sim.settings import Section

OTHERS = (b"sk-simulated-tenant-one", b"sk-simulated-tenant-two", b"sk-simulated-tenant-three")
HOSTILE = b"sk-simulated-tenant-hostile"
OTHERS_RPM = 40
"""Of each of the others: what it sends itself is far below."""
HOSTILE_RPM = 1_000


@dataclass(frozen=True)
class Theme:
    tricks: tuple[str, ...] = ()
    """The hostile caller's, who plays others that harm nothing besides; empty: any."""
    times: tuple[int, int] = (5, 30)
    """How often, at least and at most."""
    params: Section = field(default_factory=dict)
    """Of every entry."""
    router: Section = field(default_factory=dict)
    sluice: Section = field(default_factory=dict)
    head_s: tuple[float, float] = (0.02, 0.4)
    lame: bool = True
    """Some keys cannot do what some requests want."""
    flaky: float = 0.0
    """How often one of the keys fails."""
    text_bytes: tuple[int, int] = (0, 0)
    """Of others' prompts; none: short ones."""


THEMES: dict[str, Theme] = {
    "platforms": Theme(),
    "line": Theme(
        tricks=("crowd",),
        times=(1, 3),
        params={"max_parallel_requests": 2},
        sluice={"queue_timeout_s": 20.0, "queue_limit": 30},
        head_s=(0.2, 0.8),
        lame=False,
    ),
    "retries": Theme(
        tricks=("silence",),
        times=(2, 5),
        router={"allowed_fails": 3},
        sluice={"retry_budget_percent": 20.0, "retry_budget_min": 3},
        lame=False,
        flaky=0.35,
    ),
    "bodies": Theme(
        tricks=("hoard",), times=(2, 5), sluice={"held_bodies_mb": 1}, lame=False, text_bytes=(66_000, 90_000)
    ),
    "tokens": Theme(tricks=("greedy",), times=(2, 8), params={"tpm": 20_000}, lame=False),
}
_CHANCES = (60, 10, 10, 10, 10)


def theme_of(chance: random.Random) -> Theme:
    return THEMES[chance.choices(list(THEMES), _CHANCES)[0]]


def written() -> list[object]:
    """Their keys, as an operator writes them."""
    keys: list[object] = [
        {"key": key.decode(), "key_alias": f"tenant {number}", "rpm_limit": OTHERS_RPM}
        for number, key in enumerate(OTHERS)
    ]
    return [*keys, {"key": HOSTILE.decode(), "key_alias": "hostile", "rpm_limit": HOSTILE_RPM}]


def key_of(number: int) -> bytes:
    """Of another's client."""
    return OTHERS[number % len(OTHERS)]
