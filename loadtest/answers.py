"""What the mock upstream can say, well or badly: values only, no sockets.

`Answer` is one answer and its faults; the functions below build the usual ones.
"""

from __future__ import annotations

import enum
import re
from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import msgspec

from proxy.types import Header, Headers

JSON_TYPE: Header = (b"content-type", b"application/json")
SSE_TYPE: Header = (b"content-type", b"text/event-stream; charset=utf-8")
REPLY_BYTES = 521
EVENTS = 64
EVENT_BYTES = 188
DONE = b"data: [DONE]\n\n"
LAST_CHUNK = b"0\r\n\r\n"
USAGE = b'{"prompt_tokens":19,"completion_tokens":64,"total_tokens":83}'


class Framing(enum.Enum):
    """How the answer says where its body ends."""

    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class Fault(enum.Enum):
    """What happens to the connection once `fault_at` bytes of the answer (head included) were sent."""

    NONE = "none"
    RESET = "reset"
    """A TCP reset (SO_LINGER 0)."""
    CLOSE = "close"
    """A plain close, whatever the framing promised; under TLS without close_notify."""
    HALF_CLOSE = "half_close"
    """Sends no more, but goes on reading until the client leaves."""
    STALL = "stall"
    """Sends no more and keeps the connection until the client leaves."""


@dataclass(frozen=True)
class RawRequest:
    """One request as its bytes came."""

    connection: int
    """Index of the connection it came on, in order of accepting."""
    head: bytes
    """Request line and headers, up to and with the blank line."""
    body: bytes = b""
    """The content, chunk framing removed."""
    raw_body: bytes = field(default=b"", repr=False)
    """What followed the head on the wire: chunk framing and trailers included."""

    @property
    def request_line(self) -> bytes:
        return self.head.split(b"\r\n", 1)[0]

    @property
    def method(self) -> bytes:
        return self.request_line.split(b" ")[0]

    @property
    def target(self) -> bytes:
        return self.request_line.split(b" ")[1]

    @property
    def headers(self) -> Headers:
        lines = self.head.split(b"\r\n")[1:-2]
        return tuple(
            (name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)
        )

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key.lower() == name), None)


Body = bytes | tuple[bytes, ...] | AsyncIterable[bytes]


@dataclass(frozen=True)
class Answer:
    """One answer. The defaults are a plain, well-behaved 200."""

    status: int = 200
    headers: Headers = (JSON_TYPE,)
    body: Body = b""
    """Pieces are sent one by one, each as one chunk when chunked. An async iterable (a trio memory
    channel, say) lets a test decide when each piece goes; its framing may not be LENGTH."""
    framing: Framing = Framing.LENGTH
    content_length: int | None = None
    """The lie to tell with Framing.LENGTH; None tells the truth."""
    raw: bytes | None = None
    """Sent verbatim in place of head and body."""
    before: bytes = b""
    """Sent verbatim before the answer: 1xx heads, mostly."""
    head_delay_s: float = 0.0
    gap_s: float = 0.0
    """Pause between two pieces."""
    piece_bytes: int = 0
    """Above 0: head and body go in writes of this many bytes, `gap_s` apart. 1 is a byte at a time."""
    fault: Fault = Fault.NONE
    fault_at: int = 0
    close_after: bool = False
    """Close the connection right after the answer without having announced it."""

    def head(self) -> bytes:
        """Status line, headers and blank line as they go on the wire."""
        reason = HTTPStatus(self.status).phrase if self.status in _KNOWN else "Unknown"
        lines = [b"HTTP/1.1 %d %s" % (self.status, reason.encode())]
        lines += [b"%s: %s" % header for header in (*self.headers, *self._framing_headers())]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _framing_headers(self) -> Headers:
        if self.framing is Framing.CHUNKED:
            return ((b"transfer-encoding", b"chunked"),)
        if self.framing is Framing.CLOSE:
            return ((b"connection", b"close"),)
        if self.content_length is None and (self.status in _BODILESS):
            return ()
        length = self.length() if self.content_length is None else self.content_length
        return ((b"content-length", b"%d" % length),)

    def length(self) -> int:
        """Bytes of the body; TypeError when only an async iterable knows."""
        if isinstance(self.body, bytes):
            return len(self.body)
        if isinstance(self.body, tuple):
            return sum(map(len, self.body))
        raise TypeError("a body that comes piece by piece needs Framing.CHUNKED or Framing.CLOSE")

    def writes(self) -> Sequence[bytes]:
        """What goes out in one write each: the head goes with the first piece. Static bodies only."""
        if self.raw is not None:
            writes: Sequence[bytes] = [self.raw]
        else:
            writes = self._framed_writes()
        return cut(b"".join(writes), self.piece_bytes) if self.piece_bytes else writes

    def _framed_writes(self) -> Sequence[bytes]:
        if isinstance(self.body, AsyncIterable):
            raise TypeError("a body that comes piece by piece cannot be written at once")
        pieces = [self.body] if isinstance(self.body, bytes) else list(self.body)
        if self.framing is Framing.CHUNKED:
            pieces = [chunk(piece) for piece in pieces if piece]
            pieces[-1:] = [b"".join(pieces[-1:]) + LAST_CHUNK]
        pieces[:1] = [self.head() + b"".join(pieces[:1])]
        return pieces


