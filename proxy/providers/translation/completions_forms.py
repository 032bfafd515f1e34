"""What the answers of /completions look like, as far as they are read.

https://platform.openai.com/docs/api-reference/completions/object
"""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Token(msgspec.Struct):
    """Chat's form of one."""

    token: str
    logprob: float
    top_logprobs: list[Token] = []
    bytes: list[int] | None = None


class Logprobs(msgspec.Struct):
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    text_offset: list[int] = []
    top_logprobs: list[dict[str, float] | None] | None = None


class Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Answer(msgspec.Struct):
    """A chunk, or a whole answer."""

    id: str | None = None
    model: str | None = None
    created: int = 0
    choices: list[Choice] | None = None
    usage: Raw = Raw()
    error: Raw = Raw()
