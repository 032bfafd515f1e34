"""Redirects of an upstream: followed at the gateway, or an error; a client never learns where the upstream is."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.answers import Answer, Framing, RawRequest, chat
from loadtest.client import Seen, connected
from loadtest.gateway_within import gateway_within
from loadtest.mock_upstream import mock_upstream
from proxy.types import Outcome
from tests.faults.conftest import DOORS, OpenScene, Scene, chat_body

KEY = b"x-litellm-api-key: sk-gateway\r\n"
CUSTOM = """
general_settings:
  pass_through_endpoints: [{{path: /gate, target: "{url}/base", include_subpath: true}}]
"""


def moved(status: int, place: str) -> Answer:
    return Answer(status=status, headers=((b"Location", place.encode()),), body=b"moved")


async def asked(s: Scene, door: str, path: bytes = b"/v1/chat/completions", method: bytes = b"POST") -> Seen:
    count = len(s.gateway.records)
    async with s.client() as client:
        await client.send(chat_body(stream=False), path, method=method, lines=DOORS[door] + KEY)
        seen = await client.read()
    await s.gateway.recorded(count + 1)
    return seen


def target(request: RawRequest) -> bytes:
    return request.head.split(b" ")[1]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [307, 308])
async def test_the_slash_of_fastapi_is_followed_here(scene: OpenScene, door: str, status: int) -> None:
    async with scene() as s:
        s.bad.script(moved(status, f"{s.bad.url}/v1/chat/completions/"), chat())
        seen = await asked(s, door)
        assert (seen.status, seen.body) == (200, chat().body)
        first, second = s.bad.requests
        assert target(second) == b"/v1/chat/completions/"
        assert (second.method, second.body) == (first.method, first.body)
        assert second.header(b"authorization") == b"Bearer sk-bad"
        assert second.header(b"x-litellm-api-key") is None
        assert s.bad.accepted == 1
        (record,) = s.gateway.records
        assert (record.outcome, record.attempts) == (Outcome.OK, 1)
        assert s.gateway.status("bad").failures == 0


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_another_host_is_an_error(scene: OpenScene, door: str, status: int, method: bytes) -> None:
    async with scene() as s:
        s.bad.script(moved(status, f"{s.good.url}/v1/chat/completions/"))
        seen = await asked(s, door, b"/v1/files", method)
        assert (seen.status, seen.error["code"]) == (502, "upstream_redirected")
        assert str(s.good.port).encode() not in seen.body + b"".join(seen.headers.values())
        assert not s.good.requests
        (record,) = s.gateway.records
        assert record.outcome is Outcome.UPSTREAM_ERROR
        assert s.gateway.status("bad").failures == 0, "one path's redirect says nothing of the key"


@pytest.mark.parametrize("door", DOORS)
async def test_circles_end(scene: OpenScene, door: str) -> None:
    async with scene() as s:
        s.bad.script(lambda _: moved(307, "/v1/chat/completions"))
        seen = await asked(s, door)
        assert (seen.status, seen.error["code"]) == (502, "upstream_redirected")
        assert len(s.bad.requests) == 6


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_post_that_becomes_a_get_is_the_clients_to_follow(
    scene: OpenScene, door: str, status: int
) -> None:
    """By way of the gateway: what it is told is the gateway's path, not the upstream's host."""
    async with scene() as s:
        s.bad.script(moved(status, f"{s.bad.url}/v1/files/f-1"), moved(status, f"{s.bad.url}/other"))
        seen = await asked(s, door, b"/openai/files")
        assert (seen.status, seen.headers[b"location"]) == (status, b"/openai/files/f-1")
        seen = await asked(s, door, b"/openai/files")
        assert (seen.status, seen.error["code"]) == (502, "upstream_redirected")


@pytest.mark.parametrize("door", DOORS)
async def test_a_read_is_followed_whatever_the_status(scene: OpenScene, door: str) -> None:
    async with scene() as s:
        s.bad.script(*(moved(status, "/v1/files/") for status in (301, 302, 303)), Answer(body=b"{}"))
        seen = await asked(s, door, b"/v1/files", b"GET")
        assert (seen.status, [target(request) for request in s.bad.requests]) == (
            200, [b"/v1/files", *[b"/v1/files/"] * 3]
        )  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("framing", [Framing.LENGTH, Framing.CHUNKED])
async def test_places_in_other_answers_are_the_gateways(
    scene: OpenScene, door: str, framing: Framing
) -> None:
    async with scene() as s:
        places = (
            (b"Location", b"%b/v1/files/f-1" % s.bad.url.encode()),
            (b"content-location", b"/v1/files/f-1"),
        )
        for status in (200, 201):
            s.bad.script(Answer(status=status, headers=places, body=(b"{}",), framing=framing))
            seen = await asked(s, door, b"/openai/files")
            assert (seen.status, seen.headers[b"location"], seen.headers[b"content-location"]) == (
                status, b"/openai/files/f-1", b"/openai/files/f-1"
            )  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
async def test_a_body_that_is_gone_cannot_be_followed(scene: OpenScene, door: str) -> None:
    async with scene() as s:
        s.bad.script(moved(307, "/v1/files/"))
        async with s.client() as client:
            lines = DOORS[door] + b"Content-Type: application/octet-stream\r\n"
            await client.begin(
                b"POST /v1/files HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer sk-gateway\r\n%b"
                b"Content-Length: 4\r\n\r\nbody" % lines
            )
            seen = await client.read()
        assert (seen.status, seen.error["code"], len(s.bad.requests)) == (502, "upstream_redirected", 1)
        assert "not kept" in (seen.error["message"] or "")
        await s.gateway.recorded(1)


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("door", DOORS)
async def test_targets_of_their_own_are_no_different(tmp_path: Path, door: str) -> None:
    config = tmp_path / "config.yaml"
    async with mock_upstream() as mock:
        config.write_text(CUSTOM.format(url=mock.url))
        async with gateway_within(config) as gateway:

            async def ask() -> Seen:
                async with connected(gateway.port, "sk-any") as client:
                    await client.send(b"", b"/gate/run", lines=DOORS[door])
                    return await client.read()

            mock.script(
                moved(307, "/base/run/"), moved(303, f"{mock.url}/base/jobs/1"), moved(307, "http://x.test/")
            )
            assert ((await ask()).headers[b"location"]) == b"/gate/jobs/1"
            assert [target(request) for request in mock.requests] == [b"/base/run", b"/base/run/"]
            assert (await ask()).status == 502
