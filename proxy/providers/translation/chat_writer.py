"""Events as chat completions: chunks of a stream, or one object.

What chat has no word for is under `provider_specific_fields`, as LiteLLM has it; thoughts are `reasoning_content` and
`thinking_blocks`. https://docs.litellm.ai/docs/reasoning_content
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Raw

from proxy.errors import UpstreamFailure
from proxy.providers.translation import chat_words
from proxy.providers.translation.chat_words import FINISH_REASONS, Asked
from proxy.providers.translation.citations import annotation_of
from proxy.providers.translation.coding import Fields, decode_fields, encode
from proxy.providers.translation.events import (
    CALL,
    CUSTOM,
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
    Finished,
    Opened,
    Said,
    Signed,
    Spent,
    Used,
)
from proxy.types import ResultKind

HELD_BYTES = 16 * 1024 * 1024
"""Of blocks that are passed on whole: results of a provider's own tools."""
DONE = b"data: [DONE]\n\n"
Delta = dict[str, object]


class ChatDeltas:
    """What each event adds to a choice's message: the same for chunks and for whole answers."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.choice: dict[int, int] = {}
        """By part."""
        self._kinds: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        """Of calls and of thoughts, by part: chat numbers each sort of its own."""
        self._counts: dict[tuple[int, str], int] = {}
        self._foreign: dict[int, tuple[Raw, list[str]]] = {}
        self._unsaid: set[int] = set()
        """Calls whose arguments have not begun."""
        self._lengths: dict[int, int] = {}
        """Characters of a choice's text so far."""
        self._starts: dict[int, int] = {}
        """Where a text begins in its choice's."""
        self._held_bytes = 0

    def opened(self, event: Opened) -> Delta | None:
        part, kind = event.part, event.kind
        self._kinds[part], self.choice[part] = kind, event.choice
        if kind is TEXT:
            self._starts[part] = self._lengths.get(event.choice, 0)
            return None
        if kind is FOREIGN:
            self._hold(len(bytes(event.raw)))
            self._foreign[part] = event.raw, []
            return None
        if kind in (CALL, CUSTOM):
            return self._call(event, self._number(event, "call"), custom=kind is CUSTOM)
        if kind is REDACTED:
            return {"thinking_blocks": [{**decode_fields(event.raw), "index": self._number(event, THINKING)}]}
        if kind is THINKING:
            self._number(event, THINKING)
        return None

    def said(self, event: Said) -> Delta | None:
        """HOT."""
        part = event.part
        kind = self._kinds.get(part, TEXT)
        if kind is TEXT:
            choice = self.choice.get(part, 0)
            self._lengths[choice] = self._lengths.get(choice, 0) + len(event.text)
            return {"content": event.text}
        if kind is CALL:
            if not event.text:
                return None
            return self._arguments(part, event.text)
        if kind is THINKING:
            return self._thought(part, event.text, "")
        if kind is REFUSAL:
            return {"refusal": event.text}
        if kind is FOREIGN:
            self._hold(len(event.text))
            self._foreign[part][1].append(event.text)
            return None
        return {"tool_calls": [{"index": self._numbers.get(part, 0), "custom": {"input": event.text}}]}

    def signed(self, event: Signed) -> Delta:
        thought: Delta = {"type": "thinking", "thinking": "", "signature": event.signature}
        return {"thinking_blocks": [{"index": self._numbers.get(event.part, 0), **thought}]}

    def cited(self, event: Cited) -> Delta:
        choice = self.choice.get(event.part, 0)
        if event.url:
            return {"annotations": [self._numbered(choice, "annotations", event.raw)]}
        citation = self._numbered(choice, "citations", event.raw)
        told: Delta = {"provider_specific_fields": {"citations": [citation]}}
        span = self._starts.get(event.part, 0), self._lengths.get(choice, 0)
        annotation = annotation_of(event.raw, span)
        if annotation is not None:
            told["annotations"] = [self._numbered(choice, "annotations", annotation)]
        return told

    def closed(self, event: Closed) -> Delta | None:
        part = event.part
        if part in self._unsaid:  # a call without arguments: clients read them as JSON
            return self._arguments(part, "{}")
        held = self._foreign.pop(part, None)
        if held is None:
            return None
        raw, pieces = held
        block = self._numbered(self.choice.get(part, 0), "blocks", raw)
        if pieces:
            block["input"] = Raw("".join(pieces).encode())
        return {"provider_specific_fields": {"blocks": [block]}}

    def _numbered(self, choice: int, sort: str, raw: Raw) -> Delta:
        """OpenAI's SDKs add lists up by this."""
        number = self._counts.get((choice, sort), 0)
        self._counts[choice, sort] = number + 1
        return {"index": number, **decode_fields(raw)}

    def _hold(self, size: int) -> None:
        self._held_bytes += size
        if self._held_bytes > HELD_BYTES:
            raise UpstreamFailure(ResultKind.BROKEN, f"blocks of more than {HELD_BYTES} bytes")

    def _number(self, event: Opened, sort: str) -> int:
        key = event.choice, sort
        number = self._counts.get(key, 0)
        self._counts[key] = number + 1
        self._numbers[event.part] = number
        return number

    def _call(self, event: Opened, number: int, *, custom: bool) -> Delta:
        name = event.name
        if self.asked.functions:
            self._unsaid.add(event.part)
            return {"function_call": {"name": name, "arguments": ""}}
        if not custom:
            self._unsaid.add(event.part)
        what: Delta = {"name": name, "input" if custom else "arguments": ""}
        call: Delta = {"index": number, "id": event.id, "type": "custom" if custom else "function"}
        call["custom" if custom else "function"] = what
        if event.extra:
            call["provider_specific_fields"] = event.extra
        return {"tool_calls": [call]}

    def _arguments(self, part: int, text: str) -> Delta:
        self._unsaid.discard(part)
        if self.asked.functions:
            return {"function_call": {"arguments": text}}
        return {"tool_calls": [{"index": self._numbers.get(part, 0), "function": {"arguments": text}}]}

    def _thought(self, part: int, text: str, signature: str) -> Delta:
        block = {
            "index": self._numbers.get(part, 0),
            "type": "thinking",
            "thinking": text,
            "signature": signature,
        }
        return {"reasoning_content": text, "thinking_blocks": [block]}

    def finish_reason(self, event: Ended) -> str:
        reason = FINISH_REASONS.get(event.reason, event.reason)
        return "function_call" if reason == "tool_calls" and self.asked.functions else reason


