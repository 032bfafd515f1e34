"""The gateway's providers as a library: `import sluice`, and `import sluice as litellm` where programs were written so.

Nothing is imported until it is used: each public name says in `_WHERE` which module it is from. What a program sets
on this module (`sluice.api_key = ...`) is read by each call.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import httpx

    from proxy import __version__ as __version__
    from sluice import exceptions as exceptions
    from sluice.answers.audio import HttpxBinaryResponseContent as HttpxBinaryResponseContent
    from sluice.answers.audio import TranscriptionResponse as TranscriptionResponse
    from sluice.answers.building import stream_chunk_builder as stream_chunk_builder
    from sluice.answers.chat import ChatCompletionMessageToolCall as ChatCompletionMessageToolCall
    from sluice.answers.chat import Choices as Choices
    from sluice.answers.chat import Function as Function
    from sluice.answers.chat import Message as Message
    from sluice.answers.chat import ModelResponse as ModelResponse
    from sluice.answers.chat import Usage as Usage
    from sluice.answers.chunks import ChatCompletionDeltaToolCall as ChatCompletionDeltaToolCall
    from sluice.answers.chunks import Delta as Delta
    from sluice.answers.chunks import ModelResponseStream as ModelResponseStream
    from sluice.answers.chunks import StreamingChoices as StreamingChoices
    from sluice.answers.data import Embedding as Embedding
    from sluice.answers.data import EmbeddingResponse as EmbeddingResponse
    from sluice.answers.data import ImageObject as ImageObject
    from sluice.answers.data import ImageResponse as ImageResponse
    from sluice.answers.data import OpenAIModerationResponse as OpenAIModerationResponse
    from sluice.answers.responses import ResponsesAPIResponse as ResponsesAPIResponse
    from sluice.answers.text import TextChoices as TextChoices
    from sluice.answers.text import TextCompletionResponse as TextCompletionResponse
    from sluice.arguments import Callback as Callback
    from sluice.batches import abatch_completion as abatch_completion
    from sluice.batches import batch_completion as batch_completion
    from sluice.environment import load_env as load_env
    from sluice.events import CustomStreamWrapper as CustomStreamWrapper
    from sluice.exceptions import APIConnectionError as APIConnectionError
    from sluice.exceptions import APIError as APIError
    from sluice.exceptions import APIResponseValidationError as APIResponseValidationError
    from sluice.exceptions import AuthenticationError as AuthenticationError
    from sluice.exceptions import BadGatewayError as BadGatewayError
    from sluice.exceptions import BadRequestError as BadRequestError
    from sluice.exceptions import BudgetExceededError as BudgetExceededError
    from sluice.exceptions import ConflictError as ConflictError
    from sluice.exceptions import ContentPolicyViolationError as ContentPolicyViolationError
    from sluice.exceptions import ContextWindowExceededError as ContextWindowExceededError
    from sluice.exceptions import ImageFetchError as ImageFetchError
    from sluice.exceptions import InternalServerError as InternalServerError
    from sluice.exceptions import InvalidRequestError as InvalidRequestError
    from sluice.exceptions import JSONSchemaValidationError as JSONSchemaValidationError
    from sluice.exceptions import MidStreamFallbackError as MidStreamFallbackError
    from sluice.exceptions import NotFoundError as NotFoundError
    from sluice.exceptions import OpenAIError as OpenAIError
    from sluice.exceptions import PaymentRequiredError as PaymentRequiredError
    from sluice.exceptions import PermissionDeniedError as PermissionDeniedError
    from sluice.exceptions import RateLimitError as RateLimitError
    from sluice.exceptions import RejectedRequestError as RejectedRequestError
    from sluice.exceptions import ServiceUnavailableError as ServiceUnavailableError
    from sluice.exceptions import SluiceError as SluiceError
    from sluice.exceptions import Timeout as Timeout
    from sluice.exceptions import UnprocessableEntityError as UnprocessableEntityError
    from sluice.exceptions import UnsupportedParamsError as UnsupportedParamsError
    from sluice.functions import completion as completion
    from sluice.functions import embedding as embedding
    from sluice.functions import image_generation as image_generation
    from sluice.functions import moderation as moderation
    from sluice.functions import responses as responses
    from sluice.functions import speech as speech
    from sluice.functions import text_completion as text_completion
    from sluice.functions import transcription as transcription
    from sluice.models.abilities import get_supported_openai_params as get_supported_openai_params
    from sluice.models.abilities import supports_assistant_prefill as supports_assistant_prefill
    from sluice.models.abilities import supports_audio_input as supports_audio_input
    from sluice.models.abilities import supports_audio_output as supports_audio_output
    from sluice.models.abilities import supports_computer_use as supports_computer_use
    from sluice.models.abilities import supports_function_calling as supports_function_calling
    from sluice.models.abilities import (
        supports_parallel_function_calling as supports_parallel_function_calling,
    )
    from sluice.models.abilities import supports_pdf_input as supports_pdf_input
    from sluice.models.abilities import supports_prompt_caching as supports_prompt_caching
    from sluice.models.abilities import supports_reasoning as supports_reasoning
    from sluice.models.abilities import supports_response_schema as supports_response_schema
    from sluice.models.abilities import supports_system_messages as supports_system_messages
    from sluice.models.abilities import supports_tool_choice as supports_tool_choice
    from sluice.models.abilities import supports_url_context as supports_url_context
    from sluice.models.abilities import supports_vision as supports_vision
    from sluice.models.abilities import supports_web_search as supports_web_search
    from sluice.models.cost import completion_cost as completion_cost
    from sluice.models.cost import cost_per_token as cost_per_token
    from sluice.models.known import get_max_tokens as get_max_tokens
    from sluice.models.known import get_model_info as get_model_info
    from sluice.models.known import model_cost as model_cost
    from sluice.models.known import register_model as register_model
    from sluice.models.providers import get_llm_provider as get_llm_provider
    from sluice.models.providers import get_valid_models as get_valid_models
    from sluice.models.providers import validate_environment as validate_environment
    from sluice.models.tokens import decode as decode
    from sluice.models.tokens import encode as encode
    from sluice.models.tokens import token_counter as token_counter
    from sluice.router import Router as Router
    from sluice.streams import AsyncStream as AsyncStream
    from sluice.streams import Stream as Stream
    from sluice.tasks import acompletion as acompletion
    from sluice.tasks import aembedding as aembedding
    from sluice.tasks import aimage_generation as aimage_generation
    from sluice.tasks import amoderation as amoderation
    from sluice.tasks import aresponses as aresponses
    from sluice.tasks import aspeech as aspeech
    from sluice.tasks import atext_completion as atext_completion
    from sluice.tasks import atranscription as atranscription

# What a program may set. Keys of single providers (`openai_key`, `anthropic_key`, `groq_key` ...) outrank `api_key`.
api_key: str | None = None
openai_key: str | None = None
api_base: str | None = None
api_version: str | None = None
organization: str | None = None
headers: Mapping[str, str] | None = None
"""Sent with every request."""
drop_params: bool = False
"""Parameters that a provider refuses are left out, and do not raise UnsupportedParamsError."""
modify_params: bool = False
"""Messages may be changed where a provider would refuse them as they are."""
num_retries: int | None = None
"""Further attempts after a failure; None: 2, as openai's package."""
request_timeout: float = 600.0
"""Seconds for an answer, and for each silence within a stream."""
ssl_verify: bool | str = True
"""False: certificates are not checked. A path: the CA bundle to trust."""
client_session: httpx.Client | None = None
"""In place of the library's own transport; it is yours to close."""
aclient_session: httpx.AsyncClient | None = None
return_response_headers: bool = False
"""LiteLLM's: answers have `_response_headers` in any case."""
fallbacks: Sequence[str | Mapping[str, Any]] = ()
context_window_fallbacks: Mapping[str, str] = {}
success_callback: list[Callback] = []
failure_callback: list[Callback] = []
callbacks: list[Callback] = []
"""Told of both."""
set_verbose: bool = False
"""Each attempt is told to the logger `sluice`, at its level DEBUG."""

