"""`Router(model_list=[...])`: the gateway's router for programs, of the same entries and the same files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, Unpack, overload

from proxy.config.decoding import decoded
from proxy.config.errors import ConfigError
from proxy.config.notices import Findings
from proxy.config.schema import Config
from proxy.providers.retrying import policy_of
from proxy.providers.table import deployments
from proxy.routing.affinity import MemoryStore
from proxy.routing.configured import fallbacks_of, router_of
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
from sluice.exceptions import BadRequestError
from sluice.streams import AsyncStream, Stream
from sluice.transport.sending import File
from sluice.trip import Place, Rules, Trip

PREFIX = "os.environ/"


class Router:
    """Spreads calls over the deployments of a model's name: turns by weight, rests what fails, asks others instead.

    What it learns stays with it: make one, and keep it. It may be used from several threads and event loops at once.
    """

    def __init__(
        self, model_list: Sequence[Mapping[str, Any]] = (), *, set_verbose: bool = False, **settings: Any
    ) -> None:
        """`model_list`: entries as in the configuration (docs/configuration.md): `model_name`, `litellm_params`,
        `model_info`. `settings`: keys of `router_settings` (`fallbacks`, `num_retries`, `routing_strategy`, `timeout`,
        `allowed_fails`, `cooldown_time` ...), and `drop_params`.

        Raises BadRequestError, with a line for each thing that is wrong.
        """
        ours = {
            name: settings.pop(name)
            for name in ("drop_params", "modify_params", "ssl_verify")
            if name in settings
        }
        written = {"model_list": [*model_list], "router_settings": settings, "litellm_settings": ours}
        findings = Findings("Router")
        config = decoded(_resolved(written, findings), os.environ, findings)
        if config is None or findings.errors:
            raise BadRequestError("\n".join(map(str, findings.errors)))
        self._build(config, os.environ)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] = "config.yaml") -> Self:
        """Of the gateway's own file: `model_list`, `router_settings`, `litellm_settings`, and its `.env`.

        Raises BadRequestError, with a line for each thing that is wrong; ImportError where PyYAML is not installed.
        """
        try:
            from proxy.config.load import load  # noqa: PLC0415 - the library alone brings no YAML
        except ModuleNotFoundError as missing:
            raise ImportError(f"Reading {path} needs PyYAML: pip install pyyaml") from missing
        try:
            loaded = load(Path(path), os.environ)
        except ConfigError as error:
            raise BadRequestError(str(error)) from None
        made = cls.__new__(cls)
        made._build(loaded.config, loaded.environ)  # noqa: SLF001 - its own
        return made

    def _build(self, config: Config, environ: Mapping[str, str]) -> None:
        try:
            found = deployments(config, environ)
        except ConfigError as error:
            raise BadRequestError(str(error)) from None
        settings = config.router_settings
        groups = {group: policy_of(policy) for group, policy in settings.model_group_retry_policy.items()}
        rules = Rules(
            settings.num_retries,
            policy_of(settings.retry_policy),
            groups,
            settings.retry_after,
            fallbacks_of(config),
        )
        self._router = router_of(config, found, None, MemoryStore(0))
        self._place = Place(self._router, rules)

    @property
    def model_names(self) -> tuple[str, ...]:
        """What `model` may be, but for patterns with a `*`."""
        return self._router.model_names()

    def get_model_names(self) -> list[str]:
        return [*self.model_names]

    def _course(self, asked: Asked) -> Course:
        return Trip(self._place, asked).run()

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


def _resolved(value: Any, findings: Findings, path: tuple[str | int, ...] = ()) -> Any:
    """With what the environment has for `os.environ/NAME`."""
    if isinstance(value, Mapping):
        return {name: _resolved(each, findings, (*path, name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_resolved(each, findings, (*path, place)) for place, each in enumerate(value)]
    if not isinstance(value, str) or not value.startswith(PREFIX):
        return value
    found = os.environ.get(value.removeprefix(PREFIX))
    if found is None:
        findings.error(path, f"the variable {value.removeprefix(PREFIX)} is not set")
    return found
