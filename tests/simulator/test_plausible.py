from __future__ import annotations

import pytest

from proxy.simulator.plausible import plausible

PERSON = {"type": "object", "properties": {"friend": {"$ref": "#/$defs/person"}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "Weather in Rome?"),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "number"}, 1.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["string", "null"]}, "Weather in Rome?"),
        ({"enum": ["c", "f"]}, "c"),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "object"}, {}),
        ({"properties": {"city": {"type": "string"}}}, {"city": "Rome"}),
        (
            {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["b"]},
            {"b": 1},
        ),
        (None, None),
        ("nonsense", None),
    ],
)
def test_a_value_fits_its_schema(schema: object, value: object) -> None:
    assert plausible(schema, "Weather in Rome?") == value


def test_a_reference_is_followed() -> None:
    schema = {"$ref": "#/$defs/size", "$defs": {"size": {"type": "integer"}}}
    assert plausible(schema, "") == 1


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert "friend" in str(plausible({**PERSON, "$defs": {"person": PERSON}}, ""))
