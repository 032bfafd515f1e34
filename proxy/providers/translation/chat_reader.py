"""Chat completions as events: chunks of a stream, or one object.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw

from proxy.providers.translation import chat_forms as forms
from proxy.providers.translation.chat_words import REASONS
from proxy.providers.translation.coding import NULL, UNREADABLE, Fields, decode_fields, encode, others
from proxy.providers.translation.events import (
    CALL,
    CUSTOM,
    END_TURN,
    FINISHED,
    FOREIGN,
    REDACTED,
    REFUSAL,
    TEXT,
    THINKING,
    Began,
    Cited,
    Closed,
    Ended,
    Event,
    Failed,
    Opened,
    Said,
    Signed,
    Spent,
    Used,
)

_decode = msgspec.json.Decoder(forms.Answer).decode
_decode_usage = msgspec.json.Decoder(forms.Usage).decode
_decode_problem = msgspec.json.Decoder(forms.Problem | str).decode
_decode_typed = msgspec.json.Decoder(forms.ToolCall).decode
_decode_details = msgspec.json.Decoder(Fields | None).decode
_ENVELOPE = frozenset(("id", "object", "created", "model", "choices", "usage", "error", "obfuscation"))
_COUNTED = frozenset(
    (
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
    )
)
_NO_EVENTS: tuple[Event, ...] = ()
_DONE = b"[DONE]"
MAX_PARTS = 4096
"""Of one answer; beyond it what is new is not told apart from what was last."""
_Key = tuple[int, str, int]
"""Choice, kind, and chat's own number of it: for calls and thoughts."""


class ChatReader:
    """One stream's. Chat says no part's end: it ends where the next one of its choice begins, or the choice."""

    def __init__(self) -> None:
        self._begun = False
        self._done = False
        self._parts: dict[_Key, int] = {}
        self._open: dict[int, tuple[_Key, int]] = {}
        """The part that is being said, by choice."""
        self._reasons = 0
        """Choices that have said why they end."""

    def read(self, data: bytes) -> Iterable[Event]:
        """HOT."""
        if data == _DONE:
            return self._last()
        try:
            chunk = _decode(data)
        except UNREADABLE:
            return self._last() if data.strip() == _DONE else _NO_EVENTS
        said: list[Event] = []
        if not self._begun or chunk.error:
            self._begin(chunk, data, said)
        for choice in chunk.choices or ():
            self.choice(choice, said)
        if chunk.usage and bytes(chunk.usage) != b"null":
            said.append(Used(spent(chunk.usage)))
        return said

    def finish(self) -> Iterable[Event]:
        """Some servers leave `[DONE]` out: a reason to end is an end as well."""
        if self._done or not self._reasons:
            return _NO_EVENTS
        return (FINISHED,)

    def _last(self) -> list[Event]:
        """An end is a reason to end, where the server gives none."""
        self._done = True
        said: list[Event] = []
        for choice in tuple(self._open):
            self._close(choice, said)
        if self._begun and not self._reasons:
            said.append(Ended(END_TURN))
        return [*said, FINISHED]

    def _begin(self, chunk: forms.Answer, data: bytes, said: list[Event]) -> None:
        if chunk.error and bytes(chunk.error) != b"null":
            said.append(failed(chunk.error))
            return
        if self._begun or (not chunk.choices and not chunk.id):
            return
        self._begun = True
        extra = others(decode_fields(data), _ENVELOPE)
        said.append(Began(chunk.id or "", chunk.model or "", chunk.created, extra=extra))

    def choice(self, choice: forms.Choice, said: list[Event]) -> None:
        """What a choice adds, in the order in which it is thought of."""
        delta = choice.delta if choice.message is None else choice.message
        if delta is not None:
            if delta.thinking_blocks is not None or delta.reasoning_content or delta.reasoning:
                self._thoughts(choice.index, delta, said)
            if delta.content:
                logprobs = _tokens(choice.logprobs, refusal=False)
                said.append(Said(self._part(choice.index, TEXT, said), delta.content, logprobs))
            self._rest(choice, delta, said)
        if choice.finish_reason is not None:
            self._close(choice.index, said)
            self._reasons += 1
            said.append(_ended(choice, delta))

    def _rest(self, choice: forms.Choice, delta: forms.Message, said: list[Event]) -> None:
        index = choice.index
        if delta.refusal:
            logprobs = _tokens(choice.logprobs, refusal=True)
            said.append(Said(self._part(index, REFUSAL, said), delta.refusal, logprobs))
        for position, call in enumerate(delta.tool_calls or ()):
            self._call(index, position, call, said)
        if delta.function_call is not None:
            call = forms.ToolCall(0, None, "function", delta.function_call)
            self._call(index, 0, call, said)
        specific = delta.provider_specific_fields
        for block in (specific.blocks if specific is not None else None) or ():
            self._foreign(index, _type_of(block), block, said)
        citations = specific.citations if specific is not None else None
        for place in citations or delta.annotations or ():
            said.append(Cited(self._part(index, TEXT, said), place, url=citations is None))
        if delta.audio and bytes(delta.audio) != b"null":
            self._foreign(index, "audio", delta.audio, said)

    def _thoughts(self, choice: int, delta: forms.Message, said: list[Event]) -> None:
        if delta.thinking_blocks is not None:
            for block in delta.thinking_blocks:
                self._thought(choice, block, said)
            return
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            said.append(Said(self._part(choice, THINKING, said), thought))

    def _part(self, choice: int, kind: str, said: list[Event], number: int = 0) -> int:
        """Where a text goes on that something else has interrupted, it is another part."""
        now = self._open.get(choice)
        if now is not None and now[0][1] is kind and now[0][2] == number:
            return now[1]
        return self._opened((choice, kind, number), Opened(len(self._parts), kind, choice=choice), said)

    def _opened(self, key: _Key, event: Opened, said: list[Event]) -> int:
        self._close(key[0], said)
        part = len(self._parts) if len(self._parts) < MAX_PARTS else MAX_PARTS - 1
        self._parts[key if key[1] in (CALL, CUSTOM) else (*key[:2], part)] = part
        self._open[key[0]] = key, part
        said.append(msgspec.structs.replace(event, part=part))
        return part

    def _close(self, choice: int, said: list[Event]) -> None:
        now = self._open.pop(choice, None)
        if now is not None:
            said.append(Closed(now[1]))

    def _thought(self, choice: int, block: forms.Thought, said: list[Event]) -> None:
        number = block.index or 0
        if block.type == "redacted_thinking":
            raw = Raw(encode({"type": block.type, "data": block.data or ""}))
            part = len(self._parts)
            self._opened((choice, REDACTED, number), Opened(part, REDACTED, raw=raw, choice=choice), said)
            return
        part = self._part(choice, THINKING, said, number)
        if block.thinking:
            said.append(Said(part, block.thinking))
        if block.signature:
            said.append(Signed(part, block.signature))

    def _call(self, choice: int, position: int, call: forms.ToolCall, said: list[Event]) -> None:
        custom = call.custom is not None or call.type == "custom"
        kind, what = (CUSTOM, call.custom) if custom else (CALL, call.function)
        number = call.index if call.index is not None else position
        key = (choice, kind, number)
        part = self._parts.get(key)
        if part is None:
            name = (what.name if what is not None else None) or ""
            extra = _details(call.provider_specific_fields)
            called = Opened(len(self._parts), kind, call.id or "", name, choice=choice, extra=extra)
            part = self._opened(key, called, said)
        text = None if what is None else what.input if custom else what.arguments
        if text:
            said.append(Said(part, text))

    def _foreign(self, choice: int, kind: str, raw: Raw, said: list[Event]) -> None:
        part = len(self._parts)
        self._opened((choice, FOREIGN, part), Opened(part, FOREIGN, kind, raw=raw, choice=choice), said)


