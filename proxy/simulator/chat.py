"""POST /chat/completions: https://platform.openai.com/docs/api-reference/chat/create"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from proxy.errors import GatewayError
from proxy.simulator.answer import Answer, Json, Stream, reply
from proxy.simulator.chat_stream import chunks
from proxy.simulator.generation import Ask, Generated, generate, tools_of, wanted_schema
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.store import Stored
from proxy.simulator.text import Part, content_text, prompt_tokens

MAX_CHOICES = 128
FINGERPRINT = "fp_simulated"


class ChatMessage(msgspec.Struct):
    role: str
    content: str | list[Part] | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ChatBody(msgspec.Struct):
    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[Json] | None = None
    tool_choice: object = None
    response_format: Json | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None


class ChatCompletion(Stored, tag_field="object", tag="chat.completion", kw_only=True):
    created: int
    model: str
    choices: list[Json]
    usage: Json
    service_tier: str = "default"
    system_fingerprint: str = FINGERPRINT
    metadata: dict[str, str] | UnsetType = UNSET
    """Only of stored ones."""


class ChatMessageItem(Stored, kw_only=True):
    """One message that a stored completion was asked."""

    role: str
    content: str


def create(request: Request) -> Answer:
    body = request.body_as(ChatBody)
    _check(body)
    said = [generate(_ask(body, index)) for index in range(body.n or 1)]
    completion = ChatCompletion(
        id=new_id("chatcmpl-"),
        created=unix_now(),
        model=body.model,
        choices=[_choice(index, generated) for index, generated in enumerate(said)],
        usage=usage(prompt_tokens([content_text(m.content) for m in body.messages]), said),
    )
    if body.store:
        _keep(request, body, completion)
    if not body.stream:
        return reply(completion)
    include_usage = body.stream_options is not None and body.stream_options.include_usage
    stated = completion.usage if include_usage else None
    return Stream(chunks(_chunk_head(completion), said, stated))


def _chunk_head(completion: ChatCompletion) -> Json:
    return {
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
        "service_tier": completion.service_tier,
        "system_fingerprint": completion.system_fingerprint,
    }


def usage(prompt: int, said: list[Generated]) -> Json:
    completion = sum(len(generated.tokens) for generated in said)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _check(body: ChatBody) -> None:
    if not body.messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise GatewayError(400, message, param="messages", code="empty_array")
    if body.n is not None and not 1 <= body.n <= MAX_CHOICES:
        message = f"Invalid 'n': expected an integer from 1 to {MAX_CHOICES}, but got {body.n} instead."
        raise GatewayError(400, message, param="n", code="invalid_value")
    if body.stream_options is not None and not body.stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise GatewayError(400, message, param="stream_options")


def _ask(body: ChatBody, index: int) -> Ask:
    last = body.messages[-1]
    return Ask(
        text=content_text(last.content),
        from_tool=last.role in {"tool", "function"},
        tools=tools_of(body.tools),
        tool_choice=body.tool_choice,
        json_schema=wanted_schema(body.response_format),
        max_tokens=body.max_completion_tokens or body.max_tokens,
        index=index,
    )


def _choice(index: int, generated: Generated) -> Json:
    message: Json = {"role": "assistant", "content": generated.text, "refusal": None, "annotations": []}
    if generated.tool is not None:
        function = {"name": generated.tool, "arguments": generated.text}
        call = {"id": new_id("call_"), "type": "function", "function": function}
        message |= {"content": None, "tool_calls": [call]}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": generated.finish_reason}


def _keep(request: Request, body: ChatBody, completion: ChatCompletion) -> None:
    kept = msgspec.structs.replace(completion, metadata=body.metadata or {})
    request.store.add(kept)
    for index, message in enumerate(body.messages):
        item = ChatMessageItem(
            id=f"{kept.id}-{index}", role=message.role, content=content_text(message.content)
        )
        request.store.add(item, parent=kept.id)


ROUTES = (Route("POST", "/v1/chat/completions", create),)
