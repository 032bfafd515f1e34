from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.said import NOTHING, Said, said_in


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}', Said(("c", "t"), "m")),
        (b'{"error":{"message":"m","code":402}}', Said(("402",), "m")),
        (b'{"code":"c","error":"m"}', Said(("c",), "m")),
        (b'{"object":"error","message":"m","type":"t","code":"3000"}', Said(("3000", "t"), "m")),
        (b'{"detail":"m"}', Said((), "m")),
        (b'{"detail":{"message":"m","code":"c"}}', Said(("c",), "m")),
        (b'{"errors":[{"code":10000,"message":"m"}]}', Said(("10000",), "m")),
        (
            b'[{"error":{"code":400,"message":"m","status":"S","details":[{"reason":"R"}]}}]',
            Said(("400", "S", "R"), "m"),
        ),
        (b'data: {"error":{"message":"m","code":"c"}}\n\ndata: [DONE]\n\n', Said(("c",), "m")),
        (b'event: error\ndata: {"error":{"message":"m"}}\n\n', Said((), "m")),
        (b"", NOTHING),
        (b"<html>Forbidden</html>", NOTHING),
        (b"data:", NOTHING),
        (b'"error"', NOTHING),
        (b'{"error":{"code":true,"message":7,"type":["t"]}}', NOTHING),
        (b"[" * 100_000, NOTHING),
        (b'{"error":' * 500, NOTHING),
        (b'{"error":{"code":"' + b"c" * 65 + b'"}}', NOTHING),
    ],
)
def test_dialects(body: bytes, said: Said) -> None:
    assert said_in(body) == said


@given(st.binary(max_size=200))
def test_never_raises(body: bytes) -> None:
    said_in(body)
    said_in(b"data: " + body)


def test_is_bounded() -> None:
    one = b'{"code":"c","type":"t","message":"' + b"m" * 5000 + b'"}'
    said = said_in(b"[" + b",".join([one] * 1000) + b"]")
    assert len(said.names) <= 16
    assert len(said.message) <= 2048
