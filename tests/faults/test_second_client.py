"""What one client brings about, the next does not notice: a lone key, both doors, streams, forms, compressed errors."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
import trio

from loadtest.answers import JSON_TYPE, Answer, RawRequest, reset, stalled
from loadtest.client import Seen, connected
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from tests.faults.conftest import KEY

VERSIONS = {"fast": b"HTTP/1.1", "asgi": b"HTTP/1.0"}
"""What each door carries."""
CONFIG = """
model_list:
  - {{model_name: "*", litellm_params: {{model: "openai/*", api_base: "{base}", api_key: sk-lone}}}}
router_settings: {{num_retries: 0, allowed_fails: 3}}
general_settings: {{master_key: sk-gateway}}
sluice_settings:
  ask_stream_usage: false
  connect_timeout_s: 0.2
  first_byte_timeout_s: 0.2
  stream_gap_timeout_s: 0.2
"""
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc\r\n--b--\r\n'
)


def error(status: int, message: str, code: str | None = None, *lines: tuple[bytes, bytes]) -> Answer:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return Answer(status, (JSON_TYPE, *lines), msgspec.json.encode(body))


SCOPES = "You have insufficient permissions for this operation. Missing scopes: "
WAIT = (b"retry-after", b"30")


@dataclass(frozen=True)
class Careless:
    answer: Answer
    model: bytes = b"gpt-a"
    lines: tuple[bytes, ...] = ()
    method: bytes = b"POST"
    path: bytes = b"/v1/chat/completions"


CASES = {
    "organization users": Careless(
        error(403, SCOPES + "api.management.read"), method=b"GET", path=b"/openai/v1/organization/users"
    ),
    "organization": Careless(
        error(401, "...", "mismatched_organization"), lines=(b"OpenAI-Organization: org-theirs",)
    ),
    "project": Careless(error(401, "...", "mismatched_project"), lines=(b"OpenAI-Project: proj_theirs",)),
    "an organization without money": Careless(
        error(429, "...", "insufficient_quota"), lines=(b"OpenAI-Organization: org-theirs",)
    ),
    "an organization in a hurry": Careless(
        error(429, "...", "rate_limit_exceeded", WAIT), lines=(b"OpenAI-Organization: org-theirs",)
    ),
    "beta": Careless(error(403, "This beta is not open to you."), lines=(b"OpenAI-Beta: x=v9",)),
    "fine-tuning": Careless(
        error(401, SCOPES + "api.fine_tuning.jobs.write"), path=b"/openai/v1/fine_tuning/jobs"
    ),
    "scopes of something inside": Careless(error(401, SCOPES + "api.vector_stores.read")),
    "rate limit of a model": Careless(error(429, "...", "rate_limit_exceeded", WAIT), model=b"gpt-b"),
    "a model that the project may not use": Careless(
        error(403, "Project `p` does not have access to model `gpt-b`", "model_not_found"), model=b"gpt-b"
    ),
    "a model that is not there": Careless(
        error(404, "The model `gpt-b` does not exist", "model_not_found"), model=b"gpt-b"
    ),
    "a model named inside": Careless(error(404, "The model `img-9` does not exist", "model_not_found")),
    "an object that is not there": Careless(error(404, "Previous response with id 'resp_1' not found.")),
    "too large": Careless(
        error(429, "Request too large for gpt-a: Limit 30000, Requested 45000.", "rate_limit_exceeded", WAIT)
    ),
    "too dear": Careless(
        error(402, "This request requires more credits, or fewer max_tokens. You requested up to 9 tokens, but can"
              " only afford 4.")
    ),
    "a firewall": Careless(Answer(403, ((b"content-type", b"text/html"),), b"<h1>Forbidden</h1>")),
    "no word": Careless(error(401, "Not you.")),
    "the client's words": Careless(error(400, "Incorrect API key provided is not a valid model ID")),
    "poison": Careless(error(500, "The server had an error.")),
    "poison, cut": Careless(reset()),
    "poison, silent": Careless(stalled()),
    "nothing left, it says": Careless(
        Answer(200, (JSON_TYPE, (b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"30s")),
               b"{}")
    ),
}  # fmt: skip


class Scene:
    def __init__(self, gateway: GatewayWithin, upstream: MockUpstream) -> None:
        self.gateway = gateway
        self.upstream = upstream

    async def careless(self, case: Careless, door: str, shape: str) -> Seen:
        kind, path = b"application/json", case.path
        stream = b',"stream":true' if shape == "stream" else b""
        body = b'{"model":"%b","messages":[]%b}' % (case.model, stream)
        if case.method == b"GET":
            body = b""
        elif shape == "form":
            kind, path, body = (
                b"multipart/form-data; boundary=b",
                b"/v1/audio/transcriptions",
                FORM % case.model,
            )
        lines = (
            b"Host: gateway",
            b"Authorization: Bearer " + KEY.encode(),
            b"x-careless: 1",
            b"Content-Type: " + kind,
            b"Content-Length: %d" % len(body),
            *case.lines,
        )
        head = b"%b %b %b\r\n%b\r\n\r\n" % (case.method, path, VERSIONS[door], b"\r\n".join(lines))
        async with connected(self.gateway.port, KEY) as client:
            await client.begin(head + body, method=case.method)
            return await client.read()

    async def chat(self, model: bytes = b"gpt-a") -> Seen:
        async with connected(self.gateway.port, KEY) as client:
            await client.send(b'{"model":"%b","messages":[]}' % model)
            return await client.read()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator:
    @asynccontextmanager
    async def opened(answer: Answer) -> AsyncIterator[Scene]:
        async with mock_upstream() as mock:
            config = tmp_path / "config.yaml"
            config.write_text(CONFIG.format(base=f"{mock.url}/v1"))
            mock.script(lambda request: answer if request.header(b"x-careless") else None)
            with trio.fail_after(10):
                async with gateway_within(config) as gateway:
                    yield Scene(gateway, mock)
                    await gateway.quiet()

    return opened


SHAPES = ("whole", "stream", "form")


@pytest.mark.parametrize("door", VERSIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_next_client_notices_nothing(scene, case: Careless, shape: str, door: str) -> None:
    async with scene(case.answer) as s:
        for _ in range(2):
            seen = await s.careless(case, door, shape)
            if case.answer.fault.value == "none" and seen.status < 500:
                assert seen.status in (case.answer.status, 429)
        assert (await s.chat()).status == 200


NOT_HERE = Careless(
    error(404, "The model `gpt-a` does not exist or you do not have access to it.", "model_not_found"),
    path=b"/v1/audio/speech",
)
TOO_MANY_JOBS = Careless(
    error(429, "Too many fine-tuning jobs.", "rate_limit_exceeded", WAIT), path=b"/v1/fine_tuning/jobs"
)
TOO_MANY_BATCHES = Careless(error(429, "...", "rate_limit_exceeded", WAIT), path=b"/v1/batches")


@pytest.mark.parametrize("door", VERSIONS)
@pytest.mark.parametrize(
    "case", [NOT_HERE, TOO_MANY_JOBS, TOO_MANY_BATCHES], ids=["speech", "jobs", "batches"]
)
async def test_a_model_that_another_kind_of_request_cannot_have_is_there_for_chats(
    scene, case: Careless, door: str
) -> None:
    async with scene(case.answer) as s:
        assert (await s.careless(case, door, "whole")).status == case.answer.status
        again = await s.careless(case, door, "whole")
        assert again.status == case.answer.status
        assert len([each for each in s.upstream.requests if each.header(b"x-careless")]) == 1, (
            "it rests there"
        )
        assert (await s.chat()).status == 200


@pytest.mark.parametrize("case", ["organization", "too large", "fine-tuning", "a model named inside"])
async def test_nor_where_the_error_is_compressed(scene, case: str) -> None:
    careless = CASES[case]
    body = careless.answer.body
    assert isinstance(body, bytes)
    lines = (*careless.answer.headers, (b"content-encoding", b"gzip"))
    coded = replace(careless.answer, headers=lines, body=gzip.compress(body))
    async with scene(coded) as s:
        seen = await s.careless(careless, "fast", "whole")
        assert (seen.status, seen.body) == (coded.status, coded.body)
        assert (await s.chat()).status == 200


def _key_of(request: RawRequest) -> bytes | None:
    return request.header(b"authorization")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (error(401, "Incorrect API key provided", "invalid_api_key"), 401),
        (error(402, "Insufficient Balance"), 402),
        (error(429, "You exceeded your current quota", "insufficient_quota"), 429),
    ],
    ids=["key", "money", "quota"],
)
async def test_what_is_the_keys_own_is_noticed(scene, answer: Answer, status: int) -> None:
    """Else the tests above would pass whatever was said."""
    async with scene(answer) as s:
        assert (await s.careless(Careless(answer), "fast", "whole")).status == status
        asked = len(s.upstream.requests)
        assert (await s.chat()).status != 200
        assert len(s.upstream.requests) == asked
