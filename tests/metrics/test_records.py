from __future__ import annotations

import random

import pytest

from proxy.accounting.record import Record
from proxy.metrics import families as f
from proxy.metrics.exposition import Merged, merged
from proxy.metrics.families import Family
from proxy.metrics.names import MODELS_BEHIND_PATTERNS, REASONS, Names
from proxy.metrics.records import RecordCounter
from proxy.metrics.table import OwnBoard, Table
from proxy.types import Cost, Deployment, Outcome, Secret, Usage


def deployment(group: str) -> Deployment:
    return Deployment(
        id="d",
        group=group,
        provider="openai",
        model="m",
        api_base="http://x",
        api_key=Secret(""),
        object_scope="",
    )


class Counted:
    """What a few records come to."""

    def __init__(self, group: str = "gpt-4o") -> None:
        self.table = Table()
        self.group = group
        names = Names(
            lambda id_: deployment(self.group) if id_ == "d" else None, {"gpt-4o", "alias"}.__contains__
        )
        self.counter = RecordCounter(self.table, names)

    def count(self, **changes: object) -> None:
        self.counter.finish([a_record(**changes)], 0)

    def shown(self, family: Family) -> dict[tuple[str, ...], list[float]]:
        return self.all().get(family.number, {})

    def all(self) -> Merged:
        board = OwnBoard()
        self.table.publish(board, 0.0)
        return merged(board.sheets(), 0.0)