def whole(body: bytes) -> list[Event] | None:
    """None: it is no chat completion."""
    try:
        answer = _decode(body)
        fields = decode_fields(body)
    except UNREADABLE:
        return None
    if answer.choices is None:
        return None
    began = Began(answer.id or "", answer.model or "", answer.created, extra=others(fields, _ENVELOPE))
    said: list[Event] = [began]
    reader = ChatReader()
    for choice in answer.choices:
        reader.choice(choice, said)
    if answer.usage and bytes(answer.usage) != b"null":
        said.append(Used(spent(answer.usage)))
    return [*said, FINISHED]


def _ended(choice: forms.Choice, message: forms.Message | None) -> Ended:
    specific = None if message is None else message.provider_specific_fields
    finish = choice.finish_reason or ""
    reason = REASONS.get(finish, finish)
    if specific is None:
        return Ended(reason, choice.index)
    return Ended(specific.stop_reason or reason, choice.index, specific.stop_sequence)


def _type_of(block: Raw) -> str:
    try:
        return _decode_typed(block).type or ""
    except UNREADABLE:
        return ""


def failed(error: Raw) -> Failed:
    """`{"message", "type", "param", "code"}`, or a text."""
    try:
        said = _decode_problem(error)
    except UNREADABLE:
        return Failed("api_error", "The upstream failed.")
    if isinstance(said, str):
        return Failed("api_error", said)
    extra = others(decode_fields(error), ("message", "type", "param", "code"))
    code = None if said.code is None else str(said.code)
    return Failed(said.type or "api_error", said.message or "The upstream failed.", code, said.param, extra)


def spent(usage: Raw) -> Spent:
    try:
        said = _decode_usage(usage)
    except UNREADABLE:
        return Spent()
    fields = decode_fields(usage)
    inputs, outputs = said.prompt_tokens_details, said.completion_tokens_details
    return Spent(
        said.prompt_tokens,
        said.completion_tokens,
        None if inputs is None else inputs.cached_tokens,
        None if inputs is None else inputs.cache_write_tokens,
        None if outputs is None else outputs.reasoning_tokens,
        others(fields, _COUNTED),
        others(_details(fields.get("prompt_tokens_details", NULL)), ("cached_tokens", "cache_write_tokens")),
        others(_details(fields.get("completion_tokens_details", NULL)), ("reasoning_tokens",)),
    )


def _details(value: Raw) -> Mapping[str, Raw]:
    return (_decode_details(value) if bytes(value) else None) or {}


def _tokens(logprobs: forms.Logprobs | None, *, refusal: bool) -> Raw | None:
    if logprobs is None:
        return None
    tokens = logprobs.refusal if refusal else logprobs.content
    return tokens if bytes(tokens) not in (b"", b"null") else None
