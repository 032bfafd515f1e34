"""Each field of each official type, and what becomes of it in another language: found by trying, not by reading.

A field is set in the smallest request (or answer, or event) that holds it, which is translated with the field and
without, or with two values of it. The outcomes differ (mapped, or passed under its own name), or the field is refused
by name, or it makes no difference: that is an error, unless `UNSAID` says why.

`python -m tests.providers.translation.fields_table docs/translation-fields.md` writes the table anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args, get_origin

import anthropic.types as anthropic_types
import msgspec
import openai.types as openai_types
import openai.types.chat as chat_types
from anthropic.types import message_create_params
from openai.types import completion_create_params as completions_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params as responses_params

from proxy.errors import GatewayError
from proxy.providers.translation import (
    chat_reader,
    chat_to_messages,
    chat_words,
    chat_writer,
    completions,
    messages_reader,
    messages_to_chat,
    messages_writer,
    responses_to_chat,
    responses_words,
    responses_writer,
)
from proxy.providers.translation.refusing import Terms
from proxy.providers.translation.stream import StreamTranslator
from tests.providers.translation.fields_unsaid import BESIDE, NEEDED, SAMPLES, UNSAID
from tests.providers.translation.official import (
    classes_in,
    element,
    fields_of,
    is_class,
    members,
    required_of,
    sample,
)

Value = Any
Wrap = Callable[[Value], Value]
Translate = Callable[[Value], object]


SILENT = "SILENT"
REFUSING = ("unsupported_parameter", "previous_response_not_found")


class Found(msgspec.Struct, frozen=True, order=True):
    """What becomes of one field."""

    type: str
    field: str
    outcome: str
    """`mapped`, `passed`, `refused: NAME`, `unsaid: WHY`, or `SILENT`."""


class Pair(msgspec.Struct, frozen=True):
    """One type, said in one other language."""

    title: str
    root: Any
    translate: Translate
    wrap: Wrap = lambda value: value
    also: dict[str, Value] = {}
    """Beside the root's required fields."""


def walk(pair: Pair) -> list[Found]:
    seen: set[Any] = set()
    return list(
        _walk(pair, pair.root, lambda value: pair.wrap({**value, **_missing(pair.also, value)}), seen)
    )


def _missing(also: dict[str, Value], value: Value) -> dict[str, Value]:
    return {name: each for name, each in also.items() if name not in value}


def _walk(pair: Pair, class_: Any, wrap: Wrap, seen: set[Any]) -> Iterator[Found]:
    if class_ in seen:
        return
    seen.add(class_)
    base = fitting(class_)
    below: list[tuple[Any, Wrap]] = []
    for name, type_ in fields_of(class_).items():
        yield Found(class_.__name__, name, _outcome(pair, class_, base, name, type_, wrap))
        below += [(inner, _within(class_, base, name, type_, inner, wrap)) for inner in classes_in(type_)]
    for inner, wrapped in below:
        yield from _walk(pair, inner, wrapped, seen)


def _within(class_: Any, base: Value, name: str, type_: Any, inner: Any, wrap: Wrap) -> Wrap:
    listed = any(_holds(member, inner) for member in members(type_))
    before, after = BESIDE.get((class_.__name__, name), ([], []))

    def wrapped(value: Value) -> Value:
        return wrap({**base, name: [*before, value, *after] if listed else value})

    return wrapped


def _holds(type_: Any, class_: Any) -> bool:
    inner = element(type_)
    return inner is not None and class_ in list(classes_in(inner))


def fitting(class_: Any) -> Value:
    """The smallest value that fits, and means something."""
    return {name: values_of(class_, name, fields_of(class_)[name])[0] for name in sorted(_needed(class_))}


def _needed(class_: Any) -> set[str]:
    return required_of(class_) | NEEDED.get(class_.__name__, set())