class ChatWriter:
    """One stream's chunks."""

    def __init__(self, asked: Asked = Asked()) -> None:  # noqa: B008 - frozen
        self._deltas = ChatDeltas(asked)
        self._include_usage = asked.usage
        self._before = self._after = b""
        self._begun: set[int] = set()
        self._spent: Spent | None = None
        self._envelope: Fields = {}
        self._set_envelope(Began(created=asked.created))

    def write(self, event: Event) -> bytes:
        """HOT."""
        deltas = self._deltas
        if isinstance(event, Said):
            delta = deltas.said(event)
            if delta is None:
                return b""
            choice = deltas.choice.get(event.part, 0)
            return self._chunk(choice, delta, b"null", event.logprobs)
        if isinstance(event, Opened):
            return self._delta(event.choice, deltas.opened(event))
        if isinstance(event, Closed):
            return self._delta(deltas.choice.get(event.part, 0), deltas.closed(event))
        if isinstance(event, Signed):
            return self._delta(deltas.choice.get(event.part, 0), deltas.signed(event))
        if isinstance(event, Cited):
            return self._delta(deltas.choice.get(event.part, 0), deltas.cited(event))
        return self._about_all(event)

    def _about_all(self, event: Event) -> bytes:
        if isinstance(event, Began):
            self._spent = event.spent
            self._set_envelope(event)
            return self._chunk(0, {"content": "", **_specific(event.extra)}, b"null", None)
        if isinstance(event, Ended):
            reason = self._deltas.finish_reason(event)
            return self._chunk(event.choice, _specific(_told(event)), encode(reason), None)
        if isinstance(event, Used):
            self._spent = event.spent
            return b""
        if isinstance(event, Finished):
            return self._last() + DONE
        return b"data: %b\n\n" % chat_words.error(event) if isinstance(event, Failed) else b""

    def _last(self) -> bytes:
        if not self._include_usage or self._spent is None:
            return b""
        used = {**self._envelope, "choices": [], "usage": chat_words.usage(self._spent)}
        return b"data: %b\n\n" % encode(used)

    def _set_envelope(self, began: Began) -> None:
        created = began.created or self._deltas.asked.created
        kind = "chat.completion.chunk"
        known = {"id": began.id, "object": kind, "created": created, "model": began.model}
        self._envelope = {name: Raw(encode(value)) for name, value in known.items()}
        self._before = b"data: " + encode(self._envelope)[:-1] + b',"choices":[{"index":'
        self._after = b'}],"usage":null}\n\n' if self._include_usage else b"}]}\n\n"

    def _delta(self, choice: int, delta: Delta | None) -> bytes:
        return b"" if delta is None else self._chunk(choice, delta, b"null", None)

    def _chunk(self, choice: int, delta: Mapping[str, object], reason: bytes, logprobs: Raw | None) -> bytes:
        """HOT."""
        if choice not in self._begun:
            self._begun.add(choice)
            delta = {"role": "assistant", **delta}
        tokens = b"null" if logprobs is None else b'{"content":%b,"refusal":null}' % bytes(logprobs)
        said = b'%d,"delta":%b,"logprobs":%b,"finish_reason":%b' % (choice, encode(delta), tokens, reason)
        return self._before + said + self._after


