"""From a stream's chunks to the answer that they are pieces of.

https://docs.litellm.ai/docs/completion/stream (`stream_chunk_builder`)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sluice.answers.beside import Beside, Told, beside
from sluice.answers.chat import ModelResponse
from sluice.answers.fields import shaped
from sluice.answers.text import TextCompletionResponse

_JOINED = frozenset(
    {
        "content",
        "refusal",
        "reasoning_content",
        "reasoning",
        "arguments",
        "text",
        "data",
        "transcript",
        "thinking",
    }
)
"""Texts that come in pieces. Of all others the latest that is not null holds."""
_OBJECTS = {"chat.completion.chunk": "chat.completion"}
_BESIDE = frozenset({"choices", "usage", "obfuscation"})
_MESSAGE = "message"
ESTIMATED = "usage_estimated"
"""Among `_hidden_params`: the usage was not said by the provider."""


def stream_chunk_builder(
    chunks: Iterable[Mapping[str, Any]],
    messages: Sequence[Mapping[str, Any]] | None = None,
    **_litellms: object,
) -> ModelResponse | TextCompletionResponse | None:
    """The whole answer of a chat's or a text completion's chunks; None: there are none.

    `messages`: what was asked. Where no chunk says what was used, it is estimated with them, and
    `_hidden_params["usage_estimated"]` is True; without them the answer has no usage. With
    `stream_options={"include_usage": True}` the provider says it.
    """
    given = list(chunks)
    if not given:
        return None
    fields = _root(given)
    choices = _choices(given)
    texts = any("text" in choice for choice in choices)
    fields["choices"] = choices
    made: ModelResponse | TextCompletionResponse = (
        shaped(TextCompletionResponse, fields) if texts else shaped(ModelResponse, fields)
    )
    told = next((beside(each) for each in given if isinstance(each, Told)), Beside())
    made._beside = msgspec.structs.replace(told, hidden=None)  # noqa: SLF001 - its one writer
    if made.usage is None and messages is not None:
        _estimate(made, messages)
    return made


def _root(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Names and times are the first chunk's, which all repeat; the usage is the last that was said."""
    fields: dict[str, Any] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if name not in _BESIDE and fields.get(name) is None:
                fields[name] = value
    kind = fields.get("object")
    fields["object"] = _OBJECTS.get(str(kind), kind)
    usage = next((chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage")), None)
    return fields if usage is None else {**fields, "choices": [], "usage": dict(usage)}


def _choices(chunks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    pieces: dict[int, list[Mapping[str, Any]]] = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or ():
            pieces.setdefault(choice.get("index", 0), []).append(choice)
    return [_choice(index, pieces[index]) for index in sorted(pieces)]


def _choice(index: int, pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    deltas = [piece["delta"] for piece in pieces if piece.get("delta")]
    rest = [
        {name: value for name, value in piece.items() if name not in ("delta", "index")} for piece in pieces
    ]
    made: dict[str, Any] = {"index": index}
    if any("delta" in piece for piece in pieces):
        made[_MESSAGE] = {"role": "assistant", "content": None} | _merged(deltas)
    return made | _merged(rest)


def _merged(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for piece in pieces for name in piece)
    return {name: _value(name, [piece[name] for piece in pieces if name in piece]) for name in names}


def _value(name: str, values: list[Any]) -> Any:
    said = [value for value in values if value is not None]
    if not said:
        return None
    if name in _JOINED and all(isinstance(value, str) for value in said):
        return "".join(said)
    if all(isinstance(value, list) for value in said):
        return _list([item for value in said for item in value])
    if all(isinstance(value, dict) for value in said):
        return _merged(said)
    return said[-1] if said[-1] != "" else next((value for value in reversed(said) if value != ""), "")


def _list(items: list[Any]) -> list[Any]:
    """Items with an index are pieces of those of the same one: tool calls, thoughts. Others are whole."""
    if not all(isinstance(item, dict) and isinstance(item.get("index"), int) for item in items):
        return items
    pieces: dict[int, list[Mapping[str, Any]]] = {}
    for item in items:
        pieces.setdefault(item["index"], []).append(item)
    return [_without_index(_merged(pieces[index])) for index in sorted(pieces)]


def _without_index(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "index"}


def _estimate(made: ModelResponse | TextCompletionResponse, messages: Sequence[Mapping[str, Any]]) -> None:
    from sluice.models.tokens import token_counter  # noqa: PLC0415 - most streams say it

    sent = token_counter(made.model or "", messages=messages)
    texts = [text for choice in made["choices"] for text in _written(choice)]
    wrote = token_counter(made.model or "", text=texts)
    counts = {"prompt_tokens": sent, "completion_tokens": wrote, "total_tokens": sent + wrote}
    made["usage"] = shaped(made._below["usage"], counts)  # noqa: SLF001 - its own kind
    made._hidden_params[ESTIMATED] = True  # noqa: SLF001


def _written(choice: Mapping[str, Any]) -> Iterable[str]:
    said = choice.get(_MESSAGE) or choice
    yield from (
        str(said[name]) for name in ("content", "text", "reasoning_content", "refusal") if said.get(name)
    )
    for call in said.get("tool_calls") or ():
        function = call.get("function") or {}
        yield f"{function.get('name') or ''}{function.get('arguments') or ''}"
