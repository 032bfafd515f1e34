"""Whose keys, teams and users somebody may see and change."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.control.management import OPERATIONS, Office, making, management_pages
from proxy.errors import GatewayError
from proxy.types import PageRequest

OPEN = {"/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/info", "/key/list", "/key/health"} | {
    "/user/info", "/team/info", "/team/list",
}  # fmt: skip
"""What somebody else than the master may do at all, with what is theirs."""


@pytest.fixture
async def house(counter: Any) -> Any:
    """Two teams; `boss` runs `t`, `ada` is in it, `bob` in the other; each has a key."""
    for user in ("boss", "ada", "bob"):
        await counter.ask("/user/new", {"user_id": user, "auto_create_key": False})
    members = [{"user_id": "boss", "role": "admin"}, {"user_id": "ada", "role": "user"}]
    await counter.ask("/team/new", {"team_id": "t", "members_with_roles": members})
    await counter.ask("/team/new", {"team_id": "other", "members": ["bob"]})
    counter.boss = await counter.key(user_id="boss")
    counter.ada = await counter.key(user_id="ada", team_id="t")
    counter.bob = await counter.key(user_id="bob", team_id="other")
    counter.plain = await counter.key()
    return counter


@pytest.mark.parametrize(
    "operation", [op for op in OPERATIONS if op.path not in OPEN], ids=lambda op: op.path
)
async def test_the_rest_is_the_masters(house: Any, operation: Any) -> None:
    given = {
        "key": house.bob, "keys": [house.bob], "user_id": "bob", "user_ids": ["bob"], "team_id": "other",
        "team_ids": ["other"], "member": {"user_id": "x", "role": "user"}, "name": "n", "names": ["n"], "id": "b",
        "budget_id": "b", "budgets": ["b"],
    }  # fmt: skip
    for key in (house.ada, house.boss, house.plain):
        error = await house.refused(operation.path, given, key=key, query="user_id=bob&end_user_id=c")
        assert (error.status, error.code) == (403, "not_allowed"), operation.path


async def test_a_key_sees_itself_its_users_and_its_teams(house: Any) -> None:
    own = await house.ask("/key/info", key=house.ada)
    assert own["info"]["user_id"] == "ada"
    assert (await house.ask("/key/health", {}, key=house.plain))["key"] == "healthy"
    assert (await house.ask("/key/info", query=f"key={house.ada}", key=house.boss))["info"]["team_id"] == "t"
    for secret in (house.bob, house.plain, house.boss):
        assert (await house.refused("/key/info", query=f"key={secret}", key=house.ada)).status == 403
    listed = await house.ask("/key/list", query="return_full_object=true", key=house.ada)
    assert [key["user_id"] for key in listed["keys"]] == ["ada"]
    listed = await house.ask("/key/list", query="return_full_object=true", key=house.boss)
    assert {key["user_id"] for key in listed["keys"]} == {"ada", "boss"}


async def test_users_and_teams_are_shown_to_their_own(house: Any) -> None:
    assert (await house.ask("/user/info", key=house.ada))["user_id"] == "ada"
    assert (await house.refused("/user/info", query="user_id=bob", key=house.ada)).status == 403
    assert (await house.refused("/user/info", key=house.plain)).status == 403
    assert (await house.ask("/team/info", query="team_id=t", key=house.ada))["team_id"] == "t"
    assert (await house.refused("/team/info", query="team_id=other", key=house.ada)).status == 403
    assert [team["team_id"] for team in await house.ask("/team/list", key=house.bob)] == ["other"]
    assert await house.ask("/team/list", key=house.plain) == []


async def test_a_teams_administrator_runs_its_keys_and_members(house: Any) -> None:
    made = await house.ask("/key/generate", {"team_id": "t", "user_id": "ada"}, key=house.boss)
    assert made["team_id"] == "t"
    for path in ("/key/block", "/key/unblock", "/key/regenerate"):
        await house.ask(path, {"key": made["token"]}, key=house.boss)
    await house.ask("/key/update", {"key": made["token_id"], "max_budget": 3}, key=house.boss)
    await house.ask(
        "/team/member_add", {"team_id": "t", "member": {"role": "user", "user_id": "eve"}}, key=house.boss
    )
    await house.ask(
        "/team/member_update", {"team_id": "t", "user_id": "eve", "max_budget_in_team": 1}, key=house.boss
    )
    await house.ask("/team/member_delete", {"team_id": "t", "user_id": "eve"}, key=house.boss)
    for path in ("/key/block", "/key/update", "/key/regenerate"):
        assert (await house.refused(path, {"key": house.bob}, key=house.boss)).status == 403
    assert (await house.refused("/key/generate", {"team_id": "other"}, key=house.boss)).status == 403
    taken_away = {"key": made["token_id"], "team_id": "other"}
    assert (await house.refused("/key/update", taken_away, key=house.boss)).status == 403


async def test_a_member_that_is_no_administrator_runs_nothing(house: Any) -> None:
    other = await house.key(team_id="t", user_id="boss")
    for path in ("/key/block", "/key/update", "/key/regenerate"):
        assert (await house.refused(path, {"key": other}, key=house.ada)).status == 403
    assert (await house.refused("/key/delete", {"keys": [other]}, key=house.ada)).status == 403


async def test_a_users_own_key_is_theirs_but_for_its_limits(house: Any) -> None:
    await house.ask(
        "/key/update", {"key": house.ada, "key_alias": "mine", "metadata": {"a": 1}}, key=house.ada
    )
    for name, value in (
        ("max_budget", 1000),
        ("models", []),
        ("team_id", None),
        ("blocked", False),
        ("tags", ["x"]),
    ):
        assert (
            await house.refused("/key/update", {"key": house.ada, name: value}, key=house.ada)
        ).status == 403
        assert (
            await house.refused("/key/regenerate", {"key": house.ada, name: value}, key=house.ada)
        ).status == 403
    exchanged = await house.ask("/key/regenerate", {"key": house.ada}, key=house.ada)
    assert await house.ask("/key/delete", {"keys": [exchanged["key"]]}, key=exchanged["key"])


NARROW = {
    "models": ["m", "n*"],
    "max_budget": 5,
    "rpm_limit": 10,
    "allowed_routes": ["/chat/completions"],
    "duration": "1d",
}


async def test_a_key_makes_keys_no_wider_than_itself(house: Any) -> None:
    narrow = await house.key(user_id="ada", team_id="t", budget_duration="1d", **NARROW)
    made = await house.ask("/key/generate", {}, key=narrow)
    for name in (
        "models",
        "max_budget",
        "rpm_limit",
        "allowed_routes",
        "budget_duration",
        "team_id",
        "user_id",
        "expires",
    ):
        assert made[name] == (await house.ask("/key/info", query=f"key={narrow}"))["info"][name], name
    made = await house.ask("/key/generate", {"models": ["n1"], "max_budget": 1, "duration": "1h"}, key=narrow)
    assert (made["models"], made["max_budget"]) == (["n1"], 1)
    for wider in (
        {"models": ["x"]}, {"models": ["*"]}, {"models": ["all-team-models"]}, {"aliases": {"m": "x"}},
        {"max_budget": 6},
        {"rpm_limit": 11}, {"allowed_routes": ["/embeddings"]}, {"allowed_routes": ["llm_api_routes"]},
        {"key_type": "management"}, {"duration": "2d"}, {"duration": "-1", "max_budget": 9}, {"user_id": "bob"},
        {"team_id": "other"},
    ):  # fmt: skip
        assert (await house.refused("/key/generate", wider, key=narrow)).status == 403, wider


async def test_limits_by_model_period_and_budget_are_no_wider_either(house: Any) -> None:
    daily = {"m": {"budget_limit": 1, "time_period": "1d"}}
    limits = {"max_budget": 5, "model_rpm_limit": {"m": 3}, "model_max_budget": daily}
    narrow = await house.key(user_id="ada", team_id="t", **limits)
    for wider in (
        {"budget_duration": "1h"}, {"model_rpm_limit": {"m": 4}}, {"model_max_budget": {"m": 2}},
        {"model_max_budget": {"m": {"budget_limit": 1, "time_period": "1h"}}},
    ):  # fmt: skip
        assert (await house.refused("/key/generate", wider, key=narrow)).status == 403, wider
    made = await house.ask("/key/generate", {"model_rpm_limit": {"n": 9}, "max_budget": 0}, key=narrow)
    assert (made["model_rpm_limit"], made["max_budget"]) == ({"m": 3, "n": 9}, 0)
    monthly = await house.key(user_id="ada", team_id="t", max_budget=5, budget_duration="1d")
    longer = await house.ask("/key/generate", {"budget_duration": "1mo"}, key=monthly)
    assert longer["budget_duration"] == "1mo"
    assert (await house.refused("/key/generate", {"budget_duration": "12h"}, key=monthly)).status == 403


async def test_a_key_with_a_named_budget_makes_none_with_more(house: Any) -> None:
    for name, dollars in (("small", 5), ("large", 500)):
        await house.ask("/budget/new", {"budget_id": name, "max_budget": dollars, "rpm_limit": 10})
    narrow = await house.key(user_id="ada", team_id="t", budget_id="small")
    for wider in ({"max_budget": 6}, {"budget_id": "large"}, {"rpm_limit": 11}, {"budget_duration": "1h"}):
        assert (await house.refused("/key/generate", wider, key=narrow)).status == 403, wider
    made = await house.ask("/key/generate", {"max_budget": 4}, key=narrow)
    assert (made["max_budget"], made["budget_id"]) == (4, "small")


async def test_keys_without_a_user_and_viewers_make_none(house: Any) -> None:
    assert (await house.refused("/key/generate", {}, key=house.plain)).status == 403
    await house.ask("/user/update", {"user_id": "ada", "user_role": "internal_user_viewer"})
    assert (await house.refused("/key/generate", {}, key=house.ada)).status == 403


async def test_an_administrators_key_may_all(house: Any) -> None:
    await house.ask("/user/update", {"user_id": "bob", "user_role": "proxy_admin"})
    await house.ask("/team/new", {"team_id": "new"}, key=house.bob)
    await house.ask("/key/block", {"key": house.ada}, key=house.bob)


async def test_where_nothing_is_kept_that_is_said() -> None:
    for page in management_pages(Office(None)):
        with pytest.raises(GatewayError) as refused:
            await page.answer(
                PageRequest(page.methods[0], page.path.replace("{key}", "k/regenerate"), admin=True)
            )
        assert (refused.value.status, refused.value.code) == (501, "nothing_kept")


async def test_nobody_gives_itself_more_turns_than_others_have(house: Any) -> None:
    for path, given in (
        ("/key/generate", {"team_id": "t", "queue_weight": 2}),
        ("/key/update", {"key": house.boss, "queue_weight": 2}),
        ("/key/regenerate", {"key": house.boss, "queue_weight": 2}),
    ):
        assert (await house.refused(path, given, key=house.boss)).status == 403
    await house.ask("/key/generate", {"team_id": "t", "queue_weight": 0.5}, key=house.boss)


async def test_nobody_makes_keys_without_end(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "MOST_KEYS", 3)
    for _ in range(2):
        await house.ask("/key/generate", {}, key=house.ada)
    refused = await house.refused("/key/generate", {}, key=house.ada)
    assert (refused.status, refused.code) == (403, "not_allowed")
    await house.ask("/key/generate", {}, key=house.bob)
    refused = await house.refused("/key/generate", {"team_id": "t"}, key=house.boss)
    assert refused.status == 403
    await house.ask("/key/generate", {"user_id": "ada"})
