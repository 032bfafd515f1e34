"""The chunks of a streamed chat: https://platform.openai.com/docs/api-reference/chat/streaming"""

from __future__ import annotations

from typing import Any

from sluice.answers.chat import Annotation, Answer, Audio, ChoiceLogprobs, Function, FunctionCall, Usage, made
from sluice.answers.fields import Fields, Typed


class ChatCompletionDeltaToolCall(Typed, below={"function": Function}):
    """A piece of the call at `index`: only the first has an id and a name."""

    __slots__ = ()
    index: int
    id: str | None
    type: str | None
    function: Function | None


class Delta(
    Typed,
    below={
        "tool_calls": ChatCompletionDeltaToolCall,
        "function_call": FunctionCall,
        "audio": Audio,
        "annotations": Annotation,
    },
):
    __slots__ = ()
    role: str | None
    content: str | None
    refusal: str | None
    tool_calls: list[ChatCompletionDeltaToolCall] | None
    function_call: FunctionCall | None
    audio: Audio | None
    annotations: list[Annotation] | None
    images: list[Fields] | None
    reasoning_content: str | None
    reasoning: str | None
    thinking_blocks: list[Fields] | None
    provider_specific_fields: Fields | None


class StreamingChoices(Typed, below={"delta": Delta, "logprobs": ChoiceLogprobs}):
    __slots__ = ()
    index: int
    delta: Delta
    finish_reason: str | None
    """None until the choice's last chunk."""
    logprobs: ChoiceLogprobs | None

    def __init__(self, finish_reason: str | None = None, index: int = 0, **fields: Any) -> None:
        delta = fields.pop("delta", None) or {}
        super().__init__(finish_reason=finish_reason, index=index, delta=delta, **fields)


class ModelResponseStream(Answer, below={"choices": StreamingChoices, "usage": Usage}):
    """One chunk of `completion(..., stream=True)`. The one with the usage, the last, has no choices."""

    __slots__ = ()
    id: str
    object: str
    created: int
    """Seconds since 1970."""
    model: str
    choices: list[StreamingChoices]
    usage: Usage | None
    system_fingerprint: str | None
    service_tier: str | None
    moderation: Fields | None
    obfuscation: str | None
    """Of no meaning: it hides how long the text is from who sees only lengths."""

    def __init__(self, **fields: Any) -> None:
        """One of your own, for tests."""
        super().__init__(**(made("chat.completion.chunk") | {"choices": [StreamingChoices()]} | fields))
