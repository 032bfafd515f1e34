"""Every operation of the OpenAI API passes through byte for byte, there and back.

The expected bytes are written out in full here: what the upstream got and what the client got are compared whole.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.answers import Answer, Framing

OPERATIONS = json.loads((Path(__file__).parents[1] / "data" / "openai-operations.json").read_text())[
    "operations"
]
PREFIXES = ("/openai/v1", "/openai_passthrough/v1", "/openai", "/openai_passthrough", "/v1", "")
GATEWAY_KEY, UPSTREAM_KEY = b"sk-gateway-master", b"sk-upstream-secret"
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-upstream-secret}
"""
IDS = ("a%2Fb-%C3%A9x_1", "id-%7e~!$&'()*+,;=:@_x", "asst_%25%32%46", "wire|'[]_odd")
QUERIES = ("", "?include[]=a&include[]=b&include%5B%5D=c", "?q=%20x+y&empty=&flag&&after=%2Fz&q=2", "?")
JSON_BODY = (
    b' {\t"metadata" : {"k":"v","n":1.50e+2} ,\r\n%b "unknown_field":[1,1e400, {"a":null} ],'
    b'"text":"\\u00e9\\ud83d\\ude00 \xc3\xa9","tags":["x"],"id":"mine","timeout":1,"dup":1,"dup":2}\n\n'
)
BOUNDARY = "x'()+_,-./:=?0"
FORM = (
    b'preamble\r\n--%(b)b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    b'--%(b)b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o\r\n'
    b'--%(b)b  \r\ncontent-disposition: form-data; name="file"; filename="a \xc3\xa9.bin"\r\n'
    b"Content-Type: application/octet-stream\r\nX-Odd: 1\r\n\r\n%(data)b\r\n"
    b'--%(b)b\r\nContent-Disposition: form-data; name="x[]"\r\n\r\n1\r\n'
    b'--%(b)b\r\nContent-Disposition: form-data; name="x[]"\r\n\r\n2\r\n'
    b"--%(b)b--\r\nepilogue"
) % {b"b": BOUNDARY.encode(), b"data": bytes(range(256)) + b"\r\n--not the boundary\r\n"}
BEFORE_LENGTH = (
    b"accept: */*\r\nX-Dup: one\r\nOpenAI-Organization: org-client\r\nopenai-project: proj\r\n"
    b"OpenAI-Beta: assistants=v2\r\nIdempotency-Key: 1f-2e\r\nX-Stainless-Retry-Count: 0\r\n"
)
AFTER_LENGTH = (
    b"X-Dup: two\r\nUSER-agent: OpenAI/Python 1.0 (\xc3\xa9)\r\nAccept-Encoding: gzip, deflate, br\r\nX-Empty: \r\n"
    b"x-dup: three\r\ntraceparent: 00-1-2-01\r\n"
)
HELD_BACK = (
    b"Connection: keep-alive, X-Hop\r\nX-Hop: no\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n"
    b"Proxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\nx-api-key: %(k)b\r\napi-key: %(k)b\r\n"
    b"X-Goog-Api-Key: %(k)b\r\nX-LiteLLM-Session-Id: s-1\r\nx-litellm-anything: 1\r\n"
) % {b"k": GATEWAY_KEY}
"""Hop-by-hop headers, credentials, and what speaks to the gateway."""


@pytest.fixture(scope="module")
def gateway(start):
    with start(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway, connect):
    with connect(gateway) as client:
        yield client


def _operation_name(operation: dict[str, object]) -> str:
    return f"{operation['method']} {operation['path']}"


def _bodies(operation) -> list[tuple[bytes, bytes]]:
    """(content type, body) of each kind that the operation takes; it takes none: one without."""
    model = b'"model" :  "gpt-4o",' if operation["model"] else b""
    known = {
        "application/json": (b"application/json; charset=utf-8", JSON_BODY % model),
        "multipart/form-data": (b'multipart/form-data; boundary="%b"' % BOUNDARY.encode(), FORM),
        "application/sdp": (b"application/sdp", b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"),
    }
    return [known[kind] for kind in operation["req"]] or [(b"", b"")]


def _target(path: str, seed: int) -> str:
    """The path with ids that a careless proxy would decode, and a query that it would sort."""
    ids = itertools.cycle(IDS[seed % len(IDS) :] + IDS[: seed % len(IDS)])
    filled = re.sub(r"\{\w+\}", lambda _: next(ids), path)
    query = QUERIES[seed % len(QUERIES)]
    return filled + (query.replace("?", "&", 1) if "?" in filled else query)


def _request(method: str, target: str, content_type: bytes, body: bytes) -> bytes:
    length = b"Content-Length: %d\r\nContent-Type: %b\r\n" % (len(body), content_type) if body else b""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: gateway.example\r\n".encode()
        + BEFORE_LENGTH + b"Authorization: Bearer " + GATEWAY_KEY + b"\r\n" + HELD_BACK + length + AFTER_LENGTH
        + b"\r\n" + body
    )  # fmt: skip


