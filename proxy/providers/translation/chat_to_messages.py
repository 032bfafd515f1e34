"""A chat request as one of Anthropic's.

https://platform.claude.com/docs/en/api/messages/create; where there is a choice it is LiteLLM's:
https://docs.litellm.ai/docs/providers/anthropic
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from proxy.errors import GatewayError
from proxy.providers.translation import chat_words
from proxy.providers.translation.chat_request import Message, ResponseFormat, StreamOptions
from proxy.providers.translation.chat_tools import JSON_TOOL, OPEN_SCHEMA, Tools, fit_names
from proxy.providers.translation.chat_turns import Turns, names_of
from proxy.providers.translation.coding import decode_any, decode_fields
from proxy.providers.translation.mending import cannot, fit_messages
from proxy.providers.translation.models import EFFORTS, Model, model_of, thinking_of
from proxy.providers.translation.refusing import Telling, Terms, wrong
from proxy.providers.translation.renamed import Renamed
from proxy.providers.translation.tool_names import ToolNames

NO_WORD: dict[str, frozenset[bytes]] = {
    "audio": frozenset(),
    "frequency_penalty": frozenset((b"0", b"0.0")),
    "logit_bias": frozenset((b"{}",)),
    "logprobs": frozenset((b"false",)),
    "modalities": frozenset((b'["text"]',)),
    "moderation": frozenset(),
    "n": frozenset((b"1",)),
    "presence_penalty": frozenset((b"0", b"0.0")),
    "seed": frozenset(),
    "store": frozenset((b"false",)),
    "top_logprobs": frozenset((b"0",)),
    "verbosity": frozenset((b'"medium"',)),
}
"""Of chat's fields; and the values that ask for nothing."""
LET_GO = {
    "metadata": "labels of a stored completion, and nothing is stored: `store` is refused",
    "prediction": "what the answer may be like, to have it sooner: it changes no answer",
    "prompt_cache_key": "which of the provider's caches is looked in: it changes no answer",
    "prompt_cache_options": "when the provider caches: it changes no answer; `cache_control` says it to Anthropic",
    "prompt_cache_retention": "how long the provider caches: it changes no answer",
}
"""Fields that ask for nothing that an answer could show."""
WITHOUT_SAMPLING = "2026-10-21"
"""From this version of its API on Anthropic takes no sampling parameters."""
_SAMPLING = ("temperature", "top_p", "top_k")
_TIERS = {"auto": "auto", "default": "standard_only", "priority": "auto"}
_PERSONAL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|\+?[\d\s().-]{7,}")
"""E-mail addresses and telephone numbers, which Anthropic refuses."""

_decode_messages = msgspec.json.Decoder(list[Message]).decode
_decode_format = msgspec.json.Decoder(ResponseFormat).decode
_decode_stream = msgspec.json.Decoder(StreamOptions).decode
_decode_stop = msgspec.json.Decoder(str | list[str]).decode
_decode_str = msgspec.json.Decoder(str).decode
_decode_int = msgspec.json.Decoder(int).decode


def request(body: bytes, terms: Terms) -> tuple[bytes, chat_words.Asked, Renamed]:
    """The body for /v1/messages, what its answer depends on, and what was said otherwise.

    Raises GatewayError 400, msgspec.DecodeError when the body is no JSON object.
    """
    telling = Telling(decode_fields(body), terms)
    if "messages" not in telling.fields:
        raise GatewayError(400, "you must provide a messages parameter", param="messages")
    messages = fit_messages(telling.read("messages", _decode_messages) or [], terms)
    names = ToolNames(fit_names([JSON_TOOL, *names_of(messages)]))
    turns, tools = Turns(telling, names), Tools(telling, names)
    turns.add_all(messages)
    tools.read()
    tools.stand_in(any(message.tool_calls or message.function_call for message in messages))
    telling.refuse_all(NO_WORD)
    for name in LET_GO:
        telling.take(name)
    telling.take("model")
    return _whole(telling, turns, tools, names)


def _whole(
    telling: Telling, turns: Turns, tools: Tools, names: ToolNames
) -> tuple[bytes, chat_words.Asked, Renamed]:
    said, terms, model = telling.said, telling.terms, model_of(telling.terms.model)
    max_tokens = _max_tokens(telling, model)
    said |= {"model": terms.model, "max_tokens": max_tokens, "messages": turns.turns}
    if turns.system:
        said["system"] = turns.system
    _think(telling, model, max_tokens, signed=turns.signed)
    json_tool = _format(telling, tools, model)
    if tools.said:
        said["tools"] = tools.said
    if tools.choice is not None:
        said["tool_choice"] = tools.choice
    _sampling(telling)
    _beside(telling)
    options = telling.read("stream_options", _decode_stream)
    asked = chat_words.Asked(
        terms.now_unix,
        options is not None and options.include_usage is True,
        tools.legacy,
    )
    return telling.body(), asked, Renamed(names.back(), json_tool, frozenset(tools.customs))


