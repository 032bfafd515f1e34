"""One client's request fails; the next must not notice. A row for each way in which it could, over both doors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import pytest

from loadtest.answers import Answer, RawRequest, chat
from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import RawAnswer, RawClient, Upstream
from tests.e2e.test_admin import answer_of

JSON = ((b"content-type", b"application/json"),)
KEY = "sk-gateway-master"
CONFIG = """
model_list:
  - model_name: m
    litellm_params: {model: openai/m, api_base: UPSTREAM/v1, api_key: sk-only}
    model_info: {id: m}
  - model_name: "*"
    litellm_params: {model: "openai/*", api_base: UPSTREAM/v1, api_key: sk-only}
    model_info: {id: star}
router_settings: {num_retries: 0}
"""
KEYS = 4
MANY_KEYS = "model_list:" + "".join(
    f"""
  - model_name: m
    litellm_params: {{model: openai/m, api_base: UPSTREAM/v1, api_key: sk-{number}, use_in_pass_through: true}}
    model_info: {{id: m-{number}}}
  - model_name: "*"
    litellm_params: {{model: "openai/*", api_base: UPSTREAM/v1, api_key: sk-{number}}}
    model_info: {{id: star-{number}}}
"""
    for number in range(KEYS)
)
DOORS = ["HTTP/1.1", "HTTP/1.0"]
"""The second is hypercorn's."""
SCOPES = "You have insufficient permissions for this operation. Missing scopes: "


def no(
    status: int,
    code: str,
    message: str = "Told to one alone",
    kind: str = "invalid_request_error",
    **lines: str,
) -> Answer:
    body = '{"error":{"message":"%s","type":"%s","param":null,"code":%s}}'
    told = body % (message, kind, f'"{code}"' if code else "null")
    extra = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in lines.items())
    return Answer(status, (*JSON, *extra), told.encode())


@dataclass(frozen=True)
class Ask:
    target: str = "/v1/chat/completions"
    body: bytes = b'{"model":"m","messages":[]}'
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def raw(self, door: str) -> bytes:
        lines = [f"{self.method} {self.target} {door}", "Host: gateway", f"Authorization: Bearer {KEY}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def of(model: str, *, stream: bool = False) -> Ask:
    flag = b',"stream":true' if stream else b""
    return Ask(body=b'{"model":"%b","messages":[]%b}' % (model.encode(), flag))


def form(model: str) -> Ask:
    parts = f'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n{model}\r\n--x--\r\n'
    return Ask("/v1/audio/transcriptions", parts.encode(), content_type="multipart/form-data; boundary=x")


def with_header(name: str, value: str) -> Ask:
    return Ask(headers={name: value})


OTHERS = (of("m"), of("gpt-b"), of("m", stream=True), form("whisper-b"))
"""What the second client may ask."""
LIMITED = no(429, "rate_limit_exceeded", "Rate limit reached", "requests", retry_after="30")
DENIED = no(403, "model_not_found", "Project `p` does not have access to model `gpt-a`")
LARGE = no(429, "rate_limit_exceeded", "Request too large for gpt-4o: Limit 30000, Requested 45000", "tokens")
FORETELLS = ((b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"60s"))
NOTHING_LEFT = replace(chat(), headers=(*chat().headers, *FORETELLS))
ROWS: dict[str, tuple[Ask, Answer, str]] = {
    "the organization's users, by an ordinary key": (
        Ask("/openai/v1/organization/users", b"", "GET"),
        no(403, "", SCOPES + "api.management.read."),
        "scope",
    ),
    "fine-tuning, without the scope": (
        Ask("/openai/v1/fine_tuning/jobs", b'{"model":"m","training_file":"f"}'),
        no(401, "", SCOPES + "api.fine_tuning.jobs.write"),
        "scope",
    ),
    "files, without the scope": (
        Ask("/v1/files", b"", "GET"),
        no(403, "missing_scope", SCOPES + "api.files.read"),
        "scope",
    ),
    "an organization of its own": (
        with_header("OpenAI-Organization", "org-theirs"),
        no(401, "mismatched_organization"),
        "",
    ),
    "a project of its own": (with_header("OpenAI-Project", "proj-theirs"), no(401, "invalid_project"), ""),
    "a beta of its own": (with_header("OpenAI-Beta", "secret=v1"), no(403, "access_terminated"), ""),
    "a model at its limit": (of("gpt-a"), LIMITED, "rate_limited"),
    "a model at its limit, streamed": (of("gpt-a", stream=True), LIMITED, "rate_limited"),
    "a model at its limit, in a form": (form("whisper-a"), LIMITED, "rate_limited"),
    "a model that the project may not use": (of("gpt-a"), DENIED, "denied"),
    "a model that is not there": (
        of("gpt-a"),
        no(404, "model_not_found", "The model `gpt-a` does not exist"),
        "denied",
    ),
    "a prompt larger than the limit": (of("m"), LARGE, ""),
    "an unknown object": (
        Ask("/v1/files/file-x", b"", "GET"),
        no(404, "", "No such File object: file-x"),
        "",
    ),
    "a bad request": (of("m"), no(400, "", "bad"), ""),
    "a crash": (of("m"), no(500, "", "crash", "server_error"), ""),
    "a 401 that says nothing": (of("m"), no(401, "", "?"), ""),
}
Start = Callable[..., AbstractContextManager[GatewayProcess]]


class Client:
    """Each request on a connection of its own, through one of the doors."""

    def __init__(self, port: int, door: str) -> None:
        self._port = port
        self._door = door

    def send(self, ask: Ask) -> RawAnswer:
        client = RawClient(self._port, KEY)
        try:
            return client.exchange(ask.raw(self._door))
        finally:
            client.close()

    def reasons(self) -> set[str]:
        """Why anything rests."""
        layers = answer_of(self.send(Ask("/admin/layers", b"", "GET")))["layers"]
        return {layer["reason"] for layer in layers} - {""}

    def revive(self) -> None:
        for deployment in answer_of(self.send(Ask("/admin/deployments", b"", "GET")))["deployments"]:
            self.send(Ask(f"/admin/deployments/revive/{deployment['deployment_id']}", b""))

    def at_once(self, count: int, ask: Ask) -> list[RawAnswer]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(self.send, [ask] * count))


