from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from proxy.accounting.lines import dropped_json_line, dropped_text_line, json_lines, text_line
from proxy.accounting.record import Record
from proxy.types import Outcome, Usage

MakeRecord = Callable[..., Record]


def test_a_json_line_is_the_record_with_its_time_level_and_event(make_record: MakeRecord) -> None:
    record = make_record()
    line = json_lines([record])
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    fields = json.loads(line)
    assert (fields.pop("ts"), fields.pop("level"), fields.pop("event")) == (
        "2023-11-14T22:13:21.750Z",
        "info",
        "request",
    )
    own = json.loads(msgspec.json.encode(record))
    assert list(json.loads(line)) == ["ts", "level", "event", *own]
    assert fields == own
    assert fields["usage"]["input_tokens"] == 12
    assert "cached_tokens" not in fields["usage"], "what was not said is not there"


@pytest.mark.parametrize(
    ("outcome", "level"),
    [(Outcome.OK, "info"), (Outcome.TRUNCATED, "warning"), (Outcome.GATEWAY_ERROR, "error")],
)
def test_the_level_follows_the_outcome(make_record: MakeRecord, outcome: Outcome, level: str) -> None:
    fields = json.loads(json_lines([make_record(outcome=outcome)]))
    assert (fields["level"], fields["outcome"]) == (level, outcome.value)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_line(make_record: MakeRecord, outcome: Outcome) -> None:
    assert json_lines([make_record(outcome=outcome)])
    assert text_line(make_record(outcome=outcome), colour=False)


def test_a_text_line_reads_from_left_to_right(make_record: MakeRecord) -> None:
    assert text_line(make_record(), colour=False) == (
        b"22:13:21.750 200 POST /v1/chat/completions gpt-4o -> key-1 12+34 tokens 0.250s/1.500s\n"
    )


def test_a_text_line_says_what_went_wrong_and_leaves_out_what_is_not_known(make_record: MakeRecord) -> None:
    record = make_record(
        status=0,
        outcome=Outcome.CLIENT_GONE,
        error="left while waiting",
        usage=None,
        first_byte_s=None,
        deployment_id=None,
        model_asked=None,
    )
    assert text_line(record, colour=False) == (
        b"22:13:21.750 --- POST /v1/chat/completions -/1.500s client_gone: left while waiting\n"
    )


def test_a_text_line_names_the_entry_and_says_that_it_took_several_attempts(make_record: MakeRecord) -> None:
    record = make_record(origin="config.yaml:4 OPENAI_API_KEY_2", attempts=3, usage=None)
    assert text_line(record, colour=False).endswith(
        b" gpt-4o -> key-1 (config.yaml:4 OPENAI_API_KEY_2) 0.250s/1.500s 3 attempts\n"
    )


def test_tokens_not_said_are_not_zero(make_record: MakeRecord) -> None:
    assert b" 0+? tokens " in text_line(make_record(usage=Usage(input_tokens=0)), colour=False)


@pytest.mark.parametrize(("status", "colour"), [(200, b"32"), (404, b"33"), (503, b"31")])
def test_only_the_status_is_coloured(make_record: MakeRecord, status: int, colour: bytes) -> None:
    line = text_line(make_record(status=status), colour=True)
    assert b" \x1b[%sm%d\x1b[0m " % (colour, status) in line
    assert line.count(b"\x1b") == 2


def test_nobody_writes_to_the_terminal_through_the_log(make_record: MakeRecord) -> None:
    record = make_record(
        route="/v1/\x1b[2J\n200 GET /forged",
        model_asked="\x07" + "x" * 5000,
        error="a\rb",
        outcome=Outcome.TRUNCATED,
    )
    line = text_line(record, colour=False)
    assert line.count(b"\n") == 1
    assert not set(b"\x1b\x07\r") & set(line)
    assert len(line) < 400


def test_dropped_records_are_told_in_both_formats() -> None:
    fields = json.loads(dropped_json_line(3, 1_700_000_000.0))
    assert fields == {
        "ts": "2023-11-14T22:13:20.000Z",
        "level": "warning",
        "event": "records_dropped",
        "count": 3,
    }
    assert dropped_text_line(3, 1_700_000_000.0).startswith(b"22:13:20.000 3 records dropped")
