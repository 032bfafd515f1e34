"""The event sequence of a streamed response: https://platform.openai.com/docs/api-reference/responses-streaming"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proxy.simulator.answer import Json, sse_named
from proxy.simulator.response import Response
from proxy.simulator.response_items import output_text


def events(response: Response, tokens: list[str]) -> Iterator[bytes]:
    for number, event in enumerate(_events(response, tokens)):
        yield sse_named(str(event["type"]), {**event, "sequence_number": number})


def _events(response: Response, tokens: list[str]) -> Iterator[Json]:
    begun = msgspec.structs.replace(response, status="in_progress", output=[], usage=None, completed_at=None)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response.output):
        write = _call_events if item["type"] == "function_call" else _message_events
        yield from write(item, index, tokens)
    yield {"type": f"response.{response.status}", "response": response}


def _message_events(item: Json, index: int, tokens: list[str]) -> Iterator[Json]:
    where: Json = {"item_id": item["id"], "output_index": index, "content_index": 0}
    text = "".join(tokens)
    begun = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield {"type": "response.content_part.added", **where, "part": output_text("")}
    for token in tokens:
        yield {"type": "response.output_text.delta", **where, "delta": token, "logprobs": []}
    yield {"type": "response.output_text.done", **where, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": output_text(text)}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call_events(item: Json, index: int, tokens: list[str]) -> Iterator[Json]:
    where: Json = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    for token in tokens:
        yield {"type": "response.function_call_arguments.delta", **where, "delta": token}
    done: Json = {"name": item["name"], "arguments": item["arguments"]}
    yield {"type": "response.function_call_arguments.done", **where, **done}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}
