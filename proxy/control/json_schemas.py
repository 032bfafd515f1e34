"""JSON Schemas of types, as the API's description holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, cast

import msgspec

Node: TypeAlias = dict[str, object]
"""One object of the document."""

REFERENCE = "#/components/schemas/{name}"


class JsonSchemas:
    """`components` holds the schema of every type that has a name; a call gives a reference to it."""

    def __init__(self, types: Sequence[object]) -> None:
        found, self.components = msgspec.json.schema_components(types, ref_template=REFERENCE)
        self._by_type = dict(zip(types, found, strict=True))

    def __call__(self, shown: object) -> Node:
        """None stands for a value of no fixed shape."""
        return {} if shown is None else self._by_type[shown]

    def in_full(self, shown: object, *, without: str = "") -> Node:
        """The schema itself instead of a reference to it, less one field."""
        definition = self.components[str(self(shown)["$ref"]).rpartition("/")[2]]
        properties = {name: schema for name, schema in definition["properties"].items() if name != without}
        required = [name for name in definition["required"] if name != without]
        return {**definition, "properties": properties, "required": required}


def with_examples(schema: Node, example: Node) -> Node:
    """Swagger UI fills a form from the examples of its fields, not from one of the whole."""
    fields = cast("dict[str, Node]", schema["properties"])
    shown = {
        name: {**field, "examples": [example[name]]} for name, field in fields.items() if name in example
    }
    return {**schema, "properties": {**fields, **shown}}
