"""Events as Anthropic's: a stream's events, or one message.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Raw

from proxy.providers.translation import messages_words
from proxy.providers.translation.citations import citation_of
from proxy.providers.translation.coding import UNREADABLE, decode_any, encode, sse
from proxy.providers.translation.events import (
    CALL,
    CUSTOM,
    FOREIGN,
    REDACTED,
    REFUSAL,
    REFUSED,
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

_OWN_BLOCKS = ("server_tool_use", "_tool_result", "container_upload")
"""How the types of blocks end that are Anthropic's alone."""
_NO_SPENT = Spent()
Block = dict[str, object]


class MessagesWriter:
    """One stream's."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        """Blocks are numbered without a gap; parts of other choices, and what has no block, are left out."""
        self._kinds: dict[int, str] = {}
        self._spent = _NO_SPENT
        self._ended: Ended | None = None
        self._refused = False

    def write(self, event: Event) -> bytes:
        """HOT."""
        if isinstance(event, Said):
            return self._said(event)
        if isinstance(event, Opened):
            return self._opened(event)
        if isinstance(event, Closed):
            number = self._numbers.get(event.part)
            if number is None:
                return b""
            return sse("content_block_stop", b'{"type":"content_block_stop","index":%d}' % number)
        if isinstance(event, Signed):
            return self._delta(event.part, b"signature_delta", b"signature", encode(event.signature))
        if isinstance(event, Cited):
            citation = citation_of(event.raw) if event.url else event.raw
            return (
                b""
                if citation is None
                else self._delta(event.part, b"citations_delta", b"citation", citation)
            )
        return self._about_all(event)

    def _said(self, event: Said) -> bytes:
        """HOT."""
        text = encode(event.text)
        kind = self._kinds.get(event.part)
        if kind is CALL:
            return self._delta(event.part, b"input_json_delta", b"partial_json", text)
        if kind is THINKING:
            return self._delta(event.part, b"thinking_delta", b"thinking", text)
        if kind is CUSTOM:
            return self._delta(event.part, b"input_json_delta", b"partial_json", encode(text[1:-1].decode()))
        return self._delta(event.part, b"text_delta", b"text", text)

    def _delta(self, part: int, kind: bytes, name: bytes, value: bytes | Raw) -> bytes:
        """HOT."""
        number = self._numbers.get(part)
        if number is None:
            return b""
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}'
            b"\n\n" % (number, kind, name, bytes(value))
        )

    def _opened(self, event: Opened) -> bytes:
        block = block_of(event)
        if block is None or event.choice:
            return b""
        self._refused |= event.kind is REFUSAL
        number = len(self._numbers)
        self._numbers[event.part], self._kinds[event.part] = number, event.kind
        said = {"type": "content_block_start", "index": number, "content_block": block}
        return sse("content_block_start", encode(said))

    def _about_all(self, event: Event) -> bytes:
        if isinstance(event, Began):
            self._spent = event.spent or _NO_SPENT
            message = {**envelope(event), "content": [], **_reason(None), "usage": _usage(self._spent)}
            return sse("message_start", encode({"type": "message_start", "message": message}))
        if isinstance(event, Ended):
            if not event.choice:
                self._ended = event
            return b""
        if isinstance(event, Used):
            self._spent = event.spent
            return b""
        if isinstance(event, Finished):
            return self._last() + sse("message_stop", b'{"type":"message_stop"}')
        if isinstance(event, Failed):
            return sse("error", messages_words.error(event, messages_words.error_type(event)))
        return b""

    def _last(self) -> bytes:
        ended = self._ended
        if ended is None:
            return b""
        delta = {**_reason(ended, refused=self._refused), **ended.extra}
        said = {"type": "message_delta", "delta": delta, "usage": _usage(self._spent)}
        return sse("message_delta", encode(said))


def whole(events: Iterable[Event]) -> bytes:
    """The same events as one message; an error as one error."""
    message: dict[str, object] = {}
    blocks: dict[int, Block] = {}
    texts: dict[int, list[str]] = {}
    ended: Ended | None = None
    spent, refused = _NO_SPENT, False
    for event in events:
        if isinstance(event, Failed):
            return messages_words.error(event, messages_words.error_type(event))
        if isinstance(event, Began):
            message, spent = envelope(event), event.spent or _NO_SPENT
        elif isinstance(event, Opened) and not event.choice:
            block = block_of(event)
            refused |= event.kind is REFUSAL
            if block is not None:
                blocks[event.part] = block
        elif isinstance(event, Said):
            texts.setdefault(event.part, []).append(event.text)
        elif isinstance(event, Signed) and event.part in blocks:
            blocks[event.part]["signature"] = event.signature
        elif isinstance(event, Cited):
            _cite(blocks.get(event.part), event)
        elif isinstance(event, Ended) and not event.choice:
            ended = event
        elif isinstance(event, Used):
            spent = event.spent
    content = [_filled(block, "".join(texts.get(part, ()))) for part, block in blocks.items()]
    reason = _reason(ended, refused=refused)
    extra = {} if ended is None else ended.extra
    return encode({**message, "content": content, **reason, **extra, "usage": _usage(spent)})


def envelope(began: Began) -> dict[str, object]:
    kind = {"id": began.id, "type": "message", "role": "assistant", "model": began.model}
    created = {"created": began.created} if began.created else {}
    return {**kind, **created, **began.extra}


def block_of(event: Opened) -> Block | None:
    """As a stream begins it. None: Anthropic has none of its kind."""
    kind = event.kind
    if kind in (CALL, CUSTOM):
        return {"type": "tool_use", "id": event.id, "name": event.name, "input": {}, **event.extra}
    if kind is THINKING:
        return {"type": "thinking", "thinking": "", "signature": ""}
    if kind is REDACTED:
        return {"type": "redacted_thinking", **_object(event.raw)}
    if kind is FOREIGN:
        return _object(event.raw) if event.id.endswith(_OWN_BLOCKS) else None
    return {"type": "text", "text": ""}


def _filled(block: Block, text: str) -> Block:
    kind = block["type"]
    if kind == "tool_use":
        return {**block, "input": arguments_of(text)}
    if kind in ("text", "thinking"):
        return {**block, str(kind): text}
    return block


def arguments_of(text: str) -> object:
    """A call's arguments as the object that Anthropic has; what is none is one with that text."""
    try:
        found = decode_any(text or "{}")
    except UNREADABLE:
        found = None
    return found if isinstance(found, dict) else {"input": text}


def _cite(block: Block | None, event: Cited) -> None:
    citation = citation_of(event.raw) if event.url else event.raw
    if block is not None and citation is not None:
        held = block.setdefault("citations", [])
        assert isinstance(held, list)
        held.append(citation)


def _object(raw: Raw) -> Block:
    found = decode_any(raw)
    return found if isinstance(found, dict) else {}


def _reason(ended: Ended | None, *, refused: bool = False) -> dict[str, object]:
    if ended is None:
        return {"stop_reason": None, "stop_sequence": None}
    reason = REFUSED if refused else ended.reason
    return {"stop_reason": reason, "stop_sequence": ended.stop_sequence}


def _usage(spent: Spent) -> dict[str, object]:
    return messages_words.usage(spent)
