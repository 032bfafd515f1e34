"""Users, teams, customers, budgets and tags."""

from __future__ import annotations

from typing import Any

import pytest


async def test_a_user_comes_with_a_key_and_teams(counter: Any) -> None:
    await counter.ask("/team/new", {"team_id": "t"})
    made = await counter.ask(
        "/user/new",
        {
            "user_email": "ada@example.com",
            "max_budget": 9,
            "teams": ["t"],
            "key_alias": "first",
            "duration": "1d",
        },
    )
    assert made["key"].startswith("sk-")
    assert (made["teams"], made["max_budget"], made["user_role"]) == (["t"], 9, "internal_user")
    shown = await counter.ask("/user/info", query=f"user_id={made['user_id']}")
    assert (shown["user_info"]["user_email"], shown["user_info"]["teams"]) == ("ada@example.com", ["t"])
    (key,) = shown["keys"]
    assert (key["key_alias"], key["max_budget"], key["user_id"]) == ("first", None, made["user_id"])
    assert [team["team_id"] for team in shown["teams"]] == ["t"]
    quiet = await counter.ask("/user/new", {"user_id": "bob", "auto_create_key": False})
    assert quiet["key"] is None
    assert (await counter.refused("/user/new", {"user_id": "bob"})).status == 400


async def test_users_are_listed_changed_and_deleted_with_their_keys(counter: Any) -> None:
    for number in range(3):
        await counter.ask("/user/new", {"user_id": f"u{number}", "user_email": f"u{number}@x.com"})
    await counter.ask("/team/new", {"team_id": "t", "members": ["u0", "u1"]})
    found = await counter.ask("/user/list", query="page=1&page_size=2")
    assert [(user["user_id"], user["key_count"]) for user in found["users"]] == [("u0", 1), ("u1", 1)]
    assert (found["total"], found["total_pages"]) == (3, 2)
    for query, ids in (
        ("user_ids=u1,u2", ["u1", "u2"]),
        ("user_email=U2@", ["u2"]),
        ("team=t", ["u0", "u1"]),
    ):
        assert [user["user_id"] for user in (await counter.ask("/user/list", query=query))["users"]] == ids
    changed = await counter.ask("/user/update", {"user_id": "u0", "max_budget": 3})
    assert (changed["user_id"], changed["data"]["max_budget"]) == ("u0", 3)
    assert (await counter.ask("/user/delete", {"user_ids": ["u0", "u1"]})) == 2
    assert [key.user_id for key in counter.registry.directory.all_of("key")] == ["u2"]
    assert (await counter.ask("/team/info", query="team_id=t"))["team_info"]["members"] == []


async def test_a_team_with_its_members_and_keys(counter: Any) -> None:
    made = await counter.ask(
        "/team/new",
        {"team_alias": "Research", "models": ["m"], "admins": ["boss"], "members": ["ada"], "max_budget": 5},
    )
    assert made["members_with_roles"] == [
        {"user_id": "boss", "role": "admin"},
        {"user_id": "ada", "role": "user"},
    ]
    team_id = made["team_id"]
    added = await counter.ask(
        "/team/member_add",
        {
            "team_id": team_id,
            "member": [{"role": "user", "user_id": "eve"}, {"user_id": "ada", "role": "admin"}],
        },
    )
    assert added["admins"] == ["boss", "ada"]
    assert [(user["user_id"], user["teams"]) for user in added["updated_users"]] == [("eve", [team_id])]
    eves = await counter.key(team_id=team_id, user_id="eve")
    await counter.key(team_id=team_id)
    shown = await counter.ask("/team/info", query=f"team_id={team_id}")
    assert (shown["team_info"]["team_alias"], len(shown["keys"])) == ("Research", 2)
    assert "token" not in shown["keys"][0]
    gone = await counter.ask("/team/member_delete", {"team_id": team_id, "user_id": "eve"})
    assert gone["members"] == ["boss", "ada"]
    assert counter.registry.directory.key_named(eves) is None
    assert (await counter.ask("/team/block", {"team_id": team_id}))["blocked"] is True
    assert (await counter.ask("/team/unblock", {"team_id": team_id}))["blocked"] is False
    changed = await counter.ask(
        "/team/update", {"team_id": team_id, "models": [], "model_aliases": {"f": "m"}}
    )
    assert (changed["data"]["models"], changed["data"]["aliases"], changed["data"]["members"]) == (
        [],
        {"f": "m"},
        ["boss", "ada"],
    )
    assert (await counter.ask("/team/delete", {"team_ids": [team_id]})) == {"deleted_teams": [team_id]}
    assert not counter.registry.directory.has_keys


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/team/member_add", {"team_id": "t"}),
        ("/team/member_add", {"team_id": "t", "member": "ada"}),
        ("/team/member_add", {"team_id": "t", "member": {"role": "king", "user_id": "ada"}}),
        ("/team/member_add", {"team_id": "t", "member": {"role": "user"}}),
        (
            "/team/member_add",
            {"team_id": "t", "member": {"role": "user", "user_id": "a"}, "max_budget_in_team": "much"},
        ),
        ("/team/member_update", {"team_id": "t", "user_id": "of-t", "role": "king"}),
        ("/team/member_update", {"team_id": "t", "user_id": "of-t", "max_budget_in_team": -1}),
        ("/team/new", {"team_member_budget_duration": "soon"}),
        ("/team/new", {"team_id": ["t"]}),
        ("/team/new", {"team_id": "t"}),
        ("/team/new", {"models": [["m"]]}),
        ("/user/new", {"user_role": "king"}),
        ("/team/update", {}),
        ("/customer/new", {}),
        ("/customer/new", {"user_id": "c", "models": ["m"]}),
        ("/tag/new", {"name": ""}),
    ],
)
async def test_what_cannot_be_meant_is_400(counter: Any, path: str, given: dict[str, object]) -> None:
    await counter.ask("/team/new", {"team_id": "t", "members": ["of-t"]})
    assert (await counter.refused(path, given)).status == 400


