"""`/team/...`, but for members. Source: https://docs.litellm.ai/docs/proxy/team_budgets"""

from __future__ import annotations

import msgspec

from proxy.access.identity import Team
from proxy.control.management import kinds
from proxy.control.management.asking import Asker, Given, Outcome, forbidden, text_of, texts_of
from proxy.control.management.keys import deletions_of
from proxy.control.management.kinds import all_of, find, id_of
from proxy.control.management.members import each_member, members_named
from proxy.control.management.showing import Shower, Shown


def new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    members = members_named(given)
    if asker.key is not None and asker.key.user_id is not None:
        members.setdefault(asker.key.user_id, "admin")
    each = each_member(asker, given)
    team = kinds.new(asker, Team, given, id_of(Team, given), members=members, each_member=each)
    return Outcome(shower.team(team), (asker.directory.change(team),))


def update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    team = kinds.changed(asker, Team, given, text_of(given, "team_id"))
    team = msgspec.structs.replace(team, each_member=each_member(asker, given, team.each_member))
    answer = {"team_id": team.team_id, "data": shower.team(team)}
    return Outcome(answer, (asker.directory.change(team),))


def delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Their keys end with them: without their team's limits they would have none."""
    asker.must_be_admin()
    ids = list(dict.fromkeys(texts_of(given, "team_ids")))
    for team_id in ids:
        find(asker, Team, team_id)
    teams = [asker.directory.deletion("team", team_id) for team_id in ids]
    ended = deletions_of(asker, shower, of=lambda key: key.team_id in ids)
    return Outcome({"deleted_teams": ids}, (*teams, *ended))


def info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    team = find(asker, Team, text_of(given, "team_id"))
    if not (asker.admin or asker.belongs_to(team)):
        raise forbidden("You are no member of this team.")
    answer = {"team_id": team.team_id, "team_info": shower.team(team), **_with_keys(asker, shower, team)}
    return Outcome(answer)


def listed(asker: Asker, given: Given, shower: Shower) -> Outcome:
    wanted = given.get("user_id")
    found = [
        {**shower.team(team), **_with_keys(asker, shower, team)}
        for team in sorted(all_of(asker, Team), key=lambda team: team.team_alias or "")
        if (asker.admin or asker.belongs_to(team)) and (not wanted or wanted in team.members)
    ]
    return Outcome(found)


def _with_keys(asker: Asker, shower: Shower, team: Team) -> Shown:
    keys = shower.keys(lambda key: key.team_id == team.team_id and asker.may_see(key))
    memberships = [shower.membership(team, user_id) for user_id in team.members]
    return {"keys": [shower.key(key) for key in keys], "team_memberships": memberships}


def block(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=True)


def unblock(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=False)


def _blocked(asker: Asker, given: Given, shower: Shower, *, blocked: bool) -> Outcome:
    asker.must_be_admin()
    team = find(asker, Team, text_of(given, "team_id"))
    changed = msgspec.structs.replace(team, blocked=blocked, updated_at=asker.now)
    return Outcome(shower.team(changed), (asker.directory.change(changed),))
