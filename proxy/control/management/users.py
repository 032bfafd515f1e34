"""`/user/...`: source https://docs.litellm.ai/docs/proxy/users"""

from __future__ import annotations

import msgspec

from proxy.access.identity import Entity, Team, User
from proxy.control.management import kinds
from proxy.control.management.asking import (
    Asker,
    Given,
    Outcome,
    forbidden,
    one_page,
    page_of,
    text_of,
    texts_of,
)
from proxy.control.management.keys import deletions_of, shown_new
from proxy.control.management.kinds import all_of, find, id_of
from proxy.control.management.making import new_key, secret_of
from proxy.control.management.members import without
from proxy.control.management.showing import Shower, Shown

_KEYS_OWN = ("key_alias", "duration", "models", "aliases", "key", "team_id", "key_type", "allowed_routes")
"""Of what is asked for a new user, what its first key gets; all limits are the user's."""


def new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """With a first key, unless `auto_create_key` is false."""
    user = kinds.new(asker, User, given, id_of(User, given))
    teams = _joined(asker, given, user.user_id)
    answer: Shown = {**shower.user(user), "teams": [team.team_id for team in teams], "key": None}
    made: list[Entity] = [user, *teams]
    if given.get("auto_create_key") is not False:
        secret = secret_of(asker, given, "key")
        of_key = {name: given[name] for name in _KEYS_OWN if given.get(name) is not None}
        key = new_key(asker, {**of_key, "user_id": user.user_id}, secret)
        made.append(key)
        shown = shown_new(shower, key, secret)
        answer |= {
            name: shown[name] for name in ("key", "key_name", "key_alias", "token", "token_id", "expires")
        }
    return Outcome(answer, tuple(map(asker.directory.change, made)))


def _joined(asker: Asker, given: Given, user_id: str) -> list[Team]:
    """The teams that it becomes a member of: ids, or `{"team_id": ..., "user_role": ...}`."""
    value = given.get("teams")
    listed = list(value) if isinstance(value, list) else []
    if given.get("team_id"):
        listed.append(given["team_id"])
    teams: dict[str, Team] = {}
    for each in listed:
        one: Given = each if isinstance(each, dict) else {"team_id": each}
        team = find(asker, Team, text_of(one, "team_id"))
        role = "admin" if one.get("user_role") == "admin" else "user"
        teams[team.team_id] = msgspec.structs.replace(team, members={**team.members, user_id: role})
    return list(teams.values())


def update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    user = kinds.changed(asker, User, given, text_of(given, "user_id"))
    answer = {"user_id": user.user_id, "data": shower.user(user)}
    return Outcome(answer, (asker.directory.change(user),))


def info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Without `user_id`: of who asks; of all there are, for the master key."""
    own = None if asker.key is None else asker.key.user_id
    user_id = text_of(given, "user_id") if given.get("user_id") else own
    if not asker.admin and (user_id is None or user_id != own):
        raise forbidden("You may see your own user's info only.")
    user = None if user_id is None else find(asker, User, user_id)
    keys = shower.keys(lambda key: user_id is None or key.user_id == user_id)
    mine = [team for team in all_of(asker, Team) if user_id is None or user_id in team.members]
    return Outcome(
        {
            "user_id": user_id,
            "user_info": None if user is None else shower.user(user),
            "keys": [shower.key_with_token(key) for key in keys],
            "teams": [shower.team(team) for team in mine],
        }
    )


def listed(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    number, size = page_of(given, "page_size", 25)
    found = [user for user in all_of(asker, User) if _is_wanted(given, user, shower)]
    shown = [
        {**shower.user(user), "key_count": _keys_of(user, shower)} for user in one_page(found, number, size)
    ]
    pages = -(-len(found) // size)
    return Outcome(
        {"users": shown, "total": len(found), "page": number, "page_size": size, "total_pages": pages}
    )


def _is_wanted(given: Given, user: User, shower: Shower) -> bool:
    ids = str(given.get("user_ids") or "").split(",")
    if given.get("user_ids") and user.user_id not in (id_.strip() for id_ in ids):
        return False
    if given.get("team") and given["team"] not in [team.team_id for team in shower.teams_of(user.user_id)]:
        return False
    email = str(given.get("user_email") or "").lower()
    return given.get("role") in (None, "", user.user_role) and email in (user.user_email or "").lower()


def _keys_of(user: User, shower: Shower) -> int:
    return len(shower.keys(lambda key: key.user_id == user.user_id))


def delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Their keys end with them."""
    asker.must_be_admin()
    ids = list(dict.fromkeys(texts_of(given, "user_ids")))
    for user_id in ids:
        find(asker, User, user_id)
    changes = [asker.directory.deletion("user", user_id) for user_id in ids]
    changes += deletions_of(asker, shower, of=lambda key: key.user_id in ids)
    for team in all_of(asker, Team):
        if not team.members.keys().isdisjoint(ids):
            changes.append(asker.directory.change(without(team, ids)))
    return Outcome(len(ids), tuple(changes))
