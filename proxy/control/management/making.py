"""New keys: their secrets, and how far whoever makes one may go."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast

import msgspec

from proxy.access.callers import caller_of
from proxy.access.identity import ModelBudget, VirtualKey, key_name, token_of
from proxy.access.periods import DAY_S, period_of
from proxy.access.rotation import scheduled
from proxy.control.management.asking import (
    SELF_SERVED_ROLES,
    Asker,
    Given,
    forbidden,
    not_found,
    taken,
    wrong,
)
from proxy.control.management.fields import changes_of

SECRET_BYTES = 24
"""Of chance: 32 characters."""
SHORTEST_SECRET = 16
LONGEST_SECRET = 256
MOST_KEYS = 1_000
"""Of one user, or one team, that are made without the master key."""
_NARROWED = (
    "max_budget", "soft_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests", "expires",
    "models", "allowed_routes", "tags", "aliases", "model_max_budget", "model_rpm_limit", "model_tpm_limit",
    "budget_id",
)  # fmt: skip
"""What a key that is made with a key has of it, unless it is given less."""
_AT_MOST = ("max_budget", "rpm_limit", "tpm_limit", "max_parallel_requests", "expires")
_BY_MODEL = ("model_max_budget", "model_rpm_limit", "model_tpm_limit")
_NOTHING: tuple[object, ...] = (None, (), {}, "")
"""Not given; 0 is, and lets nothing through."""
SHORTEST_MONTH_S = 28 * DAY_S


def made_secret() -> str:
    return "sk-" + secrets.token_urlsafe(SECRET_BYTES)


def secret_of(asker: Asker, given: Given, name: str) -> str:
    """The one that is asked for, or a new one. Raises GatewayError 400."""
    wanted = given.get(name)
    if wanted is None or wanted == "":
        return made_secret()
    usable = (
        isinstance(wanted, str) and wanted.startswith("sk-") and wanted.isascii() and wanted.isprintable()
    )
    if not (usable and SHORTEST_SECRET <= len(str(wanted)) <= LONGEST_SECRET and " " not in str(wanted)):
        raise wrong(
            name,
            f"`{name}` must begin with `sk-` and have {SHORTEST_SECRET} to {LONGEST_SECRET} characters of ASCII,"
            " none of them blank.",
        )
    if asker.directory.is_taken(str(wanted)):
        raise taken("key", "sk-...", name)
    return str(wanted)


def new_key(asker: Asker, given: Given, secret: str) -> VirtualKey:
    """Raises GatewayError 400, 403, 404."""
    fields = changes_of(VirtualKey, given, asker.now)
    _check_holders(asker, fields)
    if not asker.admin:
        fields = _as_far_as_allowed(asker, fields)
        _check_count(asker, fields)
    token = token_of(secret.encode())
    key = VirtualKey(
        id=token,
        token=token,
        key_name=key_name(secret),
        created_at=asker.now,
        updated_at=asker.now,
        created_by=asker.name,
        **fields,  # type: ignore[arg-type]
    )
    return with_rotation(asker, given, key)


def with_rotation(asker: Asker, given: Given, key: VirtualKey) -> VirtualKey:
    """With the moment of its next secret, where anything is said of that. Raises GatewayError 400."""
    if not {"auto_rotate", "rotation_interval"} & given.keys():
        return key
    if key.auto_rotate and key.rotation_interval is None:
        raise wrong("rotation_interval", "`rotation_interval` is needed with `auto_rotate`: `30d`, `1mo`.")
    if key.auto_rotate and not asker.rotates:
        raise wrong(
            "auto_rotate",
            "This gateway is not told whom a new secret is given to, so nobody would know it:"
            " set sluice_settings.key_rotation.",
        )
    return scheduled(key, asker.now)


def _check_count(asker: Asker, fields: Mapping[str, object]) -> None:
    """Every worker holds all keys in memory, and who waits has turns by key. Raises GatewayError 403."""
    holder = "team_id" if asker.runs(cast("str | None", fields.get("team_id"))) else "user_id"
    keys = (key for key in asker.directory.all_of("key") if getattr(key, holder) == fields.get(holder))
    if sum(1 for _ in keys) >= MOST_KEYS:
        raise forbidden(
            f"There are {MOST_KEYS} keys already of this {holder}: delete some, or ask the master key's holder."
        )


def check_holders(asker: Asker, fields: dict[str, object]) -> None:
    """Raises GatewayError 404 for a team or budget that is not there: its limits would hold nobody back."""
    _check_holders(asker, fields)


def _check_holders(asker: Asker, fields: dict[str, object]) -> None:
    team_id, budget_id = fields.get("team_id"), fields.get("budget_id")
    if team_id is not None and asker.directory.team(str(team_id)) is None:
        raise not_found("team", team_id, "team_id")
    if budget_id is not None and asker.directory.budget(str(budget_id)) is None:
        raise not_found("budget", budget_id, "budget_id")


def _as_far_as_allowed(asker: Asker, fields: dict[str, object]) -> dict[str, object]:
    """A team's administrator makes the team's keys, a user its own, none of them wider than the key it is made with."""
    mine, user = asker.key, asker.user
    team_id = fields.get("team_id")
    if mine is None:
        raise forbidden("Only who has a key may make one.")
    runs_it = team_id is not None and asker.runs(str(team_id))
    if not runs_it:
        if user is None or user.user_role not in SELF_SERVED_ROLES:
            raise forbidden("Only the master key, a team's administrator or a user's own key may make keys.")
        if fields.get("user_id") not in (None, mine.user_id) or team_id not in (None, mine.team_id):
            raise forbidden("A user's key makes keys for the same user and team only.")
        fields = {**fields, "user_id": mine.user_id, "team_id": mine.team_id}
    return _narrowed(asker, mine, fields)


def _narrowed(asker: Asker, mine: VirtualKey, fields: dict[str, object]) -> dict[str, object]:
    """Raises GatewayError 403 for what is wider."""
    whole = asker.directory.filled(mine)
    given = {name: value for name, value in fields.items() if value not in _NOTHING}
    for name in _BY_MODEL:
        if name in given:
            given[name] = {**getattr(whole, name), **msgspec.convert(given[name], dict[str, object])}
    _check_limits(whole, mine.budget_id, given)
    wanted = {**fields, **{name: getattr(mine, name) for name in _NARROWED}, **given}
    gates = caller_of(whole, None, None).gates
    for model in _models_of(wanted) if gates else ():
        if not all(gate.allows(model, model) for gate in gates):
            raise forbidden(f"The key that this is made with may not use the model `{model}` itself.")
    if mine.allowed_routes and not set(_texts(wanted, "allowed_routes")) <= set(mine.allowed_routes):
        raise forbidden("The key that this is made with may not use all of these `allowed_routes` itself.")
    return wanted


def _check_limits(whole: VirtualKey, budget_id: str | None, given: Mapping[str, object]) -> None:
    """`whole`: the key it is made with, its budget's limits among its own. Raises GatewayError 403."""
    check_weight(given, whole.queue_weight)
    for name in _AT_MOST:
        if _exceeds(given.get(name), getattr(whole, name)):
            raise forbidden(f"The key that this is made with has a smaller `{name}` itself.")
    for name in _BY_MODEL:
        values = msgspec.convert(given.get(name) or {}, dict[str, object])
        if any(_exceeds(values.get(model), most) for model, most in getattr(whole, name).items()):
            raise forbidden(f"The key that this is made with has a smaller `{name}` itself.")
    period = given.get("budget_duration")
    if whole.max_budget is not None and _is_sooner(period, whole.budget_duration):
        raise forbidden("The key that this is made with has a longer `budget_duration` itself.")
    if budget_id is not None and given.get("budget_id", budget_id) != budget_id:
        raise forbidden("The key that this is made with has another `budget_id` itself.")


