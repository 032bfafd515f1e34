"""A seed becomes a plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from loadtest.sim.crowd import Crowd
from loadtest.sim.holders import holders_of, written
from loadtest.sim.languages import spoken
from loadtest.sim.plan import (
    CAPACITIES_BYTES,
    KEY,
    LATENCIES_S,
    Ask,
    ClientPlan,
    Fault,
    Holder,
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
    Fault.HALF_CLOSED,
    Fault.STALLED,
    Fault.BAD_CHUNK,
    Fault.LONG_LENGTH,
    Fault.ERROR_EVENT,
)
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
    settings, clients = spoken(seed, settings, Crowd(chance, settings.targets).clients())
    holders = holders_of(seed)
    # Its uploads are parts of one that nobody has seen made.
    ours = {**settings.sluice, "keys": written(holders), "object_tenancy": False}
    settings = replace(settings, sluice=ours)
    clients = tuple(replace(client, key=_key_of(client.number, holders)) for client in clients)
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
        keepalive_s=_number({"sse_keepalive_s": 0.0, **settings.sluice}, "sse_keepalive_s"),
        benches="disable_cooldowns" not in settings.router,
        holders=holders,
    )


def _key_of(client: int, holders: Sequence[Holder]) -> bytes:
    """Half of them have one with a limit."""
    return KEY if client % 2 else holders[client // 2 % len(holders)].key.encode()


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


def _plain(count: int, weights: Sequence[int]) -> tuple[Target, ...]:
    return tuple(
        Target(f"d{number + 1}", "alpha", weights[number], None, False, 5.0) for number in range(count)
    )


def _plainly(targets: tuple[Target, ...], sluice: Section) -> Settings:
    entries = tuple(entry(target, {}) for target in targets)
    return Settings(targets, entries, {"num_retries": 2, "timeout": 4.0}, sluice)


def _healing(seed: int, chance: random.Random) -> Plan:
    targets = _plain(chance.randint(2, 3), (1, 1, 1))
    ill = chance.choice(targets).name
    phase = Phase(
        chance.uniform(10.0, ILL_UNTIL_S), chance.choice(HEALING_FAULTS), cuts=chance.random() < 0.5
    )
    healthy = (Phase(chance.uniform(0.0, 5.0)), phase)
    mode = chance.choice(("live", "probe", "buffered"))
    limits: Section = {"connect_timeout_s": 1.0, "stream_gap_timeout_s": 2.0, "first_token_timeout_s": 4.0}
    settings = _plainly(targets, {**limits, "stream_mode": mode})
    return Plan(
        seed=seed,
        sort=Sort.HEALING,
        mode=mode,
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
        keepalive_s=0.0,
    )


def _calm(seed: int, chance: random.Random) -> Plan:
    count = chance.randint(2, 5)
    targets = _plain(count, [chance.randint(1, 9) for _ in range(count)])
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
        keepalive_s=0.0,
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
