from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.outcome import result_of, retry_after_s, retryable
from proxy.types import Layer, Result, ResultKind

NOW_UNIX = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT
NO_HEADERS: dict[bytes, bytes] = {}


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (200, ResultKind.OK, False),
        (201, ResultKind.OK, False),
        (307, ResultKind.OK, False),
        (400, ResultKind.NEUTRAL, False),
        (401, ResultKind.AUTH, True),
        (402, ResultKind.AUTH, True),
        (403, ResultKind.AUTH, True),
        (404, ResultKind.NEUTRAL, False),
        (408, ResultKind.SERVER_ERROR, True),
        (409, ResultKind.NEUTRAL, True),
        (422, ResultKind.NEUTRAL, False),
        (429, ResultKind.RATE_LIMITED, True),
        (500, ResultKind.SERVER_ERROR, True),
        (503, ResultKind.SERVER_ERROR, True),
        (529, ResultKind.SERVER_ERROR, True),
    ],
)
def test_table(status: int, kind: ResultKind, again: bool) -> None:
    result = result_of(status, NO_HEADERS.get, NOW_UNIX)
    assert result == Result(kind, status, blame=Layer.MODEL if status in (503, 529) else None)
    assert retryable(result) is again


@pytest.mark.parametrize("kind", [ResultKind.REFUSED, ResultKind.TIMEOUT, ResultKind.BROKEN])
def test_attempts_without_a_status_are_retryable(kind: ResultKind) -> None:
    assert retryable(Result(kind))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:50:07 GMT"}, 30.0),
        ({"retry-after": "Sun Nov  6 08:50:07 1994"}, 30.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, None),
        ({"retry-after": "Sun, 99 Nov 1994 99:99:99 GMT"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms"}, 0.012),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1s"}, 1.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "9"}, 9.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "-1"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6 minutes"}, None),
        ({"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "9"}, None),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "50s",
                "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2s",
            },
            2.0,
        ),
        (
            {
                "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5s",
                "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2s",
            },
            5.0,
        ),
        (
            {"retry-after": "7", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "50s"},
            7.0,
        ),
    ],
)  # fmt: skip
def test_when_to_come_back(headers: dict[str, str], wait_s: float | None) -> None:
    found = {name.encode(): value.encode() for name, value in headers.items()}
    assert retry_after_s(found.get, NOW_UNIX) == pytest.approx(wait_s)
    assert result_of(429, found.get, NOW_UNIX).retry_after_s == pytest.approx(wait_s)


def test_only_answers_about_load_say_when() -> None:
    headers = {b"retry-after": b"7"}
    assert result_of(503, headers.get, NOW_UNIX).retry_after_s == 7.0
    assert result_of(529, headers.get, NOW_UNIX).retry_after_s == 7.0
    assert result_of(500, headers.get, NOW_UNIX).retry_after_s is None
    assert result_of(200, headers.get, NOW_UNIX).retry_after_s is None


@given(
    st.binary(max_size=40), st.sampled_from([b"retry-after", b"retry-after-ms", b"x-ratelimit-reset-tokens"])
)
def test_any_header_is_a_wait_or_nothing(value: bytes, name: bytes) -> None:
    headers = {name: value, b"x-ratelimit-remaining-tokens": b"0"}
    wait_s = retry_after_s(headers.get, NOW_UNIX)
    assert wait_s is None or 0 < wait_s < float("inf")


DATE_WORDS = [
    "Sun,",
    "Sun",
    "Nov",
    "06",
    "1994",
    "94",
    "08:50:07",
    "8:5",
    "GMT",
    "-0000",
    "06-Nov-94",
    "-",
    ":",
    "",
]


@given(st.lists(st.sampled_from(DATE_WORDS), max_size=8).map(" ".join))
def test_almost_dates_do_no_harm(value: str) -> None:
    wait_s = retry_after_s({b"retry-after": value.encode()}.get, NOW_UNIX)
    assert wait_s is None or wait_s > 0
