"""One line of JSON per request, with the tokens that were used; no key and no word of a prompt or an answer in any."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import pytest

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer, Framing, chat, chat_stream, error, truncated

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-2024-11-20
      api_base: UPSTREAM
      api_key: sk-upstream-secret
      organization: org-secret
      extra_headers: {X-Extra: header-secret}
    model_info: {id: key-1}
router_settings: {disable_cooldowns: true, num_retries: 0}
"""
SECRETS = (b"sk-gateway-master", b"sk-upstream-secret", b"org-secret", b"header-secret", b"sk-wrong-secret")
PROMPT, ANSWER, NAME = b"prompt-of-a-user", b"answer-of-a-model", b"file-name-of-a-user"
CHAT = b'{"model":"gpt-4o","messages":[{"role":"user","content":"' + PROMPT + b'"}]%b}'
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o\r\n'
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n%b\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\nRIFF\r\n--b--\r\n'
) % (PROMPT, NAME)
UNREAD = {"ts", "started_unix_s", "duration_s", "call_id", "first_byte_s"}
TOKENS = {
    "input_tokens": 19,
    "output_tokens": 64,
    "total_tokens": 83,
}


def _json(text: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(headers=(JSON_TYPE, *headers), body=text)


RESPONSE = (
    b'{"id":"resp_1","model":"gpt-4o-served","output":[{"text":"%b"}],"usage":{"input_tokens":5,"output_tokens":7,'
    b'"total_tokens":12,"input_tokens_details":{"cached_tokens":4},"output_tokens_details":{"reasoning_tokens":6}}}'
) % ANSWER
RESPONSE_STREAM = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"%b"}\n\n'
    % ANSWER,
    b'event: response.completed\ndata: {"type":"response.completed","response":%b}\n\n' % RESPONSE,
)
RESPONSE_TOKENS = {
    "input_tokens": 5, "output_tokens": 7, "total_tokens": 12, "cached_tokens": 4, "reasoning_tokens": 6,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One request, what the upstream says, and what the record must hold (of the fields worth naming)."""

    ask: Callable
    answer: Answer | None
    record: dict[str, object]


def _post(path: str, body: bytes, content_type: str = "application/json") -> Callable:
    return lambda client: client.request("POST", path, body, content_type)


def _get(path: str) -> Callable:
    return lambda client: client.request("GET", path)


def _wrong_key(client) -> None:
    client.exchange(b"GET /v1/files HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-wrong-secret\r\n\r\n")


def _cut_off(client) -> None:
    with suppress(EOFError):
        client.request("POST", "/v1/chat/completions", CHAT % b',"stream":true')
    client.close()


def _leaving(client) -> None:
    """The answer never comes, and the client's connection is closed as soon as the upstream was asked."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-gateway-master\r\n"
    body = CHAT % b',"user":"leaving"'
    client.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


OK = {"status": 200, "outcome": "ok", "attempts": 1, "deployment_id": "key-1", "model_asked": "gpt-4o"}
CASES = {
    "a chat": Case(
        _post("/v1/chat/completions", CHAT % b""), chat("gpt-4o-served"),
        OK | {"usage": TOKENS, "model_served": "gpt-4o-served", "route": "/chat/completions", "stream": False},
    ),
    "a gzip answer": Case(
        _post("/openai/v1/chat/completions", CHAT % b""),
        _json(gzip.compress(chat("gpt-4o-served").body), (b"content-encoding", b"gzip")),
        OK | {"usage": TOKENS, "model_served": "gpt-4o-served", "route": "/openai/chat"},
    ),
    "a stream with usage": Case(
        _post("/v1/chat/completions", CHAT % b',"stream":true,"stream_options":{"include_usage":true}'),
        chat_stream(4, usage=True), OK | {"usage": TOKENS, "stream": True, "model_served": "gpt-4o-mini"},
    ),
    "a stream without usage": Case(
        _post("/v1/chat/completions", CHAT % b',"stream":true'), chat_stream(4),
        OK | {"usage": {"input_tokens": 20, "output_tokens": 3, "total_tokens": 23}, "estimated": True, "stream": True},
    ),
    "a gzip stream with usage": Case(
        _post("/v1/chat/completions", CHAT % b',"stream":true'),
        Answer(
            headers=(SSE_TYPE, (b"content-encoding", b"gzip")), framing=Framing.CHUNKED,
            body=gzip.compress(b"".join(chat_stream(4, usage=True).body)),
        ),
        OK | {"usage": TOKENS, "stream": True},
    ),
    "a response": Case(
        _post("/v1/responses", b'{"model":"gpt-4o","input":"%b"}' % PROMPT), _json(RESPONSE),
        OK | {"usage": RESPONSE_TOKENS, "model_served": "gpt-4o-served"},
    ),
    "a response stream": Case(
        _post("/v1/responses", b'{"model":"gpt-4o","input":"%b","stream":true}' % PROMPT),
        Answer(headers=(SSE_TYPE,), body=RESPONSE_STREAM, framing=Framing.CHUNKED),
        OK | {"usage": RESPONSE_TOKENS, "model_served": "gpt-4o-served", "stream": True},
    ),
    "a response looked at again": Case(
        _get("/v1/responses/resp_1"), _json(RESPONSE), {"status": 200, "usage": None, "route": "/responses"},
    ),
    "a transcription": Case(
        _post("/v1/audio/transcriptions", FORM, "multipart/form-data; boundary=b"), _json(b'{"text":"%b"}' % ANSWER),
        OK | {"usage": {"seconds": 1.0}, "estimated": True, "route": "/audio/transcriptions"},
    ),
    "a file": Case(
        _get("/openai/v1/files/file-%b/content?q=%b" .replace("%b", NAME.decode())),
        Answer(headers=((b"content-type", b"text/plain"),), body=ANSWER),
        {"status": 200, "outcome": "ok", "route": "/openai/files", "model_asked": None, "usage": None},
    ),
    "a refusal of the upstream's": Case(
        _post("/v1/chat/completions", CHAT % b""), error(400, ANSWER.decode()),
        OK | {"status": 400, "outcome": "client_error", "usage": None},
    ),
    "a failure of the upstream's": Case(
        _post("/v1/chat/completions", CHAT % b""), error(500, ANSWER.decode()),
        OK | {"status": 500, "outcome": "upstream_error"},
    ),
    "a quota": Case(
        _post("/v1/chat/completions", CHAT % b""), error(429), OK | {"status": 429, "outcome": "upstream_error"},
    ),
    "a stream that breaks off": Case(
        _cut_off, truncated(at=700, answer=chat_stream(4)), OK | {"outcome": "truncated", "stream": True},
    ),
    "a wrong key": Case(
        _wrong_key, None, {"status": 401, "outcome": "client_error", "error": "invalid_api_key", "attempts": 0},
    ),
    "an unknown model": Case(
        _post("/v1/chat/completions", b'{"model":"unknown","messages":[{"content":"%b"}]}' % PROMPT), None,
        {"status": 404, "outcome": "client_error", "model_asked": "unknown", "error": "model_not_found"},
    ),
    "an unknown path": Case(_get("/no/such/path"), None, {"status": 404, "error": "unknown_url"}),
    "no JSON": Case(
        _post("/v1/chat/completions", PROMPT), None, {"status": 400, "error": "invalid_json", "request_bytes": 0},
    ),
    "a page": Case(_get("/health/liveliness"), None, {"status": 200, "outcome": "ok", "route": "/health/liveliness"}),
    "a client that leaves": Case(
        _leaving, Answer(head_delay_s=30), OK | {"status": 0, "outcome": "client_gone"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def log(start, connect, started_upstream) -> Iterator[bytes]:
    """Everything that a gateway printed in its life, through each case once and at its loudest."""
    with start(CONFIG, arguments=("--detailed_debug",)) as gateway:
        for case in CASES.values():
            started_upstream.forget()
            started_upstream.say(*([case.answer] if case.answer else []))
            with connect(gateway) as client:
                case.ask(client)
                started_upstream.wait_for(1 if case.answer else 0)
        assert gateway.stop() == 0
        yield gateway.output.encode()


@pytest.fixture(scope="module")
def records(log) -> dict[str, dict[str, object]]:
    lines = [line for line in log.splitlines() if line.startswith(b'{"ts"')]
    found = [msgspec.json.decode(line) for line in lines if b'"event":"request"' in line]
    assert len(found) == len(CASES), "one record for each request, and no other"
    assert len({record["call_id"] for record in found}) == len(CASES)
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_a_record(name, records) -> None:
    record = records[name]
    assert {key: record[key] for key in CASES[name].record} == CASES[name].record
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
    assert 0 < record["duration_s"] < 10


def test_sizes_are_the_bodys(records) -> None:
    assert records["a chat"]["request_bytes"] == len(CHAT % b"")
    assert records["a chat"]["response_bytes"] == len(chat("gpt-4o-served").body)
    assert 0 < records["a chat"]["first_byte_s"] <= records["a chat"]["duration_s"]


@pytest.mark.parametrize("secret", [*SECRETS, PROMPT, ANSWER, NAME])
def test_no_line_tells(secret, log) -> None:
    banner, _, lines = log.partition(b"\n  docs ")
    assert secret not in lines
    assert secret not in banner.replace(b"sk-gateway-master", b"", 1), (
        "the banner's own line may show the key once"
    )