@pytest.fixture(scope="module")
def one_key(start: Start) -> Iterator[int]:
    with start(CONFIG) as gateway:
        yield gateway.port


@pytest.fixture(scope="module")
def many_keys(start: Start) -> Iterator[int]:
    with start(MANY_KEYS) as gateway:
        yield gateway.port


@pytest.fixture(params=DOORS)
def alone(request: pytest.FixtureRequest, one_key: int, upstream: Upstream) -> Client:
    client = Client(one_key, request.param)
    client.revive()
    return client


@pytest.fixture(params=DOORS)
def among(request: pytest.FixtureRequest, many_keys: int, upstream: Upstream) -> Client:
    client = Client(many_keys, request.param)
    client.revive()
    return client


def says(upstream: Upstream, answer: Answer, credentials: Sequence[str] = (), word: bytes = b"") -> None:
    """To these keys (all, if none is named), about bodies with this word."""
    keys = {f"Bearer {each}".encode() for each in credentials}

    def answerer(request: RawRequest) -> Answer | None:
        meant = word in request.body and (not keys or request.header(b"authorization") in keys)
        return answer if meant else None

    upstream.say(answerer)  # type: ignore[arg-type]


def keys_asked(upstream: Upstream, word: bytes = b"") -> list[bytes]:
    return [request.header(b"authorization") or b"" for request in upstream.requests if word in request.body]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_second_client_does_not_notice(
    alone: Client, upstream: Upstream, row: tuple[Ask, Answer, str]
) -> None:
    ask, answer, reason = row
    upstream.say(answer)
    assert alone.send(ask).status == answer.status
    assert alone.reasons() == ({reason} if reason else set())
    for other in OTHERS:
        assert alone.send(other).status == 200, other


@pytest.mark.parametrize(
    ("ask", "answer", "status", "code", "names"),
    [
        (of("gpt-a"), LIMITED, 429, "rate_limited", "rate limit"),
        (of("gpt-a"), DENIED, 403, "model_not_found", "model"),
        (
            of("gpt-a"),
            no(404, "model_not_found", "The model `gpt-a` does not exist"),
            404,
            "model_not_found",
            "model",
        ),
        (of("m"), no(401, "invalid_api_key"), 401, "invalid_api_key", "key"),
        (of("m"), no(429, "insufficient_quota"), 429, "insufficient_quota", "key"),
        (
            Ask("/v1/files", b"", "GET"),
            no(403, "missing_scope", SCOPES + "api.files.read"),
            403,
            "missing_scope",
            "scope",
        ),
    ],
)
def test_what_no_key_can_serve_is_told_the_truth(
    alone: Client, upstream: Upstream, ask: Ask, answer: Answer, status: int, code: str, names: str
) -> None:
    """And never in another client's words."""
    upstream.say(answer)
    first = alone.send(ask)
    assert first.body == answer.body
    second = alone.send(ask)
    assert len(upstream.requests) == 1
    assert (second.status, second.error["code"]) == (status, code)
    message = str(second.error["message"])
    assert names in message
    assert str(first.error["message"]) not in message
    assert "sk-only" not in message
    assert int(second.header(b"retry-after") or 0) > 0


