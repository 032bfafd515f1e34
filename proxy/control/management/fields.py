"""Fields of a request become fields of an identity: by its own types, with LiteLLM's other spellings of some."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import cast

import msgspec

from proxy.access.identity import Entity, ModelBudget
from proxy.access.patterns import KEY_TYPES
from proxy.access.periods import later, moment, period_of
from proxy.config.slips import distance
from proxy.control.management.asking import Given, wrong
from proxy.errors import GatewayError

MAX_LISTED = 1_000
"""Models, routes, tags or limits of one."""
MAX_TEXT_CHARS = 512
MAX_METADATA_BYTES = 16_384
"""Every worker holds all of it in memory."""
MAX_METADATA_DEPTH = 32
"""Whoever lists keys must be able to show it: what is nested deeper than Python's stack would fail each list."""
NO_LIMIT = "null"
"""As text it takes no limit away."""
FOREVER = "-1"
"""LiteLLM's `duration` for a key that never ends."""
NEVER_GIVEN = frozenset({
    "id", "token", "key_name", "expires", "retired", "rotation_count", "created_by", "created_at", "updated_at",
    "members", "member_limits", "each_member", "last_rotation_at", "key_rotation_at",
})  # fmt: skip
"""Of an identity's fields, those that nobody sets by name."""
_NOT_HERE = frozenset({
    "access_group_ids", "allowed_model_region", "allowed_passthrough_routes", "allowed_vector_store_indexes",
    "budget_fallbacks", "budget_limits", "denied_passthrough_routes", "enforced_params",
    "guardrails", "mcp_rpm_limit", "object_permission", "organization_id", "policies", "project_id", "prompts",
    "tag_rpm_limit",
    "temp_budget_increase", "tpd_limit",
})  # fmt: skip
"""LiteLLM's fields that hold somebody back, and are not there: to pass over them would let through what must not be."""
_HOLDING_BACK = frozenset({"allowed_routes", "models"})
"""Of keys and teams; not of all that have limits."""
_Convert = Callable[[object, str], object]


def changes_of(struct: type[Entity], given: Given, now: float) -> dict[str, object]:
    """The fields that are given, in the struct's types. A null takes a value away. Raises GatewayError 400."""
    _check_names(struct, given)
    types = _types(struct)
    found: dict[str, object] = {}
    for name, value in given.items():
        spelled = _SPELLED.get(name, name)
        if spelled in types:
            found[spelled] = _value(types[spelled], spelled, value, name)
    metadata = found.get("metadata")
    if isinstance(metadata, dict) and "tags" in types and "tags" not in found and "tags" in metadata:
        found["tags"] = _convert(types["tags"], metadata["tags"], "metadata")
    if "key_type" in given and "allowed_routes" in types and not found.get("allowed_routes"):
        found["allowed_routes"] = _routes_of_type(given["key_type"])
    if "duration" in given and "expires" in struct.__struct_fields__:
        found["expires"] = _expiry(given["duration"], now)
    elif "expires" in given and "expires" in struct.__struct_fields__:
        found["expires"] = _moment(given["expires"])
    return found


@cache
def _types(struct: type[Entity]) -> Mapping[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(struct) if field.name not in NEVER_GIVEN}


def _check_names(struct: type[Entity], given: Given) -> None:
    """A slip in the name of a limit would be no limit."""
    for name, value in given.items():
        not_here = name in _NOT_HERE or (name in _HOLDING_BACK and name not in _types(struct))
        if not_here and value not in (None, [], {}, "", False):
            raise GatewayError(400, _NOT_THERE.format(name), param=name, code="unsupported_parameter")
        if name in _KNOWN or name in _types(struct):
            continue
        near = [known for known in _types(struct) if _is_near(name, known)]
        if near:
            raise wrong(name[:64], f"`{name[:64]}` is not known here: did you mean `{near[0]}`?")


_NOT_THERE = "`{}` is not there yet in this gateway, so it would hold nobody back. Leave it out."
_KNOWN = frozenset({
    "agent_id", "aliases", "allowed_cache_controls", "auto_create_key", "auto_rotate", "budget_reset_at",
    "config", "default_model", "duration", "grace_period", "key", "key_alias", "key_type", "keys",
    "max_budget_in_team", "member", "members", "members_with_roles", "model_aliases", "new_key", "permissions",
    "rotation_interval", "send_invite_email", "spend", "team_id", "team_ids", "team_member_budget",
    "team_member_budget_duration", "team_member_rpm_limit", "team_member_tpm_limit", "teams", "user_id",
    "user_ids", *_NOT_HERE,
})  # fmt: skip


