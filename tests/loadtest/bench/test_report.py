from __future__ import annotations

import json
from pathlib import Path

from loadtest.bench.bars import find
from loadtest.bench.plot import curve
from loadtest.bench.report import readings, table, write_json, write_results

MACHINE = {"date": "2030-01-02 03:04 UTC", "processor": "a fast one"}
RESULTS = {
    "chat": {
        "nginx": {"cpu_us_per_request": [20.0, 30.0], "requests_per_s": [1000.0, 1000.0]},
        "gateway": {"cpu_us_per_request": [40.0, 60.0], "requests_per_s": [100.0, 100.0]},
    },
    "curve-4": {"gateway": {"requests_per_s": [1.0, 3.0]}},
    "curve-16": {"gateway": {"requests_per_s": [5.0]}},
}


def test_the_table_shows_value_bars_and_verdict() -> None:
    cpu, rate = table(find(RESULTS)).splitlines()[2:]
    assert cpu == "| chat: CPU per request | 50 | 25 (nginx) | 2x [2-2] | <= 2.4 | <= 1.9 | must met |"
    assert rate.endswith("| >= 0.42 | >= 0.5 | MISSED |")


def test_readings_are_medians() -> None:
    assert "| chat | nginx | cpu_us_per_request 25, requests_per_s 1000 |" in readings(RESULTS)


def test_results_and_json_are_written(tmp_path: Path) -> None:
    write_results(tmp_path / "RESULTS.md", MACHINE, find(RESULTS), RESULTS)
    assert "- processor: a fast one" in (tmp_path / "RESULTS.md").read_text()
    saved = write_json(tmp_path, MACHINE, RESULTS)
    assert saved.name == "bench-2030-01-02-0304-UTC.json"
    assert json.loads(saved.read_text())["results"] == RESULTS


def test_a_curve_is_read_from_its_cases() -> None:
    assert curve(RESULTS, "gateway") == {4: {"requests_per_s": 2.0}, 16: {"requests_per_s": 5.0}}
    assert curve(RESULTS, "nginx") == {}
