"""A stream's usage is asked of the upstream, and the client who did not ask gets the bytes it would have got."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from loadtest.answers import JSON_TYPE, SSE_TYPE, Answer, Framing, cut, error, stalled
from loadtest.usage_streams import KINDS, stream

CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u}
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u}
  - model_name: refusing
    litellm_params: {model: openai/refusing, api_base: UPSTREAM, api_key: sk-u}
  - model_name: known-to-refuse
    litellm_params: {model: codestral/x, api_base: UPSTREAM, api_key: sk-u}
  - model_name: quiet
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u, keepalive_seconds: 60}
  - model_name: buffered
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM, api_key: sk-u, stream_mode: buffered}
router_settings: {disable_cooldowns: true, num_retries: 0}
"""
ASKED = b'"stream_options":{"include_usage":true}'
USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}


def _body(model: str, *fields: bytes) -> bytes:
    said = b"".join(b"," + field for field in fields)
    return b'{"model":"%b","stream":true,"messages":[{"role":"user","content":"x"}]%b}' % (
        model.encode(),
        said,
    )


def _streamed(body: bytes, piece_bytes: int = 1 << 20, framing: Framing = Framing.CHUNKED) -> Answer:
    return Answer(headers=(SSE_TYPE,), body=tuple(cut(body, piece_bytes)), framing=framing)


class Asking:
    def __init__(self, gateway, upstream, connect) -> None:
        self.gateway = gateway
        self.upstream = upstream
        self._connect = connect

    def __call__(
        self, body: bytes, *answers: Answer, path: str = "/v1/chat/completions", door: str = "fast"
    ) -> bytes:
        self.upstream.forget()
        self.upstream.say(*answers)
        with self._connect(self.gateway) as client:
            if door == "fast":
                return client.request("POST", path, body).body
            lines = f"POST {path} HTTP/1.0\r\nHost: g\r\nAuthorization: Bearer {self.gateway.key}\r\n"
            lines += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            return client.exchange(lines.encode() + body).body

    @property
    def sent(self) -> list[bytes]:
        return [request.body for request in self.upstream.requests]


@pytest.fixture(scope="module")
def running(start) -> Iterator:
    with start(CONFIG) as gateway:
        yield gateway


@pytest.fixture
def ask(running, upstream, connect) -> Asking:
    return Asking(running, upstream, connect)


@pytest.fixture(scope="module")
def records(running) -> Callable[[], list[dict]]:
    """All of the gateway's life, once it has ended."""

    def read() -> list[dict]:
        assert running.stop() == 0
        lines = [line for line in running.output.splitlines() if '"event":"request"' in line]
        return [msgspec.json.decode(line) for line in lines]

    return read


@pytest.mark.parametrize("door", ["fast", "asgi"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("piece_bytes", [1 << 20, 61])
def test_the_clients_bytes_are_those_of_a_stream_unasked(ask, kind, door, piece_bytes):
    got = ask(_body("m"), _streamed(stream(asked=True, **kind), piece_bytes), door=door)
    assert got == stream(asked=False, **kind)
    assert ASKED in ask.sent[0]


@pytest.mark.parametrize("model", ["gpt-4o", "quiet", "buffered"])
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.CLOSE, Framing.LENGTH])
def test_however_it_is_framed_and_held(ask, model, framing):
    assert ask(_body(model), _streamed(stream(asked=True), framing=framing)) == stream(asked=False)
    assert ASKED in ask.sent[0]


def test_completions_too(ask):
    kind = KINDS["completions"]
    got = ask(_body("m"), _streamed(stream(asked=True, **kind)), path="/v1/completions")
    assert got == stream(asked=False, **kind)


@pytest.mark.parametrize("door", ["fast", "asgi"])
def test_who_asks_gets_all_of_it(ask, door):
    body = _body("gpt-4o", b'"stream_options":{"include_usage":true}')
    assert ask(body, _streamed(stream(asked=True)), door=door) == stream(asked=True)
    assert ask.sent == [body]


def test_other_options_stay(ask):
    ask(_body("m", b'"stream_options":{"include_obfuscation":false}'), _streamed(stream(asked=True)))
    options = msgspec.json.decode(ask.sent[0])["stream_options"]
    assert options == {"include_usage": True, "include_obfuscation": False}


@pytest.mark.parametrize(
    "word", ["Unrecognized request argument supplied: stream_options", "include_usage: forbidden"]
)
@pytest.mark.parametrize("status", [400, 422])
def test_an_upstream_that_does_not_know_it_is_asked_once(start, connect, upstream, word, status):
    with start(CONFIG) as gateway:
        ask = Asking(gateway, upstream, connect)
        answers = (error(status, word), _streamed(stream(asked=False)))
        assert ask(_body("refusing"), *answers) == stream(asked=False)
        assert [ASKED in body for body in ask.sent] == [True, False]
        assert ask(_body("refusing"), _streamed(stream(asked=False))) == stream(asked=False)
        assert [ASKED in body for body in ask.sent] == [False], "it is remembered"
        ask(_body("gpt-4o"), _streamed(stream(asked=True)))
        assert ASKED in ask.sent[0], "of that deployment alone"


def test_another_400_is_the_clients(ask):
    assert b"no such thing" in ask(_body("m"), error(400, "no such thing"))
    assert len(ask.sent) == 1
    assert ASKED in (ask(_body("m"), _streamed(stream(asked=True))) and ask.sent[0])


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (_body("known-to-refuse"), "/v1/chat/completions"),
        (b'{"model":"gpt-4o","input":"x","stream":true}', "/v1/responses"),
        (_body("gpt-4o"), "/openai/v1/chat/completions"),
        (b'{"model":"gpt-4o","messages":[]}', "/v1/chat/completions"),
    ],
)
def test_nobody_else_is_asked(ask, body, path):
    ask(body, Answer(headers=(JSON_TYPE,), body=b"{}"), path=path)
    assert ASKED not in ask.sent[0]


def test_an_answer_that_is_no_stream_passes(ask):
    said = b'{"choices":[],"usage":null}'
    assert ask(_body("m"), Answer(headers=(JSON_TYPE,), body=said)) == said


def test_it_can_be_turned_off(start, connect, upstream):
    with start(CONFIG + "sluice_settings: {ask_stream_usage: false}") as gateway:
        ask = Asking(gateway, upstream, connect)
        ask(_body("gpt-4o"), _streamed(stream(asked=False)))
        assert ask.sent == [_body("gpt-4o")]


def test_a_client_that_leaves_is_charged_for_what_was_made(running, upstream, connect):
    upstream.say(stalled(900, _streamed(stream(asked=True), 188)))
    body = _body("gpt-4o")
    with connect(running) as client:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %b\r\n"
        client.send(head % running.key.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        client._until(b"Hello")
    deadline = time.monotonic() + 15
    while '"outcome":"client_gone"' not in running.output:
        assert time.monotonic() < deadline, running.output[-1500:]
        time.sleep(0.01)


def test_every_record_knows_it(records):
    every = records()
    (left,) = [record for record in every if record["outcome"] == "client_gone"]
    assert (left["estimated"], left["cost"]["total"] > 0) == (True, True)
    assert left["usage"]["output_tokens"] > 0
    found = [record for record in every if record["stream"] and record["route"].endswith("completions")]
    asked = [record for record in found if record["usage"] is not None and not record["estimated"]]
    assert len(asked) > 50
    assert all(USAGE.items() <= record["usage"].items() for record in asked)
