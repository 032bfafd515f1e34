from __future__ import annotations

from proxy.config import schema_json
from proxy.config.grammar import grammar
from proxy.config.schema import Config


def test_the_shipped_schema_is_fresh():
    assert schema_json.FILE.read_text() == schema_json.text(), "run: python -m proxy.config.schema_json"


def test_every_key_is_described():
    schema = schema_json.schema()
    definitions = {**schema["$defs"], "Config": schema}
    for kind in schema_json.sections(Config):
        definition = definitions[kind.__name__]
        assert definition["description"], kind
        for field in grammar(kind).fields:
            assert definition["properties"][field.name]["description"], (kind, field.name)


def test_unknown_keys_are_refused_but_for_notes_and_parameters():
    schema = schema_json.schema()
    free = {
        name for name, definition in schema["$defs"].items() if definition.get("additionalProperties") is True
    }
    assert schema["additionalProperties"] is False
    assert free == {"ModelInfo", "LitellmParams", "UpstreamParams"}


def test_litellms_keys_are_there_as_deprecated():
    properties = schema_json.schema()["$defs"]["GeneralSettings"]["properties"]
    assert properties["database_url"] == {"$ref": "#/$defs/notHonouredYet"}
    assert schema_json.schema()["$defs"]["notHonouredYet"]["deprecated"] is True
