"""A seed becomes a plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from loadtest.sim.plan import (
    Ask,
    ClientPlan,
    Fault,
    Kind,
    Leaves,
    Manner,
    Phase,
    Plan,
    Reload,
    Sort,
    Target,
    UpstreamPlan,
)
from loadtest.sim.settings import DRAIN_LIMIT_S, Section, Settings, entry, storm

SORTS = (*(Sort.STORM,) * 8, Sort.HEALING, Sort.CALM)
"""How often each is played."""
CALM_REQUESTS = 120
HEALING_LOAD_S = 110.0
ILL_UNTIL_S = 40.0
"""Of the load of a healing run: what follows is long enough for the longest bench and a probe."""
HEALING_FAULTS = (
    Fault.REFUSED,
    Fault.HANGS,
    Fault.FAILING,
    Fault.RESET,
    Fault.SILENT,
    Fault.GARBAGE,
    Fault.CLOSED,
)
LATENCIES_S = (0.0005, 0.002, 0.02, 0.1)
CAPACITIES_BYTES = (20_000, 40_000, 200_000)
"""An empty buffer takes what the gateway posts in one go: proxy.wire.link.POST_BYTES."""
LONGEST_WAIT_S = 60.0
"""Of all timeouts for a first byte in any configuration here."""
RETRY_AFTERS_S = (1, 3, 8, 20)


def scenario(seed: int) -> Plan:
    """The same for the same seed, everywhere."""
    chance = random.Random(f"{seed} plan")
    sort = SORTS[seed % len(SORTS)]
    return _SORTS[sort](seed, chance)


def _storm(seed: int, chance: random.Random) -> Plan:
    settings = storm(chance)
    clients = _Crowd(chance, settings.targets).clients()
    stops_early = chance.random() < 0.25
    reloads, settings = _reloads(chance, settings)
    return Plan(
        seed=seed,
        sort=Sort.STORM,
        config=replace(settings, targets=tuple(replace(t, removed=False) for t in settings.targets)).yaml(),
        targets=settings.targets,
        upstreams=tuple(_upstream(chance, target.name, _phases(chance)) for target in settings.targets),
        clients=clients,
        reloads=reloads,
        settles_s=LONGEST_WAIT_S + DRAIN_LIMIT_S + 10.0,
        stops_s=chance.uniform(2.0, 60.0) if stops_early else None,
        at_once_s=chance.uniform(0.0, 8.0) if stops_early and chance.random() < 0.3 else None,
        drain_timeout_s=_number(settings.sluice, "drain_timeout_s"),
        max_retry_after_s=_number(settings.sluice, "max_retry_after_s"),
        total_timeout_s=_number(settings.sluice, "total_timeout_s"),
        benches="disable_cooldowns" not in settings.router,
    )


def _number(section: Section, name: str) -> float:
    value = section[name]
    assert isinstance(value, (int, float))
    return float(value)


def _reloads(chance: random.Random, settings: Settings) -> tuple[tuple[Reload, ...], Settings]:
    """Also the settings, with those marked that a reload takes away for a while."""
    if chance.random() < 0.6:
        return (), settings
    at_s = chance.uniform(3.0, 40.0)
    changed = replace(settings, router={**settings.router, "num_retries": chance.choice((0, 3))})
    if chance.random() < 0.5:
        return (Reload(at_s, changed.yaml()),), settings
    counts = [target.group for target in settings.targets]
    spare = [target.name for target in settings.targets if counts.count(target.group) > 1]
    if not spare:
        return (Reload(at_s, changed.yaml()),), settings
    marked = settings.without(chance.choice(spare))
    without = replace(changed, targets=marked.targets).yaml()
    again = replace(settings, targets=tuple(replace(t, removed=False) for t in settings.targets)).yaml()
    return (Reload(at_s, without), Reload(at_s + chance.uniform(1.0, 20.0), again)), marked


def _phases(chance: random.Random) -> tuple[Phase, ...]:
    if chance.random() < 0.1:
        return ()
    if chance.random() < 0.15:
        return _flapping(chance)
    phases, until_s = [], 0.0
    for _ in range(chance.randint(1, 5)):
        until_s += chance.uniform(2.0, 25.0)
        phases.append(
            Phase(
                until_s=until_s,
                fault=chance.choice(tuple(Fault)),
                chance=chance.choice((1.0, 1.0, 0.5, 0.2)),
                retry_after_s=chance.choice(RETRY_AFTERS_S),
                cuts=chance.random() < 0.3,
            )
        )
    return tuple(phases)


def _flapping(chance: random.Random) -> tuple[Phase, ...]:
    fault = chance.choice((Fault.REFUSED, Fault.FAILING, Fault.RESET, Fault.LIMITED))
    period_s = chance.choice((1.0, 3.0, 7.0))
    return tuple(
        Phase(period_s * number, fault if number % 2 else Fault.NONE, retry_after_s=1, cuts=number % 2 == 1)
        for number in range(1, chance.randint(3, 12))
    )


def _upstream(chance: random.Random, name: str, phases: tuple[Phase, ...]) -> UpstreamPlan:
    slowest_s = chance.choice((0.2, 1.0, 4.0))
    return UpstreamPlan(
        name=name,
        phases=phases,
        head_s=(0.01, slowest_s),
        gap_s=(0.0, chance.choice((0.0, 0.05, 0.5, 2.0))),
        idle_s=chance.choice((2.0, 5.0, 60.0)),
        latency_s=chance.choice(LATENCIES_S),
        capacity_bytes=chance.choice(CAPACITIES_BYTES),
        tells_limits=chance.random() < 0.2,
    )


class _Crowd:
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
        leaves = chance.choices(tuple(Leaves), (70, 3, 4, 11, 12))[0]
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
}


def _plain(chance: random.Random, count: int, weights: Sequence[int]) -> tuple[Target, ...]:
    return tuple(
        Target(f"d{number + 1}", "alpha", weights[number], None, False, 5.0) for number in range(count)
    )


def _plainly(targets: tuple[Target, ...], sluice: Section) -> Settings:
    entries = tuple(entry(target, {}) for target in targets)
    return Settings(targets, entries, {"num_retries": 2, "timeout": 4.0}, sluice)


def _healing(seed: int, chance: random.Random) -> Plan:
    targets = _plain(chance, chance.randint(2, 3), (1, 1, 1))
    ill = chance.choice(targets).name
    phase = Phase(
        chance.uniform(10.0, ILL_UNTIL_S), chance.choice(HEALING_FAULTS), cuts=chance.random() < 0.5
    )
    healthy = (Phase(chance.uniform(0.0, 5.0)), phase)
    settings = _plainly(targets, {"connect_timeout_s": 1.0})
    return Plan(
        seed=seed,
        sort=Sort.HEALING,
        config=settings.yaml(),
        targets=targets,
        upstreams=tuple(
            UpstreamPlan(
                target.name,
                healthy if target.name == ill else (),
                (0.05, 0.5),
                (0.0, 0.05),
                60.0,
                0.002,
                200_000,
            )
            for target in targets
        ),
        clients=_steady(chance, HEALING_LOAD_S, 1.0),
        reloads=(),
        settles_s=10.0,
        stops_s=None,
        at_once_s=None,
        drain_timeout_s=120.0,
        max_retry_after_s=300.0,
        total_timeout_s=3600.0,
    )


def _calm(seed: int, chance: random.Random) -> Plan:
    count = chance.randint(2, 5)
    targets = _plain(chance, count, [chance.randint(1, 9) for _ in range(count)])
    settings = _plainly(targets, {})
    reloads = (Reload(15.0, settings.yaml()),) if chance.random() < 0.3 else ()
    return Plan(
        seed=seed,
        sort=Sort.CALM,
        config=settings.yaml(),
        targets=targets,
        upstreams=tuple(
            UpstreamPlan(target.name, (), (0.05, 0.9), (0.0, 0.05), 60.0, 0.002, 200_000)
            for target in targets
        ),
        clients=_steady(chance, 30.0, 30.0 / CALM_REQUESTS),
        reloads=reloads,
        settles_s=10.0,
        stops_s=None,
        at_once_s=None,
        drain_timeout_s=120.0,
        max_retry_after_s=300.0,
        total_timeout_s=3600.0,
    )


def _steady(chance: random.Random, length_s: float, every_s: float) -> tuple[ClientPlan, ...]:
    """A request every so often, each by a client of its own or by one that asks twice."""
    count = int(length_s / every_s)
    return tuple(
        ClientPlan(
            number=number,
            starts_s=number * every_s,
            asks=(
                Ask(number=number, pause_s=0.0, model="alpha", stream=chance.random() < 0.5, body_bytes=20),
            ),
            latency_s=0.002,
            capacity_bytes=200_000,
        )
        for number in range(1, count + 1)
    )


_SORTS: dict[Sort, Callable[[int, random.Random], Plan]] = {
    Sort.STORM: _storm,
    Sort.HEALING: _healing,
    Sort.CALM: _calm,
}
