"""The clients of a storm: what each asks for, how it sends and reads, and when it leaves."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from loadtest.sim.plan import (
    CAPACITIES_BYTES,
    LATENCIES_S,
    Ask,
    ClientPlan,
    Kind,
    Leaves,
    Manner,
    Target,
)


class Crowd:
    """The clients of a storm."""

    def __init__(self, chance: random.Random, targets: Sequence[Target]) -> None:
        self._chance = chance
        self._groups = sorted({target.group for target in targets})
        self._names = [target.name for target in targets]
        self._asks = 0

    def clients(self) -> tuple[ClientPlan, ...]:
        chance = self._chance
        spread_s = chance.choice((0.2, 10.0, 40.0))
        return tuple(self._client(number, spread_s) for number in range(1, chance.randint(5, 20) + 1))

    def _client(self, number: int, spread_s: float) -> ClientPlan:
        chance = self._chance
        slow = chance.random() < 0.15
        return ClientPlan(
            number=number,
            starts_s=chance.uniform(0.01, spread_s),
            asks=tuple(self._ask() for _ in range(chance.choice((1, 2, 3, 5)))),
            latency_s=chance.choice(LATENCIES_S),
            capacity_bytes=chance.choice(CAPACITIES_BYTES),
            takes_bytes=chance.choice((200, 2000)) if slow else 1 << 20,
            pace_s=chance.choice((0.5, 3.0)) if slow else 0.0,
            patience_s=chance.choice((15.0, 120.0, 1_000.0)),
            reconnects=chance.random() < 0.3,
        )

    def _ask(self) -> Ask:
        chance = self._chance
        self._asks += 1
        kind = chance.choices(
            (Kind.CHAT, Kind.UPLOAD, Kind.PAGE, Kind.ADMIN, Kind.NONSENSE), (85, 6, 4, 4, 1)
        )[0]
        leaves = chance.choices(tuple(Leaves), (62, 3, 4, 10, 11, 10))[0]
        ask = Ask(
            number=self._asks,
            pause_s=chance.choice((0.0, 0.0, 0.3, 2.0, 9.0)),
            kind=kind,
            model=chance.choice(self._groups),
            pieces=chance.choice((1, 1, 1, 2, 5)),
            leaves=leaves,
            manner=chance.choice(tuple(Manner)),
            leaves_at=_LEAVES_AT[leaves](chance),
        )
        return _KINDS[kind](ask, chance, self._names)


def _chat(ask: Ask, chance: random.Random, _names: Sequence[str]) -> Ask:
    lines = [b"Content-Type: application/json"]
    if chance.random() < 0.2:
        lines.append(b"x-litellm-stream-mode: %b" % chance.choice((b"live", b"probe", b"buffered")))
    if chance.random() < 0.1:
        lines.append(b"x-litellm-num-retries: %d" % chance.randint(0, 5))
    if chance.random() < 0.1:
        lines.append(b"x-stainless-retry-count: %d" % chance.randint(0, 2))
    return replace(
        ask,
        stream=chance.random() < 0.6,
        lines=tuple(lines),
        body_bytes=chance.choice((10, 300, 5_000, 60_000)),
        chunked=chance.random() < 0.1,
        expects=chance.random() < 0.08,
    )


def _upload(ask: Ask, chance: random.Random, _names: Sequence[str]) -> Ask:
    return replace(
        ask,
        target=b"/openai/v1/uploads/some/parts",
        lines=(b"Content-Type: application/octet-stream", b"X-LiteLLM-Target-Model: " + ask.model.encode()),
        body_bytes=chance.choice((100, 30_000, 150_000)),
        chunked=chance.random() < 0.3,
        expects=chance.random() < 0.2,
        pieces=chance.choice((1, 3, 8)),
    )


def _page(ask: Ask, chance: random.Random, _names: Sequence[str]) -> Ask:
    return replace(ask, target=chance.choice((b"/health", b"/v1/models", b"/model/info")), model="")


def _admin(ask: Ask, chance: random.Random, names: Sequence[str]) -> Ask:
    word = chance.choice((b"bench", b"drain", b"revive", b"revive"))
    query = b"?seconds=%d" % chance.choice((1, 5, 20)) if word == b"bench" else b""
    target = b"/admin/deployments/%b/%b%b" % (word, chance.choice(names).encode(), query)
    return replace(ask, target=target, model="", leaves=Leaves.NEVER, pieces=1)


def _nonsense(ask: Ask, _chance: random.Random, _names: Sequence[str]) -> Ask:
    return replace(ask, model="", leaves=Leaves.NEVER, pieces=1)


_KINDS: dict[Kind, Callable[[Ask, random.Random, Sequence[str]], Ask]] = {
    Kind.CHAT: _chat,
    Kind.UPLOAD: _upload,
    Kind.PAGE: _page,
    Kind.ADMIN: _admin,
    Kind.NONSENSE: _nonsense,
}
_LEAVES_AT: dict[Leaves, Callable[[random.Random], float]] = {
    Leaves.NEVER: lambda _: 0.0,
    Leaves.HEAD: lambda chance: chance.uniform(0.05, 0.95),
    Leaves.BODY: lambda chance: chance.uniform(0.0, 0.95),
    Leaves.WAIT: lambda chance: chance.choice((0.0, 0.02, 0.5, 3.0)) * chance.random(),
    Leaves.ANSWER: lambda chance: float(chance.choice((1, 300, 3000))),
    Leaves.DONE: lambda _: 0.0,
}
