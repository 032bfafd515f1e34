"""A request to /responses as a chat request.

https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from proxy.errors import CannotSay, GatewayError
from proxy.providers.translation.coding import Fields, decode_fields, encode
from proxy.providers.translation.refusing import Telling, Terms, read, wrong
from proxy.providers.translation.responses_items import Items
from proxy.providers.translation.responses_request import (
    ItemKind,
    Reasoning,
    SearchTool,
    Text,
    Tool,
    ToolChoice,
)
from proxy.providers.translation.responses_words import ECHOED, Asked

NO_WORD: dict[str, frozenset[bytes]] = {
    "access_programs": frozenset(),
    "background": frozenset((b"false",)),
    "conversation": frozenset(),
    "image": frozenset(),
    "prompt": frozenset(),
}
"""Of the fields of /responses; and the values that ask for nothing."""
LET_GO = {
    "context_management": "what the provider leaves out of a long conversation: all of it is sent",
    "include": "more of what only tools of /responses say; thoughts of Anthropic's are sealed in any case",
    "max_tool_calls": "of tools that the provider runs itself: none are there",
    "metadata": "labels: the answer repeats them",
    "store": "the gateway keeps what was said, unless it is false",
    "truncation": "what may be left out of a long conversation: all of it is sent",
}
"""Fields that ask nothing of a chat."""
SAME = (
    "moderation", "parallel_tool_calls", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "service_tier", "temperature", "top_p", "user",
)  # fmt: skip
"""Fields that chat has under the same names."""
_LOGPROBS = b'"message.output_text.logprobs"'
_SEARCHES = ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11")

_decode_input = msgspec.json.Decoder(str | list[Raw]).decode
_decode_tools = msgspec.json.Decoder(list[Raw]).decode
_decode_kind = msgspec.json.Decoder(ItemKind).decode
_decode_tool = msgspec.json.Decoder(Tool).decode
_decode_search = msgspec.json.Decoder(SearchTool).decode
_decode_choice = msgspec.json.Decoder(str | ToolChoice).decode
_decode_reasoning = msgspec.json.Decoder(Reasoning).decode
_decode_text = msgspec.json.Decoder(Text).decode
_decode_str = msgspec.json.Decoder(str).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_bool = msgspec.json.Decoder(bool).decode


def request(body: bytes, terms: Terms, before: Sequence[Raw] = ()) -> tuple[bytes, Asked]:
    """The body for /chat/completions, and what its answer depends on. `before`: items of the conversation so far.

    Raises GatewayError 400, msgspec.DecodeError when the body is no JSON object.
    """
    fields = decode_fields(body)
    telling = Telling(fields, terms)
    items = Items(telling)
    instructions = telling.read("instructions", _decode_str)
    if instructions:
        items.said.append({"role": "system", "content": instructions})
    previous = telling.read("previous_response_id", _decode_str)
    if previous and not before:
        raise CannotSay(
            f"Previous response with id '{previous}' not found: it is not kept, too old, or another caller's.",
            param="previous_response_id",
            code="previous_response_not_found",
        )
    given = telling.read("input", _decode_input)
    if given is None and not before:
        raise GatewayError(400, "you must provide an input parameter", param="input")
    asked = [Raw(encode({"role": "user", "content": given}))] if isinstance(given, str) else given or []
    items.add_all([*before, *asked])
    telling.take("model")
    telling.said |= {"model": terms.model, "messages": items.said}
    _tools(telling)
    _limits(telling)
    _format(telling)
    telling.refuse_all(NO_WORD)
    for name in LET_GO:
        telling.take(name)
    echo = {name: fields[name] for name in ECHOED if name in fields}
    return telling.body(), Asked(terms.call_id, terms.now_unix, echo, tuple(asked))


def _limits(telling: Telling) -> None:
    most = telling.read("max_output_tokens", _decode_int)
    if most is not None:
        telling.said["max_completion_tokens" if telling.terms.provider == "openai" else "max_tokens"] = most
    reasoning = telling.read("reasoning", _decode_reasoning) or Reasoning()
    if reasoning.effort is not None:
        telling.said["reasoning_effort"] = reasoning.effort
    if reasoning.mode not in (None, "standard"):
        telling.refuse("reasoning.mode", f"`{reasoning.mode}`")
    top = telling.read("top_logprobs", _decode_int)
    if top or _LOGPROBS in bytes(telling.fields.get("include", b"")):
        telling.said |= {"logprobs": True, "top_logprobs": top or 0}
    telling.take("stream_options")
    if telling.read("stream", _decode_bool):
        telling.said |= {"stream": True, "stream_options": {"include_usage": True}}


def _format(telling: Telling) -> None:
    text = telling.read("text", _decode_text) or Text()
    if text.verbosity is not None:
        telling.said["verbosity"] = text.verbosity
    format_ = text.format
    if format_ is None or format_.type == "text":
        return
    if format_.type == "json_object":
        telling.said["response_format"] = {"type": "json_object"}
        return
    given = {"name": format_.name, "description": format_.description, "strict": format_.strict}
    schema = {name: value for name, value in given.items() if value is not None}
    said = {"type": "json_schema", "json_schema": {**schema, "schema": format_.schema}}
    telling.said["response_format"] = said


def _tools(telling: Telling) -> None:
    tools: list[object] = []
    for number, raw in enumerate(telling.read("tools", _decode_tools) or ()):
        tool = _tool(telling, f"tools[{number}]", raw)
        if tool is not None:
            tools.append(tool)
    if tools:
        telling.said["tools"] = tools
    choice = telling.read("tool_choice", _decode_choice)
    if choice is not None and (tools or choice == "none"):
        said = _choice(telling, choice)
        if said is not None and tools:
            telling.said["tool_choice"] = said
    if not tools:
        telling.take("parallel_tool_calls")


def _tool(telling: Telling, where: str, raw: Raw) -> object | None:
    provider = telling.terms.provider
    kind = read(where, raw, _decode_kind, provider).type
    if kind in _SEARCHES and provider == "anthropic":
        _search(telling, read(where, raw, _decode_search, provider))
        return None
    if kind not in ("function", "custom"):
        telling.refuse(f"{where}.type", f"`{kind}` is a tool of /responses alone")
        return None
    tool = read(where, raw, _decode_tool, provider)
    said: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    if kind == "custom":
        if tool.format is not None:
            grammar = {"syntax": tool.format.syntax, "definition": tool.format.definition}
            given = {"type": tool.format.type}
            said["format"] = {**given, "grammar": grammar} if tool.format.type == "grammar" else given
        return {"type": kind, kind: said}
    if bytes(tool.parameters) not in (b"", b"null"):
        said["parameters"] = tool.parameters
    if tool.strict is not None:
        said["strict"] = tool.strict
    return {"type": kind, kind: said}


def _search(telling: Telling, tool: SearchTool) -> None:
    said: Fields = {}
    if tool.search_context_size is not None:
        said["search_context_size"] = Raw(encode(tool.search_context_size))
    if tool.user_location is not None:
        place = msgspec.structs.asdict(tool.user_location)
        known = {name: value for name, value in place.items() if value is not None and name != "type"}
        said["user_location"] = Raw(encode({"type": "approximate", "approximate": known}))
    telling.said["web_search_options"] = said


def _choice(telling: Telling, choice: str | ToolChoice) -> object | None:
    if isinstance(choice, str):
        return choice
    if choice.type in ("function", "custom") and choice.name is not None:
        return {"type": choice.type, choice.type: {"name": choice.name}}
    if choice.type == "allowed_tools" and choice.tools is not None:
        allowed = [_allowed(tool) for tool in choice.tools]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode or "auto", "tools": allowed}}
    telling.refuse("tool_choice.type", f"`{choice.type}`")
    return None


def _allowed(tool: dict[str, Raw]) -> dict[str, object]:
    kind = _decode_str(tool.get("type", Raw(b'"function"')))
    if "name" not in tool:
        raise wrong("tool_choice.tools", "expected names of tools")
    return {"type": kind, kind: {"name": tool["name"]}}
