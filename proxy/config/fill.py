"""What one part of the file, or the environment, says for another part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.config.clean import Cleaned
from proxy.config.grammar import DEFAULT_PARAMS
from proxy.config.notices import Findings
from proxy.config.wording import did_you_mean

SHARED = ("num_retries", "allowed_fails", "cooldown_time")
"""Keys of `litellm_settings` that `router_settings` may say better."""


def fill(
    cleaned: Cleaned,
    environ: Mapping[str, str],
    findings: Findings,
    origin: Callable[[int], object] = lambda _: {},
) -> Cleaned:
    """A copy where every Section says all that holds for it. `origin`: of the entry of a number."""
    return {
        **cleaned,
        "router_settings": _router_settings(cleaned),
        "general_settings": _general_settings(cleaned, environ),
        "model_list": _model_list(cleaned, findings, origin),
        "environment_variables": _wrong_variables(cleaned),
    }


def _router_settings(cleaned: Cleaned) -> object:
    router = cleaned.get("router_settings", {})
    litellm = cleaned.get("litellm_settings")
    if not isinstance(router, dict):
        return router
    shared = {key: litellm[key] for key in SHARED if key in litellm} if isinstance(litellm, dict) else {}
    return {**shared, **router}


def _general_settings(cleaned: Cleaned, environ: Mapping[str, str]) -> object:
    general = cleaned.get("general_settings", {})
    key = environ.get("LITELLM_MASTER_KEY")
    if not key or not isinstance(general, dict):
        return general
    return {"master_key": key, **general}


def _wrong_variables(cleaned: Cleaned) -> object:
    """The good ones have served, and may hold secrets; the others stay, to be refused."""
    variables = cleaned.get("environment_variables", {})
    if not isinstance(variables, dict):
        return variables
    return {name: value for name, value in variables.items() if not isinstance(value, str)}


def _model_list(cleaned: Cleaned, findings: Findings, origin: Callable[[int], object]) -> object:
    entries = cleaned.get("model_list", [])
    if not isinstance(entries, list):
        return entries
    defaults = _defaults(cleaned)
    credentials = _credentials(cleaned)
    return [
        _entry(entry, defaults, credentials, index, findings) | {"origin": origin(index)}
        if isinstance(entry, dict)
        else entry
        for index, entry in enumerate(entries)
    ]


def _defaults(cleaned: Cleaned) -> Cleaned:
    router = cleaned.get("router_settings")
    defaults = router.get("default_litellm_params") if isinstance(router, dict) else None
    return defaults if isinstance(defaults, dict) else {}


def _credentials(cleaned: Cleaned) -> dict[str, Cleaned]:
    written = cleaned.get("credential_list")
    found = [item for item in written if isinstance(item, dict)] if isinstance(written, list) else []
    return {str(item.get("credential_name")): _mapping(item.get("credential_values")) for item in found}


def _entry(
    entry: Cleaned, defaults: Cleaned, credentials: Mapping[str, Cleaned], index: int, findings: Findings
) -> Cleaned:
    params = entry.get("litellm_params")
    if not isinstance(params, dict):
        return entry
    name = params.get("litellm_credential_name")
    if name is None and not defaults:
        return entry
    if name is not None and name not in credentials:
        path = ("model_list", index, "litellm_params", "litellm_credential_name")
        findings.error(
            path, "no entry of `credential_list` has this name" + did_you_mean(str(name), credentials)
        )
    layers = (defaults, credentials.get(str(name), {}), params)
    return {**entry, "litellm_params": _layered(layers)}


def _layered(layers: tuple[Cleaned, ...]) -> Cleaned:
    """Later layers win, key by key; OpenAI's parameters each on their own."""
    merged: Cleaned = {}
    defaults: Cleaned = {}
    for layer in layers:
        merged |= layer
        defaults |= _mapping(layer.get(DEFAULT_PARAMS))
    return {**merged, DEFAULT_PARAMS: defaults} if defaults else merged


def _mapping(value: object) -> Cleaned:
    return value if isinstance(value, dict) else {}
