"""What becomes of a request's parameters that its upstream does not take: renamed, left out, or refused by name.

https://docs.litellm.ai/docs/completion/drop_params
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

from proxy.errors import CannotSay
from proxy.providers.outline import outline
from proxy.providers.splice import MAX_FIELDS, remove_field
from proxy.types import Parameters

_Fields: TypeAlias = Annotated[dict[str, Raw], Meta(max_length=MAX_FIELDS)]
_decode: Callable[[bytes], dict[str, Raw]] = msgspec.json.Decoder(_Fields).decode
_decode_items: Callable[[bytes], list[Raw]] = msgspec.json.Decoder(list[Raw]).decode
_decode_value: Callable[[bytes], object] = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
CHAT_PARAMETERS = (
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "modalities", "n", "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key",
    "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier",
    "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p",
    "user", "verbosity", "web_search_options",
)  # fmt: skip
"""Of OpenAI's chat: https://platform.openai.com/docs/api-reference/chat/create"""
_MEANS_NOTHING: Mapping[str, object] = {
    "frequency_penalty": 0, "logit_bias": {}, "logprobs": False, "modalities": ["text"], "n": 1,
    "parallel_tool_calls": True, "presence_penalty": 0, "service_tier": "auto", "store": False, "top_logprobs": 0,
}  # fmt: skip
"""OpenAI's own defaults: who writes them asks for nothing that another upstream lacks."""
_STEP = re.compile(r"([^.\[\]]+)|\[(\*|\d{1,9})\]")


def adapt(body: bytes, parameters: Parameters, provider: str) -> bytes:
    """A chat request's body as the upstream takes it; the same object when nothing changes.

    Raises CannotSay for what it refuses, msgspec.DecodeError when the body is not a JSON object.
    """
    held = _decode(outline(body).text)
    refused = [name for name in held if name in parameters.refuses and not _is_default(name, held[name])]
    if refused and not parameters.drops:
        raise _refusal(refused, provider)
    unwanted = [name for name in held if name in parameters.refuses or name in parameters.omits]
    for name in unwanted:
        body = remove_field(body, name)
    renames = [pair for pair in parameters.renames.items() if pair[0] in held]
    return _renamed(body, renames) if renames else body


def without(body: bytes, paths: tuple[str, ...]) -> bytes:
    """The body without what the paths name: `user`, `a.b`, `tools[*].strict`, `messages[0].name`.

    Raises msgspec.DecodeError when the body is not a JSON object.
    """
    for path in paths:
        steps = tuple(name or index for name, index in _STEP.findall(path))
        if len(steps) < 2:
            body = remove_field(body, path)
            continue
        whole = Raw(body)
        pruned = _pruned_object(whole, steps)
        body = body if pruned is whole else bytes(pruned)
    return body


def _is_default(name: str, value: Raw) -> bool:
    found = _decode_value(bytes(value))
    return found is None or (name in _MEANS_NOTHING and found == _MEANS_NOTHING[name])


def _renamed(body: bytes, renames: list[tuple[str, str]]) -> bytes:
    """The newer name's value wins where both are there."""
    fields = dict(_decode(body))
    for old, new in renames:
        value = fields.pop(old)
        fields[new] = value
    return _encode(fields)


def _pruned(value: Raw, steps: tuple[str, ...]) -> Raw:
    """The same Raw where the path leads nowhere."""
    text = bytes(value).lstrip()
    if text.startswith(b"{"):
        return _pruned_object(value, steps)
    if text.startswith(b"[") and (steps[0] == "*" or steps[0].isdigit()):
        return _pruned_list(value, steps)
    return value


def _pruned_object(value: Raw, steps: tuple[str, ...]) -> Raw:
    fields, (name, *rest) = _decode(bytes(value)), steps
    if name not in fields:
        return value
    if not rest:
        return Raw(_encode({other: found for other, found in fields.items() if other != name}))
    inner = _pruned(fields[name], tuple(rest))
    return value if inner is fields[name] else Raw(_encode({**fields, name: inner}))


def _pruned_list(value: Raw, steps: tuple[str, ...]) -> Raw:
    items, (index, *rest) = _decode_items(bytes(value)), steps
    wanted = range(len(items)) if index == "*" else (int(index),)
    if not rest:
        return Raw(_encode([item for at, item in enumerate(items) if at not in wanted]))
    found = [_pruned(item, tuple(rest)) if at in wanted else item for at, item in enumerate(items)]
    return value if all(map(operator.is_, found, items)) else Raw(_encode(found))


def _refusal(names: list[str], provider: str) -> CannotSay:
    listed = ", ".join(f"`{name}`" for name in names)
    return CannotSay(
        f"`{provider}` does not take {listed}. Leave it out, or have the gateway do so: `drop_params: true`;"
        " `allowed_openai_params` sends it all the same.",
        param=names[0],
        code="unsupported_parameter",
    )
