"""/completions over other languages: its requests as chats, events as its answers, and its answers as events.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Raw

from proxy.errors import GatewayError
from proxy.providers.translation import chat_words
from proxy.providers.translation.chat_reader import failed, spent
from proxy.providers.translation.chat_words import FINISH_REASONS, REASONS
from proxy.providers.translation.coding import UNREADABLE, Fields, decode_fields, encode, others
from proxy.providers.translation.completions_forms import Answer, Choice, Logprobs, Token
from proxy.providers.translation.events import (
    FINISHED,
    TEXT,
    Began,
    Closed,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Said,
    Spent,
    Used,
)
from proxy.providers.translation.refusing import Telling, Terms, wrong

NO_WORD: dict[str, frozenset[bytes]] = {
    "best_of": frozenset((b"1",)),
    "echo": frozenset((b"false",)),
    "suffix": frozenset((b'""',)),
}
"""Of the fields of /completions; and the values that ask for nothing."""
DONE = b"data: [DONE]\n\n"
_ENVELOPE = frozenset(("id", "object", "created", "model", "choices", "usage", "error", "obfuscation"))
_NO_EVENTS: tuple[Event, ...] = ()

_decode_prompt = msgspec.json.Decoder(str | list[str]).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_stream = msgspec.json.Decoder(dict[str, bool]).decode
_decode = msgspec.json.Decoder(Answer).decode
_decode_tokens = msgspec.json.Decoder(list[Token]).decode


def request(body: bytes, terms: Terms) -> tuple[bytes, chat_words.Asked]:
    """The body for /chat/completions, and what its answer depends on.

    Raises GatewayError 400, msgspec.DecodeError when the body is no JSON object.
    """
    telling = Telling(decode_fields(body), terms)
    prompt = telling.read("prompt", _decode_prompt)
    if prompt is None:
        raise GatewayError(400, "you must provide a prompt parameter", param="prompt")
    if isinstance(prompt, list) and len(prompt) != 1:
        raise wrong("prompt", "a model of chats takes one prompt, as text")
    text = prompt if isinstance(prompt, str) else prompt[0]
    telling.take("model")
    telling.said |= {"model": terms.model, "messages": [{"role": "user", "content": text}]}
    logprobs = telling.read("logprobs", _decode_int)
    if logprobs is not None:
        telling.said |= {"logprobs": True, "top_logprobs": logprobs}
    telling.refuse_all(NO_WORD)
    options = _decode_stream(telling.fields.get("stream_options", b"{}"))
    return telling.body(), chat_words.Asked(terms.now_unix, options.get("include_usage", False))


class CompletionsReader:
    """One stream's."""

    def __init__(self) -> None:
        self._begun = self._done = False
        self._open: set[int] = set()
        self._reasons = 0

    def read(self, data: bytes) -> Iterable[Event]:
        """HOT."""
        if data.strip() == b"[DONE]":
            self._done = True
            return (FINISHED,)
        try:
            chunk = _decode(data)
        except UNREADABLE:
            return _NO_EVENTS
        if chunk.error and bytes(chunk.error) != b"null":
            return (failed(chunk.error),)
        said: list[Event] = []
        if not self._begun and (chunk.choices or chunk.id):
            self._begun = True
            extra = others(decode_fields(data), _ENVELOPE)
            said.append(Began(chunk.id or "", chunk.model or "", chunk.created, extra=extra))
        for choice in chunk.choices or ():
            self.choice(choice, said)
        if chunk.usage and bytes(chunk.usage) != b"null":
            said.append(Used(spent(chunk.usage)))
        return said

    def finish(self) -> Iterable[Event]:
        return _NO_EVENTS if self._done or not self._reasons else (FINISHED,)

    def choice(self, choice: Choice, said: list[Event]) -> None:
        """Each has one part, which has its number."""
        if choice.text:
            if choice.index not in self._open:
                self._open.add(choice.index)
                said.append(Opened(choice.index, TEXT, choice=choice.index))
            said.append(Said(choice.index, choice.text, _as_chats(choice.logprobs)))
        if choice.finish_reason is not None:
            self._reasons += 1
            if choice.index in self._open:
                said.append(Closed(choice.index))
            reason = REASONS.get(choice.finish_reason, choice.finish_reason)
            said.append(Ended(reason, choice.index))


def whole(body: bytes) -> list[Event] | None:
    """None: it is no completion."""
    try:
        answer = _decode(body)
        fields = decode_fields(body)
    except UNREADABLE:
        return None
    if answer.choices is None:
        return None
    extra = others(fields, _ENVELOPE)
    said: list[Event] = [Began(answer.id or "", answer.model or "", answer.created, extra=extra)]
    reader = CompletionsReader()
    for choice in answer.choices:
        reader.choice(choice, said)
    if answer.usage and bytes(answer.usage) != b"null":
        said.append(Used(spent(answer.usage)))
    return [*said, FINISHED]


