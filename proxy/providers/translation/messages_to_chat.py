"""A request in Anthropic's language as a chat request.

https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import hashlib
import re

import msgspec
from msgspec import Raw

from proxy.errors import GatewayError
from proxy.providers.translation.chat_tools import NO_SCHEMA
from proxy.providers.translation.coding import decode_fields
from proxy.providers.translation.messages_request import (
    Block,
    Metadata,
    Output,
    Thinking,
    Tool,
    ToolChoice,
    ToolKind,
    Turn,
)
from proxy.providers.translation.messages_turns import Messages
from proxy.providers.translation.models import effort_of
from proxy.providers.translation.refusing import Telling, Terms, read, wrong
from proxy.providers.translation.renamed import Renamed
from proxy.providers.translation.tool_names import CHAT_CHARS, ToolNames

NO_WORD: dict[str, frozenset[bytes]] = {
    "container": frozenset(),
    "diagnostics": frozenset(),
    "inference_geo": frozenset(),
    "mcp_servers": frozenset((b"[]",)),
    "top_k": frozenset(),
    "user_profile_id": frozenset(),
    "workspace_id": frozenset(),
}
"""Of Anthropic's fields; and the values that ask for nothing."""
LET_GO = {
    "cache_control": "where the provider caches: OpenAI's caches find that out themselves",
    "context_management": "what the provider leaves out of a long prompt: all of it is sent",
}
"""Fields that ask for nothing that an answer could show."""
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_TIERS = {"standard_only": "default"}
_REASONS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-[5-9]|gpt-oss)")
"""Models that reason, and take an effort. Others have none, and nothing is said to them of thinking."""
_NEVER_MIND = re.compile(r"(?:^|/)gpt-(?:5\.[1-9]|[6-9])")
"""Of these, the ones that need not reason at all."""
_USER_CHARS = 64

_decode_turns = msgspec.json.Decoder(list[Turn]).decode
_decode_system = msgspec.json.Decoder(str | list[Block]).decode
_decode_tools = msgspec.json.Decoder(list[Raw]).decode
_decode_kind = msgspec.json.Decoder(ToolKind).decode
_decode_tool = msgspec.json.Decoder(Tool).decode
_decode_choice = msgspec.json.Decoder(ToolChoice).decode
_decode_thinking = msgspec.json.Decoder(Thinking).decode
_decode_output = msgspec.json.Decoder(Output).decode
_decode_metadata = msgspec.json.Decoder(Metadata).decode
_decode_list = msgspec.json.Decoder(list[str]).decode
_decode_str = msgspec.json.Decoder(str).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_bool = msgspec.json.Decoder(bool).decode


def request(body: bytes, terms: Terms) -> tuple[bytes, Renamed]:
    """The body for /chat/completions, and what in it was said otherwise.

    Raises GatewayError 400, msgspec.DecodeError when the body is no JSON object.
    """
    telling = Telling(decode_fields(body), terms)
    if "messages" not in telling.fields:
        raise GatewayError(400, "messages: Field required", param="messages")
    names = ToolNames(most_chars=CHAT_CHARS)
    messages = Messages(telling, names)
    system = telling.read("system", _decode_system)
    if system is not None:
        messages.add_system(system)
    messages.add_all(telling.read("messages", _decode_turns) or [])
    telling.take("model")
    telling.said |= {"model": terms.model, "messages": messages.said}
    _tools(telling, names)
    _limits(telling)
    _reasoning(telling)
    _beside(telling)
    telling.refuse_all(NO_WORD)
    for name in LET_GO:
        telling.take(name)
    return telling.body(), Renamed(names.back())


def _limits(telling: Telling) -> None:
    """OpenAI's own models know `max_completion_tokens` only, and most other servers `max_tokens` only."""
    most = telling.read("max_tokens", _decode_int)
    if most is not None:
        telling.said["max_completion_tokens" if telling.terms.provider == "openai" else "max_tokens"] = most
    stop = telling.read("stop_sequences", _decode_list)
    if stop:
        telling.said["stop"] = stop
    if telling.read("stream", _decode_bool):
        telling.said |= {"stream": True, "stream_options": {"include_usage": True}}


def _tools(telling: Telling, names: ToolNames) -> None:
    tools = []
    for number, raw in enumerate(telling.read("tools", _decode_tools) or ()):
        tool = _tool(telling, names, f"tools[{number}]", raw)
        if tool is not None:
            tools.append(tool)
    if tools:
        telling.said["tools"] = tools
    choice = telling.read("tool_choice", _decode_choice)
    if choice is None or not tools:
        return
    if choice.type == "tool":
        if choice.name is None:
            raise wrong("tool_choice.name", "expected the name of a tool")
        telling.said["tool_choice"] = {"type": "function", "function": {"name": names.sent(choice.name)}}
    elif choice.type in _CHOICES:
        telling.said["tool_choice"] = _CHOICES[choice.type]
    else:
        raise wrong("tool_choice.type", f"there is no choice `{choice.type}`")
    if choice.disable_parallel_tool_use:
        telling.said["parallel_tool_calls"] = False


def _tool(telling: Telling, names: ToolNames, where: str, raw: Raw) -> dict[str, object] | None:
    provider = telling.terms.provider
    kind = read(where, raw, _decode_kind, provider).type
    if kind not in (None, "custom"):
        telling.refuse(f"{where}.type", f"`{kind}` is a tool of Anthropic's own")
        return None
    tool = read(where, raw, _decode_tool, provider)
    if tool.allowed_callers is not None and "direct" not in tool.allowed_callers:
        telling.refuse(f"{where}.allowed_callers")
        return None
    words = [tool.description or ""]
    if bytes(tool.input_examples) not in (b"", b"null", b"[]"):
        words.append(f"Examples of its input: {bytes(tool.input_examples).decode()}")
    function: dict[str, object] = {"name": names.sent(tool.name)}
    described = "\n\n".join(filter(None, words))
    if described:
        function["description"] = described
    function["parameters"] = tool.input_schema if bytes(tool.input_schema) else NO_SCHEMA
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _reasoning(telling: Telling) -> None:
    thinking = telling.read("thinking", _decode_thinking)
    output = telling.read("output_config", _decode_output) or Output()
    if output.format is not None:
        schema = {"name": "answer", "schema": output.format.schema, "strict": True}
        telling.said["response_format"] = {"type": "json_schema", "json_schema": schema}
    model = telling.terms.model
    if not _REASONS.search(model):
        return
    effort = output.effort
    if thinking is not None and thinking.type == "disabled":
        effort = "none" if _NEVER_MIND.search(model) else "minimal" if "gpt-5" in model else "low"
    elif thinking is not None and thinking.type == "enabled" and effort is None:
        effort = effort_of(thinking.budget_tokens or 0)
    if effort is not None:
        telling.said["reasoning_effort"] = effort


def _beside(telling: Telling) -> None:
    metadata = telling.read("metadata", _decode_metadata)
    if metadata is not None and metadata.user_id:
        user = metadata.user_id
        telling.said["user"] = user if len(user) <= _USER_CHARS else hashlib.sha256(user.encode()).hexdigest()
    tier = telling.read("service_tier", _decode_str)
    if tier is not None:
        telling.said["service_tier"] = _TIERS.get(tier, tier)
    speed = telling.read("speed", _decode_str)
    if speed == "fast":
        telling.said["service_tier"] = speed
