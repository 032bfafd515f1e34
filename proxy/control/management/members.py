"""A team's members: who they are, and how much of the team's each may have.

Source: https://docs.litellm.ai/docs/proxy/team_budgets (`max_budget_in_team`, `team_member_budget`)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from proxy.access.identity import Allowance, Budget, Entity, MemberRole, Team, User
from proxy.control.management.asking import (
    Asker,
    Given,
    Outcome,
    forbidden,
    not_found,
    text_of,
    texts_of,
    usable_id,
    wrong,
)
from proxy.control.management.fields import changes_of
from proxy.control.management.keys import deletions_of
from proxy.control.management.kinds import all_of, find
from proxy.control.management.showing import Shower, Shown

MAX_MEMBERS = 10_000
Members = dict[str, MemberRole]
_OF_ONE: Mapping[str, str] = {
    "max_budget_in_team": "max_budget",
    "budget_duration": "budget_duration",
    "tpm_limit": "tpm_limit",
    "rpm_limit": "rpm_limit",
    "max_parallel_requests": "max_parallel_requests",
}
"""What one member is given, by the names of `/team/member_add` and `/team/member_update`."""
_OF_EACH: Mapping[str, str] = {
    "team_member_budget": "max_budget",
    "team_member_budget_duration": "budget_duration",
    "team_member_rpm_limit": "rpm_limit",
    "team_member_tpm_limit": "tpm_limit",
}
"""What each member has of whom nothing is said, by the names of `/team/new` and `/team/update`."""


def add(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Users that are not there are made."""
    team = find(asker, Team, text_of(given, "team_id"))
    _must_run(asker, team)
    listed = members_in(given, "member")
    if not listed:
        raise wrong("member", '`member` is needed: `{"role": "user", "user_id": "..."}`, or a list of them.')
    changed = _with_limits(asker, _with(team, listed), given, listed)
    changed = msgspec.structs.replace(changed, updated_at=asker.now)
    new = [id_ for id_ in listed if id_ not in team.members]
    unknown = [id_ for id_ in new if asker.directory.stored("user", id_) is None]
    made = [User(user_id=id_, created_at=asker.now, updated_at=asker.now) for id_ in unknown]
    known = [asker.directory.stored("user", id_) for id_ in new]
    users = [*made, *(user for user in known if isinstance(user, User))]
    answer = {
        **shower.team(changed),
        "updated_users": [shower.user_joining(user, team.team_id) for user in users],
        "updated_team_memberships": [shower.membership(changed, id_) for id_ in listed],
    }
    written: list[Entity] = [changed, *made]
    return Outcome(answer, tuple(map(asker.directory.change, written)))


def update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    team = find(asker, Team, text_of(given, "team_id"))
    _must_run(asker, team)
    user_id = _member_named(asker, team, given)
    role = given.get("role")
    if role is not None:
        team = _with(team, {user_id: _role(role, "role")})
    changed = msgspec.structs.replace(_with_limits(asker, team, given, [user_id]), updated_at=asker.now)
    has = changed.limits_of(user_id) or Allowance()
    answer: Shown = {name: getattr(has, field) for name, field in _OF_ONE.items()}
    user = asker.directory.stored("user", user_id)
    email = user.user_email if isinstance(user, User) else None
    answer |= {"team_id": team.team_id, "user_id": user_id, "user_email": email}
    return Outcome({**answer, "role": changed.members[user_id]}, (asker.directory.change(changed),))


def delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Its keys in the team end."""
    team = find(asker, Team, text_of(given, "team_id"))
    _must_run(asker, team)
    user_id = _member_named(asker, team, given)
    changed = msgspec.structs.replace(without(team, [user_id]), updated_at=asker.now)
    ended = deletions_of(asker, shower, of=lambda key: (key.team_id, key.user_id) == (team.team_id, user_id))
    return Outcome(shower.team(changed), (asker.directory.change(changed), *ended))


def without(team: Team, user_ids: Collection[str]) -> Team:
    members = {id_: role for id_, role in team.members.items() if id_ not in user_ids}
    limits = {id_: has for id_, has in team.member_limits.items() if id_ not in user_ids}
    return msgspec.structs.replace(team, members=members, member_limits=limits)


def members_in(given: Given, name: str) -> Members:
    """`{"role": "user", "user_id": "..."}`, or a list of them. Raises GatewayError 400."""
    value = given.get(name)
    listed = value if isinstance(value, list) else [] if value is None else [value]
    members: Members = {}
    for member in listed:
        if not isinstance(member, dict):
            raise wrong(name, f"`{name}` must hold objects with `user_id` and a `role` of `admin` or `user`.")
        user_id = usable_id(member.get("user_id") or member.get("user_email"), f"{name}.user_id")
        members[user_id] = _role(member.get("role", "user"), name)
    _check_count(members)
    return members


def members_named(given: Given) -> Members:
    """Of a new team, in all the ways there are to say so. Raises GatewayError 400."""
    members = members_in(given, "members_with_roles")
    members |= dict.fromkeys(_ids(given, "admins"), "admin")
    members |= {user_id: members.get(user_id, "user") for user_id in _ids(given, "members")}
    _check_count(members)
    return members


def each_member(asker: Asker, given: Given, before: Allowance | None = None) -> Allowance | None:
    """What each member may have, as it is given. Raises GatewayError 400."""
    return _allowance(asker, given, _OF_EACH, before)


def _with(team: Team, members: Members) -> Team:
    every = {**team.members, **members}
    _check_count(every)
    return msgspec.structs.replace(team, members=every)


def _with_limits(asker: Asker, team: Team, given: Given, user_ids: Collection[str]) -> Team:
    limits = dict(team.member_limits)
    for user_id in user_ids:
        has = _allowance(asker, given, _OF_ONE, limits.pop(user_id, None))
        if has is not None:
            limits[user_id] = has
    return msgspec.structs.replace(team, member_limits=limits)


def _allowance(
    asker: Asker, given: Given, names: Mapping[str, str], before: Allowance | None
) -> Allowance | None:
    """None: nothing is said, or all of it was taken away."""
    said = {field: given[name] for name, field in names.items() if name in given}
    if not said:
        return before
    has = msgspec.structs.replace(before or Allowance(), **changes_of(Budget, said, asker.now))
    return None if has == Allowance() else has


def _must_run(asker: Asker, team: Team) -> None:
    if not (asker.admin or asker.runs(team.team_id)):
        raise forbidden("Only the holder of the master key, or an administrator of the team, may do this.")


def _member_named(asker: Asker, team: Team, given: Given) -> str:
    """Raises GatewayError 404."""
    user_id = text_of(given, "user_id") if given.get("user_id") else _of_email(asker, given)
    if user_id not in team.members:
        raise not_found("member", user_id, "user_id")
    return user_id


def _of_email(asker: Asker, given: Given) -> str:
    email = text_of(given, "user_email", "user_id")
    return next((user.user_id for user in all_of(asker, User) if user.user_email == email), email)


def _role(value: object, name: str) -> MemberRole:
    if value != "admin" and value != "user":
        raise wrong(name, "A member's `role` is `admin` or `user`.")
    return value


def _ids(given: Given, name: str) -> list[str]:
    return texts_of(given, name) if given.get(name) else []


def _check_count(members: Members) -> None:
    if len(members) > MAX_MEMBERS:
        raise wrong("members", f"A team has at most {MAX_MEMBERS} members.")
