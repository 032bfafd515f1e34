"""From what is written to what is meant: other spellings, empty keys and what is not honoured end here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from proxy.config.explain import explain_section
from proxy.config.fields import Section
from proxy.config.grammar import DEFAULT_PARAMS, OTHER_NAMES, Grammar, grammar, judge
from proxy.config.nodes import KeyPath
from proxy.config.notices import Findings
from proxy.config.openai_params import OpenAIParams

Cleaned: TypeAlias = dict[str, object]
"""A mapping whose keys are fields of its Section; its values are not checked yet."""


def clean(kind: type[Section], written: object, path: KeyPath, findings: Findings) -> object:
    """`written` with the keys of `kind` only; what is no mapping stays as it is, for the decoder to refuse.

    A key with nothing after it counts as not written, as templates have them.
    """
    if written is None:
        return {}
    if not isinstance(written, dict):
        return written
    rules = grammar(kind)
    kept: Cleaned = {}
    defaults: Cleaned = {}
    for key, value in written.items():
        if key in rules.keys:
            if value is not None:
                kept[key] = _clean_value(rules, key, value, (*path, key), findings)
        elif key in rules.openai:
            defaults[key] = value
        elif key in OTHER_NAMES and OTHER_NAMES[key] in rules.keys:
            _take_other_name(kept, written, key, path, findings)
        else:
            _judge(kind, str(key), path, findings)
    if defaults:
        kept[DEFAULT_PARAMS] = _default_params(defaults, path, findings)
    return kept


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


def _take_other_name(
    kept: Cleaned, written: Mapping[object, object], key: str, path: KeyPath, findings: Findings
) -> None:
    name = OTHER_NAMES[key]
    if written.get(name) is not None:
        findings.warn((*path, key), f"is not used: `{name}` is written too")
    elif written[key] is not None:
        kept[name] = written[key]
        findings.renamed((*path, name), key)


def _judge(kind: type[Section], key: str, path: KeyPath, findings: Findings) -> None:
    verdict = judge(kind, key)
    if verdict.wrong:
        findings.error((*path, key), verdict.text)
    elif verdict.text:
        findings.warn((*path, key), verdict.text)


def _default_params(written: Cleaned, path: KeyPath, findings: Findings) -> dict[str, msgspec.Raw]:
    """OpenAI's parameters as the JSON that is added to requests."""
    written = {key: value for key, value in written.items() if value is not None}
    try:
        params = msgspec.convert(written, OpenAIParams, strict=False)
        return msgspec.json.decode(msgspec.json.encode(params), type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        explain_section(OpenAIParams, written, path, findings)
    except TypeError as error:
        findings.error(path, f"cannot be written as JSON: {error}")
    return {}


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


def _variables(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _as_text(item) for name, item in value.items() if item is not None}


_SPELLINGS: Mapping[str, Callable[[object], object]] = {
    "environment_variables": _variables,
    "id": _as_text,
    "methods": _methods,
    "model_group_alias": _aliases,
    "organization": _listed,
    "ssl_verify": _truth,
}
"""What LiteLLM lets people write in several ways, brought to one."""
