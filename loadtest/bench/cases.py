"""What is measured: the load of each case, and what is read from a run of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MB = 1_000_000
HELD = 10_000
FILES_SPARE = 500
"""Open files that a server needs besides the two of each held connection."""


@dataclass(frozen=True)
class Sample:
    """One run of the load against one server."""

    load: dict[str, float]
    """The load's own line: counts, seconds, latencies in microseconds."""
    cpu_s: float
    """Of all processes of the server, while the load ran."""
    cpu_by_process_s: tuple[float, ...]
    rss_before_bytes: int
    rss_after_bytes: int
    cores: int
    """How many cores the server may use."""


Readings = dict[str, float]


def per_request(sample: Sample) -> Readings:
    answered = sample.load["answered"]
    return {
        "cpu_us_per_request": sample.cpu_s * 1e6 / answered,
        "requests_per_s": answered / sample.load["seconds"],
        "p50_ms": sample.load["latency_p50_us"] / 1000,
        "p99_ms": sample.load["latency_p99_us"] / 1000,
        "rss_mb": sample.rss_after_bytes / MB,
    }


def per_event(sample: Sample) -> Readings:
    events = sample.load["events"]
    return {
        "cpu_us_per_event": sample.cpu_s * 1e6 / events,
        "events_per_s": events / sample.load["seconds"],
        "rss_mb": sample.rss_after_bytes / MB,
    }


def per_paced_event(sample: Sample) -> Readings:
    load = sample.load
    return {
        **per_event(sample),
        "complete_share": load["answered"] / (load["answered"] + load["broken"] + load["failed"]),
        "gap_p99_ms": load["gap_p99_us"] / 1000,
        "first_p50_ms": load["first_p50_us"] / 1000,
        "first_p99_ms": load["first_p99_us"] / 1000,
    }


def per_held_stream(sample: Sample) -> Readings:
    grown = sample.rss_after_bytes - sample.rss_before_bytes
    return {"kb_per_stream": grown / 1000 / sample.load["events"], "streams": sample.load["events"]}


def per_uploaded_mb(sample: Sample) -> Readings:
    return _per_mb(sample, sample.load["sent_bytes"])


def per_downloaded_mb(sample: Sample) -> Readings:
    return _per_mb(sample, sample.load["received_bytes"])


def _per_mb(sample: Sample, moved_bytes: float) -> Readings:
    return {
        "cpu_us_per_mb": sample.cpu_s * 1e6 / (moved_bytes / MB),
        "mb_per_s": moved_bytes / MB / sample.load["seconds"],
        "rss_mb": sample.rss_after_bytes / MB,
    }


def capacity(sample: Sample) -> Readings:
    """What the server could answer if all its cores were its own."""
    busy = sorted(sample.cpu_by_process_s)
    per_cpu_s = sample.load["answered"] / sample.cpu_s
    return {
        "requests_per_cpu_s": per_cpu_s,
        "capacity_per_s": per_cpu_s * sample.cores,
        "requests_per_s": sample.load["answered"] / sample.load["seconds"],
        "least_worker_share": busy[-sample.cores] / sample.cpu_s * sample.cores,
    }


@dataclass(frozen=True)
class Case:
    """`load` are arguments of the load generator, `{held}` stands for what `held` says.

    `servers` take turns in this order.
    """

    name: str
    title: str
    load: str
    read: Callable[[Sample], Readings]
    servers: tuple[str, ...] = ("nginx", "gateway")
    over_tls: bool = False
    rounds: int | None = None
    """None: as many as the run asks for."""
    losses_allowed: bool = False
    """True: unanswered requests are a reading, not the end of the bench."""
    warm_up: bool = True


def held(file_limit: int) -> int:
    """Connections that can be held: HELD, or what the limit of open files allows a proxy."""
    return min(HELD, (file_limit - FILES_SPARE) // 2)


_CLOSED = "--mode closed --seconds 3"
_PACED = "--mode open --stream --events 64 --pace 50"

CASES = (
    Case(
        "proxied",
        "chat completions, 64 connections, no two heads alike",
        f"{_CLOSED} --proxied --connections 64",
        per_request,
    ),
    Case("chat", "chat completions, 64 connections", f"{_CLOSED} --connections 64", per_request),
    Case(
        "fresh",
        "chat completions, each on a connection of its own, on both sides",
        f"{_CLOSED} --fresh --connections 64",
        per_request,
    ),
    Case(
        "burst",
        "streams of 64 events at once, 32 connections",
        f"{_CLOSED} --stream --connections 32",
        per_event,
    ),
    Case(
        "gulp", "the same, each stream in one write", f"{_CLOSED} --stream --gulp --connections 32", per_event
    ),
    Case(
        "paced",
        "500 streams, 64 events 50 ms apart",
        f"{_PACED} --connections 500 --ramp-ms 500 --seconds 20",
        per_paced_event,
    ),
    Case(
        "crowd",
        "2,000 streams, 64 events 50 ms apart",
        f"{_PACED} --connections 2000 --ramp-ms 2000 --seconds 30",
        per_paced_event,
        losses_allowed=True,
    ),
    Case(
        "alone",
        "chat completions, one connection",
        "--mode closed --seconds 2 --connections 1",
        per_request,
        servers=("direct", "nginx", "gateway"),
    ),
    Case(
        "idle",
        "10,000 streams that wait",
        "--mode hold --stream --pace 600000 --connections {held} --ramp-ms 3000 --seconds 30",
        per_held_stream,
        rounds=1,
    ),
    Case(
        "tls",
        "chat completions, TLS to the upstream",
        f"{_CLOSED} --connections 64",
        per_request,
        over_tls=True,
    ),
    Case("upload", "request bodies of 1 MB", f"{_CLOSED} --connections 4 --body 1000000", per_uploaded_mb),
    Case("download", "answers of 10 MB", f"{_CLOSED} --connections 4 --size 10000000", per_downloaded_mb),
    Case(
        "workers",
        "two workers on two cores",
        f"{_CLOSED} --connections 64",
        capacity,
        servers=("gateway", "pair"),
    ),
    *(
        Case(
            f"curve-{connections}",
            f"chat completions, {connections} connections",
            f"--mode closed --seconds 1.5 --connections {connections}",
            per_request,
            rounds=1,
        )
        for connections in (1, 4, 16, 64, 256)
    ),
)


def chosen(names: str) -> tuple[Case, ...]:
    """Cases by comma-separated names or beginnings (`curve`); all for an empty string. Raises ValueError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found = tuple(case for case in CASES if not wanted or any(_is_meant(case, name) for name in wanted))
    unknown = [name for name in wanted if not any(_is_meant(case, name) for case in CASES)]
    if unknown:
        raise ValueError(f"no case {', '.join(unknown)}; there are {', '.join(case.name for case in CASES)}")
    return found


def _is_meant(case: Case, name: str) -> bool:
    return case.name == name or case.name.startswith(f"{name}-")
