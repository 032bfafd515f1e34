"""One attempt: take or make a connection, send the request, read the answer's head."""

from __future__ import annotations

import math
import time

from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.upstream.answer import Answer
from proxy.upstream.connecting import Connector
from proxy.upstream.destination import Endpoint
from proxy.upstream.outbound import Outbound, Patience
from proxy.upstream.pool import Connection, ConnectionPool
from proxy.wire.head import find_head_end
from proxy.wire.link import POST_BYTES, Link
from proxy.wire.parking import Late, Parking
from proxy.wire.response_head import ResponseHead
from proxy.wire.response_parser import ResponseParser
from proxy.wire.response_rules import BadResponse
from proxy.wire.uplink import Answered, Uplink

MAX_ANSWER_HEAD_BYTES = 64 * 1024
"""OpenAI's heads are about 1 KiB; beyond this it is not an answer."""
STALE_S = 1.0
"""A kept connection that ends unanswered within so long was closed as the request was sent: a round trip or two.
Later, its upstream had the request and may have worked on it."""
IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"))
MAX_INTERIM_ANSWERS = 16
"""1xx answers before the real one."""
DROPPED_FROM_ANSWERS = frozenset((b"set-cookie",))
"""An upstream's cookies are between it and the gateway."""


class UpstreamClient:
    """Sends requests over pooled connections; one per worker."""

    def __init__(self, pool: ConnectionPool, connector: Connector) -> None:
        self._pool = pool
        self._connector = connector
        self._parser = ResponseParser(DROPPED_FROM_ANSWERS)

    async def send(
        self,
        parking: Parking,
        endpoint: Endpoint,
        outbound: Outbound,
        patience: Patience,
        until: float = math.inf,
    ) -> Answer:
        """One request, one answer's head, before `until` (monotonic seconds). Raises UpstreamFailure, ClientGone."""
        # A body that moves cannot be sent twice, so it does not risk a stale connection.
        connection = self._pool.take(endpoint) if outbound.rest is None else None
        while True:
            if connection is None:
                connection = await self._connector.connect(parking, endpoint, patience.connect_s)
                self._pool.on_made(endpoint)
            link = connection.link
            link.parking = parking
            # What a connection says that carried another request before is an answer only if it comes after this one.
            link.wary = connection.kept
            answered = False
            try:
                complete = _post(link, outbound) or await _write(link, outbound, patience.write_s, until)
                head, rest = await _read_head(link, outbound, self._parser, patience.first_byte_s, until)
                if not complete and connection.kept:
                    _believe(head)
                answered = True
            except _Unasked as unasked:
                if unasked.said:
                    self._pool.distrust(endpoint)
            except _NoAnswer as closed:
                if closed.after_s > STALE_S or not (connection.proven or _may_go_twice(connection, outbound)):
                    raise UpstreamFailure(
                        ResultKind.BROKEN, "the upstream closed the connection unanswered"
                    ) from closed
            except Late as late:
                raise UpstreamFailure(ResultKind.TIMEOUT, "the upstream did not answer in time") from late
            except BadResponse as bad:
                reason = f"the upstream's answer is not HTTP: {bad.reason}"
                raise UpstreamFailure(ResultKind.SERVER_ERROR, reason) from bad
            finally:
                if not answered:
                    link.close()
            if answered:
                return Answer(head, rest, connection, self._pool, patience.gap_s, spoilt=not complete)
            connection = None  # RFC 9112 section 9.3.1: nothing was answered, so the request may go again


class _Unasked(Exception):  # noqa: N818 - a fact, not an error
    """A connection used before spoke, or ended, before the request was sent whole: nothing was asked of it."""

    def __init__(self, *, said: bool) -> None:
        self.said = said
        """It spoke before it was sent anything."""


def _may_go_twice(connection: Connection, outbound: Outbound) -> bool:
    """One that was opened ahead, and ends with its first request, may have ended for it: only what does no more when it
    is done twice (RFC 9110 section 9.2.2) goes again."""
    return connection.kept and outbound.method in IDEMPOTENT


def _believe(head: ResponseHead) -> None:
    """On a kept connection, before the request was sent whole. A refusal may come so; anything else is more likely a
    late word to whoever was here before, and another connection will say. Raises _Unasked."""
    if head.status < 400:
        raise _Unasked(said=False)


class _NoAnswer(Exception):  # noqa: N818 - a fact, not an error
    """The connection ended before the answer began."""

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s


def _post(link: Link, outbound: Outbound) -> bool:
    """HOT. Send a request that any socket takes at once. False when it is not one."""
    head, body = outbound.head, outbound.body
    if outbound.rest is not None or len(head) + len(body) > POST_BYTES:
        return False
    link.post(head + body)
    return True


async def _write(link: Link, outbound: Outbound, write_s: float, until: float) -> bool:
    """Send the request. False when the upstream did not wait for all of it: its answer is there to be read.

    Raises _Unasked, Late, ClientGone, GatewayError.
    """
    head, body = outbound.head, outbound.body
    uplink = Uplink(link, write_s, until)
    wary, link.wary = link.wary, False
    if wary and link.has_spoken():
        raise _Unasked(said=bool(link.overhear()))
    try:
        sent = link.send_pair(head, body)
        # Hardly ever was not even the head taken: then the body may be copied to stand behind it.
        rest = memoryview(body)[sent - len(head) :] if sent >= len(head) else memoryview(head[sent:] + body)
        await uplink.finish(rest)
        if outbound.rest is not None:
            await outbound.rest.send_to(uplink)
    except (Answered, OSError):
        return False
    return True


async def _read_head(
    link: Link, outbound: Outbound, parser: ResponseParser, first_byte_s: float, until: float
) -> tuple[ResponseHead, bytes]:
    """The final answer's head and the bytes behind it. Raises _NoAnswer, BadResponse, Late, ClientGone."""
    asked = time.monotonic()
    deadline = asked + first_byte_s
    if until < deadline:
        deadline = until
    try:
        data = await link.read(deadline)
    except OSError:
        data = b""
    if link.unasked:
        raise _Unasked(said=bool(data))
    if not data:
        raise _NoAnswer(time.monotonic() - asked)
    for _ in range(MAX_INTERIM_ANSWERS):
        searched = 0
        while (end := find_head_end(data, searched)) < 0 and len(data) <= MAX_ANSWER_HEAD_BYTES:
            searched = max(0, len(data) - len(b"\r\n\r"))
            data += await _read_more(link, deadline)
        if not 0 < end <= MAX_ANSWER_HEAD_BYTES:
            raise BadResponse(f"its head is longer than {MAX_ANSWER_HEAD_BYTES} bytes")
        head = parser.parse(data[:end], outbound.method)
        data = data[end:]
        if head.status >= 200:
            return head, data
        if head.status == 101:
            raise BadResponse("it switched protocols unasked")
        if head.status > 101 and outbound.inform is not None:
            await outbound.inform(head)
    raise BadResponse("it never came to its answer")


async def _read_more(link: Link, deadline: float) -> bytes:
    """Of an answer that has begun, and so is never taken for none at all."""
    try:
        more = await link.read(deadline)
    except OSError:
        more = b""
    if not more:
        raise BadResponse("it ended inside its head")
    return more
