from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from loadtest.answers import Answer
from proxy.config.settings import GeneralSettings
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.routes import Custom, Kind, Route
from proxy.gateway.trying.blaming import WORDS_REMEMBERED, UnknownWords, asked_of, foreign
from proxy.gateway.trying.choice import Choice
from proxy.gateway.trying.outbound import CONTENT, Sender
from proxy.providers.dialect import own_headers
from proxy.providers.verdict import Asked
from proxy.routing.affinity import MemoryStore
from proxy.routing.router import Hold, Router, RouterSettings
from proxy.types import Deployment, Headers, Layer, Result, ResultKind
from proxy.upstream.destination import EVERYTHING, Destination, Endpoint, Forwarding
from proxy.wire.form import RequestHead
from proxy.worker.settings import native_forwarding
from tests.gateway.trying.test_attempts import stage

__all__ = ["stage"]
ORGANIZATION = (b"OpenAI-Organization", b"org-theirs")
PROJECT = (b"OpenAI-Project", b"proj_theirs")
BETA = (b"OpenAI-Beta", b"something=v9")


def to(deployment: Deployment, yielding: frozenset[bytes] = frozenset()) -> Destination:
    return Destination(
        deployment, Endpoint("127.0.0.1", 9, False), b"/v1", b"127.0.0.1:9", yielding, own_headers(deployment)
    )


def head_with(*headers: tuple[bytes, bytes]) -> RequestHead:
    return RequestHead.of(b"POST", b"/v1/chat/completions", headers)


@pytest.mark.parametrize(
    ("headers", "fields", "expected"),
    [
        ((), {}, False),
        ((ORGANIZATION,), {}, True),
        ((PROJECT,), {}, True),
        ((BETA,), {}, True),
        (((b"openai-beta", b"assistants=v2"),), {}, False),
        (((b"x-goog-user-project", b"p"),), {}, True),
        (((b"Helicone-Auth", b"Bearer x"),), {}, True),
        (((b"Helicone-Auth", b"Bearer x"),), {"headers": ((b"helicone-auth", b"Bearer y"),)}, False),
        ((ORGANIZATION,), {"organization": "org-ours"}, False),
        ((ORGANIZATION,), {"headers": ((b"openai-organization", b"org-ours"),)}, False),
        ((ORGANIZATION, PROJECT), {"organization": "org-ours"}, True),
        ((ORGANIZATION, (b"Connection", b"OpenAI-Organization")), {}, False),
        (((b"authorization", b"Bearer theirs"), (b"x-api-key", b"theirs")), {}, False),
    ],
)
def test_whose_identity_went_along(
    a_deployment: Callable[..., Deployment], headers: Headers, fields: dict[str, Any], expected: bool
) -> None:
    assert foreign(head_with(*headers), to(a_deployment(**fields)), EVERYTHING) is expected


def test_a_clients_organization_that_wins_is_foreign_unless_it_is_the_deployments(
    a_deployment: Callable[..., Deployment],
) -> None:
    destination = to(a_deployment(organization="org-ours"), frozenset((b"openai-organization",)))
    assert foreign(head_with(ORGANIZATION), destination, EVERYTHING)
    assert not foreign(head_with((b"OpenAI-Organization", b"org-ours")), destination, EVERYTHING)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"", False),
        (b"?key=theirs", True),
        (b"?a=1&api_key=x", True),
        (b"?monkey=1&limit=2&after=key", False),
    ],
)
def test_credentials_in_the_query_are_foreign(
    a_deployment: Callable[..., Deployment], query: bytes, expected: bool
) -> None:
    """Where they go along: to a target of the operator's own."""
    head = RequestHead.of(b"POST", b"/v1/chat/completions" + query, ())
    assert foreign(head, to(a_deployment(provider="target")), EVERYTHING) is expected
    assert not foreign(head, to(a_deployment()), EVERYTHING)


