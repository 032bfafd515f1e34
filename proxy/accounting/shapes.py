"""What providers call what they count, brought to the one `types.Usage`.

One Struct knows all names that stand in a `usage`; a name means the same wherever it occurs. Sources: the API
references of OpenAI (chat, responses, images, audio), Anthropic (messages), Google (generateContent), Cohere (v1, v2),
DeepSeek, Groq, Mistral, Perplexity, xAI, Amazon Bedrock (Converse).
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import Annotated, TypeAlias

import msgspec

from proxy.types import Usage

_MAX_TOKENS = 10**12
"""More is an error of the upstream's, not a count."""
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_MAX_TOKENS)] | None
_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None

NOTHING_SAID = Usage()
"""`"usage": {}`."""


class _Cached(msgspec.Struct, gc=False):
    audio_tokens: _Count = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: _Count = None
    reasoning_tokens: _Count = None
    audio_tokens: _Count = None
    image_tokens: _Count = None
    cache_write_tokens: _Count = None
    cache_creation_tokens: _Count = None
    thinking_tokens: _Count = None
    cached_tokens_details: _Cached | None = None


class _CacheCreation(msgspec.Struct, gc=False):
    """Anthropic's, by how long it is kept."""

    ephemeral_5m_input_tokens: _Count = None
    ephemeral_1h_input_tokens: _Count = None


class _ServerTools(msgspec.Struct, gc=False):
    web_search_requests: _Count = None


class BilledUnits(msgspec.Struct, gc=False):
    """Cohere's. https://docs.cohere.com/reference/rerank"""

    input_tokens: _Seconds = None
    output_tokens: _Seconds = None
    search_units: _Seconds = None
    images: _Seconds = None

    def usage(self) -> Usage | None:
        """Its numbers are written as floats."""
        usage = Usage(
            _whole(self.input_tokens),
            _whole(self.output_tokens),
            images=_whole(self.images),
            units=_whole(self.search_units),
        )
        return None if usage == NOTHING_SAID else usage


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


class UsageFields(msgspec.Struct, gc=False):
    """Each count under all of its names. https://platform.openai.com/docs/api-reference/chat/object and its siblings"""

    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    input_tokens: _Count = None
    output_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    input_token_details: _Details | None = None
    """Of transcriptions."""
    output_token_details: _Details | None = None
    seconds: _Seconds = None
    """Of transcriptions that are paid by their length."""
    prompt_audio_seconds: _Seconds = None
    cache_creation_input_tokens: _Count = None
    """Anthropic's `input_tokens` are without these, and without those that are read."""
    cache_read_input_tokens: _Count = None
    cache_creation: _CacheCreation | None = None
    server_tool_use: _ServerTools | None = None
    service_tier: str | None = None
    prompt_cache_hit_tokens: _Count = None
    cached_tokens: _Count = None
    reasoning_tokens: _Count = None
    num_search_queries: _Count = None
    billed_units: BilledUnits | None = None
    inputTokens: _Count = None  # noqa: N815 - Bedrock's names
    outputTokens: _Count = None  # noqa: N815
    totalTokens: _Count = None  # noqa: N815
    cacheReadInputTokens: _Count = None  # noqa: N815
    cacheWriteInputTokens: _Count = None  # noqa: N815

    def usage(self, tier: str | None = None) -> Usage | None:
        """HOT. `tier`: what the answer says of it beside the usage."""
        inputs = self.prompt_tokens_details or self.input_tokens_details or self.input_token_details
        outputs = self.completion_tokens_details or self.output_tokens_details or self.output_token_details
        sent = self.prompt_tokens if self.prompt_tokens is not None else self.input_tokens
        made = self.completion_tokens if self.completion_tokens is not None else self.output_tokens
        total, tier = self.total_tokens, tier or self.service_tier
        read = written = heard = seen = thought = said = drawn = None
        if inputs:
            read, written = inputs.cached_tokens, inputs.cache_write_tokens
            heard, seen = inputs.audio_tokens, inputs.image_tokens
        if outputs:
            thought, said, drawn = outputs.reasoning_tokens, outputs.audio_tokens, outputs.image_tokens
            if thought and made is not None and total == (sent or 0) + made + thought:
                made += thought  # xAI counts them apart
        plain = (  # OpenAI's own, which say all of it
            inputs is not None
            and read is not None
            and thought is not None
            and self.prompt_tokens is not None
            and inputs.cache_creation_tokens is None
            and inputs.cached_tokens_details is None
        )
        if not plain and self._says_more(inputs, outputs):
            finer = self._more(
                Usage(sent, made, total, read, thought, written, None, heard, said, seen, drawn),
                inputs,
                outputs,
            )
            return None if finer == NOTHING_SAID else msgspec.structs.replace(_summed(finer), tier=tier)
        if total is None:
            if sent is None and made is None:
                return None
            if sent is not None and made is not None:
                total = sent + made
        return Usage(sent, made, total, read, thought, written, None, heard, said, seen, drawn, tier=tier)

    def then(self, last: UsageFields) -> UsageFields:
        """What a later event says of the same answer, and where it says nothing, what stands here."""
        said = {name: value for name in self.__struct_fields__ if (value := getattr(last, name)) is not None}
        return msgspec.structs.replace(self, **said)

    def _says_more(self, inputs: _Details | None, outputs: _Details | None) -> bool:
        """HOT. Nearly no answer does."""
        return (
            _finer(self) != _NOTHING_FINER
            or (
                inputs is not None
                and (inputs.cache_creation_tokens is not None or inputs.cached_tokens_details is not None)
            )
            or (outputs is not None and outputs.thinking_tokens is not None)
        )

    def _more(self, usage: Usage, inputs: _Details | None, outputs: _Details | None) -> Usage:
        if self.billed_units is not None:
            return self.billed_units.usage() or usage
        if self.inputTokens is not None:
            usage = _apart(
                Usage(self.inputTokens, self.outputTokens, self.totalTokens),
                self.cacheReadInputTokens,
                self.cacheWriteInputTokens,
            )
        elif self.cache_read_input_tokens is not None or self.cache_creation_input_tokens is not None:
            usage = _apart(usage, self.cache_read_input_tokens, self.cache_creation_input_tokens)
        found = {
            "cached_tokens": _first(usage.cached_tokens, self.prompt_cache_hit_tokens, self.cached_tokens),
            "reasoning_tokens": _first(
                usage.reasoning_tokens, self.reasoning_tokens, outputs.thinking_tokens if outputs else None
            ),
            "cache_write_tokens": _first(
                usage.cache_write_tokens, inputs.cache_creation_tokens if inputs else None
            ),
            "cache_write_1h_tokens": self.cache_creation and self.cache_creation.ephemeral_1h_input_tokens,
            "cached_audio_tokens": inputs
            and inputs.cached_tokens_details
            and inputs.cached_tokens_details.audio_tokens,
            "searches": _first(
                self.server_tool_use.web_search_requests if self.server_tool_use else None,
                self.num_search_queries,
            ),
        }
        seconds = self.seconds if self.seconds is not None else self.prompt_audio_seconds
        return msgspec.structs.replace(usage, seconds=seconds, **found)


