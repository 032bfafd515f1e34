"""Upstreams that cannot be reached, and connections that died while they were idle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtest.answers import Answer, chat, reset, truncated
from loadtest.certificates import make_certificates
from loadtest.mock_upstream import mock_upstream, unanswered_port
from proxy.types import Outcome

OpenScene = Callable[..., AbstractAsyncContextManager[Any]]
CANNOT = "the upstream cannot be reached"
TOO_LONG = "connecting to the upstream took too long"


@asynccontextmanager
async def refused() -> AsyncIterator[str]:
    async with mock_upstream() as mock:
        mock.refuse()
        yield mock.url


@asynccontextmanager
async def unanswered() -> AsyncIterator[str]:
    async with unanswered_port() as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def not_tls() -> AsyncIterator[str]:
    async with mock_upstream() as mock:
        mock.script(lambda _: Answer(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n", close_after=True))
        yield mock.url.replace("http:", "https:")


@asynccontextmanager
async def silent_tls() -> AsyncIterator[str]:
    async with mock_upstream() as mock:
        yield mock.url.replace("http:", "https:")


@asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    yield "http://does-not-exist.invalid"


PLACES = {
    "refused": (refused, CANNOT),
    "unanswered": (unanswered, TOO_LONG),
    "silent under TLS": (silent_tls, TOO_LONG),
    "no such name": (nobody, ""),
}
every_place = pytest.mark.parametrize("place", PLACES)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@every_place
@streamed
async def test_another_key_answers_and_the_host_is_benched_at_once(
    scene: OpenScene, place: str, stream: bool
) -> None:
    where, _ = PLACES[place]
    async with where() as url, scene(keys=2, base=url) as s:
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.whole, seen.retries) == (200, True, 1)
        status = s.gateway.status("bad")
        assert (status.state, status.reason) == ("open", "refused")
        assert 50 < status.until_s <= 60
        assert (await s.ask(stream=stream)).retries == 0
        assert [record.attempts for record in s.gateway.records] == [2, 1]


@every_place
@streamed
async def test_alone_it_is_a_502_that_says_why(scene: OpenScene, place: str, stream: bool) -> None:
    where, reason = PLACES[place]
    async with where() as url, scene(keys=1, base=url) as s:
        seen = await s.ask(stream=stream)
        assert (seen.status, seen.error["code"]) == (502, "upstream_failed")
        assert str(seen.error["message"]).lower().startswith(reason)
        (record,) = s.gateway.records
        assert (record.outcome, record.status, record.attempts) == (Outcome.UPSTREAM_ERROR, 502, 1)
        assert (record.error or "").startswith(reason)


async def test_a_certificate_of_an_unknown_authority_is_refused(scene: OpenScene, tmp_path: Path) -> None:
    context = make_certificates(tmp_path).server_context()
    async with mock_upstream(tls=context) as mock, scene(keys=2, base=f"{mock.url}/v1") as s:
        seen = await s.ask()
        assert (seen.status, seen.retries) == (200, 1)
        assert s.gateway.status("bad").reason == "refused"
        assert mock.requests == []


async def test_plain_http_where_tls_was_expected(scene: OpenScene) -> None:
    async with not_tls() as url, scene(keys=1, base=url) as s:
        seen = await s.ask()
        assert (seen.status, seen.error["code"]) == (502, "upstream_failed")


STALE = {
    "closed meanwhile": Answer(body=b"{}", close_after=True),
    "reset meanwhile": reset(Answer(body=b"{}").head().__len__() + 2, Answer(body=b"{}")),
}


@pytest.mark.parametrize("first", STALE.values(), ids=STALE)
async def test_a_connection_that_died_while_idle_is_replaced_silently(
    scene: OpenScene, first: Answer
) -> None:
    async with scene(keys=1) as s:
        s.bad.script(first)
        for _ in range(2):
            seen = await s.ask()
            assert (seen.status, seen.whole, seen.retries) == (200, True, 0)
        assert [record.attempts for record in s.gateway.records] == [1, 1]
        assert s.gateway.status("bad").failures == 0
        assert s.bad.accepted == 2


@pytest.mark.parametrize("last", [reset(), truncated()], ids=["reset", "closed"])
async def test_a_connection_that_dies_under_the_request_is_replaced_silently(
    scene: OpenScene, last: Answer
) -> None:
    """The request crosses the close: it arrives on the old connection and once more on a new one."""
    async with scene(keys=1) as s:
        s.bad.script(chat(), last)
        for _ in range(2):
            assert (await s.ask()).status == 200
        assert [record.attempts for record in s.gateway.records] == [1, 1]
        assert s.gateway.status("bad").failures == 0
        assert [request.connection for request in s.bad.requests] == [0, 0, 1]
        assert s.bad.requests[1].body == s.bad.requests[2].body


ANSWERED = {
    "part of a head": reset(20),
    "an interim answer": Answer(before=b"HTTP/1.1 103 Early Hints\r\n\r\n", fault=reset().fault),
}


@pytest.mark.parametrize("last", ANSWERED.values(), ids=ANSWERED)
async def test_a_reused_connection_that_began_to_answer_is_not_asked_again(
    scene: OpenScene, last: Answer
) -> None:
    async with scene(keys=1) as s:
        s.bad.script(chat(), last)
        assert (await s.ask()).status == 200
        assert (await s.ask()).status == 502
        assert len(s.bad.requests) == 2
        assert s.gateway.status("bad").failures == 1


async def test_a_new_connection_that_dies_too_is_a_failure(scene: OpenScene) -> None:
    async with scene(keys=1) as s:
        s.bad.script(chat(), truncated(), truncated())
        assert (await s.ask()).status == 200
        assert (await s.ask()).status == 502
        assert len(s.bad.requests) == 3
        assert s.gateway.status("bad").failures == 1
