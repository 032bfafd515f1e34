from __future__ import annotations

import pytest

from loadtest.bench.bars import BARS, Results, Verdict, find
from loadtest.bench.cases import CASES


def chat(gateway: list[float], nginx: list[float]) -> Results:
    rates = {"requests_per_s": [1.0] * len(nginx)}
    return {
        "chat": {
            "gateway": {"cpu_us_per_request": gateway, **rates},
            "nginx": {"cpu_us_per_request": nginx, **rates},
        }
    }


@pytest.mark.parametrize(
    ("gateway", "verdict"),
    [
        ([38.0, 38.0], Verdict.AIM),
        ([48.0, 48.0], Verdict.MUST),
        ([99.0, 99.0], Verdict.MISSED),
        ([20.0, 80.0], Verdict.NOISY),
        ([45.0, 10.0, 45.0, 200.0, 45.0], Verdict.MUST),
        ([70.0, 20.0, 70.0, 200.0, 200.0], Verdict.NOISY),
    ],
)
def test_verdicts(gateway: list[float], verdict: Verdict) -> None:
    finding = find(chat(gateway, [20.0] * len(gateway)))[0]
    assert finding.verdict is verdict


def test_ratios_are_taken_round_by_round() -> None:
    finding = find(chat([60.0, 30.0, 90.0], [20.0, 10.0, 30.0]))[0]
    assert (finding.value, finding.values) == (3.0, (3.0, 3.0, 3.0))
    assert (finding.subject, finding.peer) == (60.0, 20.0)


def test_more_is_better_where_it_is() -> None:
    results = {
        "chat": {
            "gateway": {"cpu_us_per_request": [1.0], "requests_per_s": [10.0]},
            "nginx": {"cpu_us_per_request": [1.0], "requests_per_s": [100.0]},
        }
    }
    assert [finding.verdict for finding in find(results)] == [Verdict.AIM, Verdict.MISSED]


def test_differences_and_plain_numbers() -> None:
    results = {
        "alone": {"gateway": {"p50_ms": [0.22, 0.24]}, "nginx": {"p50_ms": [0.2, 0.2]}},
        "start": {"gateway": {"seconds": [0.25]}, "nginx": {"seconds": [0.1, 0.1]}},
    }
    added, start = find(results)
    assert added.value == pytest.approx(0.03)
    assert added.verdict is Verdict.MUST
    assert (start.value, start.verdict) == (0.25, Verdict.MUST)


def test_what_no_proxy_can_be_asked_for_is_spared_before_the_ratio() -> None:
    first = {"cpu_us_per_event": [1.0], "first_p99_ms": [1.0]}
    gateway, nginx = {**first, "first_p50_ms": [0.8]}, {**first, "first_p50_ms": [0.25]}
    found = {each.bar.reading: each for each in find({"paced": {"gateway": gateway, "nginx": nginx}})}
    assert found["first_p50_ms"].value == pytest.approx(2.0)
    assert found["first_p50_ms"].verdict is Verdict.MUST
    assert found["first_p99_ms"].value == pytest.approx(0.7)


def test_only_what_was_measured_is_judged() -> None:
    assert find({}) == []
    assert find({"chat": {"nginx": {"cpu_us_per_request": [1.0]}}}) == []


def test_every_bar_is_about_a_case_that_there_is() -> None:
    cases = {case.name for case in CASES} | {"soak", "start"}
    assert {bar.case for bar in BARS} <= cases
