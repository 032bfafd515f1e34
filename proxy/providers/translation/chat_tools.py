"""A chat's tools, and which of them may or must be called, in Anthropic's words.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from proxy.providers.translation.chat_request import (
    CustomTool,
    FunctionTool,
    LegacyFunction,
    Named,
    Tool,
    ToolChoice,
    ToolKind,
    WebSearch,
)
from proxy.providers.translation.coding import decode_any, decode_fields, others
from proxy.providers.translation.refusing import Telling, read, wrong
from proxy.providers.translation.tool_names import ToolNames, is_fit

JSON_TOOL = "json_tool_call"
"""Stands in for a response format: its arguments are the answer. LiteLLM's name for it."""
OPEN_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": True}
NO_SCHEMA = {"type": "object", "properties": {}}
NO_TOOL = {"name": "dummy_tool", "description": "Not to be called.", "input_schema": NO_SCHEMA}
"""LiteLLM's name for it."""
TEXT_SCHEMA = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""Of a tool that takes text."""
_SEARCHES = {"low": 1, "medium": 5, "high": 10}
"""https://docs.litellm.ai/docs/completion/web_search"""
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_BESIDE = ("cache_control", "defer_loading", "allowed_callers", "input_examples", "eager_input_streaming")

_decode_kind = msgspec.json.Decoder(ToolKind).decode
_decode_tool = msgspec.json.Decoder(Tool).decode
_decode_tools = msgspec.json.Decoder(list[Raw]).decode
_decode_functions = msgspec.json.Decoder(list[LegacyFunction]).decode
_decode_choice = msgspec.json.Decoder(str | ToolChoice).decode
_decode_call = msgspec.json.Decoder(str | Named).decode
_decode_search = msgspec.json.Decoder(WebSearch).decode
_decode_bool = msgspec.json.Decoder(bool).decode
Said = dict[str, object]


class Tools:
    """Of one request."""

    def __init__(self, telling: Telling, names: ToolNames) -> None:
        self.said: list[object] = []
        self.choice: Said | None = None
        self.customs: set[str] = set()
        """Names, as they are sent, of those that take text."""
        self.legacy = False
        self._telling = telling
        self._names = names

    def read(self) -> None:
        """Raises GatewayError 400."""
        telling = self._telling
        for number, raw in enumerate(telling.read("tools", _decode_tools) or ()):
            self._add(f"tools[{number}]", raw)
        functions = telling.read("functions", _decode_functions) or []
        self.legacy = bool(functions)
        self.said += [
            self._function(FunctionTool(each.name, each.description, each.parameters)) for each in functions
        ]
        search = telling.read("web_search_options", _decode_search)
        if search is not None:
            self.said.append(_search(search))
        self._read_choice()

    def _add(self, where: str, raw: Raw) -> None:
        provider = self._telling.terms.provider
        if read(where, raw, _decode_kind, provider).type not in ("function", "custom"):
            self.said.append(raw)  # Anthropic's own
            return
        tool = read(where, raw, _decode_tool, provider)
        if tool.function is None and tool.custom is None:
            self.said.append(raw)  # in Anthropic's form: `custom`, with an `input_schema`
            return
        said = self._function(tool.function) if tool.function is not None else self._custom(tool.custom)
        beside = others(decode_fields(raw), ("type", "function", "custom"))
        self.said.append({**said, **{name: value for name, value in beside.items() if name in _BESIDE}})

    def _function(self, tool: FunctionTool) -> Said:
        said: Said = {"name": self._names.sent(tool.name)}
        if tool.description is not None:
            said["description"] = tool.description
        if tool.strict is not None:
            said["strict"] = tool.strict
        said["input_schema"] = _schema(tool.parameters)
        return said

    def _custom(self, tool: CustomTool | None) -> Said:
        assert tool is not None
        name = self._names.sent(tool.name)
        self.customs.add(name)
        words = [tool.description or ""]
        if tool.format is not None and tool.format.type == "grammar":
            words.append(f"The input follows this grammar: {bytes(tool.format.grammar).decode()}")
        return {"name": name, "description": "\n".join(filter(None, words)), "input_schema": TEXT_SCHEMA}

    def _read_choice(self) -> None:
        telling = self._telling
        choice = telling.read("tool_choice", _decode_choice)
        call = telling.read("function_call", _decode_call)
        if isinstance(call, Named):
            choice = ToolChoice("function", function=call)
        elif call is not None and choice is None:
            choice = call
        said = None if choice is None else self._choice(choice)
        parallel = telling.read("parallel_tool_calls", _decode_bool)
        if parallel is False and self.said:
            said = {**(said or {"type": "auto"}), "disable_parallel_tool_use": True}
            if said["type"] == "none":
                del said["disable_parallel_tool_use"]
        self.choice = said if self.said else None

    def _choice(self, choice: str | ToolChoice) -> Said:
        if isinstance(choice, str):
            if choice not in _CHOICES:
                raise wrong("tool_choice", f"there is no choice `{choice}`")
            return {"type": _CHOICES[choice]}
        named = choice.function or choice.custom
        if named is not None:
            return {"type": "tool", "name": self._names.sent(named.name)}
        if choice.allowed_tools is None:
            raise wrong("tool_choice", f"there is no choice of type `{choice.type}`")
        allowed = {_name_of(tool) for tool in choice.allowed_tools.tools}
        fit = {self._names.sent(name) for name in allowed if name is not None}
        self.said = [tool for tool in self.said if not isinstance(tool, dict) or tool.get("name") in fit]
        return {"type": _CHOICES.get(choice.allowed_tools.mode, "auto")}

    def stand_in(self, called: bool) -> None:  # noqa: FBT001 - whether the conversation has calls of tools
        """Anthropic wants tools where any was called: one that is not to be called, where there is none."""
        if called and not self.said:
            self.said.append(NO_TOOL)
            self.choice = {"type": "none"}

    def ask_for_json(self, schema: object, description: str, *, may_force: bool) -> None:
        """The answer is the call of a tool; where others may be called as well, one of them all must be."""
        chosen = str(self.choice["type"]) if self.choice is not None else "auto"
        if chosen in ("any", "tool"):
            return  # a call is asked for: there is no content to have a format
        alone = not self.said or chosen == "none"
        self.said.append({"name": JSON_TOOL, "description": description, "input_schema": schema})
        if not may_force:
            self.choice = {"type": "auto"}
        else:
            self.choice = (
                {"type": "tool", "name": JSON_TOOL} if alone else {**(self.choice or {}), "type": "any"}
            )


def _schema(parameters: Raw) -> object:
    if bytes(parameters) in (b"", b"null"):
        return NO_SCHEMA
    found = decode_any(parameters)
    if isinstance(found, dict) and "type" not in found:  # Anthropic asks for it
        return {"type": "object", **found}
    return parameters


def _search(search: WebSearch) -> Said:
    said: Said = {"type": "web_search_20250305", "name": "web_search"}
    if search.search_context_size is not None:
        said["max_uses"] = _SEARCHES.get(search.search_context_size, 5)
    if search.user_location is not None:
        place = msgspec.structs.asdict(search.user_location.approximate)
        known = {name: value for name, value in place.items() if value is not None}
        said["user_location"] = {"type": "approximate", **known}
    return said


def _name_of(tool: dict[str, Raw]) -> str | None:
    """`{"type": "function", "function": {"name"}}`"""
    of = tool.get("function") or tool.get("custom")
    name = None if of is None else decode_any(decode_fields(of).get("name", b"null"))
    return name if isinstance(name, str) else None


def fit_names(names: list[str]) -> set[str]:
    return {name for name in names if is_fit(name)}
