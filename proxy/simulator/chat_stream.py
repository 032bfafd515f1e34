"""The chunks of a streamed chat completion: https://platform.openai.com/docs/api-reference/chat-streaming"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.simulator.answer import DONE, Json, sse
from proxy.simulator.generation import Generated
from proxy.simulator.ids import new_id


def chunks(head: Json, said: list[Generated], usage: Json | None) -> Iterator[bytes]:
    """`head`: what every chunk says: id, model ... `usage`: what the last chunk says, when it was asked for."""
    tail: Json = {} if usage is None else {"usage": None}
    for index, generated in enumerate(said):
        for delta in _deltas(generated):
            choice: Json = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}
            yield sse({**head, "choices": [choice], **tail})
        last: Json = {"index": index, "delta": {}, "logprobs": None, "finish_reason": generated.finish_reason}
        yield sse({**head, "choices": [last], **tail})
    if usage is not None:
        yield sse({**head, "choices": [], "usage": usage})
    yield DONE


def _deltas(generated: Generated) -> Iterator[Json]:
    if generated.tool is None:
        yield {"role": "assistant", "content": "", "refusal": None}
        for token in generated.tokens:
            yield {"content": token}
        return
    function = {"name": generated.tool, "arguments": ""}
    call = {"index": 0, "id": new_id("call_"), "type": "function", "function": function}
    yield {"role": "assistant", "content": None, "tool_calls": [call]}
    for token in generated.tokens:
        yield {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