def values_of(class_: Any, name: str, type_: Any) -> list[Value]:
    """Values of a field that differ."""
    own = SAMPLES.get((class_.__name__, name)) or SAMPLES.get(("*", name))
    if own is not None:
        return list(own)
    found = [value for member in members(type_) for value in _values(member)]
    return found or [None]


_PLAIN: dict[Any, list[Value]] = {
    bool: [True, False],
    str: ["text", "other"],
    int: [3, 4],
    float: [0.5, 0.25],
    dict: [{"k": "v"}, {"k": "w"}],
    object: [{"k": "v"}, {"k": "w"}],
    type(None): [],
    None: [],
}


def _values(type_: Any) -> list[Value]:
    """Of one member of a union."""
    if str(get_origin(type_)) == "typing.Literal":
        return list(get_args(type_))
    if is_class(type_):
        return [fitting(type_)]
    if element(type_) is not None:
        inner = list(classes_in(element(type_)))
        return [[fitting(inner[0])] if inner else [sample(element(type_))]]
    plain = dict if get_origin(type_) is dict else type_
    if plain in _PLAIN:
        return _PLAIN[plain]
    return [sample(type_)] if _is_json(type_) else []


def _is_json(type_: Any) -> bool:
    return isinstance(type_, type) and type_ is not bytes and "Path" not in type_.__name__


def _outcome(pair: Pair, class_: Any, base: Value, name: str, type_: Any, wrap: Wrap) -> str:
    values = values_of(class_, name, type_)
    optional = name not in _needed(class_)
    if len(values) == 1 and any(str(get_origin(member)) == "typing.Literal" for member in members(type_)):
        refusal = _refusal(pair, wrap({**base, name: values[0]}))
        return "mapped" if refusal is None else f"refused: `{refusal}`"
    tries = [value for value in values if optional or value != base.get(name)]
    if not tries:
        return "mapped" if _refusal(pair, wrap(base)) is None else f"refused: `{_refusal(pair, wrap(base))}`"
    refused = None
    for value in tries:
        wrapped = wrap({**base, name: value})
        try:
            said = pair.translate(wrapped)
        except GatewayError as error:
            if error.code not in REFUSING:
                raise AssertionError(f"{class_.__name__}.{name}={value!r}: {error}") from error
            refused = error.param
            continue
        plain = wrap({key: each for key, each in base.items() if key != name or not optional})
        if said != _said_or_nothing(pair, plain):
            return "passed" if _passes(said, name, value) else "mapped"
    if refused is not None:
        return f"refused: `{_without_numbers(refused)}`"
    why = _why(pair.title, f"{class_.__name__}.{name}")
    return f"unsaid: {why}" if why else SILENT


def _why(title: str, field: str) -> str | None:
    return next(
        (why for (of, pattern), why in UNSAID.items() if fnmatch(title, of) and fnmatch(field, pattern)), None
    )


def _said_or_nothing(pair: Pair, value: Value) -> object:
    try:
        return pair.translate(value)
    except GatewayError:
        return None


def _refusal(pair: Pair, value: Value) -> str | None:
    try:
        pair.translate(value)
    except GatewayError as error:
        return _without_numbers(error.param or "")
    return None


def _without_numbers(param: str) -> str:
    return re.sub(r"\[\d+\]", "[]", param)


def _passes(said: object, name: str, value: Value) -> bool:
    """Under its own name, with its own value."""
    text = said.decode() if isinstance(said, bytes) else str(said)
    return f'"{name}":{json.dumps(value, separators=(",", ":"), ensure_ascii=False)}' in text.replace(
        '": ', '":'
    )


# -- the pairs


ANTHROPIC = Terms("claude-sonnet-4-5", "anthropic")
OPENAI = Terms("gpt-5.1", "openai")
TOOL = {"type": "function", "function": {"name": "f"}}
HELLO = [{"role": "user", "content": "Hi"}]


