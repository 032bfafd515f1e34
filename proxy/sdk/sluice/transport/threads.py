"""One request from a thread."""

from __future__ import annotations

import math
import time
from typing import Any

import httpx

import sluice
from proxy.types import ResultKind
from sluice.transport import kept
from sluice.transport.sending import Lost, Said, Sending, lost, too_late, too_long


def send(sending: Sending) -> Said | Lost:
    """Whatever interrupts it leaves no connection behind."""
    until = until_of(sending)
    client = sending.client
    mine = client if isinstance(client, httpx.Client) else sluice.client_session
    try:
        response = (mine or kept.client(sending.verify)).send(request_of(sending, mine), stream=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return lost(error, sending)
    open_still = False
    try:
        if sending.stream and response.status_code == 200:
            open_still = True
            return Said(response, None)
        return _whole(response, sending, until)
    except httpx.HTTPError as error:
        return lost(error, sending)
    finally:
        if not open_still:
            response.close()


def request_of(sending: Sending, mine: httpx.Client | httpx.AsyncClient | None) -> httpx.Request:
    """A client of the caller's own adds what it always adds."""
    timeouts = {"timeout": sending.timeouts}
    make = httpx.Request if mine is None else mine.build_request
    body: dict[str, Any] = {"content": sending.content}
    if sending.files is not None:
        body = {"data": dict(sending.fields or {}), "files": sending.files}
    return make(sending.method, sending.url, headers=sending.headers, extensions=timeouts, **body)


def until_of(sending: Sending) -> float:
    """Monotonic seconds."""
    return math.inf if sending.total_s is None else time.monotonic() + sending.total_s


def _whole(response: httpx.Response, sending: Sending, until: float) -> Said | Lost:
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_bytes():
        pieces.append(piece)
        size += len(piece)
        if too_long(size):
            return Lost(ResultKind.BROKEN, httpx.ReadError("an answer larger than any is"))
        if time.monotonic() > until:
            return too_late(sending)
    return Said(response, b"".join(pieces))
