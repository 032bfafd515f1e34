"""A plausible instance of a JSON Schema: arguments for a tool call, or an answer in a wanted shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxy.simulator.text import shortened

MAX_DEPTH = 8
"""Schemas may refer to themselves."""
PLACES = {"city", "location", "place", "town"}


def plausible(schema: object, about: str) -> object:
    """`about`: the user's words, which string values are taken from."""
    root = schema if isinstance(schema, Mapping) else {}
    return _Maker(root, about).make(root, "value", 0)


class _Maker:
    def __init__(self, root: Mapping[str, object], about: str) -> None:
        self._root = root
        self._about = about
        self._by_type: dict[object, Callable[[Mapping[str, object], str, int], object]] = {
            "object": self._object,
            "array": lambda schema, name, depth: [self.make(schema.get("items"), name, depth + 1)],
            "string": lambda schema, name, depth: self._string(name),
            "integer": lambda schema, name, depth: schema.get("minimum", 1),
            "number": lambda schema, name, depth: schema.get("minimum", 1.5),
            "boolean": lambda schema, name, depth: True,
        }

    def make(self, schema: object, name: str, depth: int) -> object:
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return None
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum") or schema.get("anyOf") or schema.get("oneOf")
        if isinstance(options, list):
            return options[0] if "enum" in schema else self.make(options[0], name, depth + 1)
        if "$ref" in schema:
            return self.make(self._resolve(str(schema["$ref"])), name, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else None)
        make = self._by_type.get(kind[0] if isinstance(kind, list) else kind)
        return make(schema, name, depth) if make else None

    def _object(self, schema: Mapping[str, object], name: str, depth: int) -> object:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return {}
        required = schema.get("required")
        names = required if isinstance(required, list) else list(properties)
        return {key: self.make(properties.get(key), key, depth + 1) for key in names}

    def _string(self, name: str) -> str:
        if name.lower() not in PLACES:
            return shortened(self._about)
        words = [word.strip(".,;:!?\"'") for word in self._about.split()[1:]]
        return next((word for word in reversed(words) if word.istitle()), "Paris")

    def _resolve(self, ref: str) -> object:
        found: object = self._root
        for part in ref.removeprefix("#").strip("/").split("/"):
            found = found.get(part) if isinstance(found, Mapping) and part else found
        return found
