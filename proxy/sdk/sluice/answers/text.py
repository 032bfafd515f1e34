"""The answers of /completions, whole and in chunks: https://platform.openai.com/docs/api-reference/completions/object"""

from __future__ import annotations

from sluice.answers.chat import Answer, Usage
from sluice.answers.fields import Typed


class Logprobs(Typed):
    __slots__ = ()
    tokens: list[str] | None
    token_logprobs: list[float | None] | None
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int] | None


class TextChoices(Typed, below={"logprobs": Logprobs}):
    __slots__ = ()
    index: int
    text: str
    finish_reason: str | None
    logprobs: Logprobs | None


class TextCompletionResponse(Answer, below={"choices": TextChoices, "usage": Usage}):
    """The answer of `text_completion`, and each chunk of its stream."""

    __slots__ = ()
    id: str
    object: str
    created: int
    """Seconds since 1970."""
    model: str
    choices: list[TextChoices]
    usage: Usage | None
    system_fingerprint: str | None