def test_what_is_another_providers_does_not_go_along(a_deployment: Callable[..., Deployment]) -> None:
    assert not foreign(head_with(ORGANIZATION, PROJECT), to(a_deployment(provider="groq")), EVERYTHING)


def test_what_stays_at_the_gateway_is_not_foreign(a_deployment: Callable[..., Deployment]) -> None:
    withheld = native_forwarding(GeneralSettings(forward_openai_org_id=False), EVERYTHING)
    assert not foreign(head_with(ORGANIZATION), to(a_deployment()), withheld)
    assert foreign(head_with(PROJECT), to(a_deployment()), withheld)
    assert not foreign(head_with(ORGANIZATION, PROJECT), to(a_deployment()), Forwarding(only=CONTENT))
    only_standard = Forwarding(extensions=False)
    assert not foreign(head_with((b"x-goog-user-project", b"p")), to(a_deployment()), only_standard)


def asked(
    call: Call, deployment: Deployment, sender: Sender, wildcard: str = "", *, named: bool = True
) -> Asked:
    match = Router([deployment], RouterSettings(), store=MemoryStore(9)).match(call.model or "m")
    assert match is not None
    choice = Choice(match.pool, wildcard, group_named=named)
    return asked_of(call, choice, to(deployment), sender.forwards(call))


def test_what_was_asked(a_call: Callable[..., Call], a_deployment: Callable[..., Deployment]) -> None:
    sender = Sender(Forwarding(withheld=frozenset((b"openai-organization",))))
    chat = Route(Kind.NATIVE, "/chat/completions", b"/chat/completions", chat=True, family="chat")
    through = Route(Kind.THROUGH, "/threads", b"/v1/threads", family="threads")
    custom = Custom(b"/c", False, True, False, frozenset(), "scope")
    there = a_deployment(group="w/*", model="up-*")
    call = a_call(route=chat, model="w/x", headers=(ORGANIZATION,))
    assert asked(call, there, sender, "x") == Asked("openai", "chat", "up-x")
    call = msgspec.structs.replace(call, route=through)
    assert asked(call, there, sender, "x") == Asked("openai", "threads", "up-x", foreign=True)
    assert asked(call, there, sender, named=False).model == "w/x"
    call = msgspec.structs.replace(call, route=Route(Kind.CUSTOM, "/c", custom=custom))
    assert asked(call, there, sender, named=False) == Asked("openai", "other", "w/x")


def test_unknown_words_are_logged_once_each_and_no_more_than_so_many(
    a_deployment: Callable[..., Deployment], caplog: pytest.LogCaptureFixture
) -> None:
    words, deployment = UnknownWords(), a_deployment()
    with caplog.at_level(logging.WARNING, "sluice"):
        for word in ("novel", "novel", "invalid_api_key", "401", "unknown"):
            words.tell(deployment, Result(ResultKind.AUTH, 401, word=word))
        assert [record.getMessage() for record in caplog.records] == [
            "an upstream of openai answered 401 with a word that is not known here: novel"
        ]
        for number in range(2 * WORDS_REMEMBERED):
            words.tell(
                deployment,
                Result(ResultKind.AUTH, 401, word=f"w{'x' * (number % 40)}y{'z' * (number // 40)}"),
            )
    assert len(caplog.records) == WORDS_REMEMBERED


# -- through the attempts, on real sockets

MISMATCH = b'{"error":{"message":"No.","type":"t","param":null,"code":"mismatched_organization"}}'
MODEL = (
    b'{"error":{"message":"The model `m` does not exist","type":"t","param":null,"code":"model_not_found"}}'
)
JSON = (b"content-type", b"application/json")
ANSWERS = {
    "plain": Answer(401, (JSON,), MISMATCH),
    "in pieces": Answer(401, (JSON,), MISMATCH, piece_bytes=20, gap_s=0.005),
    "gzip": Answer(401, (JSON, (b"content-encoding", b"gzip")), gzip.compress(MISMATCH)),
    "event stream": Answer(401, ((b"content-type", b"text/event-stream"),), b"data: " + MISMATCH + b"\n\n"),
}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """What the router is told."""
    told: list[Result] = []
    settle = Router.settle

    def listening(self: Router, deployment: Deployment, result: Result, *rest: Any, **more: Any) -> None:
        told.append(result)
        settle(self, deployment, result, *rest, **more)

    monkeypatch.setattr(Router, "settle", listening)
    return told