def test_prediction_refuses_nobody(alone: Client, upstream: Upstream) -> None:
    says(upstream, NOTHING_LEFT)
    for _ in range(3):
        assert alone.send(of("gpt-p")).status == 200
    assert [each.status for each in alone.at_once(12, of("gpt-p"))] == [200] * 12


def test_what_is_foretold_is_found_out_by_one(alone: Client, upstream: Upstream) -> None:
    upstream.say(NOTHING_LEFT)
    assert alone.send(of("gpt-q")).status == 200
    says(upstream, LIMITED, word=b"gpt-q")
    upstream.requests.clear()
    answers = alone.at_once(8, of("gpt-q"))
    assert {each.status for each in answers} == {429}
    assert len(upstream.requests) == 1
    assert {int(each.header(b"retry-after") or 0) for each in answers} <= {29, 30}


def test_a_model_that_one_key_lacks_is_asked_of_another(among: Client, upstream: Upstream) -> None:
    says(upstream, no(404, "model_not_found", "The model `gpt-a` does not exist"), ["sk-0"], b"gpt-a")
    for _ in range(2 * KEYS):
        assert among.send(of("gpt-a")).status == 200
    assert keys_asked(upstream).count(b"Bearer sk-0") == 1
    everybody = [f"sk-{number}" for number in range(KEYS)]
    says(upstream, no(404, "model_not_found", "The model `gpt-z` does not exist"), everybody, b"gpt-z")
    answers = [among.send(of("gpt-z")) for _ in range(2 * KEYS)]
    assert {(each.status, each.error["code"]) for each in answers} == {(404, "model_not_found")}
    asked = Counter(keys_asked(upstream, b"gpt-z"))
    assert max(asked.values()) == 1


def test_a_scope_that_one_key_lacks_is_asked_of_another(among: Client, upstream: Upstream) -> None:
    says(upstream, no(401, "", SCOPES + "api.fine_tuning.jobs.write"), ["sk-1"], b"training_file")
    jobs = Ask("/openai/v1/fine_tuning/jobs", b'{"model":"m","training_file":"f"}')
    for _ in range(2 * KEYS):
        assert among.send(jobs).status == 200
    assert keys_asked(upstream, b"training_file").count(b"Bearer sk-1") <= 1
    upstream.requests.clear()
    for _ in range(2 * KEYS):
        assert among.send(of("m")).status == 200
    assert keys_asked(upstream).count(b"Bearer sk-1") == 2


@pytest.mark.parametrize("bodies", ["one body", "a body each"])
def test_poison_takes_no_key_from_others(among: Client, upstream: Upstream, bodies: str) -> None:
    """It crashes whichever server gets it; the others' requests come between."""
    says(upstream, no(500, "", "crash", "server_error"), word=b"poison")
    for number in range(30):
        word = f"poison {number if bodies == 'a body each' else 0}"
        assert among.send(Ask(body=b'{"model":"m","messages":[],"user":"%b"}' % word.encode())).status == 500
        assert among.send(of("m")).status == 200
    assert among.reasons() == set()
    upstream.requests.clear()
    for _ in range(2 * KEYS):
        assert among.send(of("m")).status == 200
    assert set(Counter(keys_asked(upstream)).values()) == {2}


def test_a_key_that_crashes_is_left(among: Client, upstream: Upstream) -> None:
    says(upstream, no(500, "", "crash", "server_error"), ["sk-2"])
    bodies = [b'{"model":"m","messages":[],"user":"%d"}' % number for number in range(10 * KEYS)]
    assert {among.send(Ask(body=body)).status for body in bodies} == {200}
    assert among.reasons() == {"failing"}
    assert keys_asked(upstream).count(b"Bearer sk-2") == 3  # allowed_fails
