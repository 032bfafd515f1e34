from __future__ import annotations

import pytest

from loadtest.bench.cases import (
    CASES,
    HELD,
    Sample,
    capacity,
    chosen,
    held,
    per_downloaded_mb,
    per_held_stream,
    per_paced_event,
    per_request,
)


def sample(load: dict[str, float], cpu_by_process_s: tuple[float, ...] = (2.0,), cores: int = 1) -> Sample:
    return Sample(load, sum(cpu_by_process_s), cpu_by_process_s, 10_000_000, 30_000_000, cores)


def test_per_request() -> None:
    found = per_request(
        sample({"answered": 1000, "seconds": 4, "latency_p50_us": 1500, "latency_p99_us": 3000})
    )
    assert found == {
        "cpu_us_per_request": 2000,
        "requests_per_s": 250,
        "p50_ms": 1.5,
        "p99_ms": 3.0,
        "rss_mb": 30,
    }


def test_paced_streams_count_what_was_lost() -> None:
    load = {"events": 100.0, "seconds": 1, "answered": 3, "broken": 1, "failed": 0}
    latencies = {"gap_p99_us": 50_000, "first_p50_us": 1000, "first_p99_us": 2000}
    found = per_paced_event(sample({**load, **latencies}))
    assert (found["complete_share"], found["gap_p99_ms"], found["cpu_us_per_event"]) == (0.75, 50, 20_000)


def test_memory_per_stream_is_what_was_added() -> None:
    assert per_held_stream(sample({"events": 1000}))["kb_per_stream"] == 20


def test_megabytes_are_a_million_bytes() -> None:
    assert per_downloaded_mb(sample({"received_bytes": 5_000_000, "seconds": 2}))["mb_per_s"] == 2.5


def test_capacity_is_of_all_cores_and_shows_an_idle_worker() -> None:
    found = capacity(sample({"answered": 1000, "seconds": 1}, (0.0, 1.5, 0.5), cores=2))
    assert (found["capacity_per_s"], found["least_worker_share"]) == (1000, 0.5)


def test_cases_are_chosen_by_name_or_beginning() -> None:
    assert chosen("") == CASES
    assert [case.name for case in chosen("burst, chat")] == ["chat", "burst"]
    assert len(chosen("curve")) > 3
    with pytest.raises(ValueError, match="no case nothing"):
        chosen("chat,nothing")


def test_held_connections_fit_the_open_files() -> None:
    assert held(1_000_000) == HELD
    assert held(20_000) == 9750