class CompletionsWriter:
    """One stream's chunks. What is no text has no place here: no tool was asked for."""

    def __init__(self, asked: chat_words.Asked = chat_words.Asked()) -> None:  # noqa: B008 - frozen
        self._asked = asked
        self._choices: dict[int, int] = {}
        """Of texts, by part."""
        self._offsets: dict[int, int] = {}
        self._spent: Spent | None = None
        self._envelope: Fields = {}

    def write(self, event: Event) -> bytes:
        """HOT."""
        if isinstance(event, Said):
            choice = self._choices.get(event.part)
            if choice is None:
                return b""
            return self._chunk(choice, event.text, b"null", self.logprobs(choice, event))
        if isinstance(event, Opened) and event.kind in (TEXT, "refusal"):
            self._choices[event.part] = event.choice
        elif isinstance(event, Ended):
            reason = encode(finish_reason(event))
            return self._chunk(event.choice, "", reason, None)
        elif isinstance(event, Began):
            self._envelope = envelope(event, self._asked)
            self._spent = event.spent
        elif isinstance(event, Used):
            self._spent = event.spent
        elif isinstance(event, Finished):
            return self._last() + DONE
        elif isinstance(event, Failed):
            return b"data: %b\n\n" % chat_words.error(event)
        return b""

    def logprobs(self, choice: int, event: Said) -> Logprobs | None:
        offset = self._offsets.get(choice, 0)
        self._offsets[choice] = offset + len(event.text)
        return None if event.logprobs is None else as_completions(_decode_tokens(event.logprobs), offset)

    def _chunk(self, choice: int, text: str, reason: bytes, logprobs: Logprobs | None) -> bytes:
        said = {"index": choice, "text": text, "logprobs": logprobs, "finish_reason": Raw(reason)}
        usage = {"usage": None} if self._asked.usage else {}
        return b"data: %b\n\n" % encode({**self._envelope, "choices": [said], **usage})

    def _last(self) -> bytes:
        if not self._asked.usage or self._spent is None:
            return b""
        used = {**self._envelope, "choices": [], "usage": chat_words.usage(self._spent)}
        return b"data: %b\n\n" % encode(used)


def answer(events: Iterable[Event], asked: chat_words.Asked) -> bytes:
    """The same events as one completion; an error as one error."""
    writer = CompletionsWriter(asked)
    choices: dict[int, dict[str, object]] = {}
    parts: dict[int, int] = {}
    told: dict[str, object] = {}
    used: dict[str, object] = {}
    for event in events:
        if isinstance(event, Failed):
            return chat_words.error(event)
        if isinstance(event, Began):
            told = dict(envelope(event, asked))
        elif isinstance(event, Opened) and event.kind in (TEXT, "refusal"):
            parts[event.part] = event.choice
        elif isinstance(event, Said) and event.part in parts:
            choice = _choice(choices, parts[event.part])
            choice["text"] = f"{choice['text']}{event.text}"
            _join(choice, writer.logprobs(parts[event.part], event))
        elif isinstance(event, Ended):
            _choice(choices, event.choice)["finish_reason"] = finish_reason(event)
        elif isinstance(event, Used):
            used = {"usage": chat_words.usage(event.spent)}
    return encode({**told, "choices": list(choices.values()), **used})


def envelope(began: Began, asked: chat_words.Asked) -> Fields:
    created = began.created or asked.created
    known = {"id": began.id, "object": "text_completion", "created": created, "model": began.model}
    return {**{name: Raw(encode(value)) for name, value in known.items()}, **began.extra}


def finish_reason(ended: Ended) -> str:
    reason = FINISH_REASONS.get(ended.reason, ended.reason)
    return "stop" if reason == "tool_calls" else reason


def _choice(choices: dict[int, dict[str, object]], number: int) -> dict[str, object]:
    empty: dict[str, object] = {"index": number, "text": "", "logprobs": None, "finish_reason": None}
    return choices.setdefault(number, empty)


def _join(choice: dict[str, object], more: Logprobs | None) -> None:
    held = choice["logprobs"]
    if more is not None and isinstance(held, Logprobs):
        held.tokens += more.tokens
        held.token_logprobs += more.token_logprobs
        held.text_offset += more.text_offset
        held.top_logprobs = [*(held.top_logprobs or ()), *(more.top_logprobs or ())]
    elif more is not None:
        choice["logprobs"] = more


def as_completions(tokens: list[Token], offset: int) -> Logprobs:
    """Token objects as parallel lists. `offset`: characters of the choice before them."""
    found = Logprobs()
    for token in tokens:
        found.tokens.append(token.token)
        found.token_logprobs.append(token.logprob)
        found.text_offset.append(offset)
        offset += len(token.token)
    found.top_logprobs = [{top.token: top.logprob for top in token.top_logprobs} for token in tokens]
    return found


def _as_chats(logprobs: Logprobs | None) -> Raw | None:
    if logprobs is None or not logprobs.tokens:
        return None
    tops = logprobs.top_logprobs or [None] * len(logprobs.tokens)
    told = [
        Token(token, logprob or 0.0, [Token(*pair) for pair in (top or {}).items()])
        for token, logprob, top in zip(logprobs.tokens, logprobs.token_logprobs, tops, strict=False)
    ]
    return Raw(encode(told))
