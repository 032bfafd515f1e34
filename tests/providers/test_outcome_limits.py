from __future__ import annotations

import pytest

from proxy.providers.outcome import limits_of, refusal_of
from proxy.types import Limits, Refusal


@pytest.mark.parametrize(
    ("status", "body", "refusal"),
    [
        (400, b'{"error":{"code":"context_length_exceeded"}}', Refusal.CONTEXT_WINDOW),
        (400, b'{"error":{"message":"This model\'s maximum context length is 8"}}', Refusal.CONTEXT_WINDOW),
        (400, b'{"error":{"code":"content_filter"}}', Refusal.CONTENT_POLICY),
        (400, b'{"error":{"message":"no"}}', None),
        (500, b'{"error":{"code":"content_filter"}}', None),
        (400, b"not JSON", None),
    ],
)
def test_why_a_request_was_turned_down(status: int, body: bytes, refusal: Refusal | None) -> None:
    assert refusal_of(status, body) is refusal


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        ({}, None),
        ({"remaining-requests": b"5", "reset-requests": b"6m0s"}, Limits(5, None, 360.0, None)),
        ({"remaining-tokens": b"0", "reset-tokens": b"12ms"}, Limits(None, 0, None, 0.012)),
        ({"remaining-requests": b"5"}, Limits()),
        ({"remaining-requests": b"-1", "reset-requests": b"0"}, Limits(None, None, 0.0, None)),
    ],
)
def test_what_is_left(headers: dict[str, bytes], limits: Limits | None) -> None:
    found = {b"x-ratelimit-" + name.encode(): value for name, value in headers.items()}
    assert limits_of(found.get) == limits


NOW = 1_796_000_000.0
"""2026-11-30T00:53:20Z"""


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        (
            {"requests-remaining": b"4", "requests-reset": b"2026-11-30T00:54:20Z"},
            Limits(4, None, 60.0, None),
        ),
        (
            {"tokens-remaining": b"0", "tokens-reset": b"2026-11-30T01:53:20+01:00"},
            Limits(None, None, None, None),
        ),
        (
            {"tokens-remaining": b"0", "tokens-reset": b"2026-11-30T00:53:50+00:00"},
            Limits(None, 0, None, 30.0),
        ),
        ({"requests-remaining": b"4", "requests-reset": b"soon"}, Limits()),
        ({"input-tokens-remaining": b"4"}, None),
    ],
)
def test_what_is_left_at_anthropic(headers: dict[str, bytes], limits: Limits | None) -> None:
    found = {b"anthropic-ratelimit-" + name.encode(): value for name, value in headers.items()}
    assert limits_of(found.get, NOW) == limits