def _as_upstream_sees(method: str, target: str, content_type: bytes, body: bytes, host: str) -> bytes:
    length = b"Content-Length: %d\r\nContent-Type: %b\r\n" % (len(body), content_type) if body else b""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n".encode()
        + b"Authorization: Bearer " + UPSTREAM_KEY + b"\r\n" + BEFORE_LENGTH + length + AFTER_LENGTH + b"\r\n"
    )  # fmt: skip


def _answer(operation, seed: int) -> Answer:
    kinds = operation["resp"].get("200") or operation["resp"].get("201") or ["application/json"]
    kind = kinds[seed % len(kinds)]
    body = b'{ "id":"x",\n"object" : "o" }\n' if "json" in kind else bytes(range(256))
    headers = (
        (b"Content-Type", kind.encode()),
        (b"x-Request-ID", b"req_%d" % seed),
        (b"X-Multi", b"1"),
        (b"set-cookie", b"__cf_bm=secret; path=/"),
        (b"x-ratelimit-remaining-requests", b"59"),
        (b"X-Multi", b"2"),
        (b"Set-Cookie", b"second=1"),
        (b"openai-processing-ms", b"12"),
        (b"Server", b"cloudflare"),
        (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"),
    )
    return Answer(status=200, headers=headers, body=body, framing=(Framing.LENGTH, Framing.CHUNKED)[seed % 2])


def _calls(operation, seed: int) -> Iterator[tuple[str, str, bytes, bytes]]:
    """Both pass-through prefixes always, and two of the others in turn: (prefix, target, content type, body)."""
    others = (PREFIXES[2:4][seed % 2], PREFIXES[4:][seed % 2])
    for prefix in (*PREFIXES[:2], *others):
        for content_type, body in _bodies(operation):
            yield prefix, _target(operation["path"], seed), content_type, body


def test_the_list_is_whole() -> None:
    assert len(OPERATIONS) == 288
    assert len({_operation_name(operation) for operation in OPERATIONS}) == 288


OWN_PAGES = {"GET /models", "GET /models/{model}"}
"""Without a prefix these list the router's models."""


@pytest.mark.parametrize("seed", range(len(OPERATIONS)), ids=lambda seed: _operation_name(OPERATIONS[seed]))
def test_an_operation_passes_through(seed, client, upstream) -> None:
    operation = OPERATIONS[seed]
    host = upstream.origin.removeprefix("http://")
    for prefix, target, content_type, body in _calls(operation, seed):
        if _operation_name(operation) in OWN_PAGES and not prefix.startswith("/openai"):
            continue
        answer = _answer(operation, seed)
        upstream.forget()
        upstream.say(answer)

        got = client.exchange(_request(operation["method"], prefix + target, content_type, body))

        (seen,) = upstream.requests
        assert seen.head == _as_upstream_sees(operation["method"], "/v1" + target, content_type, body, host)
        assert seen.raw_body == body
        expected = [
            line for line in answer.head().split(b"\r\n")[:-2] if not line.lower().startswith(b"set-cookie")
        ]
        if (b"Content-Type", b"text/event-stream") in answer.headers:  # a proxy in front must not hold it
            expected += [b"cache-control: no-cache", b"x-accel-buffering: no"]
        assert [got.status_line, *got.upstream_lines] == expected
        assert got.body == answer.body
        assert UPSTREAM_KEY not in got.head + got.body


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("prefix", PREFIXES[:2])
def test_every_method_passes(method, prefix, client, upstream) -> None:
    upstream.say(Answer(raw=b"HTTP/1.1 200 Fine\r\nAllow: X\r\nContent-Length: 0\r\n\r\n"))
    got = client.request(method, prefix + "/new/endpoint_of-2027")
    assert upstream.last.request_line == f"{method} /v1/new/endpoint_of-2027 HTTP/1.1".encode()
    assert (got.status_line, got.upstream_lines) == (
        b"HTTP/1.1 200 Fine",
        [b"Allow: X", b"Content-Length: 0"],
    )


NATIVE = (
    "chat/completions",
    "completions",
    "embeddings",
    "moderations",
    "images/generations",
    "audio/speech",
    "responses",
)


@pytest.mark.parametrize("endpoint", NATIVE)
@pytest.mark.parametrize("prefix", ["/v1/", "/"])
def test_a_native_route_changes_no_more_than_a_prefix_does(endpoint, prefix, client, upstream) -> None:
    body = JSON_BODY % b'"model" :  "gpt-4o",'
    upstream.say(Answer(headers=((b"X-A", b"1"), (b"set-cookie", b"c"), (b"x-a", b"2")), body=b'{ "odd" :1}'))
    got = client.exchange(_request("POST", prefix + endpoint + "?a=1&a=2", b"application/json", body))
    host = upstream.origin.removeprefix("http://")
    target = f"/v1/{endpoint}?a=1&a=2"
    assert upstream.last.head == _as_upstream_sees("POST", target, b"application/json", body, host)
    assert upstream.last.raw_body == body
    assert got.upstream_lines == [b"X-A: 1", b"x-a: 2", b"content-length: 11"]
    assert got.body == b'{ "odd" :1}'
