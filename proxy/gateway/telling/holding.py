"""How much of a stream must be here before its client gets the first byte: until then it can still fail over."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from proxy.accounting.inflate import beginning_of
from proxy.accounting.taps import tap_for
from proxy.accounting.usage import Tap as UsageTap
from proxy.errors import UpstreamFailure
from proxy.gateway.reading.call import Call
from proxy.gateway.telling.ends import EVENT_STREAM, finished, said_all
from proxy.providers.first_content import Beginning, FirstContent
from proxy.types import Deployment, ResultKind, StreamMode
from proxy.upstream.ahead import Ahead
from proxy.upstream.answer import Answer
from proxy.wire.head import UNTIL_CLOSE
from proxy.wire.parking import Late
from proxy.wire.response_head import ResponseHead

ERROR_BYTES = 16 * 1024
ERROR_WAIT_S = 1.0
"""For the rest of an error whose head is here: both were written together."""
_SILENT = "the upstream's answer did not begin in time"
_STALLED = "the upstream stopped sending"


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


def mode_of(call: Call, deployment: Deployment) -> StreamMode:
    """The client's wish for this stream, else the deployment's way."""
    if not call.stream:
        return _PLAIN_MODES[deployment.stream_mode]
    asked = call.head.get(STREAM_MODE)
    return _MODES.get((asked or b"").strip().lower(), deployment.stream_mode)


async def hold(
    answer: Answer, mode: StreamMode, token_deadline: float, gap_s: float, settings: HoldSettings
) -> None:
    """Returns when the relay may begin. Raises UpstreamFailure while failing over is still possible, ClientGone."""
    if mode is StreamMode.LIVE and answer.begun:
        return
    ahead = Ahead(answer)
    if mode is StreamMode.BUFFERED:
        await _whole(answer, ahead, token_deadline, gap_s, settings.buffer_bytes)
        return
    await _begun(ahead, token_deadline)
    if mode is StreamMode.PROBE and answer.head.content_type.startswith(EVENT_STREAM):
        await _content(ahead, min(token_deadline, time.monotonic() + settings.probe_s))


async def error_text(answer: Answer) -> bytes:
    """What `error_body` says, without its coding. Raises ClientGone."""
    coding = answer.head.get(b"content-encoding") or b""
    return beginning_of(await error_body(answer), coding, ERROR_BYTES)


async def error_body(answer: Answer) -> bytes:
    """As much of an upstream's error as tells what it means; it may come in a packet of its own. Raises ClientGone."""
    deadline = time.monotonic() + ERROR_WAIT_S
    with suppress(UpstreamFailure, Late):  # whoever passes it on will say
        ahead = Ahead(answer)
        while not ahead.done and ahead.size < ERROR_BYTES:
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


async def _content(ahead: Ahead, deadline: float) -> None:
    """Its first content; a stream that is alive but has none in time goes on as it is."""
    looking = FirstContent()
    found = looking.feed(ahead.payload)
    try:
        while found is Beginning.NOTHING and not ahead.done:
            found = looking.feed(await ahead.read(deadline))
    except Late:
        return
    if found is Beginning.ERROR:
        raise UpstreamFailure(ResultKind.SERVER_ERROR, "the upstream's stream began with an error")


async def _whole(answer: Answer, ahead: Ahead, token_deadline: float, gap_s: float, limit_bytes: int) -> None:
    """All of it; a stream beyond the limit passes live from there on."""
    await _begun(ahead, token_deadline)
    try:
        while not ahead.done and ahead.size <= limit_bytes:
            await ahead.read(time.monotonic() + gap_s)
    except Late as late:
        raise UpstreamFailure(ResultKind.BROKEN, _STALLED) from late
    except UpstreamFailure:
        if answer.head.framing != UNTIL_CLOSE or not _ends_whole(answer.head, ahead.payload, said_all):
            raise
        return
    if FirstContent().feed(ahead.payload) is Beginning.ERROR:
        raise UpstreamFailure(ResultKind.SERVER_ERROR, "the upstream's stream began with an error")
    if (
        ahead.done
        and answer.head.framing == UNTIL_CLOSE
        and not _ends_whole(answer.head, ahead.payload, finished)
    ):
        raise UpstreamFailure(ResultKind.BROKEN, "the upstream closed the connection early")


def _ends_whole(head: ResponseHead, payload: bytes, says: Callable[[UsageTap, ResponseHead], bool]) -> bool:
    """Only its own last words tell, where nothing but the connection's end ends it."""
    tap = tap_for(head.content_type)
    tap.feed(payload)
    return says(tap, head)
