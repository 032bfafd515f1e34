"""`completion` and its siblings, for threads; each has a twin in `tasks` that begins with an `a`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Unpack, overload

from sluice import arguments, endpoints
from sluice.answers.chat import ModelResponse
from sluice.answers.chunks import ModelResponseStream
from sluice.arguments import Message
from sluice.calling import acall, call
from sluice.streams import AsyncStream, Stream


@overload
def completion(
    model: str, messages: Sequence[Message] = ..., *, stream: Literal[True], **more: Unpack[arguments.Chat]
) -> Stream[ModelResponseStream]: ...
@overload
def completion(
    model: str,
    messages: Sequence[Message] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Chat],
) -> ModelResponse: ...
@overload
def completion(
    model: str, messages: Sequence[Message] = ..., *, stream: bool | None, **more: Unpack[arguments.Chat]
) -> ModelResponse | Stream[ModelResponseStream]: ...
def completion(model: str, messages: Sequence[Message] = (), **more: Any) -> Any:
    """Asks a model to go on with a conversation.

    `model`: the provider's name of it, behind the provider's where it is not OpenAI's: `gpt-4o`, `groq/llama-3.3-70b`.
    With `stream=True` an iterator of chunks. Raises `sluice.exceptions`: all of them are SluiceError.
    """
    return call(endpoints.CHAT, model, {"messages": messages, **more})


@overload
async def acompletion(
    model: str, messages: Sequence[Message] = ..., *, stream: Literal[True], **more: Unpack[arguments.Chat]
) -> AsyncStream[ModelResponseStream]: ...
@overload
async def acompletion(
    model: str,
    messages: Sequence[Message] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Chat],
) -> ModelResponse: ...
@overload
async def acompletion(
    model: str, messages: Sequence[Message] = ..., *, stream: bool | None, **more: Unpack[arguments.Chat]
) -> ModelResponse | AsyncStream[ModelResponseStream]: ...
async def acompletion(model: str, messages: Sequence[Message] = (), **more: Any) -> Any:
    """As `completion`, in a task of asyncio's or trio's."""
    return await acall(endpoints.CHAT, model, {"messages": messages, **more})
