"""What Prometheus itself would read."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from proxy.metrics import families as f
from proxy.metrics.exposition import merged, text
from proxy.metrics.table import OwnBoard, Table

NASTY = 'a"b\\c\nd\u2028é \ud800'


@pytest.fixture
def numbers() -> dict[int, dict[tuple[str, ...], list[float]]]:
    table, board = Table(), OwnBoard()
    table.values[table.row(f.RETRIES, (NASTY,))] += 2
    table.values[table.row(f.SPEND, ("m", "k", "t"))] += 0.1 + 0.2
    for value in (0.004, 0.005, 0.3, 1000.0):
        table.observe(f.FIRST_BYTE, value, ("m",))
    table.sources.append(lambda table: table.set(f.IN_FLIGHT, 3))
    list(table.ask())
    table.publish(board, 0.0)
    return merged(board.sheets(), 0.0)


def test_prometheus_reads_it(numbers: dict[int, dict[tuple[str, ...], list[float]]]) -> None:
    found = {each.name: each for each in text_string_to_metric_families(text(numbers).decode())}
    (retries,) = found["sluice_retries"].samples
    assert (retries.name, retries.value) == ("sluice_retries_total", 2.0)
    assert retries.labels == {"requested_model": NASTY.replace("\ud800", "?")}
    assert found["litellm_spend_metric"].samples[0].value == 0.1 + 0.2
    assert found["litellm_in_flight_requests"].type == "gauge"
    buckets = {
        s.labels["le"]: s.value for s in found["sluice_first_byte_seconds"].samples if "le" in s.labels
    }
    assert (buckets["0.005"], buckets["0.25"], buckets["0.5"], buckets["600.0"]) == (2, 2, 3, 3)
    assert buckets["+Inf"] == 4
    assert list(buckets.values()) == sorted(buckets.values())


def test_openmetrics_reads_it_and_checks_more(numbers: dict[int, dict[tuple[str, ...], list[float]]]) -> None:
    said = text(numbers, openmetrics=True).decode()
    found = {each.name: each for each in openmetrics.text_string_to_metric_families(said)}
    assert found["sluice_retries"].type == "counter"
    assert found["sluice_first_byte_seconds"].type == "histogram"
    assert said.endswith("# EOF\n")


def test_nothing_yet_is_no_error() -> None:
    assert text(merged([b""], 0.0)) == b"\n"
    assert text(merged([], 0.0), openmetrics=True) == b"# EOF\n"