def _is_near(name: str, known: str) -> bool:
    return abs(len(name) - len(known)) <= 2 and len(known) > 5 and distance(name, known) <= 2


def _value(field: msgspec.structs.FieldInfo, spelled: str, value: object, name: str) -> object:
    if value is None or (value == "" and spelled == "max_budget"):
        return field.default if field.default is not msgspec.NODEFAULT else None
    convert = _SPECIAL.get(spelled)
    return convert(value, name) if convert else _convert(field, value, name)


def _convert(field: msgspec.structs.FieldInfo, value: object, name: str) -> object:
    if isinstance(value, list | dict) and len(value) > MAX_LISTED:
        raise wrong(name, f"`{name}` has more than {MAX_LISTED} entries.")
    found = _converted(value, field.type, name)
    _check_texts(found, name)
    return found


def _converted(value: object, type_: object, name: str) -> object:
    """A number or a truth may come as text, as LiteLLM takes it. Raises GatewayError 400."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(value, type_)
    try:
        return msgspec.convert(value, type_, strict=value == NO_LIMIT)
    except msgspec.ValidationError as error:
        raise wrong(name, f"`{name}`: {error}") from None


def _check_texts(value: object, name: str) -> None:
    texts = [value] if isinstance(value, str) else value if isinstance(value, tuple) else ()
    pairs = [*value, *value.values()] if isinstance(value, dict) else []
    for text in (*texts, *pairs):
        if isinstance(text, str) and (len(text) > MAX_TEXT_CHARS or not text.isprintable()):
            raise wrong(
                name, f"`{name}` holds a text of more than {MAX_TEXT_CHARS} characters, or no text to print."
            )


def _metadata(value: object, name: str) -> object:
    if not isinstance(value, dict):
        raise wrong(name, f"`{name}` must be an object.")
    if len(msgspec.json.encode(value)) > MAX_METADATA_BYTES:
        raise wrong(name, f"`{name}` is longer than {MAX_METADATA_BYTES} bytes.")
    if _is_deep(value, MAX_METADATA_DEPTH):
        raise wrong(name, f"`{name}` is nested more than {MAX_METADATA_DEPTH} deep.")
    return value


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left < 0 or any(_is_deep(each, left - 1) for each in inner)


def _period(value: object, name: str) -> object:
    try:
        period_of(str(value))
    except ValueError as error:
        raise wrong(name, f"`{name}`: {error}") from None
    return str(value)


def _model_budgets(value: object, name: str) -> object:
    """`{"m": 5.0}`, `{"m": {"budget_limit": 5.0, "time_period": "1d"}}` or by this gateway's own names."""
    if not isinstance(value, dict) or len(value) > MAX_LISTED:
        raise wrong(name, f"`{name}` must be an object of at most {MAX_LISTED} models.")
    return {usable_model(model, name): _model_budget(given, name) for model, given in value.items()}


def _model_budget(given: object, name: str) -> ModelBudget:
    if not isinstance(given, dict):
        given = {"max_budget": given}
    period = given.get("time_period", given.get("budget_duration"))
    plain = {
        "max_budget": given.get("budget_limit", given.get("max_budget")),
        "budget_duration": None if period is None else _period(period, name),
    }
    return cast(ModelBudget, _converted(plain, ModelBudget, name))


def usable_model(model: object, name: str) -> str:
    """Raises GatewayError 400."""
    if not isinstance(model, str) or not 0 < len(model) <= MAX_TEXT_CHARS or not model.isprintable():
        raise wrong(name, f"`{name}` must name models, in at most {MAX_TEXT_CHARS} characters each.")
    return model


def _expiry(duration: object, now: float) -> float | None:
    if duration in (None, "", FOREVER, -1):
        return None
    try:
        return later(str(duration), now)
    except ValueError as error:
        raise wrong("duration", f"`duration`: {error}") from None


def _moment(text: object) -> float | None:
    if text is None:
        return None
    try:
        return moment(str(text))
    except ValueError:
        message = (
            "`expires` must be a time as `2026-12-31` or `2026-12-31T18:00:00Z`; `duration` says how long."
        )
        raise wrong("expires", message) from None


def _routes_of_type(key_type: object) -> tuple[str, ...]:
    if key_type is None:
        return ()
    if not isinstance(key_type, str) or key_type not in KEY_TYPES:
        raise wrong("key_type", f"`key_type` must be one of {', '.join(KEY_TYPES)}.")
    return KEY_TYPES[key_type]


_SPECIAL: Mapping[str, _Convert] = {
    "metadata": _metadata,
    "budget_duration": _period,
    "rotation_interval": _period,
    "model_max_budget": _model_budgets,
}
_SPELLED: Mapping[str, str] = {"model_aliases": "aliases"}