def whole(events: Iterable[Event], asked: Asked) -> bytes:
    """The same events as one chat completion; an error as one error."""
    deltas = ChatDeltas(asked)
    answer: dict[str, object] = {}
    choices: dict[int, Delta] = {}
    for event in events:
        if isinstance(event, Failed):
            return chat_words.error(event)
        if isinstance(event, Began):
            created = event.created or asked.created
            answer = {"id": event.id, "object": "chat.completion", "created": created, "model": event.model}
            _add(_message(choices, 0), _specific(event.extra))
        elif isinstance(event, Used):
            answer["usage"] = chat_words.usage(event.spent)
        elif isinstance(event, Ended):
            _add(_message(choices, event.choice), _specific(_told(event)))
            choices[event.choice]["finish_reason"] = deltas.finish_reason(event)
        elif not isinstance(event, Finished):
            _hear(deltas, choices, event)
    usage = answer.pop("usage", None)
    told = [{**choice, "message": _plain(choice["message"])} for choice in choices.values()]
    return encode({**answer, "choices": told, **({} if usage is None else {"usage": usage})})


def _hear(deltas: ChatDeltas, choices: dict[int, Delta], event: Event) -> None:
    delta: Delta | None = None
    if isinstance(event, Opened):
        delta = deltas.opened(event)
    elif isinstance(event, Said):
        delta = deltas.said(event)
    elif isinstance(event, Signed):
        delta = deltas.signed(event)
    elif isinstance(event, Cited):
        delta = deltas.cited(event)
    elif isinstance(event, Closed):
        delta = deltas.closed(event)
    if isinstance(event, Opened | Said | Signed | Cited | Closed):
        choice = deltas.choice.get(event.part, 0)
        if delta is not None:
            _add(_message(choices, choice), delta)
        if isinstance(event, Said) and event.logprobs is not None:
            choices[choice]["logprobs"] = {"content": event.logprobs, "refusal": None}


def _message(choices: dict[int, Delta], number: int) -> Delta:
    if number not in choices:
        message: Delta = {"role": "assistant", "content": None, "refusal": None}
        choices[number] = {"index": number, "message": message, "logprobs": None, "finish_reason": None}
    message_now = choices[number]["message"]
    assert isinstance(message_now, dict)
    return message_now


def _add(message: Delta, delta: Mapping[str, object]) -> None:
    """As OpenAI's SDKs add deltas up: texts end to end, lists by their members' `index`."""
    for name, value in delta.items():
        held = message.get(name)
        if held is None:
            message[name] = value
        elif isinstance(held, str) and isinstance(value, str):
            message[name] = value if name in ("type", "role") else held + value
        elif isinstance(held, dict) and isinstance(value, Mapping):
            _add(held, value)
        elif isinstance(held, list) and isinstance(value, list):
            _add_to_list(held, value)


def _add_to_list(held: list[object], more: list[object]) -> None:
    for member in more:
        number = member.get("index") if isinstance(member, dict) else None
        same = next((each for each in held if isinstance(each, dict) and each.get("index") == number), None)
        if number is None or same is None:
            held.append(member)
        else:
            assert isinstance(member, dict)
            _add(same, {name: value for name, value in member.items() if name != "index"})


def _plain(message: object) -> Delta:
    """Lists of a whole message bear no numbers."""
    assert isinstance(message, dict)
    return {name: _without_numbers(value) for name, value in message.items()}


def _without_numbers(value: object) -> object:
    if isinstance(value, list):
        members = [dict(member) for member in value if isinstance(member, dict)]
        return [{key: each for key, each in member.items() if key != "index"} for member in members] or value
    return _plain(value) if isinstance(value, dict) else value


def _told(event: Ended) -> Mapping[str, Raw]:
    """What the reason says more than chat's word for it."""
    told: Fields = {}
    if event.stop_sequence is not None:
        told["stop_sequence"] = Raw(encode(event.stop_sequence))
    if event.reason in FINISH_REASONS and event.reason not in ("end_turn", "max_tokens", "tool_use"):
        told["stop_reason"] = Raw(encode(event.reason))
    return {**told, **event.extra}


def _specific(extra: Mapping[str, Raw]) -> Delta:
    return {"provider_specific_fields": dict(extra)} if extra else {}
