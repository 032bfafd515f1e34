"""How much of a stream must be here before its client gets the first byte: until then it can still fail over."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

import msgspec

from proxy.accounting.inflate import beginning_of
from proxy.accounting.suspects import MARK, suspect
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import UsageTap
from proxy.errors import UpstreamFailure
from proxy.gateway.reading.call import Call
from proxy.gateway.telling.ends import finished, said_all, streams
from proxy.providers.first_content import Beginning, FirstContent
from proxy.providers.hidden import Hidden, fits, in_answer
from proxy.types import Deployment, ResultKind, StreamMode
from proxy.upstream.ahead import Ahead
from proxy.upstream.answer import Answer
from proxy.wire.codings import CodingError, CodingLimits, Decoder, decoder
from proxy.wire.form import JSON_TYPE
from proxy.wire.framing import LAST_CHUNK
from proxy.wire.head import UNTIL_CLOSE
from proxy.wire.parking import Late
from proxy.wire.response_head import ResponseHead

ERROR_BYTES = 16 * 1024
ERROR_WAIT_S = 1.0
"""For the rest of an error whose head is here: both were written together."""
_SILENT = "the upstream's answer did not begin in time"
_STALLED = "the upstream stopped sending"
_PAGE = "the upstream answered 200 with a page of HTML"
_EMPTY = "the upstream answered 200 with nothing"
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_ERROR_BEGINS = (b'{"error"', b'[{"error"')
CODED = CodingLimits(16 * 1024 * 1024)
"""Of a compressed stream, until its first content: as much as one event may hold."""
CODED_ERROR_BYTES = 2048
"""Errors are short: a longer answer that is compressed is not unpacked twice."""

STREAM_MODE = b"x-litellm-stream-mode"
_MODES = {mode.value.encode(): mode for mode in StreamMode}
_PLAIN_MODES = {
    StreamMode.LIVE: StreamMode.LIVE,
    StreamMode.PROBE: StreamMode.LIVE,
    StreamMode.BUFFERED: StreamMode.BUFFERED,
}
"""Of answers that are no streams: there is no content to wait for but the whole."""


class HoldSettings(msgspec.Struct, frozen=True):
    probe_s: float
    buffer_bytes: int
    answer_bytes: int = 65_536
    """Of an answer in JSON that is waited for until it is here whole, so that its head can tell its cost."""


def mode_of(call: Call, deployment: Deployment) -> StreamMode:
    """The client's wish for this stream, else the deployment's way."""
    if not call.stream:
        return _PLAIN_MODES[deployment.streaming.mode]
    asked = call.head.get(STREAM_MODE)
    return _MODES.get((asked or b"").strip().lower(), deployment.streaming.mode)


async def hold(
    answer: Answer,
    mode: StreamMode,
    token_deadline: float,
    gap_s: float,
    settings: HoldSettings,
    *,
    generated: bool = False,
) -> Hidden | None:
    """Returns when the relay may begin, or what error hides in the answer.

    `generated`: it was made for this request, so that a page, nothing at all, or an error in it is a failure. Raises
    UpstreamFailure while failing over is still possible, ClientGone.
    """
    head = answer.head
    looked = generated and head.status == 200
    if looked and not fits(head.content_type):
        raise UpstreamFailure(ResultKind.SERVER_ERROR, _PAGE)
    if mode is not StreamMode.LIVE or not answer.begun or answer.held.startswith(LAST_CHUNK):
        ahead = Ahead(answer)
        await _begun(ahead, token_deadline)
        if looked and ahead.done and not ahead.payload:
            raise UpstreamFailure(ResultKind.SERVER_ERROR, _EMPTY)
        if mode is StreamMode.BUFFERED:
            return await _whole(answer, ahead, gap_s, settings.buffer_bytes, looked=looked)
        if mode is StreamMode.PROBE and streams(head):
            return await _content(head, ahead, min(token_deadline, time.monotonic() + settings.probe_s))
    return await _look(answer) if looked and not streams(head) else None


def is_plainly_good(answer: Answer) -> bool:
    """HOT. It is here whole, is JSON, and no word in it could be an error's."""
    whole, head = answer.whole, answer.head
    return (
        bool(whole)
        and head.content_type.startswith(JSON_TYPE)
        and not head.content_encoding
        and whole.find(MARK) < 0  # type: ignore[union-attr]
    )


def tell_status(head: ResponseHead, hidden: Hidden) -> None:
    """An answer that is nothing but an error is passed on with the status that says so."""
    if hidden.whole and not streams(head):
        tell_as(head, hidden.status)


def tell_as(head: ResponseHead, status: int) -> None:
    """Another status than the upstream's."""
    head.status, head.reason = status, _REASONS.get(status, b"")


