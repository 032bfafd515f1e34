"""What one part of the file, or the environment, says for another part."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.config.clean import Cleaned
from proxy.config.grammar import DEFAULT_PARAMS, PRICES
from proxy.config.lacking import UNKNOWN, Lacking
from proxy.config.notices import Findings
from proxy.config.wording import did_you_mean
from proxy.types import Secret

MASTER_KEY_VARIABLE = "LITELLM_MASTER_KEY"
SHARED = ("num_retries", "allowed_fails", "cooldown_time")
"""Keys of `litellm_settings` that `router_settings` may say better."""


def fill(
    cleaned: Cleaned,
    environ: Mapping[str, str],
    findings: Findings,
    origin: Callable[[int], object] = lambda _: {},
) -> Cleaned:
    """A copy where every Section says all that holds for it. `origin`: of the entry of a number."""
    lacking = Lacking(findings)
    return {
        **cleaned,
        "router_settings": _router_settings(cleaned),
        "sluice_settings": _sluice_settings(cleaned),
        "general_settings": _general_settings(cleaned, environ, lacking, findings),
        "model_list": _model_list(cleaned, findings, origin, lacking),
        "environment_variables": _wrong_variables(cleaned),
    }


def master_key_of(environ: Mapping[str, str]) -> Secret | None:
    """Where no file says it."""
    key = environ.get(MASTER_KEY_VARIABLE)
    return Secret(key) if key else None


def _router_settings(cleaned: Cleaned) -> object:
    router = cleaned.get("router_settings", {})
    litellm = cleaned.get("litellm_settings")
    if not isinstance(router, dict):
        return router
    shared = {key: litellm[key] for key in SHARED if key in litellm} if isinstance(litellm, dict) else {}
    return {**shared, **router, **_allowed_fails(router)}


def _allowed_fails(router: Cleaned) -> Cleaned:
    """A policy outranks the plain number; failures are counted together, whatever they were."""
    said = _mapping(router.get("allowed_fails_policy")).values()
    counts = [count for count in said if isinstance(count, int)]
    return {"allowed_fails": min(counts)} if counts else {}


def _general_settings(
    cleaned: Cleaned, environ: Mapping[str, str], lacking: Lacking, findings: Findings
) -> object:
    general = cleaned.get("general_settings", {})
    if not isinstance(general, dict):
        return general
    key = environ.get(MASTER_KEY_VARIABLE)
    said = {"master_key": key, **general} if key else {**general}
    targets = said.get("pass_through_endpoints")
    if isinstance(targets, list):
        said["pass_through_endpoints"] = _targets(targets, lacking, findings)
    return said


def _targets(written: list[object], lacking: Lacking, findings: Findings) -> list[object]:
    """Each with its place; of those with one path the first."""
    first: dict[object, int] = {}
    kept: list[object] = []
    for place, target in enumerate(written):
        if not isinstance(target, dict):
            kept.append(target)
            continue
        path = str(target.get("path", place))
        if place in lacking.targets:
            continue
        if first.setdefault(path, place) == place:
            kept.append({**target, "place": place})
        else:
            where = ("general_settings", "pass_through_endpoints", place, "path")
            findings.warn(
                where, f"is the path of pass_through_endpoints[{first[path]}] too: that one is used"
            )
    return kept


def _wrong_variables(cleaned: Cleaned) -> object:
    """The good ones have served, and may hold secrets; the others stay, to be refused."""
    variables = cleaned.get("environment_variables", {})
    if not isinstance(variables, dict):
        return variables
    return {name: value for name, value in variables.items() if not isinstance(value, str)}


def _sluice_settings(cleaned: Cleaned) -> object:
    """LiteLLM's name of the keep-alive, where ours is not written."""
    ours, litellm = cleaned.get("sluice_settings", {}), cleaned.get("litellm_settings")
    said = litellm.get("sse_keepalive_ping_interval_seconds") if isinstance(litellm, dict) else None
    if said is None or not isinstance(ours, dict):
        return ours
    return {"sse_keepalive_s": said, **ours}


def _model_list(
    cleaned: Cleaned, findings: Findings, origin: Callable[[int], object], lacking: Lacking
) -> object:
    entries = cleaned.get("model_list", [])
    if not isinstance(entries, list):
        return entries
    defaults = _defaults(cleaned)
    credentials = _credentials(cleaned)
    return [
        _entry(entry, defaults, credentials, index, findings, lacking) | {"origin": origin(index)}
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
    entry: Cleaned,
    defaults: Cleaned,
    credentials: Mapping[str, Cleaned],
    index: int,
    findings: Findings,
    lacking: Lacking,
) -> Cleaned:
    params = entry.get("litellm_params")
    if not isinstance(params, dict):
        return entry
    name = params.get("litellm_credential_name")
    if name is not None and str(name) not in credentials:
        path = ("model_list", index, "litellm_params", "litellm_credential_name")
        findings.error(
            path, "no entry of `credential_list` has this name" + did_you_mean(str(name), credentials)
        )
    beside: Cleaned = {key: entry[key] for key in ("rpm", "tpm") if key in entry}
    filled = _layered((defaults, credentials.get(str(name), {}), beside, params))
    credential = list(credentials).index(name) if isinstance(name, str) and name in credentials else None
    flaw = lacking.of_entry(index, credential, params)
    if flaw is None:
        return {**entry, "litellm_params": filled}
    return {"model_name": UNKNOWN, **entry, "litellm_params": {"model": UNKNOWN, **filled}, "flaw": flaw}


def _layered(layers: tuple[Cleaned, ...]) -> Cleaned:
    """Later layers win, key by key; OpenAI's parameters and prices each on their own."""
    merged: Cleaned = {}
    collected: dict[str, Cleaned] = {DEFAULT_PARAMS: {}, PRICES: {}}
    for layer in layers:
        merged |= layer
        for name in collected:
            collected[name] |= _mapping(layer.get(name))
    return merged | {name: values for name, values in collected.items() if values}


def _mapping(value: object) -> Cleaned:
    return value if isinstance(value, dict) else {}