_KNOWN = {int(status) for status in HTTPStatus}
_BODILESS = {101, 204, 304}

Answerer = Callable[[RawRequest], Answer | None]
"""Chooses the answer of each request; None takes the default one."""


def chat(model: str = "gpt-4o-mini", size_bytes: int = REPLY_BYTES) -> Answer:
    """A chat completion of `size_bytes` (at least about 300), with usage."""
    head = b'{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":'
    head += msgspec.json.encode(model)
    head += b',"choices":[{"index":0,"message":{"role":"assistant","content":"'
    tail = b'","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":%s' % USAGE
    tail += b',"system_fingerprint":"fp_mock"}'
    return Answer(body=head + b"a" * max(0, size_bytes - len(head) - len(tail)) + tail)


def event(
    number: int, model: str = "gpt-4o-mini", size_bytes: int = EVENT_BYTES, *, usage: bool = False
) -> bytes:
    """One SSE event of a chat stream, blank line included; the number is in its content. `usage`: it was asked for."""
    head = b'data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":'
    head += msgspec.json.encode(model) + b',"choices":[{"index":0,"delta":{"content":"%d' % number
    tail = b'"},"finish_reason":null}]}\n\n'
    padding = b" " * max(0, size_bytes - len(head) - len(tail))
    return head + padding + (tail.replace(b"]}", b'],"usage":null}') if usage else tail)


def usage_event(model: str = "gpt-4o-mini") -> bytes:
    """The last event before [DONE] when `stream_options.include_usage` was asked for."""
    head = b'data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,"model":'
    return head + msgspec.json.encode(model) + b',"choices":[],"usage":%s}\n\n' % USAGE


def chat_stream(events: int = EVENTS, gap_s: float = 0.0, *, usage: bool = False) -> Answer:
    """A chat stream: `events` events, the usage event if asked for, and [DONE]; each its own chunk."""
    pieces = [event(number, usage=usage) for number in range(events)]
    if usage:
        pieces.append(usage_event())
    return Answer(headers=(SSE_TYPE,), body=(*pieces, DONE), framing=Framing.CHUNKED, gap_s=gap_s)


CODES = {401: "invalid_api_key", 403: "account_deactivated"}


def error(status: int, message: str = "mock error", *, retry_after: str | None = None) -> Answer:
    """An error in OpenAI's shape, with its code for a key that will not do; `retry_after` is the header's text:
    seconds or an HTTP date."""
    extra: Headers = () if retry_after is None else ((b"retry-after", retry_after.encode()),)
    shape = {"error": {"message": message, "type": "mock_error", "param": None, "code": CODES.get(status)}}
    return Answer(status, (JSON_TYPE, *extra), msgspec.json.encode(shape))


def reset(at: int = 0, answer: Answer | None = None) -> Answer:
    """A TCP reset after `at` bytes of an answer."""
    return replace(answer or chat(), fault=Fault.RESET, fault_at=at)


def truncated(at: int = 0, answer: Answer | None = None) -> Answer:
    """A plain close after `at` bytes of an answer."""
    return replace(answer or chat(), fault=Fault.CLOSE, fault_at=at)


def stalled(at: int = 0, answer: Answer | None = None) -> Answer:
    """`at` bytes of an answer, then nothing, until the client leaves. 0 is silence."""
    return replace(answer or chat(), fault=Fault.STALL, fault_at=at)


_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USAGE = re.compile(rb'"include_usage"\s*:\s*true')


def default_answer(request: RawRequest, pace_s: float = 0.0) -> Answer:
    """What an untroubled upstream says: a stream when the body asks for one, else a chat completion."""
    if request.method == b"HEAD":
        return Answer()
    if request.method != b"POST":
        return Answer(body=b'{"object":"list","data":[]}')
    if _STREAM.search(request.body):
        return chat_stream(gap_s=pace_s, usage=bool(_USAGE.search(request.body)))
    return chat()


def cut(data: bytes, piece_bytes: int) -> Sequence[bytes]:
    return [data[start : start + piece_bytes] for start in range(0, len(data), piece_bytes)]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