def _max_tokens(telling: Telling, model: Model) -> int:
    asked = telling.read("max_completion_tokens", _decode_int)
    older = telling.read("max_tokens", _decode_int)
    found = asked if asked is not None else older
    return found if found is not None else telling.terms.max_tokens or model.max_tokens


def _think(telling: Telling, model: Model, max_tokens: int, *, signed: bool) -> None:
    effort = telling.read("reasoning_effort", _decode_str)
    if "thinking" in telling.fields:
        if not signed and _held_thinking(telling) == "enabled":
            _think_no_more(telling)
        return
    if effort is None:
        return
    if effort not in EFFORTS:
        raise wrong("reasoning_effort", f"there is no effort `{effort}`")
    thinking, told = thinking_of(effort, model, max_tokens)
    if thinking is not None and thinking["type"] == "enabled" and not signed:
        return  # the call whose result this is was made by a model whose thoughts Anthropic does not take
    if thinking is not None:
        telling.said["thinking"] = thinking
    if told is not None:
        _output(telling)["effort"] = told


def _think_no_more(telling: Telling) -> None:
    """Raises CannotSay."""
    if not telling.terms.modifies:
        raise cannot(
            "thinking", "the last call of a tool lacks the thought before it", telling.terms.provider
        )
    telling.take("thinking")


def _output(telling: Telling) -> dict[str, object]:
    """`output_config`, which the client may have begun."""
    held = telling.said.get("output_config")
    if isinstance(held, dict):
        return held
    own = telling.take("output_config")
    begun: dict[str, object] = {} if own is None else dict(decode_fields(own))
    telling.said["output_config"] = begun
    return begun


def _format(telling: Telling, tools: Tools, model: Model) -> str | None:
    """The name of the tool that stands in for a format."""
    found = telling.read("response_format", _decode_format)
    if found is None or found.type == "text":
        return None
    schema = found.json_schema
    if found.type == "json_schema" and schema is not None and schema.strict and model.schemas:
        _output(telling)["format"] = {"type": "json_schema", "schema": schema.schema}
        return None
    if found.type not in ("json_object", "json_schema"):
        raise wrong("response_format.type", f"there is no format `{found.type}`")
    there = schema is not None and bytes(schema.schema) not in (b"", b"null")
    described = (schema.description if schema is not None else None) or "The answer, as a JSON object."
    wanted = schema.schema if schema is not None and there else OPEN_SCHEMA
    tools.ask_for_json(wanted, described, may_force=not _thinks(telling))
    return JSON_TOOL


def _thinks(telling: Telling) -> bool:
    """A model that thinks cannot be made to call a tool."""
    return _held_thinking(telling) in ("enabled", "adaptive")


def _held_thinking(telling: Telling) -> object:
    raw = telling.fields.get("thinking")
    held = telling.said.get("thinking") if raw is None else decode_any(raw)
    return held.get("type") if isinstance(held, dict) else None


def _sampling(telling: Telling) -> None:
    if telling.terms.version >= WITHOUT_SAMPLING:
        for name in _SAMPLING:
            if telling.take(name) is not None:
                telling.refuse(name, f"its API has none since {WITHOUT_SAMPLING}")
    stop = telling.read("stop", _decode_stop)
    if stop is None:
        return
    sequences = [stop] if isinstance(stop, str) else stop
    told = [each for each in sequences if each.strip()]
    if len(told) < len(sequences):
        telling.refuse("stop", "a sequence of blanks alone")
    if told:
        telling.said["stop_sequences"] = told


def _beside(telling: Telling) -> None:
    user = telling.read("user", _decode_str)
    identity = telling.read("safety_identifier", _decode_str)
    who = user or identity
    if who:
        held = telling.said.setdefault("metadata", {})
        assert isinstance(held, dict)
        personal = _PERSONAL.fullmatch(who) is not None
        held["user_id"] = hashlib.sha256(who.encode()).hexdigest() if personal else who
    tier = telling.read("service_tier", _decode_str)
    if tier == "fast":
        telling.said["speed"] = tier
    elif tier in ("flex", "scale"):
        telling.refuse("service_tier", f"`{tier}`")
    elif tier is not None:
        telling.said["service_tier"] = _TIERS.get(tier, tier)
