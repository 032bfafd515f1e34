"""Tokens are asked for before they end, off the path of requests: one task per worker, one question per source."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from proxy.control.probe import http_client
from proxy.providers.tokens.asking import Token, TokenRefused, token_in
from proxy.types import Ask, Deployment, Headers, TokenSource
from proxy.upstream.destination import Destination
from proxy.upstream.renewed import Renewed

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("sluice")

EARLY_S = 300.0
"""Before its end a token is renewed; or after half of its life, where that is longer."""
AGAIN_S = (1.0, 60.0)
"""After a question that failed: the first wait, which doubles, and the longest."""
SHORTEST_WAIT_S = 0.05
"""A due time is met a little late, and never by spinning."""
ASK_TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_FILE_BYTES = 64 * 1024


class _Source:
    def __init__(self, source: TokenSource) -> None:
        self.source = source
        self.renewed = Renewed()
        self.due = -math.inf
        self.failures = 0
        self.asked = False


class Renewals:
    """One per worker; tokens outlive a configuration."""

    def __init__(
        self,
        ask: Callable[[TokenSource], Awaitable[Token]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ask`: raises TokenRefused; over HTTP if None. `clock`: monotonic seconds."""
        self._ask = ask or ask_for
        self._clock = clock
        self._sources: dict[TokenSource, _Source] = {}
        self._changed = trio.Event()

    def headers(self, deployment: Deployment) -> Headers:
        """What it is asked with now, beside its own headers."""
        known = None if deployment.token is None else self._sources.get(deployment.token)
        return () if known is None else known.renewed.headers

    def prepare(self, destination: Destination) -> None:
        """Before it is used. May be called in a thread."""
        if destination.deployment.token is not None:
            destination.renewed = self._of(destination.deployment.token).renewed

    def serve(self, destinations: Iterable[Destination]) -> None:
        """Those that are used from now on; sources of no others are asked no more."""
        served: dict[TokenSource, list[Destination]] = {}
        for each in destinations:
            if each.deployment.token is not None:
                served.setdefault(each.deployment.token, []).append(each)
        for source in self._sources.keys() - served.keys():
            del self._sources[source]
        for source, found in served.items():
            self._of(source).renewed.serves([*found])
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                now = self._clock()
                for each in [*self._sources.values()]:
                    if each.due <= now and not each.asked:
                        each.asked = True
                        nursery.start_soon(self._renew, each)
                due = min((each.due for each in self._sources.values() if not each.asked), default=math.inf)
                with trio.move_on_after(max(SHORTEST_WAIT_S, due - self._clock())):
                    await self._changed.wait()

    def _of(self, source: TokenSource) -> _Source:
        return self._sources.setdefault(source, _Source(source))

    async def _renew(self, each: _Source) -> None:
        try:
            token = await self._ask(each.source)
        except TokenRefused as refused:
            each.failures += 1
            each.due = self._clock() + min(AGAIN_S[1], AGAIN_S[0] * 2 ** min(each.failures - 1, 10))
            each.renewed.fail(str(refused))
            if each.failures == 1:
                log.warning("a token cannot be renewed: %s", refused)
        else:
            if each.failures:
                log.info("a token was renewed after %d failures", each.failures)
            each.failures = 0
            now = self._clock()
            each.due = now + max(token.lasts_s - EARLY_S, token.lasts_s / 2)
            bearer = (b"Authorization", b"Bearer " + token.text.reveal().encode())
            each.renewed.put((bearer,), now + token.lasts_s)
        finally:
            each.asked = False
            self._changed.set()


async def ask_for(source: TokenSource) -> Token:
    """Raises TokenRefused, without a word of what was asked."""
    file = b"" if source.file is None else await trio.to_thread.run_sync(_read, source.file)
    question = source.ask(file, time.time())
    status, body = await _answer(question)
    return token_in(status, body, time.time())


def _read(file: str) -> bytes:
    try:
        with Path(file).open("rb") as opened:
            return opened.read(MAX_FILE_BYTES)
    except OSError as error:
        raise TokenRefused(f"{file}: {error.strerror}") from None


async def _answer(question: Ask) -> tuple[int, bytes]:
    client = await trio.to_thread.run_sync(http_client, True)  # noqa: FBT003
    import httpx  # noqa: PLC0415 - loaded by http_client already

    with trio.move_on_after(ASK_TIMEOUT_S):
        try:
            async with client:
                answer = client.stream(
                    question.method, question.url, headers=dict(question.headers), content=question.body
                )
                async with answer as response:
                    return response.status_code, await _bounded(response)
        except httpx.HTTPError as failure:
            # Its text may quote the address, and so a tenant, or a header.
            raise TokenRefused(f"cannot be asked for: {type(failure).__name__}") from None
        except httpx.InvalidURL:
            raise TokenRefused("is to be had at an address that is none") from None
    raise TokenRefused(f"was not answered within {ASK_TIMEOUT_S:g} s")


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    with trio.CancelScope() as reading:  # leaving the loop would leave httpx's own generators open
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                reading.cancel()
    return bytes(body)
