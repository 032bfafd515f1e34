"""Items that go into and come out of a model: https://platform.openai.com/docs/api-reference/responses/object"""

from __future__ import annotations

import msgspec

from proxy.errors import GatewayError
from proxy.simulator.answer import Json
from proxy.simulator.generation import Generated
from proxy.simulator.ids import new_id
from proxy.simulator.text import Part, content_text


class InputItem(msgspec.Struct):
    """The fields of an item that tell what it says."""

    type: str = "message"
    content: str | list[Part] | None = None
    output: str | list[Part] | None = None


def input_items(given: str | list[Json]) -> list[Json]:
    """As the API lists them: each with an id and a type, text as parts."""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    return [_normal(item) for item in given]


def item_text(item: Json) -> str:
    read = msgspec.convert(item, InputItem)
    return content_text(read.content) or content_text(read.output)


def output_item(generated: Generated) -> Json:
    if generated.tool is not None:
        return {
            "id": new_id("fc_"),
            "type": "function_call",
            "status": "completed",
            "call_id": new_id("call_"),
            "name": generated.tool,
            "arguments": generated.text,
        }
    return {
        "id": new_id("msg_"),
        "type": "message",
        "status": "incomplete" if generated.cut else "completed",
        "role": "assistant",
        "content": [output_text(generated.text)],
    }


def output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _normal(item: Json) -> Json:
    try:
        msgspec.convert(item, InputItem)
    except msgspec.ValidationError as error:
        raise GatewayError(400, str(error), param="input", code="invalid_type") from error
    normal: Json = {"id": new_id("msg_"), "type": "message", "status": "completed", **item}
    if isinstance(normal.get("content"), str):
        kind = "output_text" if normal.get("role") == "assistant" else "input_text"
        normal["content"] = [{"type": kind, "text": normal["content"]}]
    return normal