def _whole_loops(request: Value) -> Value:
    """With a result for each call, and a call for each result: else Anthropic would take neither."""
    messages: list[Value] = []
    for message in request["messages"]:
        if message.get("tool_call_id"):
            call = {"id": message["tool_call_id"], "type": "function", "function": {"name": "f"}}
            messages.append({"role": "assistant", "tool_calls": [call]})
        messages.append(message)
        calls = message.get("tool_calls") or ()
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    return {**request, "messages": messages}


def _request(translate: Callable[..., tuple[Any, ...]], terms: Terms) -> Translate:
    def said(value: Value) -> object:
        body, *rest = translate(json.dumps(value).encode(), terms)
        return body.decode() + "".join(map(_told, rest))

    return said


def _told(asked: object) -> str:
    """What the answer repeats of the request, or depends on."""
    if isinstance(asked, responses_words.Asked):
        return repr({name: bytes(value) for name, value in asked.echo.items()})
    return repr(asked)


def _answer(read: Callable[[bytes], Any], write: Callable[..., bytes]) -> Translate:
    def said(value: Value) -> object:
        events = read(json.dumps(value).encode())
        assert events is not None, value
        return write(events)

    return said


def _anthropics_stream(event: Value) -> bytes:
    """The event in the place where it belongs."""
    start = {"type": "message_start", "message": MESSAGE}
    block = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": "", "citations": None},
    }
    kinds = {
        "thinking_delta": {"type": "thinking", "thinking": "", "signature": ""},
        "input_json_delta": {"type": "tool_use", "id": "t", "name": "n", "input": {}},
    }
    kinds["signature_delta"] = kinds["thinking_delta"]
    before: list[Value] = [] if event["type"] == "message_start" else [start]
    if event["type"].startswith("content_block") and event["type"] != "content_block_start":
        before.append(
            {
                **block,
                "content_block": kinds.get(event.get("delta", {}).get("type"), block["content_block"]),
                "index": event["index"],
            }
        )
    stop = {"type": "content_block_stop", "index": event.get("index", 0)}
    after: list[Value] = [stop] if event["type"] in ("content_block_start", "content_block_delta") else []
    if event["type"] != "message_delta":
        after.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 5},
            }
        )
    if event["type"] != "message_stop":
        after.append({"type": "message_stop"})
    data = b"".join(b"data: %b\n\n" % json.dumps(each).encode() for each in (*before, event, *after))
    asked = chat_words.Asked(usage=True)
    return StreamTranslator(messages_reader.MessagesReader(), chat_writer.ChatWriter(asked)).feed(data)


def _chats_stream(chunk: Value, writer: Callable[[], Any] = messages_writer.MessagesWriter) -> bytes:
    last = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    ended = any(choice.get("finish_reason") for choice in chunk["choices"])
    said = [json.dumps(each).encode() for each in ([chunk] if ended else [chunk, last])]
    data = b"".join(b"data: %b\n\n" % each for each in (*said, b"[DONE]"))
    return StreamTranslator(chat_reader.ChatReader(), writer()).feed(data)


def _completions_stream(chunk: Value) -> bytes:
    data = b"data: %b\n\ndata: [DONE]\n\n" % json.dumps(chunk).encode()
    return StreamTranslator(completions.CompletionsReader(), messages_writer.MessagesWriter()).feed(data)