def a_record(**changes: object) -> Record:
    fields: dict[str, object] = {
        "call_id": "c", "started_unix_s": 0.0, "method": "POST", "route": "/chat/completions",
        "model_asked": "gpt-4o", "deployment_id": "d", "status": 200, "outcome": Outcome.OK, "attempts": 1,
        "sent_s": 0.001, "first_byte_s": 0.2, "duration_s": 1.001, "caller": "master",
    }  # fmt: skip
    return Record(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_a_good_answer(counted: Counted) -> None:
    usage = Usage(12, 34, 46, 10, 5)
    counted.count(
        usage=usage, cost=Cost(1_500_000_000), request_bytes=7, response_bytes=9, team="t", key_alias="k"
    )
    by_caller = ("gpt-4o", "k", "t")
    assert counted.shown(f.REQUESTS) == {("/chat/completions", "200", *by_caller): [1.0]}
    for family, number in (
        (f.INPUT_TOKENS, 12), (f.OUTPUT_TOKENS, 34), (f.TOTAL_TOKENS, 46), (f.CACHED_TOKENS, 10),
        (f.REASONING_TOKENS, 5), (f.SPEND, 1.5),
    ):  # fmt: skip
        assert counted.shown(family) == {by_caller: [number]}, family.name
    assert counted.shown(f.DURATION)[("gpt-4o",)][-1] == pytest.approx(1.001)
    assert counted.shown(f.UPSTREAM_DURATION)[("gpt-4o", "d")][-1] == pytest.approx(1.0)
    assert counted.shown(f.PER_OUTPUT_TOKEN)[("gpt-4o", "d")][-1] == pytest.approx(1 / 34)
    assert counted.shown(f.OVERHEAD)[()][-1] == pytest.approx(0.001)
    assert (counted.shown(f.RECEIVED_BYTES), counted.shown(f.SENT_BYTES)) == ({(): [7.0]}, {(): [9.0]})
    for family in (f.FAILED, f.FAILURES, f.LIMITS_HIT, f.UNPRICED, f.ESTIMATED, f.RETRIES, f.FALLBACKS_GOOD):
        assert counted.shown(family) == {}, family.name


def test_numbers_add_up_over_records_of_one_kind(counted: Counted) -> None:
    for tokens in (1, 2, 3):
        counted.count(usage=Usage(tokens, tokens, 2 * tokens))
    assert counted.shown(f.INPUT_TOKENS) == {("gpt-4o", "master", ""): [6.0]}
    assert counted.shown(f.UNPRICED) == {("gpt-4o",): [3.0]}


@pytest.mark.parametrize(
    ("status", "outcome", "error", "kind"),
    [
        (429, Outcome.UPSTREAM_ERROR, "rate_limit_exceeded", "RateLimitError"),
        (503, Outcome.UPSTREAM_ERROR, "connection refused", "ServiceUnavailableError"),
        (599, Outcome.UPSTREAM_ERROR, None, "APIError"),
        (200, Outcome.TRUNCATED, "source closed early", "APIError"),
    ],
)
def test_a_failure_has_its_reason_and_litellms_class(
    counted: Counted, status: int, outcome: Outcome, error: str | None, kind: str
) -> None:
    counted.count(status=status, outcome=outcome, error=error)
    assert counted.shown(f.FAILURES) == {(outcome.value, error or ""): [1.0]}
    labels = ("/chat/completions", str(status), kind, "gpt-4o", "master", "")
    assert counted.shown(f.FAILED) == {labels: [1.0]}
    assert counted.shown(f.LIMITS_HIT) == {}  # an upstream's


def test_a_client_that_left_is_no_failed_request(counted: Counted) -> None:
    counted.count(status=0, outcome=Outcome.CLIENT_GONE, first_byte_s=None)
    assert counted.shown(f.FAILED) == {}
    assert counted.shown(f.FAILURES) == {("client_gone", ""): [1.0]}


def test_a_limit_of_the_gateways_own(counted: Counted) -> None:
    counted.count(
        status=429, outcome=Outcome.CLIENT_ERROR, error="budget_exceeded", attempts=0, key="ab" * 32
    )
    assert counted.shown(f.LIMITS_HIT) == {("budget_exceeded", "abababab", ""): [1.0]}
    assert counted.shown(f.DURATION) == {}


def test_retries_and_fallbacks(counted: Counted) -> None:
    counted.group = "other-group"
    counted.count(attempts=3, fallbacks=1)
    counted.count(attempts=2, fallbacks=1, outcome=Outcome.UPSTREAM_ERROR, status=500)
    assert counted.shown(f.RETRIES) == {("gpt-4o",): [3.0]}
    assert counted.shown(f.FALLBACKS_GOOD) == {("gpt-4o", "other-group"): [1.0]}
    assert counted.shown(f.FALLBACKS_FAILED) == {("gpt-4o", "other-group"): [1.0]}


def test_names_that_clients_invent_make_no_series(counted: Counted) -> None:
    for number in range(3 * MODELS_BEHIND_PATTERNS):
        invented = f"invented-{number}"
        counted.count(
            model_asked=invented, status=404, outcome=Outcome.CLIENT_ERROR, attempts=0, deployment_id=None
        )
        counted.count(
            route=f"/{invented}", error="unknown_url", attempts=0, status=404, outcome=Outcome.CLIENT_ERROR
        )
        counted.count(caller=f"anonymous:{number}")
    assert len(counted.shown(f.REQUESTS)) == 3
    counted.group = "openai/*"
    for number in range(3 * MODELS_BEHIND_PATTERNS):
        counted.count(model_asked=f"answered-{number}")
    models = {labels[2] for labels in counted.shown(f.REQUESTS)}
    assert len(models) == MODELS_BEHIND_PATTERNS + 3
    assert "openai/*" in models


def test_reasons_are_bounded(counted: Counted) -> None:
    for number in range(3 * REASONS):
        counted.count(status=500, outcome=Outcome.UPSTREAM_ERROR, error=f"word-{number}")
    assert len(counted.shown(f.FAILURES)) == REASONS + 1


def any_record(chance: random.Random) -> Record:
    """Of few kinds, and with anything said or not."""
    pick = chance.choice
    count = chance.randrange(3)
    return a_record(
        route=pick(("/chat/completions", "/embeddings")),
        status=pick((200, 200, 200, 429, 500)),
        outcome=pick((Outcome.OK, Outcome.OK, Outcome.OK, Outcome.UPSTREAM_ERROR, Outcome.CLIENT_GONE)),
        error=pick((None, None, "rate_limit_exceeded")),
        model_asked=pick(("gpt-4o", "alias", None)),
        key_alias=pick((None, "k")),
        attempts=pick((0, 1, 1, 1, 2)),
        fallbacks=pick((0, 0, 1)),
        estimated=pick((False, True)),
        sent_s=pick((None, chance.random())),
        first_byte_s=pick((None, chance.random())),
        first_content_s=pick((None, 2 * chance.random())),
        longest_gap_s=pick((None, 0.0, chance.random())),
        cancel_s=pick((None, chance.random())),
        queued_s=pick((0.0, chance.random())),
        duration_s=1 + chance.random(),
        usage=pick((None, Usage(), Usage(count, count, 2 * count, None, 1))),
        cost=pick((None, Cost(count * 1_000_000, saved=count))),
        request_bytes=count,
        response_bytes=7,
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_is_counted_as_its_records_are_one_by_one(seed: int) -> None:
    chance = random.Random(seed)
    records = [any_record(chance) for _ in range(500)]
    together, alone = Counted(), Counted()
    together.counter.finish(records, 0)
    for record in records:
        alone.counter.finish([record], 0)
    found, expected = together.all(), alone.all()
    assert found.keys() == expected.keys()
    for number, series in expected.items():
        assert found[number].keys() == series.keys(), f.FAMILIES[number].name
        for labels, numbers in series.items():
            assert found[number][labels] == pytest.approx(numbers), (f.FAMILIES[number].name, labels)
    assert len(expected) > 20
