"""What a simulated model says: text that owns up to it, JSON of a wanted shape, or a tool call."""

from __future__ import annotations

import re

import msgspec

from proxy.simulator.answer import Json, encode
from proxy.simulator.plausible import plausible
from proxy.simulator.text import shortened, tokens_of

WORD = re.compile(r"[a-z]{4,}")
"""Words long enough to tell that a question is about a tool."""


class Tool(msgspec.Struct, frozen=True):
    name: str
    parameters: object = None
    """JSON Schema."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question to the model, whichever API it came by."""

    text: str
    """The last message."""
    from_tool: bool = False
    """The last message is a tool's output: it is answered in words."""
    tools: list[Tool] = []
    tool_choice: object = None
    json_schema: object = None
    """JSON is wanted, of this schema; `{}` is any object."""
    max_tokens: int | None = None
    index: int = 0
    """Of several answers to one question (`n`)."""


class Generated(msgspec.Struct, frozen=True):
    tokens: list[str]
    """Of the text, or of the call's arguments."""
    tool: str | None = None
    cut: bool = False
    """`max_tokens` ended it."""

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    @property
    def finish_reason(self) -> str:
        """In the words of chat completions."""
        if self.tool is not None:
            return "tool_calls"
        return "length" if self.cut else "stop"


def tools_of(declared: list[Json] | None) -> list[Tool]:
    """The function tools, nested under `function` (chat, assistants) or flat (responses)."""
    functions = [tool.get("function", tool) for tool in declared or () if tool.get("type") == "function"]
    return [Tool(str(f.get("name")), f.get("parameters")) for f in functions if isinstance(f, dict)]


def wanted_schema(wanted_format: object) -> object:
    """Of `response_format` or `text.format`: None for plain text, `{}` for any JSON object."""
    if not isinstance(wanted_format, dict) or wanted_format.get("type") in {"text", None}:
        return None
    nested = wanted_format.get("json_schema", wanted_format)
    return nested.get("schema", {}) if isinstance(nested, dict) else {}


def generate(ask: Ask) -> Generated:
    tool = _tool_to_call(ask)
    if tool is not None:
        arguments = encode(plausible(tool.parameters, ask.text) or {})
        return Generated(tokens_of(arguments.decode()), tool=tool.name)
    tokens = tokens_of(_words(ask))
    if ask.max_tokens is None or len(tokens) <= ask.max_tokens:
        return Generated(tokens)
    return Generated(tokens[: ask.max_tokens], cut=True)


def _words(ask: Ask) -> str:
    if ask.json_schema is not None:
        wanted = plausible(ask.json_schema, ask.text) or {"simulated": True, "you_wrote": shortened(ask.text)}
        return encode(wanted).decode()
    said = "The tool answered" if ask.from_tool else "You wrote"
    words = f'This is a simulated answer: no model was asked. {said}: "{shortened(ask.text)}"'
    return words if ask.index == 0 else f"{words} (Choice {ask.index + 1}.)"


def _tool_to_call(ask: Ask) -> Tool | None:
    if not ask.tools or ask.tool_choice == "none":
        return None
    if ask.tool_choice == "required":
        return ask.tools[0]
    named = _named_tool(ask.tool_choice)
    if named is not None:
        return next((tool for tool in ask.tools if tool.name == named), None)
    return None if ask.from_tool else next((tool for tool in ask.tools if _is_about(ask.text, tool)), None)


def _named_tool(choice: object) -> str | None:
    """`{"type": "function", "function": {"name": ...}}`, or Responses' flat form of it."""
    if not isinstance(choice, dict):
        return None
    name = choice.get("function", choice)
    return str(name.get("name")) if isinstance(name, dict) else None


def _is_about(text: str, tool: Tool) -> bool:
    text = text.lower()
    return any(word in text for word in WORD.findall(tool.name.lower()))
