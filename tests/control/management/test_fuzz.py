"""Whatever is asked of the endpoints is answered, or refused as the client's fault."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.control.management import OPERATIONS, Operation
from proxy.control.management.fields import NEVER_GIVEN
from proxy.errors import GatewayError

NAMES = sorted(
    {
        "key", "keys", "key_alias", "key_aliases", "new_key", "duration", "grace_period", "models",
        "aliases", "metadata", "tags",
        "max_budget", "soft_budget", "budget_duration", "model_max_budget", "rpm_limit", "model_rpm_limit", "blocked",
        "team_id", "team_ids", "user_id", "user_ids", "user_role", "user_email", "teams", "member", "members", "admins",
        "members_with_roles", "budget_id", "budgets", "id", "name", "names", "allowed_routes", "key_type", "guardrails",
        "auto_create_key", "max_bugdet", "end_user_id", "model_aliases", "spend", *NEVER_GIVEN,
    }
)  # fmt: skip
ODD = st.sampled_from(
    [
        "",
        "x",
        "sk-0123456789abcdef",
        "t",
        "u",
        "1d",
        "-1",
        "proxy_admin",
        "a" * 600,
        "\0",
        "\ud7ff",
        "*",
        "{}",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ODD
)
VALUES = st.recursive(
    LEAVES,
    lambda x: st.lists(x, max_size=4) | st.dictionaries(ODD | st.sampled_from(NAMES), x, max_size=4),
    max_leaves=8,
)
GIVEN = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), VALUES, max_size=6)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.path)
def test_no_request_trips_an_endpoint_up(operation: Operation, counter: Any) -> None:
    async def stage() -> None:
        await counter.ask("/team/new", {"team_id": "t"})
        await counter.ask("/user/new", {"user_id": "u", "key": "sk-0123456789abcdef", "teams": ["t"]})

    trio.run(stage)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(GIVEN, st.sampled_from([None, "sk-0123456789abcdef"]), st.text(max_size=40))
    def ask(given: dict[str, object], key: str | None, query: str) -> None:
        if key is not None and counter.registry.directory.key_named(key) is None:
            key = None
        try:
            body = msgspec.json.encode(given)
        except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
            return
        try:
            answer = trio.run(lambda: counter.ask(operation.path, msgspec.Raw(body), key=key, query=query))
        except GatewayError as refused:
            statuses.add(refused.status)
        else:
            msgspec.json.encode(answer)

    statuses: set[int] = set()
    ask()
    assert all(400 <= status < 500 for status in statuses)
    for entity in counter.registry.directory.all_of("key"):
        assert len(entity.token) == 64
