"""The functions of a Router: each as the module's of the same name (`functions.py`, `tasks.py`)."""

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
from sluice.asked import Asked
from sluice.calling import acall, call
from sluice.course import Course
from sluice.endpoints import Endpoint
from sluice.streams import AsyncStream, Stream
from sluice.transport.sending import File


class Routed:
    def _course(self, asked: Asked) -> Course:
        """What becomes of a call. Raises SluiceError."""
        raise NotImplementedError

    def _call(self, endpoint: Endpoint, model: str, arguments: Mapping[str, Any]) -> Any:
        return call(endpoint, model, arguments, self._course)

    async def _acall(self, endpoint: Endpoint, model: str, arguments: Mapping[str, Any]) -> Any:
        return await acall(endpoint, model, arguments, self._course)

    @overload
    def completion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Chat],
    ) -> Stream[ModelResponseStream]: ...
    @overload
    def completion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Chat],
    ) -> ModelResponse: ...
    @overload
    def completion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Chat],
    ) -> ModelResponse | Stream[ModelResponseStream]: ...
    def completion(self, model: str, messages: Sequence[Message] = (), **more: Any) -> Any:
        return self._call(endpoints.CHAT, model, {"messages": messages, **more})

    @overload
    def text_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Text],
    ) -> Stream[TextCompletionResponse]: ...
    @overload
    def text_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Text],
    ) -> TextCompletionResponse: ...
    @overload
    def text_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Text],
    ) -> TextCompletionResponse | Stream[TextCompletionResponse]: ...
    def text_completion(self, model: str, prompt: str | Sequence[str] = "", **more: Any) -> Any:
        return self._call(endpoints.TEXT, model, {"prompt": prompt, **more})

    @overload
    def responses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Responses],
    ) -> Stream[ResponseEvent]: ...
    @overload
    def responses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Responses],
    ) -> ResponsesAPIResponse: ...
    @overload
    def responses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Responses],
    ) -> ResponsesAPIResponse | Stream[ResponseEvent]: ...
    def responses(self, model: str, input: str | Sequence[Mapping[str, Any]] = "", **more: Any) -> Any:
        return self._call(endpoints.RESPONSES, model, {"input": input, **more})

    def embedding(
        self,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        **more: Unpack[arguments.Embeddings],
    ) -> EmbeddingResponse:
        answer: EmbeddingResponse = self._call(endpoints.EMBEDDING, model, {"input": input, **more})
        return answer

    def image_generation(
        self, prompt: str, model: str = "gpt-image-1", **more: Unpack[arguments.Images]
    ) -> ImageResponse:
        answer: ImageResponse = self._call(endpoints.IMAGE, model, {"prompt": prompt, **more})
        return answer

    def speech(
        self, model: str, input: str, voice: str | Mapping[str, Any], **more: Unpack[arguments.Speech]
    ) -> HttpxBinaryResponseContent:
        answer: HttpxBinaryResponseContent = self._call(
            endpoints.SPEECH, model, {"input": input, "voice": voice, **more}
        )
        return answer

    def transcription(
        self, model: str, file: File, **more: Unpack[arguments.Transcription]
    ) -> TranscriptionResponse:
        answer: TranscriptionResponse = self._call(endpoints.TRANSCRIPTION, model, {"file": file, **more})
        return answer

    def moderation(
        self,
        input: str | Sequence[Any],
        model: str = "omni-moderation-latest",
        **more: Unpack[arguments.Moderation],
    ) -> OpenAIModerationResponse:
        answer: OpenAIModerationResponse = self._call(endpoints.MODERATION, model, {"input": input, **more})
        return answer

    @overload
    async def acompletion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Chat],
    ) -> AsyncStream[ModelResponseStream]: ...
    @overload
    async def acompletion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Chat],
    ) -> ModelResponse: ...
    @overload
    async def acompletion(
        self,
        model: str,
        messages: Sequence[Message] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Chat],
    ) -> ModelResponse | AsyncStream[ModelResponseStream]: ...
    async def acompletion(self, model: str, messages: Sequence[Message] = (), **more: Any) -> Any:
        return await self._acall(endpoints.CHAT, model, {"messages": messages, **more})

    @overload
    async def atext_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Text],
    ) -> AsyncStream[TextCompletionResponse]: ...
    @overload
    async def atext_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Text],
    ) -> TextCompletionResponse: ...
    @overload
    async def atext_completion(
        self,
        model: str,
        prompt: str | Sequence[str] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Text],
    ) -> TextCompletionResponse | AsyncStream[TextCompletionResponse]: ...
    async def atext_completion(self, model: str, prompt: str | Sequence[str] = "", **more: Any) -> Any:
        return await self._acall(endpoints.TEXT, model, {"prompt": prompt, **more})

    @overload
    async def aresponses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: Literal[True],
        **more: Unpack[arguments.Responses],
    ) -> AsyncStream[ResponseEvent]: ...
    @overload
    async def aresponses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: Literal[False] | None = None,
        **more: Unpack[arguments.Responses],
    ) -> ResponsesAPIResponse: ...
    @overload
    async def aresponses(
        self,
        model: str,
        input: str | Sequence[Mapping[str, Any]] = ...,
        *,
        stream: bool | None,
        **more: Unpack[arguments.Responses],
    ) -> ResponsesAPIResponse | AsyncStream[ResponseEvent]: ...
    async def aresponses(self, model: str, input: str | Sequence[Mapping[str, Any]] = "", **more: Any) -> Any:
        return await self._acall(endpoints.RESPONSES, model, {"input": input, **more})

    async def aembedding(
        self,
        model: str,
        input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],
        **more: Unpack[arguments.Embeddings],
    ) -> EmbeddingResponse:
        answer: EmbeddingResponse = await self._acall(endpoints.EMBEDDING, model, {"input": input, **more})
        return answer

    async def aimage_generation(
        self, prompt: str, model: str = "gpt-image-1", **more: Unpack[arguments.Images]
    ) -> ImageResponse:
        answer: ImageResponse = await self._acall(endpoints.IMAGE, model, {"prompt": prompt, **more})
        return answer

    async def aspeech(
        self, model: str, input: str, voice: str | Mapping[str, Any], **more: Unpack[arguments.Speech]
    ) -> HttpxBinaryResponseContent:
        answer: HttpxBinaryResponseContent = await self._acall(
            endpoints.SPEECH, model, {"input": input, "voice": voice, **more}
        )
        return answer

    async def atranscription(
        self, model: str, file: File, **more: Unpack[arguments.Transcription]
    ) -> TranscriptionResponse:
        answer: TranscriptionResponse = await self._acall(
            endpoints.TRANSCRIPTION, model, {"file": file, **more}
        )
        return answer

    async def amoderation(
        self,
        input: str | Sequence[Any],
        model: str = "omni-moderation-latest",
        **more: Unpack[arguments.Moderation],
    ) -> OpenAIModerationResponse:
        answer: OpenAIModerationResponse = await self._acall(
            endpoints.MODERATION, model, {"input": input, **more}
        )
        return answer
