"""What is known of keys follows the rows that change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec
import pytest

from proxy.access.directory import MAX_STRANGERS, Directory, Row
from proxy.access.identity import (
    Budget,
    Customer,
    ModelBudget,
    Retired,
    Tag,
    Team,
    User,
    VirtualKey,
    token_of,
)

Know = Callable[..., Directory]
MakeKey = Callable[..., VirtualKey]
SECRET = "sk-some-secret-abcd"
NOW = 1_800_000_000.0


def digest(secret: str = SECRET) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def test_a_key_is_found_by_its_secret_and_nothing_else(know: Know, a_key: MakeKey) -> None:
    directory = know(a_key(key_alias="ci"))
    caller = directory.find(digest(), NOW)
    assert caller is not None
    assert (caller.name, caller.id, caller.admin) == ("ci", digest(), False)
    assert directory.find(digest(), NOW) is caller
    for other in (SECRET[:-1], SECRET + " ", token_of(SECRET.encode())):
        assert directory.find(digest(other), NOW) is None


def test_a_changed_key_holds_with_its_row_and_a_deleted_one_is_gone(know: Know, a_key: MakeKey) -> None:
    directory = know(a_key())
    before = directory.find(digest(), NOW)
    know(a_key(blocked=True), directory=directory)
    after = directory.find(digest(), NOW)
    assert before is not None
    assert after is not None
    assert (before.barred, after.barred) == (False, True)
    directory.learn([Row(9, "key", token_of(SECRET.encode()), None)])
    assert directory.find(digest(), NOW) is None
    assert not directory.has_keys
    assert directory.seq == 9


@pytest.mark.parametrize(
    "change",
    [Team(team_id="t", blocked=True), User(user_id="u", blocked=True)],
    ids=["team", "user"],
)
def test_what_becomes_of_its_team_or_user_becomes_of_the_key(
    know: Know, a_key: MakeKey, change: Team | User
) -> None:
    directory = know(a_key(team_id="t", user_id="u"), Team(team_id="t"), User(user_id="u"))
    caller = directory.find(digest(), NOW)
    assert caller is not None
    assert not caller.barred
    know(change, directory=directory)
    caller = directory.find(digest(), NOW)
    assert caller is not None
    assert caller.barred


def test_a_key_that_is_exchanged_stays_the_same_one_and_its_old_secret_has_its_grace(
    know: Know, a_key: MakeKey
) -> None:
    old = a_key()
    new = a_key("sk-new", id=old.id, retired=(Retired(old.token, NOW + 60),))
    directory = know(old)
    know(new, directory=directory)
    for secret in (SECRET, "sk-new"):
        caller = directory.find(digest(secret), NOW)
        assert caller is not None
        assert caller.id == bytes.fromhex(old.id)
    assert directory.find(digest(), NOW + 59.9) is not None
    assert directory.find(digest(), NOW + 60) is None
    assert directory.find(digest("sk-new"), NOW + 60) is not None
    assert directory.key_named(old.token) == directory.key_named("sk-new") == new


def test_objects_belong_to_the_team_else_the_user_else_the_key(know: Know, a_key: MakeKey) -> None:
    def owner(secret: str, **fields: object) -> bytes:
        caller = know(a_key(secret, **fields)).find(digest(secret), NOW)
        assert caller is not None
        return caller.owner

    assert owner("sk-a", team_id="t", user_id="u") == owner("sk-b", team_id="t", user_id="v")
    assert owner("sk-a", user_id="u") == owner("sk-b", user_id="u")
    apart = [owner("sk-a"), owner("sk-b"), owner("sk-a", user_id="t"), owner("sk-a", team_id="t")]
    assert len({*apart}) == len(apart)


def test_a_budget_fills_what_its_holder_does_not_say(know: Know, a_key: MakeKey) -> None:
    budget = Budget(
        budget_id="b", max_budget=5, rpm_limit=7, model_max_budget={"m": ModelBudget(max_budget=1)}
    )
    directory = know(
        budget,
        a_key(budget_id="b", max_budget=0.0),
        Tag(name="w", budget_id="b"),
        Customer(user_id="c", budget_id="b"),
    )
    key, tag, customer = directory.key_named(SECRET), directory.tag("w"), directory.customer("c")
    assert key is not None
    assert tag is not None
    assert customer is not None
    assert (key.max_budget, key.rpm_limit) == (0.0, 7)
    assert (tag.max_budget, tag.model_max_budget) == (5, budget.model_max_budget)
    know(Budget(budget_id="b", rpm_limit=8), directory=directory)
    customer = directory.customer("c")
    assert customer is not None
    assert (customer.max_budget, customer.rpm_limit) == (None, 8)


def test_strangers_are_remembered_until_something_changes_and_are_bounded(know: Know, a_key: MakeKey) -> None:
    directory = Directory()
    directory.not_found(b"x")
    assert directory.is_stranger(b"x")
    know(a_key(), directory=directory)
    assert not directory.is_stranger(b"x")
    for number in range(3 * MAX_STRANGERS):
        directory.not_found(number.to_bytes(4, "big"))
    assert len(directory._strangers) <= MAX_STRANGERS


def test_keys_of_the_configuration_hold_over_those_of_the_file_and_leave_with_it(
    know: Know, a_key: MakeKey
) -> None:
    directory = know(a_key(key_alias="from the file"))
    directory.configure([a_key(key_alias="written"), a_key("sk-other")])
    assert [key.key_name for key in directory.all_of("key")] == ["sk-...abcd", "sk-...ther", "sk-...abcd"]  # type: ignore[union-attr]
    directory.learn([Row(9, "key", token_of(SECRET.encode()), None)])
    caller = directory.find(digest(), NOW)
    assert caller is not None
    assert caller.name == "written"
    directory.configure([])
    assert directory.find(digest(), NOW) is directory.find(digest("sk-other"), NOW) is None


def test_a_row_that_cannot_be_read_is_counted_and_its_key_lets_nobody_in(know: Know, a_key: MakeKey) -> None:
    directory = know(a_key())
    directory.learn([Row(5, "key", a_key().id, '{"id": 3}'), Row(6, "planet", "mars", "{}")])
    assert directory.find(digest(), NOW) is None
    assert (directory.unreadable, directory.seq) == (1, 6)


def test_what_a_later_version_adds_to_a_row_does_not_hurt(know: Know, a_key: MakeKey) -> None:
    row = msgspec.json.decode(msgspec.json.encode(a_key()))
    directory = Directory()
    directory.learn(
        [Row(1, "key", a_key().id, msgspec.json.encode({**row, "phase_of_the_moon": "full"}).decode())]
    )
    assert directory.find(digest(), NOW) is not None