_FINER = (
    "cache_read_input_tokens", "cache_creation_input_tokens", "seconds", "prompt_audio_seconds", "server_tool_use",
    "prompt_cache_hit_tokens", "cached_tokens", "reasoning_tokens", "num_search_queries", "billed_units", "inputTokens",
)  # fmt: skip
"""Of `UsageFields`: what `_more` reads."""
_finer = attrgetter(*_FINER)
_NOTHING_FINER = (None,) * len(_FINER)


def _summed(usage: Usage) -> Usage:
    """Anthropic and Cohere do not say how much it is in all."""
    if usage.total_tokens is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage
    return msgspec.structs.replace(usage, total_tokens=usage.input_tokens + usage.output_tokens)


def _apart(usage: Usage, read: int | None, written: int | None) -> Usage:
    """Of providers that count what the cache holds beside the prompt's tokens, and not among them."""
    sent = (usage.input_tokens or 0) + (read or 0) + (written or 0)
    return msgspec.structs.replace(usage, input_tokens=sent, cached_tokens=read, cache_write_tokens=written)


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


class _Modality(msgspec.Struct, gc=False):
    modality: str | None = None
    tokenCount: _Count = None  # noqa: N815


class GeminiUsage(msgspec.Struct, gc=False, rename="camel"):
    """`usageMetadata`. https://ai.google.dev/api/generate-content#UsageMetadata"""

    prompt_token_count: _Count = None
    candidates_token_count: _Count = None
    total_token_count: _Count = None
    cached_content_token_count: _Count = None
    thoughts_token_count: _Count = None
    tool_use_prompt_token_count: _Count = None
    prompt_tokens_details: list[_Modality] | None = None
    candidates_tokens_details: list[_Modality] | None = None
    cache_tokens_details: list[_Modality] | None = None
    traffic_type: str | None = None

    def usage(self) -> Usage | None:
        """Thoughts are counted apart from what was said, and tools' results from the prompt."""
        usage = Usage(
            _sum(self.prompt_token_count, self.tool_use_prompt_token_count),
            _sum(self.candidates_token_count, self.thoughts_token_count),
            self.total_token_count,
            self.cached_content_token_count,
            self.thoughts_token_count,
            audio_input_tokens=_of("AUDIO", self.prompt_tokens_details),
            audio_output_tokens=_of("AUDIO", self.candidates_tokens_details),
            image_output_tokens=_of("IMAGE", self.candidates_tokens_details),
            cached_audio_tokens=_of("AUDIO", self.cache_tokens_details),
        )
        if usage == NOTHING_SAID:
            return None
        return msgspec.structs.replace(usage, tier=_TRAFFIC.get(self.traffic_type or "", self.traffic_type))


_TRAFFIC = {
    "ON_DEMAND": "default",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned",
}


def _sum(*counts: int | None) -> int | None:
    said = [count for count in counts if count is not None]
    return sum(said) if said else None


def _of(modality: str, details: list[_Modality] | None) -> int | None:
    return next((each.tokenCount for each in details or () if each.modality == modality), None)


class Groq(msgspec.Struct, gc=False):
    """https://console.groq.com/docs/api-reference: the last event of a stream."""

    usage: UsageFields | None = None


class CohereMeta(msgspec.Struct, gc=False):
    """Of its first API, and of what is no chat in the second."""

    billed_units: BilledUnits | None = None


_CALLS = re.compile(rb'"type"\s*:\s*"(web_search|file_search)_call"')
_CONTAINER = re.compile(rb'"container_id"\s*:\s*"([^"]{1,256})"')


def with_tools(usage: Usage, text: bytes) -> Usage:
    """What a response says of the provider's own tools: its output's items. `text`: the answer, or its last event.

    A quote within a string has a backslash before it, so what is found are items.
    https://platform.openai.com/docs/api-reference/responses/object
    """
    if text.find(b"_call") < 0:
        return usage
    calls = [match[1] for match in _CALLS.finditer(text)]
    found = {
        "searches": calls.count(b"web_search"),
        "file_searches": calls.count(b"file_search"),
        "code_sessions": len(set(_CONTAINER.findall(text))) if b'code_interpreter_call"' in text else 0,
    }
    return msgspec.structs.replace(usage, **{kind: count for kind, count in found.items() if count})
