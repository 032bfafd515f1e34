"""The functions, for tasks of asyncio's and trio's: each as its twin without the `a` (`functions.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, overload

from sluice import arguments, endpoints
from sluice.answers.audio import HttpxBinaryResponseContent, TranscriptionResponse
from sluice.answers.chat import ModelResponse
from sluice.answers.chunks import ModelResponseStream
from sluice.answers.data import EmbeddingResponse, ImageResponse, OpenAIModerationResponse
from sluice.answers.responses import ResponseEvent, ResponsesAPIResponse
from sluice.answers.text import TextCompletionResponse
from sluice.arguments import Message
from sluice.calling import acall
from sluice.streams import AsyncStream
from sluice.transport.sending import File


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
    """As `completion`."""
    return await acall(endpoints.CHAT, model, {"messages": messages, **more})


@overload
async def atext_completion(
    model: str, prompt: str | Sequence[str] = ..., *, stream: Literal[True], **more: Unpack[arguments.Text]
) -> AsyncStream[TextCompletionResponse]: ...
@overload
async def atext_completion(
    model: str,
    prompt: str | Sequence[str] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Text],
) -> TextCompletionResponse: ...
@overload
async def atext_completion(
    model: str, prompt: str | Sequence[str] = ..., *, stream: bool | None, **more: Unpack[arguments.Text]
) -> TextCompletionResponse | AsyncStream[TextCompletionResponse]: ...
async def atext_completion(model: str, prompt: str | Sequence[str] = "", **more: Any) -> Any:
    """As `text_completion`."""
    return await acall(endpoints.TEXT, model, {"prompt": prompt, **more})


@overload
async def aresponses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: Literal[True],
    **more: Unpack[arguments.Responses],
) -> AsyncStream[ResponseEvent]: ...
@overload
async def aresponses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Responses],
) -> ResponsesAPIResponse: ...
@overload
async def aresponses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: bool | None,
    **more: Unpack[arguments.Responses],
) -> ResponsesAPIResponse | AsyncStream[ResponseEvent]: ...
async def aresponses(model: str, input: str | Sequence[Mapping[str, Any]] = "", **more: Any) -> Any:
    """As `responses`."""
    return await acall(endpoints.RESPONSES, model, {"input": input, **more})


async def aembedding(
    model: str,
    input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
    **more: Unpack[arguments.Embeddings],
) -> EmbeddingResponse:
    """As `embedding`."""
    answer: EmbeddingResponse = await acall(endpoints.EMBEDDING, model, {"input": input, **more})
    return answer


async def aimage_generation(
    prompt: str, model: str = "gpt-image-1", **more: Unpack[arguments.Images]
) -> ImageResponse:
    """As `image_generation`."""
    answer: ImageResponse = await acall(endpoints.IMAGE, model, {"prompt": prompt, **more})
    return answer


async def aspeech(
    model: str, input: str, voice: str | Mapping[str, Any], **more: Unpack[arguments.Speech]
) -> HttpxBinaryResponseContent:
    """As `speech`."""
    answer: HttpxBinaryResponseContent = await acall(
        endpoints.SPEECH, model, {"input": input, "voice": voice, **more}
    )
    return answer


async def atranscription(
    model: str, file: File, **more: Unpack[arguments.Transcription]
) -> TranscriptionResponse:
    """As `transcription`."""
    answer: TranscriptionResponse = await acall(endpoints.TRANSCRIPTION, model, {"file": file, **more})
    return answer


async def amoderation(
    input: str | Sequence[Any], model: str = "omni-moderation-latest", **more: Unpack[arguments.Moderation]
) -> OpenAIModerationResponse:
    """As `moderation`."""
    answer: OpenAIModerationResponse = await acall(endpoints.MODERATION, model, {"input": input, **more})
    return answer
