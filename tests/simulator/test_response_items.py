from __future__ import annotations

import pytest

from proxy.errors import GatewayError
from proxy.simulator.answer import Json
from proxy.simulator.response_items import input_items, item_text


def test_text_becomes_a_user_s_message() -> None:
    (item,) = input_items("Hello")
    assert (item["type"], item["role"]) == ("message", "user")
    assert item["content"] == [{"type": "input_text", "text": "Hello"}]
    assert str(item["id"]).startswith("msg_")
    assert item_text(item) == "Hello"


def test_an_assistant_s_text_is_output() -> None:
    (item,) = input_items([{"role": "assistant", "content": "Hi"}])
    assert item["content"] == [{"type": "output_text", "text": "Hi"}]


@pytest.mark.parametrize("output", ["sunny", [{"type": "input_text", "text": "sunny"}]])
def test_a_tool_s_output_has_text_too(output: object) -> None:
    given: Json = {"type": "function_call_output", "call_id": "call_1", "output": output}
    (item,) = input_items([given])
    assert item_text(item) == "sunny"
    assert item["call_id"] == "call_1"


def test_an_item_of_the_wrong_shape_is_a_400() -> None:
    with pytest.raises(GatewayError) as caught:
        input_items([{"role": "user", "content": 5}])
    assert (caught.value.status, caught.value.param) == (400, "input")
