from __future__ import annotations

import msgspec
import pytest

from proxy.simulator.answer import Json
from proxy.simulator.generation import Ask, Tool, generate, tools_of, wanted_schema

WEATHER = Tool("get_weather", {"properties": {"city": {"type": "string"}}})
CLOCK = Tool("read_clock")


def _ask(text: str, tool_choice: object = None, *, from_tool: bool = False) -> Ask:
    return Ask(text=text, tools=[WEATHER, CLOCK], tool_choice=tool_choice, from_tool=from_tool)


@pytest.mark.parametrize(
    ("ask", "tool"),
    [
        (_ask("Hello"), None),
        (_ask("The weather in Rome?"), "get_weather"),
        (_ask("What says the clock?"), "read_clock"),
        (_ask("The weather in Rome?", "none"), None),
        (_ask("Hello", "required"), "get_weather"),
        (_ask("Hello", {"type": "function", "function": {"name": "read_clock"}}), "read_clock"),
        (_ask("Hello", {"type": "function", "name": "read_clock"}), "read_clock"),
        (_ask("Sunny weather", from_tool=True), None),
    ],
)
def test_which_tool_is_called(ask: Ask, tool: str | None) -> None:
    generated = generate(ask)
    assert generated.tool == tool
    assert generated.finish_reason == ("tool_calls" if tool else "stop")


def test_a_call_has_arguments_of_its_schema() -> None:
    assert msgspec.json.decode(generate(_ask("The weather in Rome?")).text) == {"city": "Rome"}


def test_text_says_that_it_is_simulated_and_what_was_asked() -> None:
    text = generate(Ask(text="Hello there")).text
    assert "simulated" in text
    assert "Hello there" in text


def test_choices_differ() -> None:
    assert generate(Ask(text="Hello")).text != generate(Ask(text="Hello", index=1)).text


def test_a_limit_cuts() -> None:
    generated = generate(Ask(text="Hello", max_tokens=3))
    assert (len(generated.tokens), generated.finish_reason) == (3, "length")


def test_json_is_json() -> None:
    assert msgspec.json.decode(generate(Ask(text="Hello", json_schema={})).text)["you_wrote"] == "Hello"
    schema = {"properties": {"n": {"type": "integer"}}}
    assert msgspec.json.decode(generate(Ask(text="Hello", json_schema=schema)).text) == {"n": 1}


def test_tools_are_read_from_both_apis() -> None:
    nested: Json = {"type": "function", "function": {"name": "a", "parameters": {}}}
    flat: Json = {"type": "function", "name": "b"}
    assert tools_of([nested, flat, {"type": "web_search"}]) == [Tool("a", {}), Tool("b")]
    assert tools_of(None) == []


def test_formats_are_read_from_both_apis() -> None:
    assert wanted_schema(None) is None
    assert wanted_schema("auto") is None
    assert wanted_schema({"type": "text"}) is None
    assert wanted_schema({"type": "json_object"}) == {}
    assert wanted_schema({"type": "json_schema", "json_schema": {"schema": {"a": 1}}}) == {"a": 1}
    assert wanted_schema({"type": "json_schema", "schema": {"a": 1}}) == {"a": 1}
