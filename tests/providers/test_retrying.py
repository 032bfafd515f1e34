from __future__ import annotations

import pytest

from proxy.providers.retrying import Policy, backoff_s, retries_for
from proxy.types import Refusal, Result, ResultKind

SAID = Policy(bad_request=1, authentication=2, timeout=3, rate_limit=4, content_policy=5, server_error=6)


@pytest.mark.parametrize(
    ("result", "refusal", "plain", "said"),
    [
        (Result(ResultKind.NEUTRAL, 400), None, 0, 1),
        (Result(ResultKind.NEUTRAL, 422), None, 0, 1),
        (Result(ResultKind.NEUTRAL, 404), None, 0, 0),
        (Result(ResultKind.NEUTRAL, 409), None, 9, 9),
        (Result(ResultKind.AUTH, 401), None, 9, 2),
        (Result(ResultKind.AUTH, 400), None, 9, 2),
        (Result(ResultKind.TIMEOUT), None, 9, 3),
        (Result(ResultKind.SERVER_ERROR, 408), None, 9, 3),
        (Result(ResultKind.RATE_LIMITED, 429), None, 9, 4),
        (Result(ResultKind.NEUTRAL, 400), Refusal.CONTENT_POLICY, 0, 5),
        (Result(ResultKind.SERVER_ERROR, 500), None, 9, 6),
        (Result(ResultKind.REFUSED), None, 9, 6),
        (Result(ResultKind.BROKEN), None, 9, 6),
    ],
)
def test_how_many_by_what_failed(result: Result, refusal: Refusal | None, plain: int, said: int) -> None:
    assert retries_for(result, refusal, Policy(), 9) == plain
    assert retries_for(result, refusal, SAID, 9) == said


def test_the_wait_is_anything_up_to_a_ceiling_that_doubles() -> None:
    assert [backoff_s(retry, 0, 1) for retry in (0, 1, 4, 99)] == [0.5, 1, 8, 8]
    assert backoff_s(4, 0, 0.25) == 2
    assert backoff_s(0, 3, 0.5) == 3
