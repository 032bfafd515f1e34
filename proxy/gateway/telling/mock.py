"""`mock_response`: a deployment that answers chat and completions with a set text, asking nobody.

https://docs.litellm.ai/docs/completion/mock_requests
"""

from __future__ import annotations

import time

import msgspec

from proxy.accounting.record import call_id
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.providers.translation import chat_reader, messages_writer
from proxy.providers.translation.stream import StreamTranslator
from proxy.types import Deployment
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_rules import parse_response_head
from proxy.wire.unheld import unheld_lines

MESSAGES = b"/messages"
_PATHS = (b"/chat/completions", b"/completions", MESSAGES)
_encode = msgspec.json.Encoder().encode


def mocks(call: Call) -> bool:
    """Of a deployment that has a `mock_response`."""
    return call.route.path in _PATHS


async def send_mock(exchange: Exchange, call: Call, deployment: Deployment, extra: bytes) -> None:
    """The whole answer, as JSON or as a stream of words."""
    text = deployment.mock_response or ""
    head = _head(b"text/event-stream" if call.stream else b"application/json")
    await exchange.begin(head, extra + unheld_lines(head) if call.stream else extra)
    pieces = _stream(call, text) if call.stream else [_whole(call, text)]
    for piece in _for_anthropic(call, pieces) if call.route.path == MESSAGES else pieces:
        await exchange.write(piece)
    await exchange.end()


def _chats(call: Call) -> bool:
    return call.route.chat or call.route.path == MESSAGES


def _for_anthropic(call: Call, pieces: list[bytes]) -> list[bytes]:
    """The same in the other language."""
    if not call.stream:
        return [messages_writer.whole(chat_reader.whole(piece) or ()) for piece in pieces]
    translator = StreamTranslator(chat_reader.ChatReader(), messages_writer.MessagesWriter())
    return [translator.feed(piece) for piece in pieces]


async def send_own(exchange: Exchange, body: bytes, extra: bytes) -> None:
    """A whole answer that is made here in an upstream's place."""
    await exchange.begin(_head(b"application/json"), extra)
    await exchange.write(body)
    await exchange.end()


def _head(content_type: bytes) -> ResponseHead:
    return parse_response_head(
        b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % content_type,
        b"POST",
        frozenset(),
    )


def _envelope(call: Call, kind: str) -> dict[str, object]:
    prefix = "chatcmpl-" if _chats(call) else "cmpl-"
    return {"id": prefix + call_id(), "object": kind, "created": int(time.time()), "model": call.model or ""}


def _whole(call: Call, text: str) -> bytes:
    kind = "chat.completion" if _chats(call) else "text_completion"
    content = {"message": {"role": "assistant", "content": text}} if _chats(call) else {"text": text}
    choice = {"index": 0, "finish_reason": "stop", **content}
    words = len(text.split())
    usage = {"prompt_tokens": 0, "completion_tokens": words, "total_tokens": words}
    return _encode({**_envelope(call, kind), "choices": [choice], "usage": usage})


def _stream(call: Call, text: str) -> list[bytes]:
    envelope = _envelope(call, "chat.completion.chunk" if _chats(call) else "text_completion")
    words = text.split(" ")
    pieces = [word + " " for word in words[:-1]] + words[-1:]
    events = [_event(call, envelope, piece, None) for piece in pieces]
    return [*events, _event(call, envelope, "", "stop"), b"data: [DONE]\n\n"]


def _event(call: Call, envelope: dict[str, object], piece: str, finish: str | None) -> bytes:
    content = {"delta": {"content": piece} if piece else {}} if _chats(call) else {"text": piece}
    choice = {"index": 0, "finish_reason": finish, **content}
    return b"data: " + _encode({**envelope, "choices": [choice]}) + b"\n\n"
