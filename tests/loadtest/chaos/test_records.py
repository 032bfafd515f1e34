from __future__ import annotations

import pytest

from loadtest.chaos.judge import Kind
from loadtest.chaos.records import wrong_records
from proxy.accounting.lines import dropped_json_line, json_lines
from proxy.accounting.record import Record
from proxy.types import Outcome


def line(call_id: str, outcome: Outcome, route: str = "/chat/completions") -> str:
    record = Record(call_id=call_id, started_unix_s=0.0, method="POST", route=route, outcome=outcome)
    return json_lines([record]).decode()


GOOD = [
    "Sluice 0.1.0  http://0.0.0.0:4000\n",
    line("a", Outcome.OK),
    line("b", Outcome.TRUNCATED),
    line("c", Outcome.CLIENT_GONE),
    line("h", Outcome.OK, "/health"),
]
KINDS = {"a": Kind.WHOLE, "b": Kind.CUT_WITH_EVENT}


def test_one_record_for_each() -> None:
    assert wrong_records(GOOD, 3, KINDS) == []


@pytest.mark.parametrize(
    ("lines", "asked", "said"),
    [
        (GOOD, 4, ["3 records of 4 requests"]),
        (GOOD, 2, ["3 records of 2 requests"]),
        ([*GOOD, line("a", Outcome.OK)], 4, ["2 records of a"]),
        (GOOD[:2], 1, ["record b is not there; its client saw: error event, cut"]),
        ([*GOOD[:1], line("a", Outcome.UPSTREAM_ERROR), *GOOD[2:]], 3,
         ["record a is upstream_error; its client saw: whole answer"]),
        ([*GOOD[:2], line("b", Outcome.OK), *GOOD[3:]], 3, ["record b is ok; its client saw: error event, cut"]),
    ],
)  # fmt: skip
def test_what_is_wrong(lines: list[str], asked: int, said: list[str]) -> None:
    assert wrong_records(lines, asked, KINDS) == said


def test_a_log_that_lost_records_says_so() -> None:
    (wrong,) = wrong_records([*GOOD, dropped_json_line(3, 0.0).decode()], 3, KINDS)
    assert wrong.startswith("the log says")


def test_an_answer_may_end_in_the_moment_that_its_client_leaves() -> None:
    assert wrong_records([line("a", Outcome.OK)], 1, {"a": Kind.LEFT}) == []
    assert wrong_records([line("a", Outcome.GATEWAY_ERROR)], 1, {"a": Kind.LEFT}) != []
