"""`/team/...`: source https://docs.litellm.ai/docs/proxy/team_budgets"""

from __future__ import annotations

import uuid
from typing import Literal, cast

import msgspec

from proxy.access.identity import Entity, Team, User
from proxy.control.management.asking import (
    Asker,
    Given,
    Outcome,
    forbidden,
    not_found,
    taken,
    text_of,
    texts_of,
    usable_id,
    wrong,
)
from proxy.control.management.fields import changes_of
from proxy.control.management.keys import deletions_of
from proxy.control.management.making import check_holders
from proxy.control.management.showing import Shower, Shown

MAX_MEMBERS = 10_000
Role = Literal["admin", "user"]
Members = dict[str, Role]


def find(asker: Asker, team_id: str) -> Team:
    """As it was written. Raises GatewayError 404."""
    team = asker.directory.stored("team", team_id)
    if not isinstance(team, Team):
        raise not_found("team", team_id, "team_id")
    return team


def new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    team_id = text_of(given, "team_id") if given.get("team_id") else str(uuid.uuid4())
    if asker.directory.stored("team", team_id) is not None:
        raise taken("team", team_id, "team_id")
    fields = {**changes_of(Team, given, asker.now), "team_id": team_id}
    check_holders(asker, {"budget_id": fields.get("budget_id")})
    members = _members(given, "members_with_roles", {})
    members |= dict.fromkeys(_ids(given, "admins"), "admin")
    members |= {user_id: members.get(user_id, "user") for user_id in _ids(given, "members")}
    if asker.key is not None and asker.key.user_id is not None:
        members.setdefault(asker.key.user_id, "admin")
    team = Team(members=members, created_at=asker.now, updated_at=asker.now, **fields)  # type: ignore[arg-type]
    return Outcome(shower.team(team), (asker.directory.change(team),))


def _ids(given: Given, name: str) -> list[str]:
    return texts_of(given, name) if given.get(name) else []


def update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    team = find(asker, text_of(given, "team_id"))
    fields = changes_of(Team, given, asker.now)
    check_holders(asker, {"budget_id": fields.get("budget_id")})
    changed = msgspec.structs.replace(team, **{**fields, "team_id": team.team_id, "updated_at": asker.now})
    answer = {"team_id": team.team_id, "data": shower.team(changed)}
    return Outcome(answer, (asker.directory.change(changed),))


def delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Their keys end with them: without their team's limits they would have none."""
    asker.must_be_admin()
    ids = list(dict.fromkeys(texts_of(given, "team_ids")))
    changes = []
    for team_id in ids:
        find(asker, team_id)
        changes += [asker.directory.deletion("team", team_id), *deletions_of(asker, shower, team_id=team_id)]
    return Outcome({"deleted_teams": ids}, tuple(changes))


def info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    team = find(asker, text_of(given, "team_id"))
    if not (asker.admin or asker.belongs_to(team)):
        raise forbidden("You are no member of this team.")
    answer = {"team_id": team.team_id, "team_info": shower.team(team), **_with_keys(asker, shower, team)}
    return Outcome(answer)


def listed(asker: Asker, given: Given, shower: Shower) -> Outcome:
    wanted = given.get("user_id")
    teams = [team for team in asker.directory.all_of("team") if isinstance(team, Team)]
    found = [
        {**shower.team(team), **_with_keys(asker, shower, team)}
        for team in sorted(teams, key=lambda team: team.team_alias or "")
        if (asker.admin or asker.belongs_to(team)) and (not wanted or wanted in team.members)
    ]
    return Outcome(found)


def _with_keys(asker: Asker, shower: Shower, team: Team) -> Shown:
    keys = shower.keys(lambda key: key.team_id == team.team_id and asker.may_see(key))
    memberships = [
        {"user_id": user_id, "team_id": team.team_id, "budget_id": None, "litellm_budget_table": None}
        for user_id in team.members
    ]
    return {"keys": [shower.key(key) for key in keys], "team_memberships": memberships}


def member_add(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Users that are not there are made."""
    team = find(asker, text_of(given, "team_id"))
    _must_run(asker, team)
    if given.get("max_budget_in_team") is not None:
        raise wrong(
            "max_budget_in_team", "Budgets of a team's members are not there yet: give their keys budgets."
        )
    members = _members(given, "member", dict(team.members))
    changed = msgspec.structs.replace(team, members=members, updated_at=asker.now)
    unknown = [
        id_ for id_ in members if id_ not in team.members and asker.directory.stored("user", id_) is None
    ]
    made = [User(user_id=id_, created_at=asker.now, updated_at=asker.now) for id_ in unknown]
    known = [asker.directory.stored("user", id_) for id_ in members if id_ not in team.members]
    users = [*made, *(user for user in known if isinstance(user, User))]
    answer = {
        **shower.team(changed),
        "updated_users": [shower.user_joining(user, team.team_id) for user in users],
        "updated_team_memberships": [],
    }
    written: list[Entity] = [changed, *made]
    return Outcome(answer, tuple(map(asker.directory.change, written)))


def member_delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    team = find(asker, text_of(given, "team_id"))
    _must_run(asker, team)
    user_id = _user_named(asker, given)
    if user_id not in team.members:
        raise not_found("member", user_id, "user_id")
    members = {id_: role for id_, role in team.members.items() if id_ != user_id}
    changed = msgspec.structs.replace(team, members=members, updated_at=asker.now)
    keys = shower.keys(lambda key: key.team_id == team.team_id and key.user_id == user_id)
    ended = [asker.directory.deletion("key", k.id) for k in keys if not asker.directory.is_configured(k.id)]
    return Outcome(shower.team(changed), (asker.directory.change(changed), *ended))


def block(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=True)


def unblock(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=False)


def _blocked(asker: Asker, given: Given, shower: Shower, *, blocked: bool) -> Outcome:
    asker.must_be_admin()
    team = find(asker, text_of(given, "team_id"))
    changed = msgspec.structs.replace(team, blocked=blocked, updated_at=asker.now)
    return Outcome(shower.team(changed), (asker.directory.change(changed),))


def _must_run(asker: Asker, team: Team) -> None:
    if not (asker.admin or asker.runs(team.team_id)):
        raise forbidden("Only the holder of the master key, or an administrator of the team, may do this.")


def _members(given: Given, name: str, before: Members) -> Members:
    """`{"role": "user", "user_id": "..."}`, or a list of them, added to those before. Raises GatewayError 400."""
    value = given.get(name)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    if name == "member" and not listed:
        raise wrong(name, '`member` is needed: `{"role": "user", "user_id": "..."}`, or a list of them.')
    members = dict(before)
    for member in listed:
        if not isinstance(member, dict) or member.get("role", "user") not in ("admin", "user"):
            raise wrong(name, f"`{name}` must hold objects with `user_id` and a `role` of `admin` or `user`.")
        user_id = usable_id(member.get("user_id") or member.get("user_email"), f"{name}.user_id")
        members[user_id] = cast(Role, member.get("role", "user"))
    if len(members) > MAX_MEMBERS:
        raise wrong(name, f"A team has at most {MAX_MEMBERS} members.")
    return members


def _user_named(asker: Asker, given: Given) -> str:
    if given.get("user_id"):
        return text_of(given, "user_id")
    email = text_of(given, "user_email", "user_id")
    for user in asker.directory.all_of("user"):
        if isinstance(user, User) and user.user_email == email:
            return user.user_id
    return email
