"""One request from a task of asyncio's or trio's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import httpx

import sluice
from proxy.types import ResultKind
from sluice.transport import kept
from sluice.transport.sending import Lost, Said, Sending, lost, too_late, too_long
from sluice.transport.threads import request_of, until_of


async def send(sending: Sending) -> Said | Lost:
    """Cancelled, it leaves no connection behind."""
    until = until_of(sending)
    client = sending.client
    mine = client if isinstance(client, httpx.AsyncClient) else sluice.aclient_session
    try:
        sender = mine or await kept.async_client(sending.verify)
        response = await sender.send(request_of(sending, mine), stream=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return lost(error, sending)
    open_still = False
    try:
        if sending.stream and response.status_code == 200:
            open_still = True
            return Said(response, None)
        return await _whole(response, sending, until)
    except httpx.HTTPError as error:
        return lost(error, sending)
    finally:
        if not open_still:
            with anyio.CancelScope(shield=True):
                await response.aclose()


async def _whole(response: httpx.Response, sending: Sending, until: float) -> Said | Lost:
    pieces: list[bytes] = []
    size = 0
    failed: Lost | None = None
    body = response.aiter_bytes()
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if too_long(size):
            failed = Lost(ResultKind.BROKEN, httpx.ReadError("an answer larger than any is"))
        elif time.monotonic() > until:
            failed = too_late(sending)
        if failed is not None:
            await cut(body)
            return failed
    return Said(response, b"".join(pieces))


async def cut(body: AsyncIterator[bytes]) -> None:
    """Ends what is left of a body, and its connection. httpx's generators stand inside each other and do not close one
    another: a cancellation goes through all of them."""
    with anyio.CancelScope() as scope:
        scope.cancel()
        with suppress(StopAsyncIteration, httpx.HTTPError, httpx.StreamError):
            while True:
                await body.__anext__()
