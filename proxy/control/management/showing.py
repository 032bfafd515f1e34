"""Keys, teams and the others as they are answered: LiteLLM's names, times as text, never a secret.

Source: https://docs.litellm.ai/docs/proxy/virtual_keys
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo

import msgspec

from proxy.access.directory import Directory, place_of
from proxy.access.identity import Allowance, Entity, ModelBudget, Team, User, VirtualKey
from proxy.access.periods import period_of, window
from proxy.control.management.asking import Spending
from proxy.limits.subjects import member

Shown = dict[str, object]
_TIMES = frozenset({"expires", "created_at", "updated_at", "last_rotation_at", "key_rotation_at"})
_HIDDEN = frozenset({"id", "retired", "members", "member_limits", "each_member"})


class Spent(msgspec.Struct, frozen=True):
    """Stands in an answer until it is known what has been spent."""

    kind: str
    id: str
    since_unix_s: float


async def with_spending(answer: object, spending: Spending | None) -> object:
    """The answer, with what has been spent; null where nobody counts. Raises GatewayError 503."""
    if isinstance(answer, Spent):
        return (
            None if spending is None else await spending.dollars(answer.kind, answer.id, answer.since_unix_s)
        )
    if isinstance(answer, dict):
        return {name: await with_spending(value, spending) for name, value in answer.items()}
    if isinstance(answer, list):
        return [await with_spending(each, spending) for each in answer]
    return answer


class Shower(msgspec.Struct, frozen=True):
    """Says how they are at one moment."""

    directory: Directory
    zone: tzinfo
    now: float

    def key(self, key: VirtualKey) -> Shown:
        """Without its token."""
        key = self.directory.filled(key)
        shown = self._entity(key)
        del shown["token"]
        return {
            **shown,
            "status": _status(key, self.now),
            "config": {},
            "permissions": {},
            "model_spend": {},
            "organization_id": None,
        }

    def key_with_token(self, key: VirtualKey) -> Shown:
        return {"token": key.token, **self.key(key)}

    def team(self, team: Team) -> Shown:
        members = [{"user_id": user_id, "role": role} for user_id, role in team.members.items()]
        each = team.each_member
        return {
            **self._entity(team),
            "members_with_roles": members,
            "admins": [user_id for user_id, role in team.members.items() if role == "admin"],
            "members": list(team.members),
            "team_member_budget_table": None if each is None else self._allowance(each),
            "organization_id": None,
        }

    def membership(self, team: Team, user_id: str) -> Shown:
        """What one of its users may have of it, and has spent."""
        has = team.limits_of(user_id)
        start, _ = self._period(has or Allowance())
        return {
            "user_id": user_id,
            "team_id": team.team_id,
            "budget_id": None,
            "spend": Spent("member", member(team.team_id, user_id), start),
            "litellm_budget_table": None if has is None else self._allowance(has),
        }

    def user(self, user: User) -> Shown:
        return {**self._entity(user), "teams": [team.team_id for team in self.teams_of(user.user_id)]}

    def user_joining(self, user: User, team_id: str) -> Shown:
        """As it will be with that team."""
        shown = self.user(user)
        return {**shown, "teams": [*(team.team_id for team in self.teams_of(user.user_id)), team_id]}

    def other(self, entity: Entity) -> Shown:
        """A customer, a tag or a budget."""
        return self._entity(entity)

    def teams_of(self, user_id: str) -> list[Team]:
        teams = self.directory.all_of("team")
        return [team for team in teams if isinstance(team, Team) and user_id in team.members]

    def keys(self, wanted: Callable[[VirtualKey], bool]) -> list[VirtualKey]:
        keys = self.directory.all_of("key")
        return [key for key in keys if isinstance(key, VirtualKey) and wanted(key)]

    def _entity(self, entity: Entity) -> Shown:
        kind, id_ = place_of(entity)
        fields = [name for name in entity.__struct_fields__ if name not in _HIDDEN]
        shown = {name: _plain(name, getattr(entity, name)) for name in fields}
        start, end = self._period(entity)
        if kind != "budget":
            shown["spend"] = Spent(kind, id_, start)
        return {**shown, "budget_reset_at": None if end is None else moment(end)}

    def _allowance(self, has: Allowance) -> Shown:
        shown = {name: _plain(name, getattr(has, name)) for name in Allowance.__struct_fields__}
        _, end = self._period(has)
        return {**shown, "budget_reset_at": None if end is None else moment(end)}

    def _period(self, allowance: Allowance) -> tuple[float, float | None]:
        """From when what is spent counts, and when what may be spent is whole again."""
        if allowance.budget_duration is None:
            return 0.0, None
        return window(period_of(allowance.budget_duration), self.now, self.zone)


def _plain(name: str, value: object) -> object:
    if name in _TIMES:
        return moment(value) if isinstance(value, float) and value else None
    if name == "model_max_budget" and isinstance(value, Mapping):
        return {model: _model_budget(budget) for model, budget in value.items()}
    return msgspec.to_builtins(value)


def _model_budget(budget: ModelBudget) -> Shown:
    return {"budget_limit": budget.max_budget, "time_period": budget.budget_duration}


def _status(key: VirtualKey, now: float) -> str:
    if key.blocked:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= now else "active"


def moment(unix_s: float) -> str:
    """RFC 3339."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