async def _look(answer: Answer) -> Hidden | None:
    """Into all of an answer that is no stream, in however many pieces it comes; errors are short. Raises ClientGone."""
    head, coding = answer.head, answer.head.content_encoding
    limit = CODED_ERROR_BYTES + 1 if coding else ERROR_BYTES
    if answer.whole is None and not _may_be_an_error(head, answer.beginning(), limit):
        return None
    payload = await error_body(answer, limit) if answer.whole is None else answer.whole
    if coding:
        if len(payload) > CODED_ERROR_BYTES:
            return None
        payload = beginning_of(payload, coding, ERROR_BYTES)
    return in_answer(payload) if suspect(payload) else None


async def error_text(answer: Answer) -> bytes:
    """What `error_body` says, without its coding. Raises ClientGone."""
    coding = answer.head.get(b"content-encoding") or b""
    return beginning_of(await error_body(answer), coding, ERROR_BYTES)


async def error_body(answer: Answer, limit_bytes: int = ERROR_BYTES) -> bytes:
    """As much of an upstream's error as tells what it means; it may come in a packet of its own. Raises ClientGone."""
    deadline = time.monotonic() + ERROR_WAIT_S
    with suppress(UpstreamFailure, Late):  # whoever passes it on will say
        ahead = Ahead(answer)
        while not ahead.done and ahead.size < limit_bytes:
            await ahead.read(deadline)
        return ahead.payload
    return answer.beginning()


async def _begun(ahead: Ahead, deadline: float) -> None:
    """Its first byte of payload."""
    try:
        while not ahead.size and not ahead.done:
            await ahead.read(deadline)
    except Late as late:
        raise UpstreamFailure(ResultKind.TIMEOUT, _SILENT) from late


def _may_be_an_error(head: ResponseHead, here: bytes, limit_bytes: int) -> bool:
    """Sound and pictures pass as they come; of what is long only its beginning counts, where that can be read."""
    if head.framing <= limit_bytes and (not head.content_type or head.content_type.startswith(JSON_TYPE)):
        return True
    here = here.lstrip()
    return not head.content_encoding and any(
        here.startswith(begins) or begins.startswith(here) for begins in _ERROR_BEGINS
    )


async def _content(head: ResponseHead, ahead: Ahead, deadline: float) -> Hidden | None:
    """Until its first content, or the error in its place; a stream that has neither in time goes on as it is.

    So does one whose coding cannot be read: nothing is known of it, so nothing is held back.
    """
    looking = FirstContent()
    try:
        reading = decoder(head.content_encoding, CODED)
        found = _next(looking, reading, ahead.payload)
        while found is Beginning.NOTHING and not ahead.done:
            found = _next(looking, reading, await ahead.read(deadline))
    except (Late, CodingError):
        return None
    return looking.error


def _next(looking: FirstContent, reading: Decoder | None, payload: bytes) -> Beginning:
    """Raises CodingError, UpstreamFailure."""
    if reading is None:
        return looking.feed(payload)
    for piece in reading.pieces(payload):
        if (found := looking.feed(piece)) is not Beginning.NOTHING:
            return found
    return Beginning.NOTHING


async def _whole(
    answer: Answer, ahead: Ahead, gap_s: float, limit_bytes: int, *, looked: bool
) -> Hidden | None:
    """All of it; a stream beyond the limit passes live from there on."""
    head = answer.head
    try:
        while not ahead.done and ahead.size <= limit_bytes:
            await ahead.read(time.monotonic() + gap_s)
    except Late as late:
        raise UpstreamFailure(ResultKind.BROKEN, _STALLED) from late
    except UpstreamFailure:
        if head.framing != UNTIL_CLOSE or not _ends_whole(head, ahead.payload, said_all):
            raise
    found = _begins_with(head, ahead.payload) if streams(head) else await _look(answer) if looked else None
    if found is None and ahead.done and _closed_early(head, ahead.payload):
        raise UpstreamFailure(ResultKind.BROKEN, "the upstream closed the connection early")
    return found


def _begins_with(head: ResponseHead, payload: bytes) -> Hidden | None:
    looking = FirstContent()
    with suppress(CodingError):
        _next(looking, decoder(head.content_encoding, CODED), payload)
    return looking.error


def _closed_early(head: ResponseHead, payload: bytes) -> bool:
    return head.framing == UNTIL_CLOSE and not _ends_whole(head, payload, finished)


def _ends_whole(head: ResponseHead, payload: bytes, says: Callable[[UsageTap, ResponseHead], bool]) -> bool:
    """Only its own last words tell, where nothing but the connection's end ends it."""
    tap = tap_for(head.content_type)
    tap.feed(payload)
    return says(tap, head)
