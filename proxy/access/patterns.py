"""Which models and which routes somebody may use: lists of names, patterns, and LiteLLM's words for groups of them.

Source: https://docs.litellm.ai/docs/proxy/virtual_keys#restricting-model-access
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

ALL_MODELS = frozenset(("*", "all-proxy-models"))
TEAMS_MODELS = "all-team-models"
NO_MODELS = "no-default-models"
LLM_ROUTES = frozenset(("llm_api_routes", "openai_routes"))
"""Whatever goes to an upstream, and the lists of models."""
ROUTE_GROUPS: Mapping[str, tuple[str, ...]] = {
    "info_routes": (
        "/key/info", "/key/health", "/key/list", "/team/info", "/team/list", "/user/info", "/model/info", "/health",
        "/models", "/models/*",
    ),
    "management_routes": ("/key/*", "/user/*", "/team/*", "/customer/*", "/end_user/*", "/budget/*", "/tag/*"),
    "spend_tracking_routes": ("/spend/*", "/global/spend/*", "/user/daily/activity"),
}  # fmt: skip
MODEL_PAGES = ("/models", "/model/info")
KEY_TYPES: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "llm_api": ("llm_api_routes",),
    "management": ("management_routes",),
    "read_only": ("info_routes",),
}
"""LiteLLM's `key_type`, as the routes that it stands for."""


class Names(msgspec.Struct, frozen=True, gc=False):
    """Exact names, and those with `*` in them, which stands for anything."""

    exact: frozenset[str]
    patterns: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        return name in self.exact or any(matches(pattern, name) for pattern in self.patterns)


def names_of(written: Iterable[str]) -> Names:
    listed = tuple(written)
    return Names(
        frozenset(name for name in listed if "*" not in name), tuple(name for name in listed if "*" in name)
    )


def matches(pattern: str, name: str) -> bool:
    """Each piece is looked for once: no pattern takes longer than the name is long, times its stars."""
    first, *middle, last = pattern.split("*")
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


class ModelGate(msgspec.Struct, frozen=True):
    """One holder's list of models. An alias of its own is a permission to use what it stands for."""

    holder: str
    """`key`, `team`, `user`: whose list it is, for the refusal."""
    names: Names
    aliases: Mapping[str, str]

    def allows(self, asked: str, meant: str) -> bool:
        return asked in self.aliases or meant in self.names


def model_gate(holder: str, models: Sequence[str], aliases: Mapping[str, str]) -> ModelGate | None:
    """None: all models."""
    if not models or not ALL_MODELS.isdisjoint(models):
        return None
    return ModelGate(holder, names_of(name for name in models if name != NO_MODELS), aliases)


class RouteGate(msgspec.Struct, frozen=True):
    llm: bool
    """Whatever goes to an upstream."""
    names: Names

    def allows(self, path: str, *, upstream: bool) -> bool:
        """`path`: with or without `/v1`, `/openai`. `upstream`: that is where it leads."""
        plain = unversioned(path)
        if self.llm and (upstream or plain.startswith(MODEL_PAGES)):
            return True
        return plain in self.names


def route_gate(written: Sequence[str]) -> RouteGate | None:
    """None: all routes."""
    if not written:
        return None
    paths = [path for each in written for path in ROUTE_GROUPS.get(each, (each,)) if each not in LLM_ROUTES]
    named = [unversioned(_braces_as_stars(path)) for path in paths]
    return RouteGate(not LLM_ROUTES.isdisjoint(written), names_of(named))


def unversioned(path: str) -> str:
    """`/openai/v1/files` and `/v1/files` are `/files`."""
    for prefix in ("/openai_passthrough", "/openai", "/v1"):
        if path.startswith(prefix + "/"):
            path = path[len(prefix) :]
    return path


def _braces_as_stars(path: str) -> str:
    """`/threads/{thread_id}` -> `/threads/*`"""
    return "/".join("*" if part.startswith("{") and part.endswith("}") else part for part in path.split("/"))
