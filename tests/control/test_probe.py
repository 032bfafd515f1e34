from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio

from loadtest.certificates import make_certificates
from proxy.control import HttpProbe, ProbeResult
from proxy.control import probe as probe_module
from proxy.control.probe import ALL_PROBES_TIMEOUT_S, PROBES_AT_ONCE, probe_all
from proxy.types import Deployment, Secret

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Upstream:
    """Answers every connection with the same bytes; None: with silence."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.api_base = ""
        self.open = 0
        self.most_open = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.heads.append(await stream.receive_some())
        if self.answer is None:
            await stream.receive_some()  # until the probe hangs up
        else:
            await stream.send_all(self.answer)
        self.open -= 1
        await stream.aclose()


@asynccontextmanager
async def serving(answer: bytes | None) -> AsyncIterator[Upstream]:
    upstream = Upstream(answer)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, upstream.serve, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        upstream.api_base = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1"
        yield upstream
        nursery.cancel_scope.cancel()


def deployment(api_base: str, **fields: object) -> Deployment:
    defaults = {"id": "a", "group": "g", "provider": "openai", "model": "m", "object_scope": "s"}
    return Deployment(**{"api_base": api_base, "api_key": Secret("sk-secret"), **defaults, **fields})


def finding(*deployments: Deployment) -> Callable[[str], Deployment | None]:
    return {one.id: one for one in deployments}.get


async def test_asks_for_the_model_list_with_the_deployments_key():
    async with serving(OK) as upstream:
        one = deployment(upstream.api_base, organization="org-1", headers=((b"X-Team", b"blue"),))
        result = await HttpProbe(finding(one))("a")
    assert (result.ok, result.status, result.error) == (True, 200, None)
    assert 0 < result.latency_s < 5
    head = upstream.heads[0].lower()
    assert head.startswith(b"get /v1/models http/1.1\r\n")
    for line in (b"authorization: bearer sk-secret", b"openai-organization: org-1", b"x-team: blue"):
        assert line in head


async def test_a_deployments_own_headers_replace_ours_and_no_key_is_no_header():
    async with serving(OK) as upstream:
        one = deployment(upstream.api_base, api_key=Secret(""), headers=((b"Accept", b"*/*"),))
        assert (await HttpProbe(finding(one))("a")).ok
    head = upstream.heads[0].lower()
    assert b"authorization" not in head
    assert head.count(b"\r\naccept:") == 1


@pytest.mark.parametrize(
    ("status", "ok"),
    [(200, True), (404, True), (405, True), (401, False), (429, False), (500, False), (302, False)],
)
async def test_which_answers_are_good(status, ok):
    async with serving(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status) as upstream:
        result = await HttpProbe(finding(deployment(upstream.api_base)))("a")
    assert (result.ok, result.status, result.error) == (ok, status, None if ok else f"HTTP {status}")


async def test_a_refused_connection():
    async with serving(OK) as upstream:
        pass
    result = await HttpProbe(finding(deployment(upstream.api_base)))("a")
    assert (result.ok, result.status) == (False, 0)
    assert result.error is not None
    assert result.error.startswith("no connection")


async def test_an_answer_that_is_not_http():
    async with serving(b"220 smtp ready\r\n\r\n") as upstream:
        result = await HttpProbe(finding(deployment(upstream.api_base)))("a")
    assert result == ProbeResult(False, 0, result.latency_s, "RemoteProtocolError")


async def test_silence_ends_in_time(monkeypatch):
    monkeypatch.setattr(probe_module, "PROBE_TIMEOUT_S", 0.05)
    async with serving(None) as upstream:
        result = await HttpProbe(finding(deployment(upstream.api_base)))("a")
    assert (result.ok, result.status, result.error) == (False, 0, "no answer within 0.05 s")


async def test_a_key_that_cannot_be_sent_is_not_quoted():
    async with serving(OK) as upstream:
        one = deployment(upstream.api_base, api_key=Secret("sk-secret\r\nx: y"))
        result = await HttpProbe(finding(one))("a")
    assert not result.ok
    assert "secret" not in repr(result)


async def test_a_deployment_that_left_with_a_reload():
    assert await HttpProbe(finding())("a") == ProbeResult(False, error="no longer configured")


async def test_a_mock_answer_needs_no_upstream():
    one = deployment("http://127.0.0.1:9", mock_response="hello")
    assert await HttpProbe(finding(one))("a") == ProbeResult(True)


async def test_a_ca_bundle_that_is_not_there(tmp_path):
    one = deployment("https://127.0.0.1:9", ssl_verify=str(tmp_path / "ca.pem"))
    result = await HttpProbe(finding(one))("a")
    assert result == ProbeResult(False, error="ssl_verify: No such file or directory")


def test_certificates_are_checked_unless_switched_off():
    assert probe_module._tls(True).verify_mode is ssl.CERT_REQUIRED
    assert probe_module._tls(False).verify_mode is ssl.CERT_NONE


async def test_only_so_many_at_once():
    async with serving(OK) as upstream:
        ids = [f"d{n}" for n in range(PROBES_AT_ONCE * 2)]
        probe = HttpProbe(finding(*(deployment(upstream.api_base, id=name) for name in ids)))
        results = await probe_all(probe, ids)
    assert all(result.ok for result in results.values())
    assert 1 < upstream.most_open <= PROBES_AT_ONCE


async def test_one_page_waits_only_so_long_for_all(autojump_clock):
    async def slow(deployment_id: str) -> ProbeResult:
        await trio.sleep(0 if deployment_id == "quick" else ALL_PROBES_TIMEOUT_S * 2)
        return ProbeResult(True, 200)

    started = trio.current_time()
    results = await probe_all(slow, ["quick", "slow"])
    assert trio.current_time() - started == pytest.approx(ALL_PROBES_TIMEOUT_S)
    assert results["quick"].ok
    assert results["slow"].error == "not asked within 30 s"


async def test_tls_where_none_is_spoken():
    async with serving(OK) as plain:
        one = deployment(plain.api_base.replace("http://", "https://"))
        result = await HttpProbe(finding(one))("a")
    assert not result.ok
    assert result.error is not None
    assert result.error.startswith("no connection: TLS: ")
    assert len(result.error) > len("no connection: TLS: ")


async def test_a_certificate_that_nobody_vouches_for(tmp_path):
    context = make_certificates(tmp_path).server_context()
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_ssl_over_tcp, _hang_up, 0, context, host="127.0.0.1")
        listeners = await nursery.start(serve)
        one = deployment(f"https://127.0.0.1:{listeners[0].transport_listener.socket.getsockname()[1]}")
        result = await HttpProbe(finding(one))("a")
        nursery.cancel_scope.cancel()
    assert not result.ok
    assert result.error is not None
    assert result.error.startswith("no connection: TLS: certificate not trusted: ")


async def _hang_up(stream: trio.SSLStream[trio.SocketStream]) -> None:
    with suppress(trio.BrokenResourceError):
        await stream.do_handshake()
    await trio.aclose_forcefully(stream)