_WHERE = {
    "__version__": "proxy",
    "Callback": "sluice.arguments",
    "load_env": "sluice.environment",
    "Router": "sluice.router",
    "completion": "sluice.functions",
    "exceptions": "sluice",
    "CustomStreamWrapper": "sluice.events",
    "APIConnectionError": "sluice.exceptions",
    "APIError": "sluice.exceptions",
    "APIResponseValidationError": "sluice.exceptions",
    "AuthenticationError": "sluice.exceptions",
    "BadGatewayError": "sluice.exceptions",
    "BadRequestError": "sluice.exceptions",
    "BudgetExceededError": "sluice.exceptions",
    "ConflictError": "sluice.exceptions",
    "ContentPolicyViolationError": "sluice.exceptions",
    "ContextWindowExceededError": "sluice.exceptions",
    "ImageFetchError": "sluice.exceptions",
    "InternalServerError": "sluice.exceptions",
    "InvalidRequestError": "sluice.exceptions",
    "JSONSchemaValidationError": "sluice.exceptions",
    "MidStreamFallbackError": "sluice.exceptions",
    "NotFoundError": "sluice.exceptions",
    "OpenAIError": "sluice.exceptions",
    "PaymentRequiredError": "sluice.exceptions",
    "PermissionDeniedError": "sluice.exceptions",
    "RateLimitError": "sluice.exceptions",
    "RejectedRequestError": "sluice.exceptions",
    "ServiceUnavailableError": "sluice.exceptions",
    "SluiceError": "sluice.exceptions",
    "Timeout": "sluice.exceptions",
    "UnprocessableEntityError": "sluice.exceptions",
    "UnsupportedParamsError": "sluice.exceptions",
    "ChatCompletionMessageToolCall": "sluice.answers.chat",
    "Choices": "sluice.answers.chat",
    "Function": "sluice.answers.chat",
    "Message": "sluice.answers.chat",
    "ModelResponse": "sluice.answers.chat",
    "Usage": "sluice.answers.chat",
    "ChatCompletionDeltaToolCall": "sluice.answers.chunks",
    "Delta": "sluice.answers.chunks",
    "ModelResponseStream": "sluice.answers.chunks",
    "StreamingChoices": "sluice.answers.chunks",
    "TextChoices": "sluice.answers.text",
    "TextCompletionResponse": "sluice.answers.text",
    "Embedding": "sluice.answers.data",
    "EmbeddingResponse": "sluice.answers.data",
    "ImageObject": "sluice.answers.data",
    "ImageResponse": "sluice.answers.data",
    "OpenAIModerationResponse": "sluice.answers.data",
    "HttpxBinaryResponseContent": "sluice.answers.audio",
    "TranscriptionResponse": "sluice.answers.audio",
    "ResponsesAPIResponse": "sluice.answers.responses",
    "stream_chunk_builder": "sluice.answers.building",
    "get_max_tokens": "sluice.models.known",
    "get_model_info": "sluice.models.known",
    "model_cost": "sluice.models.known",
    "register_model": "sluice.models.known",
    "completion_cost": "sluice.models.cost",
    "cost_per_token": "sluice.models.cost",
    "decode": "sluice.models.tokens",
    "encode": "sluice.models.tokens",
    "token_counter": "sluice.models.tokens",
    "get_llm_provider": "sluice.models.providers",
    "get_valid_models": "sluice.models.providers",
    "validate_environment": "sluice.models.providers",
    "get_supported_openai_params": "sluice.models.abilities",
    "supports_assistant_prefill": "sluice.models.abilities",
    "supports_audio_input": "sluice.models.abilities",
    "supports_audio_output": "sluice.models.abilities",
    "supports_computer_use": "sluice.models.abilities",
    "supports_function_calling": "sluice.models.abilities",
    "supports_parallel_function_calling": "sluice.models.abilities",
    "supports_pdf_input": "sluice.models.abilities",
    "supports_prompt_caching": "sluice.models.abilities",
    "supports_reasoning": "sluice.models.abilities",
    "supports_response_schema": "sluice.models.abilities",
    "supports_system_messages": "sluice.models.abilities",
    "supports_tool_choice": "sluice.models.abilities",
    "supports_url_context": "sluice.models.abilities",
    "supports_vision": "sluice.models.abilities",
    "supports_web_search": "sluice.models.abilities",
    "text_completion": "sluice.functions",
    "responses": "sluice.functions",
    "embedding": "sluice.functions",
    "image_generation": "sluice.functions",
    "speech": "sluice.functions",
    "transcription": "sluice.functions",
    "moderation": "sluice.functions",
    "acompletion": "sluice.tasks",
    "atext_completion": "sluice.tasks",
    "aresponses": "sluice.tasks",
    "aembedding": "sluice.tasks",
    "aimage_generation": "sluice.tasks",
    "aspeech": "sluice.tasks",
    "atranscription": "sluice.tasks",
    "amoderation": "sluice.tasks",
    "batch_completion": "sluice.batches",
    "abatch_completion": "sluice.batches",
    "Stream": "sluice.streams",
    "AsyncStream": "sluice.streams",
}
"""Public name -> the module that it is from, which is imported when it is first asked for. What is from `sluice` is a
module itself."""


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'sluice' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - who asks for nothing imports nothing

    found = import_module(f"sluice.{name}") if module == "sluice" else getattr(import_module(module), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
