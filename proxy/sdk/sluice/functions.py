"""The functions, for threads; each has a twin for event loops, with an `a` in front (`tasks.py`)."""

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
from sluice.calling import call
from sluice.streams import Stream
from sluice.transport.sending import File


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
    With `stream=True` an iterator of chunks. Raises what `sluice.exceptions` has: all of them are SluiceError.
    """
    return call(endpoints.CHAT, model, {"messages": messages, **more})


@overload
def text_completion(
    model: str, prompt: str | Sequence[str] = ..., *, stream: Literal[True], **more: Unpack[arguments.Text]
) -> Stream[TextCompletionResponse]: ...
@overload
def text_completion(
    model: str,
    prompt: str | Sequence[str] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Text],
) -> TextCompletionResponse: ...
@overload
def text_completion(
    model: str, prompt: str | Sequence[str] = ..., *, stream: bool | None, **more: Unpack[arguments.Text]
) -> TextCompletionResponse | Stream[TextCompletionResponse]: ...
def text_completion(model: str, prompt: str | Sequence[str] = "", **more: Any) -> Any:
    """Has a model go on with a text: https://platform.openai.com/docs/api-reference/completions. As `completion`."""
    return call(endpoints.TEXT, model, {"prompt": prompt, **more})


@overload
def responses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: Literal[True],
    **more: Unpack[arguments.Responses],
) -> Stream[ResponseEvent]: ...
@overload
def responses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: Literal[False] | None = None,
    **more: Unpack[arguments.Responses],
) -> ResponsesAPIResponse: ...
@overload
def responses(
    model: str,
    input: str | Sequence[Mapping[str, Any]] = ...,
    *,
    stream: bool | None,
    **more: Unpack[arguments.Responses],
) -> ResponsesAPIResponse | Stream[ResponseEvent]: ...
def responses(model: str, input: str | Sequence[Mapping[str, Any]] = "", **more: Any) -> Any:
    """Asks a model by OpenAI's newer form: https://platform.openai.com/docs/api-reference/responses.

    With `stream=True` an iterator of events. Raises SluiceError.
    """
    return call(endpoints.RESPONSES, model, {"input": input, **more})


def embedding(
    model: str,
    input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
    **more: Unpack[arguments.Embeddings],
) -> EmbeddingResponse:
    """Vectors of texts, in their order. Raises SluiceError."""
    answer: EmbeddingResponse = call(endpoints.EMBEDDING, model, {"input": input, **more})
    return answer


def image_generation(
    prompt: str, model: str = "gpt-image-1", **more: Unpack[arguments.Images]
) -> ImageResponse:
    """Pictures, by their addresses or in base64. Raises SluiceError."""
    answer: ImageResponse = call(endpoints.IMAGE, model, {"prompt": prompt, **more})
    return answer


def speech(
    model: str, input: str, voice: str | Mapping[str, Any], **more: Unpack[arguments.Speech]
) -> HttpxBinaryResponseContent:
    """A text as sound: bytes in `response_format` (mp3). Raises SluiceError."""
    answer: HttpxBinaryResponseContent = call(
        endpoints.SPEECH, model, {"input": input, "voice": voice, **more}
    )
    return answer


def transcription(model: str, file: File, **more: Unpack[arguments.Transcription]) -> TranscriptionResponse:
    """The text of a recording: an open file, bytes, or `(name, bytes)`. Raises SluiceError."""
    answer: TranscriptionResponse = call(endpoints.TRANSCRIPTION, model, {"file": file, **more})
    return answer


def moderation(
    input: str | Sequence[Any], model: str = "omni-moderation-latest", **more: Unpack[arguments.Moderation]
) -> OpenAIModerationResponse:
    """Whether texts or pictures would be refused. Raises SluiceError."""
    answer: OpenAIModerationResponse = call(endpoints.MODERATION, model, {"input": input, **more})
    return answer
