"""What passes through stays as it was: odd targets, bodies of every kind, answers of every kind, keys on their side."""

from __future__ import annotations

import gzip
import zlib

import pytest

from loadtest.answers import Answer, Framing

GATEWAY_KEY, UPSTREAM_KEY = b"sk-gateway-master", b"sk-upstream-secret"
PREFIXES = ("/openai", "/openai_passthrough")
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-upstream-secret}
"""
JSON_BODY = (
    b'{ "metadata" : {"k":1.50e+2}, "model":\t"gpt-4o","big":1e400,"dup":1,"dup":2, "t":"\\u00e9\xc3\xa9" }\n'
)
BOUNDARY = "x'()+_,-./:=?0"
FORM = (
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%b\r\n--%b--\r\nepilogue'
) % (BOUNDARY.encode(), bytes(range(256)), BOUNDARY.encode())


@pytest.fixture(scope="module")
def gateway(start):
    with start(CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway, connect):
    with connect(gateway) as client:
        yield client


def test_head_tells_the_length_of_what_it_does_not_send(client, upstream) -> None:
    upstream.say(Answer(raw=b'HTTP/1.1 200 OK\r\nContent-Length: 4711\r\nETag: "x"\r\n\r\n'))
    got = client.request("HEAD", "/openai/v1/files/file-abc/content")
    assert got.upstream_lines == [b"Content-Length: 4711", b'ETag: "x"']
    assert client.request("GET", "/openai/v1/files").status == 200, "the connection is still in step"


@pytest.mark.parametrize(
    "path",
    ["/v1/files/a%2Fb%2fc", "/v1/x/%E2%82%AC/%c3%a9", "/v1//double//slash", "/v1/trailing/", "/v1/a;b=c,d",
     "/v1/files/%2500", "/v1/x?a=?&b=/&c=%00", "/v1/x?a[]=1&a[]=2&a[]=1", "/v1/x?", "/v1/x?=&&", "/v1/v1/x"],
)  # fmt: skip
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_target_stays_as_it_was_written(path, prefix, client, upstream) -> None:
    assert client.request("GET", prefix + path).status == 200
    assert upstream.last.target == path.encode()


@pytest.mark.parametrize(
    "path", ["/v1/../secret", "/v1/files/%2e%2E/x", "/v1/a/..%2fb", "/v1/..\\x", "/v1/."]
)
def test_a_path_that_climbs_is_refused(path, client, upstream) -> None:
    got = client.request("GET", "/openai" + path)
    assert (got.status, got.error["code"]) == (400, "invalid_path")
    assert not upstream.requests


GZIPPED = gzip.compress(JSON_BODY)


@pytest.mark.parametrize(
    ("content_type", "coding", "body"),
    [
        ("application/json", "gzip", GZIPPED),
        ("application/json", "deflate", zlib.compress(b'{"model":"gpt-4o"}')),
        ("application/json", "br", b"\x8b\x03\x80not looked into\x03"),
        ("application/json", "zstd", b"\x28\xb5\x2f\xfd"),
        ("application/octet-stream", None, bytes(range(256)) * 5000),
        ("text/plain; charset=latin-1", None, b"gr\xfc\xdfe"),
        ("application/x-www-form-urlencoded", None, b"a=1&a=2&b=%20+"),
        ("application/json", None, b'"not an object"'),
        ("application/json", None, b"{ not json at all"),
        ("application/json", None, b"\xef\xbb\xbf{}"),
        ("application/json", None, b"[" * 5000),
        ("application/json", None, b'{"a":"' + b"x" * 3_000_000 + b'"}'),
        ("application/octet-stream", "gzip", GZIPPED),
        (None, None, b"\x00\x01 no content type"),
    ],
)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_body_stays_as_it_was_sent(content_type, coding, body, prefix, client, upstream) -> None:
    headers = {"Content-Encoding": coding} if coding else {}
    got = client.request("POST", prefix + "/v1/threads", body, content_type, headers)
    assert got.status == 200
    assert upstream.last.raw_body == body
    assert upstream.last.header(b"content-encoding") == (coding.encode() if coding else None)
    assert upstream.last.header(b"content-type") == (content_type.encode() if content_type else None)
    assert upstream.last.header(b"content-length") == b"%d" % len(body)


def test_an_empty_body_says_so_and_no_body_says_nothing(client, upstream) -> None:
    head = b"POST /openai/v1/threads HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " + GATEWAY_KEY + b"\r\n"
    client.exchange(head + b"Content-Length: 0\r\n\r\n")
    assert upstream.last.header(b"content-length") == b"0"
    client.exchange(head + b"\r\n")
    assert upstream.last.header(b"content-length") is None
    assert upstream.last.header(b"transfer-encoding") is None


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", JSON_BODY), ("application/octet-stream", bytes(range(256)) * 1000),
     (f'multipart/form-data; boundary="{BOUNDARY}"', FORM)],
)  # fmt: skip
def test_a_chunked_body_arrives_whole(content_type, body, client, upstream) -> None:
    pieces = [body[at : at + 70_001] for at in range(0, len(body), 70_001)]
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    got = client.exchange(
        b"POST /openai/v1/uploads/upload_1/parts HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        + content_type.encode() + b"\r\nAuthorization: Bearer " + GATEWAY_KEY + b"\r\n\r\n"
        + chunks + b"0\r\nX-Trailer: 1\r\n\r\n"
    )  # fmt: skip
    assert got.status == 200
    assert upstream.last.body == body


STATUSES = (
    200,
    201,
    202,
    206,
    400,
    401,
    403,
    404,
    409,
    413,
    422,
    429,
    451,
    499,
    500,
    503,
    529,
)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "path", ["/openai/v1/threads/thread_1", "/openai_passthrough/v1/files", "/v1/batches"]
)
def test_an_answer_comes_back_verbatim(status, path, without_rest, upstream) -> None:
    head = (
        b"HTTP/1.1 %d Its Own  Words\r\nContent-Type: application/json\r\nRetry-After: 1\r\nretry-after-ms: 20\r\n"
        b"x-ratelimit-reset-tokens: 6m0s\r\nLocation: https://else.example/\r\nVia: 1.1 a\r\nVIA: 1.1 b\r\n"
        b"X-Odd:no-blank\r\nContent-Length: 31\r\n\r\n" % status
    )
    upstream.say(Answer(raw=head + b'{ "error":{"message":"\\u00e9"}}\n'[:31]))
    got = without_rest.request("POST", path, b"{}")
    assert got.status_line == b"HTTP/1.1 %d Its Own  Words" % status
    assert got.upstream_lines == head.split(b"\r\n")[1:-2]
    assert got.body == b'{ "error":{"message":"\\u00e9"}}\n'[:31]


@pytest.fixture(scope="module")
def without_rest(start, connect):
    """No cooldowns: 401 and 500 do not take the one key away from the next test."""
    with (
        start(CONFIG + "router_settings: {disable_cooldowns: true, num_retries: 0}\n") as gateway,
        connect(gateway) as client,
    ):
        yield client


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body(status, client, upstream) -> None:
    upstream.say(Answer(raw=b"HTTP/1.1 %d Nothing\r\nETag: W/1\r\nX-Request-Id: 7\r\n\r\n" % status))
    got = client.request("DELETE", "/openai/v1/containers/cntr_1")
    assert got.status_line == b"HTTP/1.1 %d Nothing" % status
    assert got.upstream_lines == [b"ETag: W/1", b"X-Request-Id: 7"]
    assert client.request("GET", "/openai/v1/files").status == 200, "the connection is still in step"


def test_chunks_and_events_pass_as_they_were_cut(client, upstream) -> None:
    pieces = (b'data: {"a":1}\n', b"\nda", b"ta: [DONE]\n\n", b": comment\n\n")
    answer = Answer(headers=((b"content-type", b"text/event-stream"),), body=pieces, framing=Framing.CHUNKED)
    upstream.say(answer)
    got = client.request("POST", "/openai/v1/threads/runs", b'{"stream":true}')
    assert got.raw_body == b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_a_compressed_answer_stays_compressed(client, upstream) -> None:
    body = gzip.compress(b'{"id":"file-1","object":"file"}')
    upstream.say(
        Answer(headers=((b"content-encoding", b"gzip"), (b"content-type", b"application/json")), body=body)
    )
    got = client.request("GET", "/openai/v1/files/file-1", headers={"Accept-Encoding": "gzip"})
    assert (got.body, got.header(b"content-encoding")) == (body, b"gzip")


def test_interim_answers_pass(client, upstream) -> None:
    upstream.say(Answer(before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", body=b"{}"))
    got = client.request("POST", "/openai/v1/threads", b"{}")
    assert got.interim == (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",)
    assert got.status == 200


def test_an_answer_that_ends_with_the_connection(client, upstream) -> None:
    upstream.say(
        Answer(body=b"until the end", framing=Framing.CLOSE, headers=((b"content-type", b"audio/mpeg"),))
    )
    got = client.request("POST", "/openai/v1/audio/speech", b'{"model":"gpt-4o"}')
    assert got.body == b"until the end"
    assert got.header(b"connection") == b"close"


def test_a_large_answer_and_a_large_body(client, upstream) -> None:
    body = bytes(range(256)) * 40_000
    upstream.say(Answer(body=body, headers=((b"content-type", b"application/octet-stream"),)))
    got = client.request("POST", "/openai/v1/containers/cntr_1/files", body, "application/octet-stream")
    assert upstream.last.raw_body == body
    assert got.body == body


def test_keys_stay_on_their_side(client, upstream) -> None:
    for header in ("api-key", "x-api-key", "Ocp-Apim-Subscription-Key", "X-LiteLLM-API-Key"):
        client.exchange(
            b"GET /openai/v1/files HTTP/1.1\r\nHost: g\r\n%b: %b\r\n\r\n" % (header.encode(), GATEWAY_KEY)
        )
    assert len(upstream.requests) == 4
    for seen in upstream.requests:
        assert GATEWAY_KEY not in seen.head
        assert seen.header(b"authorization") == b"Bearer " + UPSTREAM_KEY


def test_response_headers_tell_of_the_request_and_can_be_turned_off(client, upstream, start, connect) -> None:
    added = [
        line for line in client.request("GET", "/openai/v1/files").lines if line.startswith(b"x-litellm-")
    ]
    assert [line.partition(b":")[0] for line in added] == [
        b"x-litellm-call-id", b"x-litellm-model-id", b"x-litellm-model-group",
        b"x-litellm-attempted-retries", b"x-litellm-attempted-fallbacks", b"x-litellm-overhead-duration-ms",
    ]  # fmt: skip
    with start(CONFIG + "sluice_settings: {response_headers: false}\n") as silent, connect(silent) as other:
        for path in ("/openai/v1/files", "/no/such/path", "/v1/models/unknown"):
            assert b"x-litellm-" not in other.request("GET", path).head.lower()
