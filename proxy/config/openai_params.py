"""OpenAI's own request parameters, which may stand in `litellm_params` as defaults of a deployment."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET, UnsetType

from proxy.config.fields import Section

Number: TypeAlias = int | float | UnsetType
Integer: TypeAlias = int | UnsetType
Text: TypeAlias = str | UnsetType
Flag: TypeAlias = bool | UnsetType
Items: TypeAlias = list[object] | UnsetType
Mapping: TypeAlias = dict[str, object] | UnsetType
Json: TypeAlias = object | UnsetType
"""What differs from endpoint to endpoint, or has many shapes."""


class OpenAIParams(Section, frozen=True, kw_only=True):
    """The fields of chat, completions, responses, embeddings, images and audio requests.

    Left out: what makes each request the one it is (messages, input, prompt, files ...), `stream` and
    `stream_options`, which the client's code must expect, and `metadata`, which is LiteLLM's own here.
    Source: https://platform.openai.com/docs/api-reference
    """

    access_programs: Json = UNSET
    audio: Mapping = UNSET
    background: Json = UNSET
    best_of: Integer = UNSET
    chunking_strategy: Json = UNSET
    complexity: Text = UNSET
    context_management: Items = UNSET
    dimensions: Integer = UNSET
    echo: Flag = UNSET
    encoding_format: Text = UNSET
    frame_count: Integer = UNSET
    frame_duration_ms: Integer = UNSET
    frequency_penalty: Number = UNSET
    function_call: Json = UNSET
    functions: Items = UNSET
    include: Items = UNSET
    input_fidelity: Text = UNSET
    instructions: Text = UNSET
    keywords: Items = UNSET
    known_speaker_names: Items = UNSET
    known_speaker_references: Items = UNSET
    language: Text = UNSET
    languages: Items = UNSET
    logit_bias: Mapping = UNSET
    logprobs: bool | Integer = UNSET
    max_completion_tokens: Integer = UNSET
    max_output_tokens: Integer = UNSET
    max_tokens: Integer = UNSET
    max_tool_calls: Integer = UNSET
    modalities: Items = UNSET
    moderation: Json = UNSET
    n: Integer = UNSET
    output_compression: Integer = UNSET
    output_format: Text = UNSET
    parallel_tool_calls: Flag = UNSET
    partial_images: Integer = UNSET
    prediction: Mapping = UNSET
    presence_penalty: Number = UNSET
    prompt_cache_key: Text = UNSET
    prompt_cache_options: Mapping = UNSET
    prompt_cache_retention: Text = UNSET
    quality: Text = UNSET
    reasoning: Mapping = UNSET
    reasoning_effort: Json = UNSET
    response_format: Json = UNSET
    safety_identifier: Text = UNSET
    seed: Integer = UNSET
    service_tier: Text = UNSET
    size: Text = UNSET
    speed: Number = UNSET
    stop: Json = UNSET
    store: Flag = UNSET
    stream_format: Text = UNSET
    style: Text = UNSET
    suffix: Text = UNSET
    svg: Json = UNSET
    temperature: Number = UNSET
    text: Mapping = UNSET
    timestamp_granularities: Items = UNSET
    tool_choice: Json = UNSET
    tools: Items = UNSET
    top_logprobs: Integer = UNSET
    top_p: Number = UNSET
    truncation: Text = UNSET
    user: Text = UNSET
    verbosity: Text = UNSET
    voice: Json = UNSET
    web_search_options: Mapping = UNSET
