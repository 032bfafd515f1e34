"""The one interface between the doors and the pipeline: a request to read and an answer to write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from proxy.types import Headers, Reply
from proxy.upstream.answer import Answer
from proxy.upstream.outbound import BodySource
from proxy.wire.form import RequestHead
from proxy.wire.parking import Parking
from proxy.wire.pump import End, Sieve, Tap
from proxy.wire.response_head import ResponseHead


class Exchange(BodySource, Protocol):
    """One request and its answer, as a door offers them.

    Every waiting method raises `ClientGone` once the client has left.
    """

    head: RequestHead
    body_length: int
    """Bytes, or wire.head.CHUNKED, or wire.head.NO_BODY."""
    parking: Parking
    beside: Callable[[], Awaitable[None]] | None
    """What the door must run beside the request, in its scope."""
    door: str
    """`fast` or `asgi`, for the record."""
    lines: bytes
    """Header lines that every answer to this request carries, whoever makes it."""
    committed: bool
    """The answer's head has gone out: no other answer can take its place. Set by the door, in one place."""
    opened_early: bool
    """The gateway began an event stream of its own: nothing of an upstream's has been sent yet."""
    sent_bytes: int
    """Body bytes of the answer sent so far."""
    next_event: int
    """The number of a stream's next event, where they are numbered."""

    @property
    def body_read(self) -> bool:
        """The whole request body has been read."""

    def take_whole(self) -> bytes:
        """The whole body, when it came with the head; b"" when it must be read."""

    async def read_body(self, limit_bytes: int, hold: Callable[[int], None] | None = None) -> bytes:
        """The whole body, unframed. Raises GatewayError 413, or 408 when it stops coming.

        `hold` is told of each piece's length as it comes, and may raise: for bodies that are worth counting.
        """

    async def read_some(self) -> bytes:
        """The next piece of the body, unframed; b"" at its end. Raises GatewayError 408 when it stops coming."""

    async def answer(self, reply: Reply, extra: Headers = ()) -> None:
        """A whole answer of the gateway's own."""

    async def inform(self, head: ResponseHead) -> None:
        """An interim answer (RFC 9110 section 15.2), where the door can."""

    def relay_at_once(self, answer: Answer, extra: bytes, tap: Tap | None) -> bool:
        """HOT. `relay`, without waiting, of an answer that is here whole. False, and nothing done: `relay` it."""

    async def relay(self, answer: Answer, extra: bytes, tap: Tap | None, sieve: Sieve | None = None) -> End:
        """The upstream's answer as it is, with the header lines `extra` added. Commits.

        `sieve`: of an answer in chunks, what is not for the client.

        Ends with the connection cut when the answer did not come whole.
        """

    async def begin(self, head: ResponseHead, extra: bytes) -> None:
        """The head of an answer whose body is made here, piece by piece: always chunked. Commits."""

    async def write(self, piece: bytes) -> None:
        """One piece of that body."""

    async def end(self) -> None:
        """Its clean end."""

    @property
    def told_bytes(self) -> int:
        """What the client was told so far, while it is told."""

    async def keep_alive(self, extra: bytes) -> None:
        """A comment in an event stream, which is begun if nothing was; none where it would not stand between events.

        Never waits for the client to take it.
        """

    async def abort(self, last_words: bytes = b"") -> None:
        """Its unclean end: one last piece of body if given, then the connection is cut."""
