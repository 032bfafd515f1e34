from __future__ import annotations

import pytest

from proxy.providers.tokens.asking import LONGEST_S, SHORTEST_S, TokenRefused, token_in


@pytest.mark.parametrize(
    ("body", "lasts_s"),
    [
        (b'{"access_token":"t","expires_in":3599}', 3599.0),
        (b'{"access_token":"t","expires_in":"3599"}', 3599.0),
        (b'{"access_token":"t","expires_on":"2000"}', 1000.0),
        (b'{"access_token":"t","expires_in":"soon"}', SHORTEST_S),
        (b'{"access_token":"t"}', SHORTEST_S),
        (b'{"access_token":"t","expires_in":-5}', SHORTEST_S),
        (b'{"access_token":"t","expires_in":1e9}', LONGEST_S),
    ],
)
def test_a_token_and_how_long_it_lasts(body: bytes, lasts_s: float) -> None:
    token = token_in(200, body, 1000.0)
    assert (token.text.reveal(), token.lasts_s) == ("t", lasts_s)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            400,
            b'{"error":"invalid_client","error_description":"secret sk-1 is wrong"}',
            "answered 400 invalid_client",
        ),
        (401, b'{"error":{"code":401}}', "answered 401"),
        (200, b"<html>", "answered 200 with no JSON object"),
        (200, b"{}", "answered 200"),
        (200, b'{"access_token":"a\\nb"}', "answered with a token that is none"),
        (400, b'{"error":"sk-1 is wrong"}', "answered 400"),
    ],
)
def test_what_is_no_token_says_why_and_repeats_nothing(status: int, body: bytes, said: str) -> None:
    with pytest.raises(TokenRefused) as caught:
        token_in(status, body, 0.0)
    assert str(caught.value) == said
