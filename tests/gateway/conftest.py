"""A fake door, and calls without one."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.access.identity import Caller
from proxy.errors import body_too_large
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Kind, Route
from proxy.types import Deployment, Headers, Reply
from proxy.upstream.answer import Answer
from proxy.wire.form import RequestHead
from proxy.wire.gone import ClientGone
from proxy.wire.head import CHUNKED, NO_BODY
from proxy.wire.parking import Parking
from proxy.wire.pump import End, Sieve, Tap
from proxy.wire.reactor import Reactor
from proxy.wire.response_head import ResponseHead
from proxy.wire.uplink import Uplink
from tests.deployments import made

CALLER = Caller("tester", b"caller-id")
CHAT = Route(
    Kind.NATIVE, "/chat/completions", b"/chat/completions", model_needed=True, chat=True, family="chat"
)


class FakeExchange:
    """Implements gateway.exchange.Exchange: a body in pieces comes in, what is answered is kept."""

    def __init__(self, head: RequestHead, pieces: tuple[bytes, ...], length: int, parking: Parking) -> None:
        self.head = head
        self.body_length = length
        self.parking = parking
        self.beside = None
        self.door = "fake"
        self.committed = False
        self.opened_early = False
        self.lines = b""
        self.comments = 0
        self.sent_bytes = self.next_event = 0
        self.replies: list[Reply] = []
        self.extra = b""
        self.written: list[bytes] = []
        self.ended = False
        self.last_words: bytes | None = None
        self.pieces = list(pieces)
        self.gone_at: str | None = None
        """The method at which the client turns out to have left."""

    def _may(self, name: str) -> None:
        if self.gone_at == name:
            raise ClientGone

    @property
    def body_read(self) -> bool:
        return not self.pieces

    def take_whole(self) -> bytes:
        return self.pieces.pop() if len(self.pieces) == 1 and self.body_length != CHUNKED else b""

    async def read_body(self, limit_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
        body = b"".join(self.pieces)
        if hold is not None:
            hold(len(body))
        if len(body) > limit_bytes:
            raise body_too_large(limit_bytes)
        self.pieces.clear()
        return body

    async def read_some(self) -> bytes:
        self._may("read_some")
        return self.pieces.pop(0) if self.pieces else b""

    async def send_to(self, uplink: Uplink) -> None:
        raise NotImplementedError

    async def answer(self, reply: Reply, extra: Headers = ()) -> None:
        self._may("answer")
        self.committed = True
        self.replies.append(reply)

    async def inform(self, head: ResponseHead) -> None:
        self._may("inform")

    def relay_at_once(self, answer: Answer, extra: bytes, tap: Tap | None) -> bool:
        return False

    async def relay(self, answer: Answer, extra: bytes, tap: Tap | None, sieve: Sieve | None = None) -> End:
        self.committed, self.extra = True, extra
        while piece := await answer.read():
            if tap is not None:
                tap.feed(piece)
            piece = piece if sieve is None else sieve.feed(piece)
            self.written.append(piece)
            self.sent_bytes += len(piece)
        return End.DONE

    async def begin(self, head: ResponseHead, extra: bytes) -> None:
        self._may("begin")
        self.committed, self.extra = True, extra

    async def write(self, piece: bytes) -> None:
        self._may("write")
        self.written.append(piece)
        self.sent_bytes += len(piece)

    async def end(self) -> None:
        self._may("end")
        self.ended = True

    @property
    def told_bytes(self) -> int:
        return self.sent_bytes

    async def keep_alive(self, extra: bytes) -> None:
        self.committed = self.opened_early = True
        self.comments += 1

    async def abort(self, last_words: bytes = b"") -> None:
        self.last_words = last_words
        self._may("abort")


@pytest.fixture
def exchange() -> Callable[..., FakeExchange]:
    """`exchange(b"body", method=b"POST", content_type=...)`; more pieces than one do not come with the head."""

    def make(
        *pieces: bytes,
        method: bytes = b"POST",
        target: bytes = b"/v1/chat/completions",
        content_type: bytes = b"application/json",
        headers: Headers = (),
        length: int | None = None,
    ) -> FakeExchange:
        own = ((b"Content-Type", content_type),) if content_type else ()
        head = RequestHead.of(method, target, (*own, *headers))
        size = sum(map(len, pieces)) or NO_BODY
        return FakeExchange(head, pieces, size if length is None else length, Parking(Reactor()))

    return make


@pytest.fixture
def a_call() -> Callable[..., Call]:
    """A chat call for `m`, but for what is said."""

    def make(
        body: bytes = b'{"model":"m"}',
        *,
        route: Route = CHAT,
        method: bytes = b"POST",
        target: bytes = b"/v1/chat/completions",
        headers: Headers = (),
        **fields: object,
    ) -> Call:
        call = Call(
            route=route,
            head=RequestHead.of(method, target, headers),
            caller=CALLER,
            model="m",
            body_model="m",
            body=body,
            length=len(body),
            json=body,
        )
        return msgspec.structs.replace(call, **fields)

    return make


@pytest.fixture
def a_deployment() -> Callable[..., Deployment]:
    return made
