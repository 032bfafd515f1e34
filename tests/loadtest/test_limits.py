"""`make limits`, in seconds; and of each of its judges that it can fail."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from loadtest.limits import budget, minutes
from loadtest.limits.__main__ import run
from loadtest.limits.books import Books
from loadtest.limits.scene import Settings, Told

SHORT = Settings(workers=2, clients=30, dollars=0.05, rpm=60, seconds=8.0, kill_every_s=2.0)


async def test_a_short_one_is_right(tmp_path: Path) -> None:
    told = io.StringIO()
    with redirect_stdout(told):
        wrong = await run(tmp_path, SHORT)
    wrong = [text for text in wrong if "of the limit were used" not in text]  # of seconds nobody can tell
    assert wrong == [], told.getvalue()


def test_requests_are_counted_in_every_sliding_minute() -> None:
    spread = [each * 0.5 for each in range(240)]
    assert minutes.most_in(spread, 60) == 120
    assert minutes.most_in([*spread, 80.1, 80.2], 60) == 122
    outcome = minutes.Outcome(arrived=spread, started=spread, wrong=[])
    assert minutes.judged(outcome, 120, 120) == []
    assert len(minutes.judged(outcome, 119, 120)) == 2
    outcome.lag_s = 0.5
    assert minutes.judged(outcome, 119, 120) == ["120 requests in 60.00 s by the records, of 119 in a minute"]
    outcome.arrived = spread[::2]
    assert minutes.judged(outcome, 120, 120) == ["50.00% of the limit were used"]


@pytest.mark.parametrize(
    ("code", "message", "right"),
    [
        ("budget_exceeded", "Budget has been exceeded! k: current cost: 1.0001, max budget: 1.", True),
        ("budget_exceeded", "Budget has been exceeded! k: current cost: 0.9, max budget: 1.", False),
        ("budget_exceeded", "Budget has been exceeded! k: current cost: 2, max budget: 2.", False),
        ("budget_reserved", "... under way: 0.99995 $ with these, of 1 $. ...", True),
        ("budget_reserved", "... under way: 0.9 $ with these, of 1 $. ...", False),
        ("rate_limit_exceeded", "", False),
    ],
)
def test_a_refusal_is_judged_by_its_numbers(code: str, message: str, *, right: bool) -> None:
    refused = Told(429, code, message)
    assert (budget._not_right(refused, 10**9, 10_000, 100_000) == "") is right


def test_books_that_do_not_agree_are_found() -> None:
    assert Books(5, 5, 9, 9, 1).unlike() == []
    assert len(Books(5, 4, 9, 10, 1).unlike()) == 2