async def test_members_have_so_much_of_their_teams(counter: Any) -> None:
    """By LiteLLM's names: what each has, and what one has instead."""
    made = await counter.ask(
        "/team/new",
        {
            "team_id": "t",
            "members": ["ada"],
            "team_member_budget": 2,
            "team_member_budget_duration": "1mo",
            "team_member_rpm_limit": 7,
        },
    )
    table = made["team_member_budget_table"]
    assert (table["max_budget"], table["budget_duration"], table["rpm_limit"]) == (2, "1mo", 7)
    added = await counter.ask(
        "/team/member_add",
        {"team_id": "t", "member": {"role": "user", "user_id": "eve"}, "max_budget_in_team": 5},
    )
    (membership,) = added["updated_team_memberships"]
    assert (membership["user_id"], membership["litellm_budget_table"]["max_budget"]) == ("eve", 5)
    assert membership["litellm_budget_table"]["rpm_limit"] == 7, "what is not said is each one's"
    assert membership["spend"] == 1_798_761_600.0, "since the month began"
    changed = await counter.ask(
        "/team/member_update",
        {"team_id": "t", "user_id": "eve", "max_budget_in_team": 9, "role": "admin", "tpm_limit": 100},
    )
    assert (changed["max_budget_in_team"], changed["tpm_limit"], changed["role"]) == (9, 100, "admin")
    shown = (await counter.ask("/team/info", query="team_id=t"))["team_memberships"]
    budgets = {each["user_id"]: each["litellm_budget_table"]["max_budget"] for each in shown}
    assert budgets == {"ada": 2, "eve": 9}
    await counter.ask("/team/update", {"team_id": "t", "team_member_budget": 3, "models": ["m"]})
    await counter.ask("/team/member_update", {"team_id": "t", "user_id": "eve", "max_budget_in_team": None})
    shown = (await counter.ask("/team/info", query="team_id=t"))["team_memberships"]
    assert [each["litellm_budget_table"]["max_budget"] for each in shown] == [3, 3]
    await counter.ask("/team/member_delete", {"team_id": "t", "user_id": "eve"})
    await counter.ask("/team/member_add", {"team_id": "t", "member": {"user_id": "eve", "role": "user"}})
    (eve,) = (
        each
        for each in (await counter.ask("/team/info", query="team_id=t"))["team_memberships"]
        if each["user_id"] == "eve"
    )
    assert eve["litellm_budget_table"]["tpm_limit"] is None, "who comes back begins anew"
    stranger = await counter.refused("/team/member_update", {"team_id": "t", "user_id": "bob"})
    assert (stranger.status, stranger.code) == (404, "not_found")


@pytest.mark.parametrize("name", ["customer", "end_user"])
async def test_customers(counter: Any, name: str) -> None:
    made = await counter.ask(
        f"/{name}/new", {"user_id": "c", "max_budget": 3, "budget_duration": "1mo", "alias": "Acme"}
    )
    assert (made["user_id"], made["max_budget"], made["alias"], made["blocked"]) == ("c", 3, "Acme", False)
    assert made["spend"] == 1_798_761_600.0, "since the month began"
    assert (await counter.ask(f"/{name}/update", {"user_id": "c", "max_budget": 4}))["max_budget"] == 4
    blocked = await counter.ask(f"/{name}/block", {"user_ids": ["c", "unheard-of"]})
    assert [each["blocked"] for each in blocked["blocked_users"]] == [True, True]
    await counter.ask(f"/{name}/unblock", {"user_ids": ["c"]})
    assert (await counter.ask(f"/{name}/info", query="end_user_id=c"))["blocked"] is False
    assert len(await counter.ask(f"/{name}/list")) == 2
    assert (await counter.ask(f"/{name}/delete", {"user_ids": ["c"]}))["deleted_customers"] == 1
    assert (await counter.refused(f"/{name}/info", query="end_user_id=c")).status == 404


async def test_budgets_are_had_by_many_and_not_deleted_from_under_them(counter: Any) -> None:
    await counter.ask("/budget/new", {"budget_id": "b", "max_budget": 3, "rpm_limit": 2})
    await counter.ask("/customer/new", {"user_id": "c", "budget_id": "b"})
    await counter.ask("/budget/update", {"budget_id": "b", "max_budget": 4})
    (shown,) = await counter.ask("/budget/info", {"budgets": ["b"]})
    assert (shown["max_budget"], shown["rpm_limit"]) == (4, 2)
    assert counter.registry.directory.customer("c").max_budget == 4
    assert (await counter.refused("/budget/delete", {"id": "b"})).status == 400
    await counter.ask("/customer/delete", {"user_ids": ["c"]})
    assert (await counter.ask("/budget/delete", {"id": "b"}))["budget_id"] == "b"
    assert await counter.ask("/budget/list") == []


async def test_tags(counter: Any) -> None:
    made = await counter.ask("/tag/new", {"name": "n", "description": "Nightly", "max_budget": 3})
    assert made["tag"]["description"] == "Nightly"
    assert (await counter.ask("/tag/update", {"name": "n", "max_budget": 4}))["tag"]["max_budget"] == 4
    assert (await counter.ask("/tag/info", {"names": ["n"]}))["n"]["max_budget"] == 4
    assert [tag["name"] for tag in await counter.ask("/tag/list")] == ["n"]
    await counter.ask("/tag/delete", {"name": "n"})
    assert (await counter.refused("/tag/info", {"names": ["n"]})).status == 404
