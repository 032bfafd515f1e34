"""The answers of /chat/completions: https://platform.openai.com/docs/api-reference/chat/object

The names are LiteLLM's. Fields beyond OpenAI's (`reasoning_content` ...) are those that several providers send.
"""

from __future__ import annotations

import time
import uuid
from typing import Any, Literal

from sluice.answers.beside import Beside, Told
from sluice.answers.fields import Fields, Typed
from sluice.answers.html import Shown


class Answer(Told, Shown, Typed):
    """A whole answer, or a chunk: what has headers and a price."""

    __slots__ = ("_beside",)
    _beside: Beside


class PromptTokensDetails(Typed):
    __slots__ = ()
    cached_tokens: int | None
    audio_tokens: int | None
    text_tokens: int | None
    image_tokens: int | None
    cache_creation_tokens: int | None
    cache_write_tokens: int | None
    cache_write_tokens_details: Fields | None


class CompletionTokensDetails(Typed):
    __slots__ = ()
    reasoning_tokens: int | None
    audio_tokens: int | None
    text_tokens: int | None
    image_tokens: int | None
    accepted_prediction_tokens: int | None
    rejected_prediction_tokens: int | None


class Usage(
    Typed,
    below={
        "prompt_tokens_details": PromptTokensDetails,
        "completion_tokens_details": CompletionTokensDetails,
        "input_tokens_details": PromptTokensDetails,
        "input_token_details": PromptTokensDetails,
        "output_tokens_details": CompletionTokensDetails,
    },
):
    """Counts of tokens: of chats and embeddings `prompt_tokens` and `completion_tokens`, of the other endpoints
    `input_tokens` and `output_tokens`, or `seconds` of sound."""

    __slots__ = ()
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails | None
    completion_tokens_details: CompletionTokensDetails | None
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None
    input_tokens: int
    output_tokens: int
    input_tokens_details: PromptTokensDetails | None
    input_token_details: PromptTokensDetails | None
    output_tokens_details: CompletionTokensDetails | None
    seconds: float | None
    type: str | None


class Function(Typed):
    """What a tool call calls. `arguments`: JSON text as the model wrote it."""

    __slots__ = ()
    name: str | None
    arguments: str


class FunctionCall(Function):
    """The older form, without an id."""

    __slots__ = ()


class ChatCompletionMessageToolCall(Typed, below={"function": Function}):
    __slots__ = ()
    id: str
    type: str
    function: Function
    custom: Fields | None


class Audio(Typed):
    __slots__ = ()
    id: str
    data: str
    transcript: str
    expires_at: int


class Annotation(Typed):
    """Where something is from: `type` is `url_citation`, and its own fields are under that name."""

    __slots__ = ()
    type: str
    url_citation: Fields | None


class Message(
    Typed,
    below={
        "tool_calls": ChatCompletionMessageToolCall,
        "function_call": FunctionCall,
        "audio": Audio,
        "annotations": Annotation,
    },
):
    """`messages.append(answer.choices[0].message)` is how a conversation goes on: it is sent as it came."""

    __slots__ = ()
    role: Literal["assistant", "user", "system", "developer", "tool", "function"]
    content: str | None
    refusal: str | None
    tool_calls: list[ChatCompletionMessageToolCall] | None
    function_call: FunctionCall | None
    audio: Audio | None
    annotations: list[Annotation] | None
    images: list[Fields] | None
    reasoning_content: str | None
    reasoning: str | None
    thinking_blocks: list[Fields] | None
    provider_specific_fields: Fields | None

    def __init__(self, content: str | None = None, role: str = "assistant", **fields: Any) -> None:
        super().__init__(content=content, role=role, **fields)


class ChatCompletionTokenLogprob(Typed):
    __slots__ = ()
    token: str
    bytes: list[int] | None
    logprob: float
    top_logprobs: list[Fields]


class ChoiceLogprobs(
    Typed, below={"content": ChatCompletionTokenLogprob, "refusal": ChatCompletionTokenLogprob}
):
    __slots__ = ()
    content: list[ChatCompletionTokenLogprob] | None
    refusal: list[ChatCompletionTokenLogprob] | None


class Choices(Typed, below={"message": Message, "logprobs": ChoiceLogprobs}):
    __slots__ = ()
    index: int
    message: Message
    finish_reason: str
    """`stop`, `length`, `tool_calls`, `content_filter`."""
    logprobs: ChoiceLogprobs | None

    def __init__(self, finish_reason: str = "stop", index: int = 0, **fields: Any) -> None:
        message = fields.pop("message", None) or {"content": None, "role": "assistant"}
        super().__init__(finish_reason=finish_reason, index=index, message=message, **fields)


class ModelResponse(Answer, below={"choices": Choices, "usage": Usage}):
    """The answer of `completion` and `acompletion`."""

    __slots__ = ()
    id: str
    object: str
    created: int
    """Seconds since 1970."""
    model: str
    choices: list[Choices]
    usage: Usage | None
    system_fingerprint: str | None
    service_tier: str | None
    metadata: Fields | None
    moderation: Fields | None

    def __init__(self, **fields: Any) -> None:
        """One of your own, for tests: what is not given has an id, a time and one empty choice."""
        super().__init__(**(made("chat.completion") | {"choices": [Choices()]} | fields))


def made(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4()}", "created": int(time.time()), "object": kind, "model": None}
