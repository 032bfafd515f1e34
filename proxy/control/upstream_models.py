"""What stands behind a pattern (`openai/*`, `*`): the upstream's own list of models, asked when it is first needed.

Source: https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
import trio

from proxy.control.models import CREATED_UNIX_S, ModelCard
from proxy.control.probe import More, http_client, key_headers, models_url, no_more
from proxy.types import Deployment

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("sluice")

ASK_TIMEOUT_S = 5.0
"""For one upstream: a list is small and comes at once. All are asked together, so a page takes no longer."""
RETRY_S = 30.0
"""Before an upstream that did not answer is asked again: the next pages need not wait for it."""
ASKED_AT_ONCE = 16
"""Upstreams, per worker: each is a new TLS connection."""
CANDIDATES = 3
"""Keys of one upstream that are tried for its list, one after the other."""
MAX_LIST_BYTES = 4 * 1024 * 1024
"""OpenAI's list has some 20 KB, an aggregator's of all models 1 MB."""
MAX_MODELS = 10_000
"""Of one list."""
MAX_NAME_CHARS = 512
"""As of a model that a request names."""


class _Listed(msgspec.Struct):
    id: str
    created: int = CREATED_UNIX_S
    owned_by: str = "openai"


class _List(msgspec.Struct):
    data: list[msgspec.Raw]


_decode_list = msgspec.json.Decoder(_List).decode
_decode_model = msgspec.json.Decoder(_Listed).decode

Ask = Callable[[Deployment], Awaitable[bytes | None]]
"""The body of `GET {api_base}/models`; None: there is none to be had. Raises nothing."""
GroupOf = Callable[[str], str | None]
"""The group that serves a model of this name."""


class _Upstream:
    """One list, and the pattern that it is seen through."""

    def __init__(self, group: str, pattern: str) -> None:
        self.group = group
        self.pattern = pattern
        self.keys: list[Deployment] = []
        self.cards: tuple[ModelCard, ...] | None = None
        """The last list there was, however old; None: there was none yet."""
        self.ask_again = -math.inf
        self.turn = trio.Lock()


class UpstreamModels:
    """One per worker and configuration."""

    def __init__(
        self,
        deployments: Iterable[Deployment],
        group_of: GroupOf,
        ttl_s: float,
        ask: Ask | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._group_of = group_of
        self._ttl_s = ttl_s
        self._ask = ask or ask_upstream
        self._clock = clock
        self._places = trio.CapacityLimiter(ASKED_AT_ONCE)
        self._upstreams = _upstreams(deployments)

    async def cards(self) -> Sequence[ModelCard]:
        """Of all patterns, in the order of the configuration. An upstream that does not answer costs its part."""
        await self._refresh(self._upstreams)
        return [card for upstream in self._upstreams for card in upstream.cards or ()]

    async def card(self, name: str) -> ModelCard | None:
        """None: its upstream's list does not hold it. Where there is no list to be had, any name will do."""
        group = self._group_of(name)
        upstreams = [upstream for upstream in self._upstreams if upstream.group == group]
        await self._refresh(upstreams)
        found = (card for upstream in upstreams for card in upstream.cards or () if card.id == name)
        unknown = not upstreams or any(upstream.cards is None for upstream in upstreams)
        return next(found, ModelCard(name) if unknown else None)

    async def _refresh(self, upstreams: Sequence[_Upstream]) -> None:
        stale = [upstream for upstream in upstreams if self._clock() >= upstream.ask_again]
        if not stale:
            return
        async with trio.open_nursery() as nursery:
            for upstream in stale:
                nursery.start_soon(self._refresh_one, upstream)

    async def _refresh_one(self, upstream: _Upstream) -> None:
        """One look-up at a time: who comes meanwhile waits for its list."""
        with trio.move_on_after(ASK_TIMEOUT_S):
            async with upstream.turn:
                if self._clock() < upstream.ask_again:
                    return
                upstream.ask_again = self._clock() + min(RETRY_S, self._ttl_s)
                async with self._places:
                    cards = await self._asked(upstream)
                if cards is not None:
                    upstream.cards = cards
                    upstream.ask_again = self._clock() + self._ttl_s

    async def _asked(self, upstream: _Upstream) -> tuple[ModelCard, ...] | None:
        for deployment in upstream.keys:
            listed = models_in(await self._ask(deployment) or b"")
            if listed is not None:
                return self._named(upstream, listed)
        return None

    def _named(self, upstream: _Upstream, listed: Iterable[_Listed]) -> tuple[ModelCard, ...]:
        """By the names that lead to them here, and to no other group."""
        cards: dict[str, ModelCard] = {}
        for model in listed:
            name = _name_of(model.id, upstream)
            if name is not None and self._group_of(name) == upstream.group:
                cards[name] = ModelCard(name, created=model.created, owned_by=model.owned_by)
        return tuple(cards.values())


def _upstreams(deployments: Iterable[Deployment]) -> list[_Upstream]:
    """A pattern that leads to one model, whatever it matches, stands for no list."""
    found: dict[tuple[str, str, str], _Upstream] = {}
    for each in deployments:
        if "*" in each.group and "*" in each.model and each.unservable is None and each.mock_response is None:
            key = (each.group, each.api_base, each.model)
            upstream = found.setdefault(key, _Upstream(each.group, each.model))
            if len(upstream.keys) < CANDIDATES:
                upstream.keys.append(each)
    return list(found.values())


def _name_of(model: str, upstream: _Upstream) -> str | None:
    """`gpt-4o` behind `openai/*` is `openai/gpt-4o`; None where the upstream's pattern does not match."""
    before, _, after = upstream.pattern.partition("*")
    star = model[len(before) : len(model) - len(after)]
    if not star or model != before + star + after:
        return None
    return upstream.group.replace("*", star, 1)


def models_in(body: bytes) -> list[_Listed] | None:
    """None: it is no list of models. What is no model in it is left out."""
    try:
        items = _decode_list(body).data[:MAX_MODELS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    found = []
    for item in items:
        model = _model(item)
        if model is not None and 0 < len(model.id) <= MAX_NAME_CHARS:
            found.append(model)
    return found


def _model(item: msgspec.Raw) -> _Listed | None:
    try:
        return _decode_model(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def ask_upstream(deployment: Deployment, more: More = no_more) -> bytes | None:
    """The `Ask` of real upstreams. `more`: what it is asked with beside its own headers."""
    try:
        client = await trio.to_thread.run_sync(http_client, deployment.ssl_verify)
    except OSError as failure:
        log.info("no list of models from %s: ssl_verify: %s", deployment.api_base, failure.strerror)
        return None
    import httpx  # noqa: PLC0415 - loaded by http_client already

    headers = key_headers(deployment, more) | {b"accept-encoding": b"identity"}
    try:
        async with client, client.stream("GET", models_url(deployment), headers=headers) as response:
            if response.status_code == 200 and "content-encoding" not in response.headers:
                return await _bounded(response)
            reason = f"HTTP {response.status_code}"
    except httpx.HTTPError as failure:
        reason = type(failure).__name__  # its text may quote a header, and so the key
    log.info("no list of models from %s: %s", deployment.api_base, reason)
    return None


async def _bounded(response: httpx.Response) -> bytes | None:
    """The body; None: it is longer than a list is."""
    body = bytearray()
    with trio.CancelScope() as reading:  # leaving the loop would leave httpx's own generators open
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_LIST_BYTES:
                reading.cancel()
    return bytes(body) if len(body) <= MAX_LIST_BYTES else None
