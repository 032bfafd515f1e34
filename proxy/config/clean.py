"""From what is written to what is meant: other spellings, empty keys and what is not honoured end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from proxy.config.explain import explain_section
from proxy.config.fields import Section
from proxy.config.grammar import DEFAULT_PARAMS, PRICES, Grammar, grammar, is_price, judge, other_name
from proxy.config.notices import Findings
from proxy.config.openai_params import OpenAIParams
from proxy.config.paths import KeyPath
from proxy.config.unset import Unset, first_unset

_decode_raws = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
Cleaned: TypeAlias = dict[str, object]
"""A mapping whose keys are fields of its Section; its values are not checked yet."""


def clean(kind: type[Section], written: object, path: KeyPath, findings: Findings) -> object:
    """`written` with the keys of `kind` only; what is no mapping stays as it is, for the decoder to refuse.

    A key with nothing after it counts as not written, as templates have them.
    """
    if written is None:
        return {}
    if isinstance(written, Unset):
        findings.lacks(path, written)
        return {}
    if not isinstance(written, dict):
        return written
    rules = grammar(kind)
    kept: Cleaned = {}
    defaults: Cleaned = {}
    sent: Cleaned = {}
    prices: Cleaned = {}
    for key, value in written.items():
        name = key if key in rules.keys else other_name(rules, str(key))
        if name is not None:
            _take(kept, rules, written, str(key), name, path, findings)
        elif key in rules.openai:
            defaults[key] = value
        elif is_price(kind, str(key)):
            prices[str(key)] = value
        elif _judge(kind, str(key), path, findings):
            sent[str(key)] = value
    if rules.openai and (params := _default_params(defaults, sent, kept.get("extra_body"), path, findings)):
        kept[DEFAULT_PARAMS] = params
    if prices := _set_ones(prices, path, findings):
        kept[PRICES] = prices
    return kept


def _take(
    kept: Cleaned,
    rules: Grammar,
    written: Mapping[object, object],
    key: str,
    name: str,
    path: KeyPath,
    findings: Findings,
) -> None:
    """`key` as it is written, `name` as it is called here. A variable that is not set leaves its key out."""
    value = written[key]
    if value is None:
        return
    if name != key and written.get(name) is not None:
        findings.warn((*path, key), f"is not used: `{name}` is written too")
        return
    if value == "" and name in _NEVER_EMPTY:
        findings.warn((*path, key), "is empty: it counts as not written")
        return
    if name != key:
        findings.renamed((*path, name), key)
    if name not in rules.nested and (found := first_unset(value)) is not None:
        findings.lacks((*path, key, *found[0]), found[1])
        return
    kept[name] = _clean_value(rules, name, value, (*path, name), findings)


def _clean_value(rules: Grammar, key: str, value: object, path: KeyPath, findings: Findings) -> object:
    if key in _SPELLINGS:
        value = _SPELLINGS[key](value)
    inner = rules.nested.get(key)
    if inner is None:
        return value
    if inner.shape == "list" and isinstance(value, list):
        return [clean(inner.kind, item, (*path, index), findings) for index, item in enumerate(value)]
    if inner.shape == "mapping" and isinstance(value, dict):
        return {name: clean(inner.kind, item, (*path, str(name)), findings) for name, item in value.items()}
    return clean(inner.kind, value, path, findings) if inner.shape == "one" else value


def _judge(kind: type[Section], key: str, path: KeyPath, findings: Findings) -> bool:
    """Whether it is sent to the upstream."""
    verdict = judge(kind, key)
    if verdict.wrong:
        findings.error((*path, key), verdict.text)
    elif verdict.text:
        findings.warn((*path, key), verdict.text)
    return verdict.sent


def _default_params(
    openai: Cleaned, sent: Cleaned, extra_body: object, path: KeyPath, findings: Findings
) -> dict[str, msgspec.Raw]:
    """Parameters as the JSON that is added to requests: OpenAI's are checked, `extra_body` wins."""
    openai, sent = _set_ones(openai, path, findings), _set_ones(sent, path, findings)
    extra = extra_body if isinstance(extra_body, dict) else {}
    try:
        params = msgspec.convert(openai, OpenAIParams, strict=False)
        text = msgspec.json.encode(params), msgspec.json.encode({**sent, **extra})
        return {name: raw for part in text for name, raw in _decode_raws(part).items()}
    except msgspec.ValidationError:
        explain_section(OpenAIParams, openai, path, findings)
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        findings.error(path, f"cannot be written as JSON: {error}")
    return {}


def _set_ones(written: Cleaned, path: KeyPath, findings: Findings) -> Cleaned:
    kept: Cleaned = {}
    for key, value in written.items():
        found = first_unset(value)
        if found is not None:
            findings.lacks((*path, key, *found[0]), found[1])
        elif value is not None:
            kept[key] = value
    return kept


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _truth(value: object) -> object:
    """`os.environ/SSL_VERIFY` gives "False" where a path could stand as well."""
    words = {"true": True, "false": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def _switch(value: object) -> object:
    """A bare `off` is YAML's false, `on` its true (YAML 1.1)."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


def _aliases(value: object) -> object:
    """`alias: group` is short for `alias: {model: group}`."""
    if not isinstance(value, dict):
        return value
    return {name: {"model": item} if isinstance(item, str) else item for name, item in value.items()}


def _methods(value: object) -> object:
    return (
        [item.upper() if isinstance(item, str) else item for item in value]
        if isinstance(value, list)
        else value
    )


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _texts(value: object) -> object:
    """Header values that look like numbers."""
    return {name: _as_text(item) for name, item in value.items()} if isinstance(value, dict) else value


def _groups(value: object) -> object:
    """`[{group: [other]}]`, of which people leave out the brackets."""
    listed = [value] if isinstance(value, dict) else value
    if not isinstance(listed, list):
        return value
    return [
        {group: _listed(others) for group, others in item.items()} if isinstance(item, dict) else item
        for item in listed
    ]


def _variables(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _as_text(item) for name, item in value.items() if item is not None}


_NEVER_EMPTY = frozenset({
    "api_base", "base_model", "custom_llm_provider", "id", "litellm_credential_name", "litellm_key_header_name", "mode",
    "object_scope", "organization", "ssl_verify",
})  # fmt: skip
"""Templates leave them empty, and LiteLLM takes that for nothing."""
_SPELLINGS: Mapping[str, Callable[[object], object]] = {
    "access_log": _switch,
    "session_affinity": _switch,
    "api_base": _stripped,
    "callbacks": _listed,
    "content_policy_fallbacks": _groups,
    "context_window_fallbacks": _groups,
    "default_fallbacks": _listed,
    "environment_variables": _variables,
    "extra_headers": _texts,
    "failure_callback": _listed,
    "fallbacks": _groups,
    "headers": _texts,
    "id": _as_text,
    "methods": _methods,
    "model_group_alias": _aliases,
    "organization": _listed,
    "ssl_verify": _truth,
    "state": _switch,
    "success_callback": _listed,
    "target": _stripped,
}
"""What LiteLLM lets people write in several ways, brought to one."""
