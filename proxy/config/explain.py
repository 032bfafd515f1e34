"""Why a decoded mapping was refused: every bad value, where the decoder names only the first."""

from __future__ import annotations

import typing
from collections.abc import Mapping

import msgspec

from proxy.config import wording
from proxy.config.fields import Section, decode_custom
from proxy.config.grammar import Nested, grammar, nested
from proxy.config.notices import Findings
from proxy.config.paths import KeyPath


def explain_section(kind: type[Section], value: object, path: KeyPath, findings: Findings) -> None:
    """One error for each value of `value` that a `kind` cannot hold, and for each that it lacks."""
    if not isinstance(value, dict):
        findings.error(path, f"expected a mapping, found {wording.found(value, shown=False)}")
        return
    for field in grammar(kind).fields:
        if field.name in value:
            _explain(field.type, value[field.name], (*path, field.name), findings)
        elif field.required:
            findings.error(
                (*path, field.name),
                f"is missing: write `{field.name}:` with {wording.expectation(field.type)}",
            )


def _explain(hint: object, value: object, path: KeyPath, findings: Findings) -> None:
    inner = nested(hint)
    origin = typing.get_origin(hint)
    if inner is not None and inner.shape == "one":
        explain_section(inner.kind, value, path, findings)
    elif origin is tuple and isinstance(value, list):
        _explain_items(inner, typing.get_args(hint)[0], value, path, findings)
    elif origin is Mapping and isinstance(value, dict):
        _explain_mapping(typing.get_args(hint), value, path, findings)
    else:
        _explain_plain(hint, value, path, findings)


def _explain_items(
    inner: Nested | None, hint: object, items: list[object], path: KeyPath, findings: Findings
) -> None:
    for index, item in enumerate(items):
        _explain(inner.kind if inner else hint, item, (*path, index), findings)


def _explain_mapping(
    hints: tuple[object, ...], items: dict[object, object], path: KeyPath, findings: Findings
) -> None:
    for key, item in items.items():
        _explain_plain(hints[0], key, (*path, str(key)), findings)
        _explain(hints[1], item, (*path, str(key)), findings)


def _explain_plain(hint: object, value: object, path: KeyPath, findings: Findings) -> None:
    try:
        msgspec.convert(value, type=hint, strict=False, dec_hook=decode_custom)
    except msgspec.ValidationError as error:
        findings.error(path, _sentence(hint, value, str(error)))


def _sentence(hint: object, value: object, error: str) -> str:
    """Values are shown only where numbers or fixed words are expected: never what may be a secret."""
    words = wording.choices(hint)
    if words and isinstance(value, str):
        return f"`{value}` is not {wording.expectation(hint)}" + wording.did_you_mean(value, words)
    if isinstance(value, str) and not error.startswith("Expected"):
        return error
    if isinstance(value, str) and wording.lacks_scheme(hint, value):
        return f"lacks its scheme; did you mean `http://{value}`?"
    wanted = wording.expectation(hint)
    found = wording.found(value, shown=wording.is_number(hint))
    quotes = "; put it in quotes" if wanted.startswith("text") and isinstance(value, int | float) else ""
    return f"expected {wanted}, found {found}{quotes}"