def check_weight(fields: Mapping[str, object], present: float | None) -> None:
    """Nobody gives itself more turns than others have. Raises GatewayError 403."""
    if _exceeds(fields.get("queue_weight"), present or 1.0):
        raise forbidden("Only who has the master key may give a larger `queue_weight`.")


def _exceeds(value: object, most: object) -> bool:
    """Of two limits, the second that of the key it is made with; None: there is none."""
    if isinstance(value, ModelBudget) and isinstance(most, ModelBudget):
        return value.max_budget > most.max_budget or _is_sooner(value.budget_duration, most.budget_duration)
    return isinstance(value, int | float) and isinstance(most, int | float) and value > most


def _is_sooner(period: object, than: str | None) -> bool:
    """A budget is whole again sooner; None: never."""
    return isinstance(period, str) and (than is None or _shortest_s(period) < _shortest_s(than))


def _shortest_s(text: str) -> int:
    period = period_of(text)
    return period.seconds or period.months * SHORTEST_MONTH_S


def _models_of(fields: dict[str, object]) -> list[str]:
    aliases = fields.get("aliases")
    return [*_texts(fields, "models"), *(aliases.values() if isinstance(aliases, dict) else ())]


def _texts(fields: dict[str, object], name: str) -> tuple[str, ...]:
    return msgspec.convert(fields.get(name) or (), tuple[str, ...])
