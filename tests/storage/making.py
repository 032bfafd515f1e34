"""Records to write."""

from __future__ import annotations

from typing import Final

from proxy.accounting.record import Record, call_id
from proxy.types import Cost, Deployment, Outcome, Secret, Usage

DAY_S: Final = 86_400
NOON: Final = 20_000 * DAY_S + DAY_S / 2
"""Of day 20,000: 2024-10-04."""
DEPLOYMENT = Deployment(
    id="d1",
    group="gpt-4o",
    provider="openai",
    model="gpt-4o-2024",
    api_base="http://x",
    api_key=Secret("sk"),
    object_scope="s",
)


def cost(total: int) -> Cost:
    return Cost(total=total, input=total // 2, output=total - total // 2, source="test")


def record(**fields: object) -> Record:
    """One that went well, and cost 1,000 nano-dollars."""
    plain: dict[str, object] = {
        "call_id": call_id(),
        "started_unix_s": NOON,
        "duration_s": 1.0,
        "first_byte_s": 0.25,
        "method": "POST",
        "route": "/chat/completions",
        "model_asked": "gpt-4o",
        "deployment_id": "d1",
        "status": 200,
        "outcome": Outcome.OK,
        "attempts": 1,
        "usage": Usage(input_tokens=10, output_tokens=20, total_tokens=30, cached_tokens=4),
        "cost": cost(1_000),
        "caller": "ci",
        "key": "k1",
        "key_alias": "ci",
        "user": "u1",
        "team": "t1",
    }
    return Record(**{**plain, **fields})  # type: ignore[arg-type]
