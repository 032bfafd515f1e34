"""POST /completions: https://platform.openai.com/docs/api-reference/completions/create"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from proxy.simulator.answer import DONE, Answer, Json, Stream, reply, sse
from proxy.simulator.chat import StreamOptions, usage
from proxy.simulator.generation import Ask, Generated, generate
from proxy.simulator.ids import new_id, unix_now
from proxy.simulator.request import Request
from proxy.simulator.route import Route
from proxy.simulator.text import count_tokens

Prompt: TypeAlias = str | list[str | int | list[int]]
"""A text, texts, the token ids of one text, or of several."""
DEFAULT_MAX_TOKENS = 16
"""The API's own: most answers are cut unless asked otherwise."""


class CompletionBody(msgspec.Struct):
    model: str
    prompt: Prompt = "<|endoftext|>"
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    max_tokens: int | None = None
    echo: bool | None = None


def create(request: Request) -> Answer:
    body = request.body_as(CompletionBody)
    prompts = texts_of(body.prompt)
    limit = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    said = [
        generate(Ask(text=prompt, max_tokens=limit, index=index))
        for prompt in prompts
        for index in range(body.n or 1)
    ]
    head: Json = {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": unix_now(),
        "model": body.model,
    }
    counted = usage(sum(map(count_tokens, prompts)), said)
    if body.stream:
        stated = body.stream_options is not None and body.stream_options.include_usage
        return Stream(_chunks(head, said, counted if stated else None))
    echoes = [prompt if body.echo else "" for prompt in prompts for _ in range(body.n or 1)]
    choices = [
        _choice(index, echoes[index] + generated.text, generated.finish_reason)
        for index, generated in enumerate(said)
    ]
    return reply({**head, "choices": choices, "usage": counted})


def texts_of(prompt: Prompt) -> list[str]:
    """One text per prompt; token ids stand for themselves."""
    if isinstance(prompt, str):
        return [prompt]
    ids = [item for item in prompt if isinstance(item, int)]
    if ids:
        return [" ".join(map(str, ids))]
    return [item if isinstance(item, str) else str(item) for item in prompt]


def _choice(index: int, text: str, finish_reason: str | None) -> Json:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}


def _chunks(head: Json, said: list[Generated], counted: Json | None) -> Iterator[bytes]:
    for index, generated in enumerate(said):
        for token in generated.tokens:
            yield sse({**head, "choices": [_choice(index, token, None)]})
        yield sse({**head, "choices": [_choice(index, "", generated.finish_reason)]})
    if counted is not None:
        yield sse({**head, "choices": [], "usage": counted})
    yield DONE


ROUTES = (Route("POST", "/v1/completions", create),)
