"""Keys by LiteLLM's endpoints."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.access.identity import token_of
from proxy.control.management import Office, keys
from proxy.errors import GatewayError
from tests.control.management.conftest import Memory

NOW = 1_800_000_000.0


def nested(depth: int) -> object:
    found: object = {}
    for _ in range(depth):
        found = {"a": found}
    return found


async def test_a_key_is_shown_once_and_kept_as_a_hash(counter: Any) -> None:
    made = await counter.ask(
        "/key/generate",
        {
            "key_alias": "ci", "models": ["gpt-4o", "o/*"], "max_budget": 10, "duration": "30d",
            "budget_duration": "1d",
            "metadata": {"tags": ["nightly"], "x": {"y": 1}}, "rpm_limit": 5, "aliases": {"fast": "gpt-4o-mini"},
            "model_max_budget": {"gpt-4o": {"budget_limit": 1, "time_period": "1h"}, "m": 2},
        },
    )  # fmt: skip
    secret = made["key"]
    assert secret.startswith("sk-")
    assert len(secret) > 30
    assert (made["token"], made["token_id"]) == (token_of(secret.encode()),) * 2
    assert made["key_name"] == f"sk-...{secret[-4:]}"
    assert (made["expires"], made["created_at"]) == ("2027-02-14T08:00:00.000Z", "2027-01-15T08:00:00.000Z")
    assert (made["max_budget"], made["tags"], made["spend"]) == (10, ["nightly"], 1.5)
    assert made["budget_reset_at"] == "2027-01-16T00:00:00.000Z"
    assert made["model_max_budget"] == {
        "gpt-4o": {"budget_limit": 1, "time_period": "1h"},
        "m": {"budget_limit": 2, "time_period": None},
    }
    shown = await counter.ask("/key/info", query=f"key={secret}")
    assert shown["key"] == secret
    assert shown["info"]["key_alias"] == "ci"
    assert secret not in str(shown["info"])
    assert "token" not in shown["info"]
    kept = b"".join(msgspec.json.encode(each) for each in counter.registry.directory.all_of("key"))
    assert secret.encode() not in kept


async def test_a_keys_end_may_be_said_as_a_time(counter: Any) -> None:
    made = await counter.ask("/key/generate", {"expires": "2027-02-01", "metadata": nested(32)})
    assert made["expires"] == "2027-02-01T00:00:00.000Z"
    again = await counter.ask(
        "/key/update", {"key": made["token"], "expires": made["expires"], "rpm_limit": 5}
    )
    assert again["expires"] == made["expires"]
    later = await counter.ask(
        "/key/update", {"key": made["token"], "expires": made["expires"], "duration": "-1"}
    )
    assert later["expires"] is None


async def test_a_key_is_found_by_its_hash_and_by_its_secret(counter: Any) -> None:
    secret = await counter.key(key="sk-of-ones-own-choice")
    assert secret == "sk-of-ones-own-choice"
    for name in (secret, token_of(secret.encode())):
        assert (await counter.ask("/key/info", query=f"key={name}"))["info"]["key_name"] == "sk-...oice"
    assert (await counter.refused("/key/info", query="key=sk-nobodys-key-at-all")).status == 404


async def test_the_master_key_is_nobodys_else(counter: Any) -> None:
    master = "sk-the-master-key-itself"
    counter.registry.directory.configure([], [master])
    secret = await counter.key()
    for path, given in (
        ("/key/generate", {"key": master}),
        ("/key/regenerate", {"key": secret, "new_key": master}),
        (f"/key/{secret}/regenerate", {"new_key": master}),
    ):
        refused = await counter.refused(path, given)
        assert (refused.status, refused.code) == (400, "already_exists")
        assert master not in refused.message


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_budget", "10", 10.0),
        ("max_budget", "2.5", 2.5),
        ("rpm_limit", "7", 7),
        ("blocked", "true", True),
        ("model_rpm_limit", {"m": "3"}, {"m": 3}),
        ("model_max_budget", {"m": "2"}, {"m": {"budget_limit": 2.0, "time_period": None}}),
        ("key_alias", "null", "null"),
    ],
)
async def test_numbers_may_come_as_text(counter: Any, name: str, text: object, value: object) -> None:
    secret = await counter.key(**{name: text})
    assert (await counter.ask("/key/info", query=f"key={secret}"))["info"][name] == value


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"max_budget": "null"}, "max_budget"),
        ({"max_budget": "inf"}, "max_budget"),
        ({"rpm_limit": "-1"}, "rpm_limit"),
        ({"key": "no-prefix-but-long"}, "key"),
        ({"key": "sk-short"}, "key"),
        ({"key": "sk-with a blank in it"}, "key"),
        ({"key": 7}, "key"),
        ({"key": "sk-" + "x" * 300}, "key"),
        ({"duration": "1y"}, "duration"),
        ({"duration": []}, "duration"),
        ({"budget_duration": "x"}, "budget_duration"),
        ({"max_budget": -1}, "max_budget"),
        ({"max_budget": "ten"}, "max_budget"),
        ({"rpm_limit": 1.5}, "rpm_limit"),
        ({"models": "gpt-4o"}, "models"),
        ({"models": ["a\nb"]}, "models"),
        ({"models": ["x"] * 1001}, "models"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata"),
        ({"metadata": nested(33)}, "metadata"),
        ({"metadata": nested(900)}, "metadata"),
        ({"expires": "soon"}, "expires"),
        ({"expires": 5}, "expires"),
        ({"expires": "9999-12-31T23:59:59-14:00"}, "expires"),
        ({"model_max_budget": {"m": "much"}}, "model_max_budget"),
        ({"model_max_budget": {"m": {"budget_limit": 1, "time_period": "x"}}}, "model_max_budget"),
        ({"model_rpm_limit": {"m": -1}}, "model_rpm_limit"),
        ({"max_bugdet": 10}, "max_bugdet"),
        ({"blocked": "yes"}, "blocked"),
        ({"key_type": "other"}, "key_type"),
        ({"tags": ["x" * 600]}, "tags"),
    ],
)
async def test_what_cannot_be_meant_is_400_and_leaves_nothing(
    counter: Any, given: dict[str, object], param: str
) -> None:
    error = await counter.refused("/key/generate", given)
    assert (error.status, error.param) == (400, param)
    assert not counter.registry.directory.has_keys


@pytest.mark.parametrize(
    "name",
    [
        "guardrails",
        "organization_id",
        "budget_limits",
        "object_permission",
    ],
)
async def test_what_would_hold_back_and_is_not_there_is_said(counter: Any, name: str) -> None:
    error = await counter.refused("/key/generate", {name: ["x"]})
    assert (error.status, error.code, error.param) == (400, "unsupported_parameter", name)
    await counter.ask("/key/generate", {name: None})
    await counter.ask("/key/generate", {name: []})


async def test_litellms_other_fields_are_passed_over(counter: Any) -> None:
    await counter.ask(
        "/key/generate", {"config": {}, "permissions": {}, "send_invite_email": True, "note": "mine"}
    )


@pytest.mark.parametrize(
    "path", ["/key/generate", "/key/update", "/key/delete", "/key/block", "/team/new", "/tag/info"]
)
@pytest.mark.parametrize("body", [b"[]", b"nonsense", b'"text"', b"{", b"\xff", b"[" * 10_000])
async def test_a_body_that_is_no_object_is_400(counter: Any, path: str, body: bytes) -> None:
    error = await counter.refused(path, msgspec.Raw(body))
    assert (error.status, error.code) == (400, "invalid_json")


async def test_two_keys_do_not_share_an_alias_or_a_secret(counter: Any) -> None:
    await counter.key(key_alias="ci", key="sk-the-first-of-two")
    assert (await counter.refused("/key/generate", {"key_alias": "ci"})).param == "key_alias"
    error = await counter.refused("/key/generate", {"key": "sk-the-first-of-two"})
    assert (error.status, error.code) == (400, "already_exists")
    assert "sk-the-first" not in error.message


async def test_an_update_changes_what_it_names_and_a_null_takes_away(counter: Any) -> None:
    secret = await counter.key(max_budget=10, rpm_limit=5, duration="1d", models=["m"])
    counter.now += 10
    changed = await counter.ask("/key/update", {"key": secret, "max_budget": 20, "rpm_limit": None})
    assert changed["key"] == secret
    assert (changed["max_budget"], changed["rpm_limit"], changed["models"]) == (20, None, ["m"])
    assert changed["updated_at"] == "2027-01-15T08:00:10.000Z"
    assert changed["expires"] == "2027-01-16T08:00:00.000Z"
    changed = await counter.ask("/key/update", {"key": secret, "duration": "-1"})
    assert changed["expires"] is None


async def test_by_its_alias_a_key_is_changed_too(counter: Any) -> None:
    await counter.key(key_alias="ci")
    changed = await counter.ask("/key/update", {"key_alias": "ci", "max_budget": 1})
    assert (changed["key_alias"], changed["max_budget"]) == ("ci", 1)
    assert (await counter.ask("/key/delete", {"key_aliases": ["ci"]})) == {"deleted_keys": ["ci"]}
    assert (await counter.refused("/key/update", {"key_alias": "ci"})).status == 404


async def test_deleting_is_all_or_nothing(counter: Any) -> None:
    one, two = await counter.key(), await counter.key()
    assert (await counter.refused("/key/delete", {"keys": [one, "sk-nobodys-key-at-all"]})).status == 404
    assert (await counter.ask("/key/delete", {"keys": [one, two]})) == {"deleted_keys": [one, two]}
    assert not counter.registry.directory.has_keys
    for given in ({}, {"keys": []}, {"keys": [7]}, {"keys": ["x"] * 1001}):
        assert (await counter.refused("/key/delete", given)).status == 400


async def test_a_key_is_exchanged_with_a_grace_or_at_once(counter: Any) -> None:
    directory = counter.registry.directory
    first = await counter.key(key_alias="ci")
    second = await counter.ask("/key/regenerate", {"key": first, "grace_period": "1h", "max_budget": 3})
    assert (second["key_alias"], second["max_budget"], second["rotation_count"]) == ("ci", 3, 1)
    assert directory.key_named(first) == directory.key_named(second["key"])
    third = await counter.ask(f"/key/{second['key']}/regenerate", {"new_key": "sk-of-ones-own-choice"})
    assert third["key"] == "sk-of-ones-own-choice"

    def lets_in(secret: str, now: float) -> bool:
        return directory.find(bytes.fromhex(token_of(secret.encode())), now) is not None

    assert lets_in(first, NOW + 3599)
    assert not lets_in(first, NOW + 3600)
    assert not lets_in(second["key"], NOW)
    assert lets_in(third["key"], NOW)
    assert (
        await counter.refused("/key/regenerate", {"key": first, "grace_period": "soon"})
    ).param == "grace_period"
    assert (await counter.refused("/key/nonsense", {})).status == 404


async def test_a_blocked_key_is_let_in_no_more(counter: Any) -> None:
    secret = await counter.key()
    assert (await counter.ask("/key/block", {"key": secret}))["blocked"] is True
    assert (await counter.ask("/key/info", query=f"key={secret}"))["info"]["status"] == "revoked"
    assert (await counter.ask("/key/unblock", {"key": secret}))["blocked"] is False


async def test_lists_have_pages_and_filters(counter: Any) -> None:
    await counter.ask("/team/new", {"team_id": "t"})
    for number in range(12):
        counter.now += 1
        await counter.key(key_alias=f"k{number}", team_id="t" if number % 2 else None, user_id="u")
    found = await counter.ask("/key/list", query="page=2&size=5&return_full_object=true")
    assert [key["key_alias"] for key in found["keys"]] == ["k6", "k5", "k4", "k3", "k2"]
    assert (found["total_count"], found["current_page"], found["total_pages"]) == (12, 2, 3)
    found = await counter.ask("/key/list", query="team_id=t&size=100")
    assert len(found["keys"]) == 6
    assert all(len(token) == 64 for token in found["keys"])
    for query in ("size=0", "page=x", "size=1001", "page=-1"):
        assert (await counter.refused("/key/list", query=query)).status == 400


async def test_who_is_beaten_to_it_plans_anew(counter: Any) -> None:
    secret = await counter.key()
    counter.registry.beaten = 3
    assert (await counter.ask("/key/block", {"key": secret}))["blocked"] is True
    counter.registry.beaten = 100
    assert (await counter.refused("/key/unblock", {"key": secret})).status == 503


async def test_a_key_needs_its_team_and_budget(counter: Any) -> None:
    assert (await counter.refused("/key/generate", {"team_id": "t"})).status == 404
    assert (await counter.refused("/key/generate", {"budget_id": "b"})).status == 404
    await counter.ask("/budget/new", {"budget_id": "b", "max_budget": 7})
    secret = await counter.key(budget_id="b")
    assert (await counter.ask("/key/info", query=f"key={secret}"))["info"]["max_budget"] == 7


async def test_keys_of_the_configuration_are_shown_and_not_changed(counter: Any) -> None:
    secret = await counter.key(key_alias="written")
    directory = counter.registry.directory
    directory.configure([directory.key_named(secret)])
    assert (await counter.ask("/key/info", query=f"key={secret}"))["info"]["key_alias"] == "written"
    for path in ("/key/update", "/key/block", "/key/regenerate"):
        assert (await counter.refused(path, {"key": secret})).status == 400
    assert (await counter.refused("/key/delete", {"keys": [secret]})).status == 400


async def test_a_key_that_rotates_by_itself_says_when(counter: Any) -> None:
    made = await counter.ask("/key/generate", {"auto_rotate": True, "rotation_interval": "30d"})
    assert (made["auto_rotate"], made["rotation_interval"]) == (True, "30d")
    assert (made["key_rotation_at"], made["last_rotation_at"]) == ("2027-02-14T08:00:00.000Z", None)
    counter.now += 86_400
    again = await counter.ask("/key/regenerate", {"key": made["key"]})
    assert (again["key_rotation_at"], again["last_rotation_at"]) == (
        "2027-02-15T08:00:00.000Z",
        "2027-01-16T08:00:00.000Z",
    )
    stopped = await counter.ask("/key/update", {"key": again["key"], "auto_rotate": False})
    assert stopped["key_rotation_at"] is None
    for given in (
        {"auto_rotate": True},
        {"auto_rotate": True, "rotation_interval": "often"},
        {"auto_rotate": "always", "rotation_interval": "1d"},
    ):
        assert (await counter.refused("/key/generate", given)).status == 400


async def test_nobody_would_know_a_secret_that_is_given_to_nobody() -> None:
    registry = Memory()
    office = Office(registry, rotates=False)
    given = {"auto_rotate": True, "rotation_interval": "30d"}
    with pytest.raises(GatewayError) as refused:
        await office.carry_out(keys.generate, given, None, admin=True)
    assert (refused.value.status, refused.value.param) == (400, "auto_rotate")
    assert "key_rotation" in refused.value.message


async def test_no_more_are_made_than_are_kept() -> None:
    office = Office(Memory(), most=2)
    made = [await office.carry_out(keys.generate, {}, None, admin=True) for _ in range(2)]
    with pytest.raises(GatewayError) as refused:
        await office.carry_out(keys.generate, {}, None, admin=True)
    assert (refused.value.status, refused.value.code) == (403, "too_many_identities")
    token = made[0]["token_id"]  # type: ignore[index]
    await office.carry_out(keys.update, {"key": token, "max_budget": 1}, None, admin=True)
    await office.carry_out(keys.delete, {"keys": [token]}, None, admin=True)
    await office.carry_out(keys.generate, {}, None, admin=True)