@pytest.mark.pure
@pytest.mark.parametrize("coded", ANSWERS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("headers", "blame"), [((), Layer.KEY), ((ORGANIZATION,), Layer.NOBODY)])
async def test_an_errors_words_are_read_and_passed_on_as_they_came(
    stage: Any,
    exchange: Any,
    a_call: Any,
    results: list[Result],
    coded: str,
    stream: bool,
    headers: Headers,
    blame: Layer,
) -> None:
    s, door = stage({}), exchange()
    s.mocks[0].script(ANSWERS[coded])
    await s.run(door, a_call(headers=headers, stream=stream))
    assert [(result.kind, result.blame, result.certain) for result in results] == [
        (ResultKind.AUTH, blame, True)
    ]
    assert b"".join(door.written) == ANSWERS[coded].body


@pytest.mark.pure
async def test_another_key_has_the_model_that_one_does_not(
    stage: Any, exchange: Any, a_call: Any, results: Any
) -> None:
    s, door = stage({}, {}), exchange()
    s.mocks[0].script(Answer(404, (JSON,), MODEL))
    record = await s.run(door, a_call())
    assert (record.status, record.attempts) == (200, 2)
    assert results[0].blame is Layer.MODEL


async def test_a_model_that_nobody_has_is_the_upstreams_own_404(
    stage: Any, exchange: Any, a_call: Any
) -> None:
    s, door = stage({}, {}), exchange()
    for mock in s.mocks:
        mock.script(Answer(404, (JSON,), MODEL))
    record = await s.run(door, a_call())
    assert (record.status, record.attempts) == (404, 2)
    assert b"".join(door.written) == MODEL


@pytest.mark.pure
async def test_an_object_that_is_not_there_is_not_looked_for_elsewhere(
    stage: Any, exchange: Any, a_call: Any, results: Any
) -> None:
    s, door = stage({}, {}), exchange()
    s.mocks[0].script(
        Answer(404, (JSON,), b'{"error":{"message":"No such File object: file-1","code":null}}')
    )
    record = await s.run(door, a_call(route=Route(Kind.THROUGH, "/files", b"/v1/files/file-1")))
    assert (record.status, record.attempts) == (404, 1)
    assert results[0].kind is ResultKind.NEUTRAL


async def test_a_word_that_is_not_known_is_logged(
    stage: Any, exchange: Any, a_call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    s = stage({})
    secret = b"sk-proj-Ab12Cd34"
    s.mocks[0].script(*(Answer(403, (JSON,), b'{"error":{"message":"%b","code":"brand_new"}}' % secret),) * 2)
    with caplog.at_level(logging.INFO, "sluice"):
        for _ in range(2):
            await s.run(exchange(), a_call())
            s.router.hold("d0", Hold.revived(), 0.0)
    assert caplog.text.count("brand_new") == 1
    assert secret.decode() not in caplog.text


@pytest.mark.parametrize(("headers", "left"), [((), 0), ((ORGANIZATION,), None)])
async def test_what_is_left_of_another_account_is_not_the_keys(
    stage: Any, exchange: Any, a_call: Any, results: list[Result], headers: Headers, left: int | None
) -> None:
    s = stage({})
    limits = ((b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"30s"))
    s.mocks[0].script(Answer(200, (JSON, *limits), b"{}"))
    await s.run(exchange(), a_call(headers=headers))
    (status,) = s.router.snapshot(time.monotonic())
    assert status.remaining_requests == left
