"""Bodies of the OpenAI API as far as the docs page shows them: the fields people send, not all there are.

Nothing is checked against these; the gateway passes a body on as it came. `TypedDict`s become JSON Schema
through msgspec; further fields are allowed everywhere.
Source: https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Required, TypeAlias, TypedDict

from msgspec import Meta

Object: TypeAlias = dict[str, Any]
"""`Any` is how msgspec spells "any JSON value" (for `object` it makes no schema)."""
Model: TypeAlias = Annotated[str, Meta(description="A name listed by `GET /v1/models`.")]
File: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
Stream: TypeAlias = Annotated[bool, Meta(description="Answer with server-sent events as they come.")]
Temperature: TypeAlias = Annotated[float, Meta(ge=0, le=2)]


class ErrorDetail(TypedDict):
    message: str
    type: str
    param: str | None
    code: str | None


class Error(TypedDict):
    """OpenAI's error shape. An error of the upstream is passed on as it came."""

    error: ErrorDetail


class StreamOptions(TypedDict, total=False):
    include_usage: Annotated[bool, Meta(description="One more event before `[DONE]` holds the usage.")]


class ChatMessage(TypedDict, total=False):
    role: Required[Literal["developer", "system", "user", "assistant", "tool", "function"]]
    content: Annotated[str | list[Object] | None, Meta(description="Text, or a list of content parts.")]
    name: str
    tool_calls: list[Object]
    tool_call_id: str


class ChatCompletionRequest(TypedDict, total=False):
    model: Required[Model]
    messages: Required[Annotated[list[ChatMessage], Meta(min_length=1)]]
    stream: Stream
    stream_options: StreamOptions
    max_completion_tokens: int
    max_tokens: Annotated[int, Meta(description="The older name of `max_completion_tokens`.")]
    temperature: Temperature
    top_p: Annotated[float, Meta(ge=0, le=1)]
    n: Annotated[int, Meta(ge=1)]
    stop: str | list[str] | None
    seed: int
    tools: list[Object]
    tool_choice: str | Object
    parallel_tool_calls: bool
    response_format: Object
    reasoning_effort: str
    store: bool
    metadata: dict[str, str]
    user: str


class CompletionUsage(TypedDict, total=False):
    prompt_tokens: Required[int]
    completion_tokens: int
    total_tokens: Required[int]
    prompt_tokens_details: Object
    completion_tokens_details: Object


class ChatChoice(TypedDict, total=False):
    index: Required[int]
    message: Required[ChatMessage]
    finish_reason: Required[str | None]
    logprobs: Object | None


class ChatCompletion(TypedDict, total=False):
    id: Required[str]
    object: Required[Literal["chat.completion"]]
    created: Required[Annotated[int, Meta(description="Unix time, in seconds.")]]
    model: Required[str]
    choices: Required[list[ChatChoice]]
    usage: CompletionUsage


class CompletionRequest(TypedDict, total=False):
    model: Required[Model]
    prompt: Required[str | list[str | int | list[int]]]
    stream: Stream
    stream_options: StreamOptions
    max_tokens: int
    temperature: Temperature
    top_p: float
    n: int
    stop: str | list[str] | None
    seed: int
    user: str


class CompletionChoice(TypedDict, total=False):
    index: Required[int]
    text: Required[str]
    finish_reason: Required[str | None]
    logprobs: Object | None


class Completion(TypedDict, total=False):
    id: Required[str]
    object: Required[Literal["text_completion"]]
    created: Required[int]
    model: Required[str]
    choices: Required[list[CompletionChoice]]
    usage: CompletionUsage


class EmbeddingRequest(TypedDict, total=False):
    model: Required[Model]
    input: Required[str | list[str | int | list[int]]]
    encoding_format: Literal["float", "base64"]
    dimensions: Annotated[int, Meta(ge=1)]
    user: str


class Embedding(TypedDict):
    object: Literal["embedding"]
    index: int
    embedding: Annotated[list[float] | str, Meta(description="A string when `encoding_format` is `base64`.")]


class EmbeddingList(TypedDict):
    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: CompletionUsage


class ModerationRequest(TypedDict, total=False):
    input: Required[str | list[str | Object]]
    model: Model


class ModerationResult(TypedDict):
    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, float]


class Moderation(TypedDict):
    id: str
    model: str
    results: list[ModerationResult]


class ImageRequest(TypedDict, total=False):
    prompt: Required[str]
    model: Model
    n: Annotated[int, Meta(ge=1)]
    size: str
    quality: str
    background: str
    response_format: Literal["url", "b64_json"]
    output_format: Literal["png", "jpeg", "webp"]
    stream: Stream
    user: str


class ImageEditForm(TypedDict, total=False):
    image: Required[File]
    prompt: Required[str]
    mask: File
    model: Model
    n: int
    size: str


class ImageVariationForm(TypedDict, total=False):
    image: Required[File]
    model: Model
    n: int
    size: str


class Image(TypedDict, total=False):
    b64_json: str
    url: str
    revised_prompt: str


class ImageList(TypedDict, total=False):
    created: Required[int]
    data: Required[list[Image]]
    usage: Object


class SpeechRequest(TypedDict, total=False):
    model: Required[Model]
    input: Required[str]
    voice: Required[str | Object]
    instructions: str
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
    speed: Annotated[float, Meta(ge=0.25, le=4)]
    stream_format: Literal["audio", "sse"]


class TranscriptionForm(TypedDict, total=False):
    file: Required[File]
    model: Required[Model]
    language: str
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
    stream: Stream


class TranslationForm(TypedDict, total=False):
    file: Required[File]
    model: Required[Model]
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"]


class Transcription(TypedDict, total=False):
    text: Required[str]
    usage: Object


class ResponseRequest(TypedDict, total=False):
    model: Model
    input: str | list[Object]
    instructions: str | None
    stream: Stream
    max_output_tokens: int
    temperature: Temperature
    previous_response_id: str | None
    conversation: str | Object | None
    tools: list[Object]
    tool_choice: str | Object
    reasoning: Object
    text: Object
    store: bool
    background: bool
    metadata: dict[str, str]


class CompactRequest(TypedDict, total=False):
    model: Required[Model]
    input: str | list[Object]
    instructions: str | None
    previous_response_id: str | None


class ResponseUsage(TypedDict, total=False):
    input_tokens: Required[int]
    output_tokens: Required[int]
    total_tokens: Required[int]
    input_tokens_details: Object
    output_tokens_details: Object


class Response(TypedDict, total=False):
    id: Required[str]
    object: Required[Literal["response"]]
    created_at: Required[float]
    status: str
    model: Required[str]
    output: Required[list[Object]]
    error: Object | None
    usage: ResponseUsage | None


class CompactedResponse(TypedDict):
    id: str
    object: Literal["response.compaction"]
    created_at: float
    output: list[Object]
    usage: ResponseUsage


class InputTokens(TypedDict):
    object: Literal["response.input_tokens"]
    input_tokens: int


class ResponseItems(TypedDict):
    object: Literal["list"]
    data: list[Object]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedResponse(TypedDict):
    id: str
    object: str
    deleted: bool
