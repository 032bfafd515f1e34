"""AWS's published vectors, and how a request of ours is signed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from proxy.providers.sigv4 import authorization, signature
from proxy.types import Secret, SigningKey

VECTORS = msgspec.json.decode((Path(__file__).parents[1] / "data/sigv4.json").read_bytes())
KEY = SigningKey(
    access_key="AKIDEXAMPLE",
    secret=Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    region="us-east-1",
    service="service",
)
STAMP, NOW_UNIX = "20150830T123600Z", 1440938160.0


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_published_suite(vector: dict) -> None:
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in vector["query"].items())
    headers = [(name.encode(), value.encode()) for name, value in vector["headers"].items()]
    made = authorization(
        KEY,
        vector["method"].encode(),
        vector["path"].encode(),
        query.encode(),
        headers,
        vector["body"].encode(),
        STAMP,
    )
    assert made.decode() == vector["authorization"]


def test_a_requests_headers() -> None:
    dated, signed = signature(KEY, b"POST", b"h", b"/openai/v1/chat/completions?a=%2f", b"{}", NOW_UNIX)
    assert dated == (b"X-Amz-Date", STAMP.encode())
    assert signed[0] == b"Authorization"
    assert b"SignedHeaders=host;x-amz-date, " in signed[1]
    session = msgspec.structs.replace(KEY, session=Secret("token"))
    names = [name for name, _ in signature(session, b"GET", b"h", b"/", b"", NOW_UNIX)]
    assert names == [b"X-Amz-Date", b"X-Amz-Security-Token", b"Authorization"]
    assert b"x-amz-security-token" in signature(session, b"GET", b"h", b"/", b"", NOW_UNIX)[-1][1]


def test_escapes_have_one_spelling_and_paths_are_encoded_once_more() -> None:
    def made(path: bytes, query: bytes) -> bytes:
        return authorization(KEY, b"GET", path, query, ((b"host", b"h"),), b"", STAMP)

    assert made(b"/a", b"b=%2f&a=1") == made(b"/a", b"a=1&b=%2F")
    assert made(b"/a%3Ab", b"") != made(b"/a:b", b"")
    assert made(b"", b"") == made(b"/", b"")
