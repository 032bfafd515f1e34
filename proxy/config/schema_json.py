"""The JSON Schema of the file, for editors: `# yaml-language-server: $schema=<path or URL of sluice.schema.json>`.

`python -m proxy.config.schema_json` writes it anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from proxy.config.described import descriptions, summary
from proxy.config.fields import Section
from proxy.config.grammar import (
    NOT_YET,
    NOT_YET_LIKE,
    OTHER_NAMES,
    Nested,
    grammar,
    other_name,
    taken_silently,
)
from proxy.config.known import OWN_SECTION
from proxy.config.models import LitellmParams, ModelInfo, UpstreamParams
from proxy.config.openai_params import OpenAIParams
from proxy.config.schema import Config
from proxy.types import Secret

FILE = Path(__file__).with_name("sluice.schema.json")
Json: TypeAlias = dict[str, object]

_FROM_ENVIRONMENT: Json = {"type": "string", "pattern": "^os\\.environ/"}
_CUSTOM: dict[type, Json] = {Secret: {"type": "string"}, object: {"title": "any value"}}
_NOT_HONOURED: Json = {"description": "LiteLLM's; Sluice does not honour it yet.", "deprecated": True}
_UNMISSED: Json = {"description": "LiteLLM's; it has no effect here, and nothing is missed by that."}
_REFERENCES: dict[str, Json] = {
    "fromEnvironment": _FROM_ENVIRONMENT,
    "notHonouredYet": _NOT_HONOURED,
    "unmissed": _UNMISSED,
}
_OPEN = (ModelInfo, LitellmParams, UpstreamParams)
"""Notes of one's own; parameters of the upstream's own."""
_OWN_SECTIONS: dict[type[Section], tuple[re.Pattern[str], ...]] = {Config: (re.compile(f"^{OWN_SECTION}"),)}
_OPENAI: Json = {"description": "OpenAI's request parameter: added to requests that do not hold it."}
_ALSO: dict[str, Json] = {
    "environment_variables": {"additionalProperties": {"type": ["string", "number", "boolean"]}},
    "id": {"type": "integer"},
    "include": {"type": "string"},
    "organization": {"type": "string"},
}
"""Second spellings, which the Structs do not show."""


def schema() -> Json:
    """JSON Schema 2020-12 of the whole file, with descriptions; keys not honoured yet are there as deprecated."""
    definitions: Json = {kind.__name__: _definition(kind) for kind in sections(Config) if kind is not Config}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sluice configuration",
        **_definition(Config),
        "$defs": {**definitions, **_REFERENCES},
    }


def sections(kind: type[Section]) -> Iterator[type[Section]]:
    """`kind` and the Sections below it, each once, in the order of the file."""
    found = [kind]
    for parent in found:
        yield parent
        found += [inner.kind for inner in grammar(parent).nested.values() if inner.kind not in found]


def text() -> str:
    return json.dumps(schema(), indent=1) + "\n"


def _definition(kind: type[Section]) -> Json:
    rules = grammar(kind)
    own = {field.name: _property(kind, field) for field in rules.fields}
    openai = {
        field.name: _leaf(field) | _OPENAI
        for field in grammar(OpenAIParams).fields
        if field.name in rules.openai
    }
    meant = {name: other_name(rules, name) for name in OTHER_NAMES}
    others = {name: own[key] for name, key in meant.items() if key is not None and name not in own}
    not_yet = {key: {"$ref": "#/$defs/notHonouredYet"} for key in sorted(NOT_YET.get(kind, ()))}
    unmissed = {key: {"$ref": "#/$defs/unmissed"} for key in sorted(taken_silently(kind))}
    return {
        "type": "object",
        "description": summary(kind),
        "properties": {**not_yet, **unmissed, **openai, **others, **own},
        "patternProperties": {
            like.pattern: {} for like in (*NOT_YET_LIKE.get(kind, ()), *_OWN_SECTIONS.get(kind, ()))
        },
        "required": [field.name for field in rules.fields if field.required],
        "additionalProperties": kind in _OPEN,
    }


def _property(kind: type[Section], field: msgspec.structs.FieldInfo) -> Json:
    inner = grammar(kind).nested.get(field.name)
    value = _leaf(field) if inner is None else _reference(inner)
    if field.name in _ALSO:
        value = {"anyOf": [value, _ALSO[field.name]]}
    described = {**value, "description": descriptions(kind)[field.name]}
    simple = isinstance(field.default, bool | int | float | str)
    return {**described, "default": field.default} if simple else described


def _reference(inner: Nested) -> Json:
    reference: Json = {"$ref": f"#/$defs/{inner.kind.__name__}"}
    shapes: dict[str, Json] = {
        "one": reference,
        "list": {"type": "array", "items": reference},
        "mapping": {"type": "object", "additionalProperties": {"anyOf": [reference, {"type": "string"}]}},
    }
    return shapes[inner.shape]


def _leaf(field: msgspec.structs.FieldInfo) -> Json:
    """Any plain value may come from the environment instead."""
    value: Json = msgspec.json.schema(field.type, schema_hook=_custom)
    if value.get("type") in {"array", "object"}:
        return value
    return {"anyOf": [value, {"$ref": "#/$defs/fromEnvironment"}]}


def _custom(kind: type) -> Json:
    return _CUSTOM[kind]


if __name__ == "__main__":
    FILE.write_text(text())