MESSAGE = {
    "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip
ASKED = chat_words.Asked(usage=True)
RESPONSE = responses_words.Asked("call", 1)
PAIRS = (
    Pair(
        "chat request, to Anthropic",
        chat_params.CompletionCreateParamsNonStreaming,
        _request(chat_to_messages.request, ANTHROPIC),
        wrap=_whole_loops,
        also={"messages": HELLO, "tools": [TOOL]},
    ),
    Pair(
        "Messages request, to chat",
        message_create_params.MessageCreateParamsNonStreaming,
        _request(messages_to_chat.request, OPENAI),
        also={"tools": [{"name": "f", "input_schema": {}}]},
    ),
    Pair(
        "responses request, to chat",
        responses_params.ResponseCreateParamsNonStreaming,
        _request(responses_to_chat.request, OPENAI),
        also={"input": "Hi", "tools": [{"type": "function", "name": "f"}]},
    ),
    Pair(
        "completions request, to chat",
        completions_params.CompletionCreateParamsNonStreaming,
        _request(completions.request, OPENAI),
    ),
    Pair(
        "Anthropic's message, for a client of chat",
        anthropic_types.Message,
        _answer(messages_reader.whole, lambda events: chat_writer.whole(events, ASKED)),
    ),
    *(
        Pair("Anthropic's stream, for a client of chat", class_, _anthropics_stream)
        for class_ in classes_in(anthropic_types.RawMessageStreamEvent)
    ),
    Pair(
        "chat completion, for a client of Anthropic",
        chat_types.ChatCompletion,
        _answer(chat_reader.whole, messages_writer.whole),
    ),
    Pair("chat's stream, for a client of Anthropic", chat_types.ChatCompletionChunk, _chats_stream),
    Pair(
        "chat completion, for a client of responses",
        chat_types.ChatCompletion,
        _answer(chat_reader.whole, lambda events: responses_writer.whole(events, RESPONSE)),
    ),
    Pair(
        "chat's stream, for a client of responses",
        chat_types.ChatCompletionChunk,
        lambda chunk: _chats_stream(chunk, lambda: responses_writer.ResponsesWriter(RESPONSE)),
    ),
    Pair(
        "text completion, for a client of Anthropic",
        openai_types.Completion,
        _answer(completions.whole, messages_writer.whole),
    ),
)


def found() -> dict[str, list[Found]]:
    """By pair; one type once."""
    tables: dict[str, dict[tuple[str, str], Found]] = {}
    for pair in PAIRS:
        table = tables.setdefault(pair.title, {})
        for each in walk(pair):
            place = each.type, each.field
            if place not in table or table[place].outcome == SILENT:
                table[place] = each
    return {title: list(table.values()) for title, table in tables.items()}


HEAD = """# What becomes of each field

Written by `python -m tests.providers.translation.fields_table docs/translation-fields.md`, which sets each field of
each type of the official packages (`openai` and `anthropic` for Python) in a request, an answer or an event, and
looks what the [translation](translation.md) makes of it. *Mapped*: said in the other language's words. *Passed*: under
its own name. *Refused*: 400, with this name. The rest says why it is not said."""


def page() -> str:
    lines = [HEAD]
    for title, fields in found().items():
        lines += [
            "",
            f"## {title[0].upper()}{title[1:]}",
            "",
            "| type | mapped | passed | refused | not said |",
            "|---|---|---|---|---|",
        ]
        by_type: dict[str, list[Found]] = {}
        for each in fields:
            by_type.setdefault(each.type, []).append(each)
        lines += [_row(type_, each) for type_, each in by_type.items()]
    return "\n".join(lines) + "\n"


def _row(type_: str, fields: list[Found]) -> str:
    def named(outcome: str) -> str:
        return ", ".join(f"`{each.field}`" for each in fields if each.outcome == outcome)

    refused = {
        each.outcome.removeprefix("refused: ") for each in fields if each.outcome.startswith("refused: ")
    }
    whole = all(each.outcome.startswith("refused: ") for each in fields)
    told = (
        ", ".join(sorted(refused))
        if whole and len(refused) == 1
        else ", ".join(f"`{each.field}`" for each in fields if each.outcome.startswith("refused: "))
    )
    unsaid = "; ".join(
        f"`{e.field}`: {e.outcome.removeprefix('unsaid: ')}"
        for e in fields
        if e.outcome.startswith("unsaid: ")
    )
    return f"| {type_} | {named('mapped')} | {named('passed')} | {told} | {unsaid} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
