"""The one list of arguments: what each function takes, for type checkers and for the calls themselves.

What stands in `Own` is the library's; everything else is a parameter of the provider's and goes into the body,
under its own name. Parameters are OpenAI's: https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    import httpx

Message: TypeAlias = Mapping[str, Any]
"""`{"role": "user", "content": "..."}`, or the `message` of an answer."""
Fallback: TypeAlias = str | Mapping[str, Any]
"""A model, or arguments in place of the call's own: `{"model": "gpt-4o", "api_key": "..."}`."""
Callback: TypeAlias = str | Callable[..., Any]
"""A sink's name as in the gateway's configuration, or a function
`(kwargs, completion_response, start_time, end_time)`."""


class Reaching(TypedDict, total=False):
    """Where a call goes, and as whom: keys of `litellm_params` in a configuration, by the same names."""

    api_key: str | None
    """Else `sluice.api_key`, else the provider's variable: `OPENAI_API_KEY` ..."""
    api_base: str | None
    """Where the provider's API begins, `https://host/v1`; also `base_url`."""
    base_url: str | None
    api_version: str | None
    """Azure's."""
    organization: str | None
    custom_llm_provider: str | None
    """The provider, where `model` does not begin with it."""
    azure_ad_token: str | None
    tenant_id: str | None
    client_id: str | None
    client_secret: str | None
    azure_scope: str | None
    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    aws_region_name: str | None
    vertex_project: str | None
    vertex_location: str | None
    vertex_credentials: str | None
    ssl_verify: bool | str | None
    """False: certificates are not checked. A path: the CA bundle to trust."""
    drop_params: bool | None
    """True: parameters that the provider refuses are left out; else they raise UnsupportedParamsError."""
    additional_drop_params: Sequence[str] | None
    """Left out of the request: names, or paths such as `tools[*].strict`."""
    allowed_openai_params: Sequence[str] | None
    """Sent although the provider is said to refuse them."""
    supports_system_message: bool | None
    """False: the text of system messages goes into the next user message."""
    base_model: str | None
    """The model whose prices hold."""


class Own(Reaching, total=False):
    """What every function takes, and no provider sees."""

    project: str | None
    """OpenAI's project."""
    headers: Mapping[str, str] | None
    """Sent along; also `extra_headers`, which wins."""
    extra_headers: Mapping[str, str] | None
    extra_query: Mapping[str, object] | None
    """Put behind the address."""
    extra_body: Mapping[str, object] | None
    """Put into the body, in place of what has the same name."""
    timeout: float | httpx.Timeout | None
    """Seconds for the answer, whole, and for each silence within a stream; else `sluice.request_timeout`."""
    stream_timeout: float | httpx.Timeout | None
    """Seconds, in place of `timeout` where `stream=True`."""
    num_retries: int | None
    """Further attempts after a failure that another may not have; else `max_retries`, else `sluice.num_retries`."""
    max_retries: int | None
    fallbacks: Sequence[Fallback] | None
    """Models that are asked in turn when this one fails."""
    context_window_fallback_dict: Mapping[str, str] | None
    """Model -> the one to ask where the prompt is too long for it."""
    mock_response: str | Exception | Mapping[str, Any] | None
    """The answer: its text, its JSON, or an exception to be raised. Nobody is asked."""
    mock_tool_calls: Sequence[Mapping[str, Any]] | None
    """The answer's calls of tools."""
    client: object
    """An `httpx.Client` (`AsyncClient` for the `a...` functions), or a client of the `openai` package, whose key, base
    and transport are used."""
    metadata: Mapping[str, Any] | None
    """Yours, for callbacks. The provider is sent it with `store=True`, and by `responses`."""
    input_cost_per_token: float | None
    """US dollars; likewise all other names of prices."""
    output_cost_per_token: float | None
    success_callback: Sequence[Callback] | None
    """Beside the module's own; also `callbacks`."""
    failure_callback: Sequence[Callback] | None
    callbacks: Sequence[Callback] | None


class Chat(Own, total=False):
    """https://platform.openai.com/docs/api-reference/chat/create"""

    audio: Mapping[str, Any] | None
    frequency_penalty: float | None
    function_call: str | Mapping[str, Any] | None
    functions: Sequence[Mapping[str, Any]] | None
    logit_bias: Mapping[str, float] | None
    logprobs: bool | None
    max_completion_tokens: int | None
    max_tokens: int | None
    modalities: Sequence[str] | None
    n: int | None
    parallel_tool_calls: bool | None
    prediction: Mapping[str, Any] | None
    presence_penalty: float | None
    prompt_cache_key: str | None
    reasoning_effort: str | None
    response_format: Mapping[str, Any] | type | None
    """JSON's own form, or a pydantic class, whose schema is sent."""
    safety_identifier: str | None
    seed: int | None
    service_tier: str | None
    stop: str | Sequence[str] | None
    store: bool | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    thinking: Mapping[str, Any] | None
    """Anthropic's."""
    tool_choice: str | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    top_logprobs: int | None
    top_p: float | None
    user: str | None
    verbosity: str | None
    web_search_options: Mapping[str, Any] | None


class Text(Own, total=False):
    """https://platform.openai.com/docs/api-reference/completions/create"""

    best_of: int | None
    echo: bool | None
    frequency_penalty: float | None
    logit_bias: Mapping[str, float] | None
    logprobs: int | None
    max_tokens: int | None
    n: int | None
    presence_penalty: float | None
    seed: int | None
    stop: str | Sequence[str] | None
    stream_options: Mapping[str, Any] | None
    suffix: str | None
    temperature: float | None
    top_p: float | None
    user: str | None


class Embeddings(Own, total=False):
    """https://platform.openai.com/docs/api-reference/embeddings/create"""

    dimensions: int | None
    encoding_format: str | None
    input_type: str | None
    """Cohere's."""
    user: str | None


class Responses(Own, total=False):
    """https://platform.openai.com/docs/api-reference/responses/create"""

    background: bool | None
    conversation: str | Mapping[str, Any] | None
    include: Sequence[str] | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    parallel_tool_calls: bool | None
    previous_response_id: str | None
    prompt: Mapping[str, Any] | None
    prompt_cache_key: str | None
    reasoning: Mapping[str, Any] | None
    safety_identifier: str | None
    service_tier: str | None
    store: bool | None
    stream_options: Mapping[str, Any] | None
    temperature: float | None
    text: Mapping[str, Any] | None
    tool_choice: str | Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    top_logprobs: int | None
    top_p: float | None
    truncation: str | None
    user: str | None
    verbosity: str | None


class Images(Own, total=False):
    """https://platform.openai.com/docs/api-reference/images/create"""

    background: str | None
    moderation: str | None
    n: int | None
    output_compression: int | None
    output_format: str | None
    quality: str | None
    response_format: str | None
    size: str | None
    style: str | None
    user: str | None


class Speech(Own, total=False):
    """https://platform.openai.com/docs/api-reference/audio/createSpeech"""

    instructions: str | None
    response_format: str | None
    speed: float | None


class Transcription(Own, total=False):
    """https://platform.openai.com/docs/api-reference/audio/createTranscription"""

    chunking_strategy: str | Mapping[str, Any] | None
    include: Sequence[str] | None
    language: str | None
    prompt: str | None
    response_format: str | None
    temperature: float | None
    timestamp_granularities: Sequence[str] | None


class Moderation(Own, total=False):
    """https://platform.openai.com/docs/api-reference/moderations/create"""


REACHING = frozenset(Reaching.__annotations__)
OWN = frozenset(Own.__annotations__)
