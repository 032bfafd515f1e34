"""A worker's parts: what a reload exchanges, what it keeps, and that nothing of the old is left behind."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import trio

from loadtest.answers import SSE_TYPE, Answer, Framing
from loadtest.certificates import make_certificates
from loadtest.client import Seen, connected
from loadtest.gateway_within import GatewayWithin, gateway_within
from loadtest.mock_upstream import MockUpstream, mock_upstream
from proxy.config.errors import ConfigError
from proxy.config.load import Loaded, load
from proxy.process.orders import Order, target_of
from proxy.routing.router import Hold
from proxy.wire.head import BadRequest

EVENT = b"data: {}\n\n"
WAIT_S = 5.0
LIMITS = "sluice_settings: {queue_timeout_s: 4}\n"


def entries(*names: str, url: str) -> str:
    rows = (
        f"  - {{model_name: {name}, litellm_params: {{model: openai/{name}, api_base: '{url}/v1', api_key: sk-1,"
        f" max_parallel_requests: 1}}, model_info: {{id: {name}}}}}\n"
        for name in names
    )
    return "model_list:\n" + "".join(rows) + LIMITS


@pytest.fixture
async def mock():
    async with mock_upstream() as found:
        yield found


@pytest.fixture
async def within(mock: MockUpstream, tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text(entries("old", "both", url=mock.url))
    async with gateway_within(path) as found:
        yield found


@pytest.fixture
def loaded(mock: MockUpstream, tmp_path: Path) -> Callable[..., Loaded]:
    def made(*names: str) -> Loaded:
        path = tmp_path / "next.yaml"
        path.write_text(entries(*names, url=mock.url))
        return load(path, {})

    return made


async def ask(within: GatewayWithin, model: str) -> bytes:
    """The whole answer, on a connection of its own."""
    body = b'{"model":"%b","stream":true,"messages":[]}' % model.encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    told = b""
    with trio.fail_after(WAIT_S):
        async with await trio.open_tcp_stream("127.0.0.1", within.port) as stream:
            await stream.send_all(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async for piece in stream:
                told += piece
    return told


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


Began = Callable[[str], Awaitable[trio.MemorySendChannel[bytes]]]


@pytest.fixture
def begin(within: GatewayWithin, mock: MockUpstream, nursery: trio.Nursery) -> Began:
    """A stream that goes on until the test ends it."""

    async def made(model: str) -> trio.MemorySendChannel[bytes]:
        feed, pieces = trio.open_memory_channel[bytes](10)
        mock.script(Answer(headers=(SSE_TYPE,), body=pieces, framing=Framing.CHUNKED))
        count = len(mock.requests)
        nursery.start_soon(ask, within, model)
        await feed.send(EVENT)
        with trio.fail_after(WAIT_S):
            await mock.received(count + 1)
        return feed

    return made


async def test_running_requests_finish_and_their_slots_are_given_back(
    within: GatewayWithin, loaded: Callable[..., Loaded], begin: Began
) -> None:
    feeds = [await begin("old"), await begin("both")]
    within.gateway.reload(loaded("both", "new").config, {})
    assert within.status("both").in_flight == 1
    for feed in feeds:
        await feed.aclose()
    await within.recorded(2)
    assert [record.outcome.value for record in within.records] == ["ok", "ok"]
    assert (within.status("both").in_flight, within.status("both").requests) == (0, 1)
    assert status_of(await ask(within, "old")) == 404
    assert status_of(await ask(within, "new")) == 200


async def test_who_waits_gets_the_slot_of_a_request_of_before(
    within: GatewayWithin, loaded: Callable[..., Loaded], begin: Began, nursery: trio.Nursery
) -> None:
    feed = await begin("both")
    within.gateway.reload(loaded("both").config, {})
    answers: list[bytes] = []

    async def wait() -> None:
        answers.append(await ask(within, "both"))

    nursery.start_soon(wait)
    with trio.fail_after(WAIT_S):
        while not within.gateway.shares.room.queues:  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.001)
    began = time.monotonic()
    await feed.aclose()
    await within.recorded(2)
    assert time.monotonic() - began < 1.0, "it was called, and did not look by itself"
    with trio.fail_after(WAIT_S):
        while not answers:  # noqa: ASYNC110
            await trio.sleep(0.001)
    assert status_of(answers[0]) == 200


async def test_a_bad_one_changes_nothing(within: GatewayWithin, loaded: Callable[..., Loaded]) -> None:
    good = loaded("x").config
    entry = msgspec.structs.replace(good.model_list[0], model_name="a*b*")  # as no file can have it
    bad = msgspec.structs.replace(good, model_list=(entry,))
    before = within.gateway.pipeline
    with pytest.raises(ConfigError, match=r"a\*b\*"):
        within.gateway.reload(bad, {})
    assert within.gateway.pipeline is before
    assert status_of(await ask(within, "old")) == 200


async def test_the_limits_of_the_doors_are_new_too(
    within: GatewayWithin, loaded: Callable[..., Loaded]
) -> None:
    config = loaded("both").config
    assert within.gateway.doorway.limits.write_timeout_s == 30
    limits = msgspec.structs.replace(config.sluice_settings, write_timeout_s=7.0, max_headers=8)
    within.gateway.reload(msgspec.structs.replace(config, sluice_settings=limits), {})
    assert within.gateway.doorway.limits.write_timeout_s == 7
    assert within.gateway.app.limits is within.gateway.doorway.limits
    with pytest.raises(BadRequest):
        within.gateway.doorway.parser.parse(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: 1\r\n" * 8 + b"\r\n")


async def test_nothing_of_the_old_is_left(within: GatewayWithin, loaded: Callable[..., Loaded]) -> None:
    assert status_of(await ask(within, "old")) == 200
    seen: list[weakref.ref[object]] = []
    for _ in range(3):
        seen.append(weakref.ref(within.gateway.router.match("both").pool))  # type: ignore[union-attr]
        within.gateway.reload(loaded("both").config, {})
        assert status_of(await ask(within, "both")) == 200
    gc.collect()
    assert [reference() for reference in seen] == [None] * 3


async def test_the_word_of_another_worker(within: GatewayWithin, loaded: Callable[..., Loaded]) -> None:
    within.gateway.holds.obey(Order(target_of("both"), Hold.draining()))
    within.gateway.holds.obey(Order(target_of("nobody here"), Hold.draining()))
    assert within.status("both").reason == "draining"
    within.gateway.reload(loaded("new").config, {})
    within.gateway.reload(loaded("new", "both").config, {})
    assert within.status("both").reason == "draining"
    within.gateway.holds.obey(Order(target_of("both"), Hold.revived()))
    assert within.status("both").state == "closed"


async def test_a_certificate_bundle_that_was_replaced_is_read_by_a_reload(tmp_path: Path) -> None:
    """The authority changes, and with it the upstream's certificate; the configuration's text stays as it is."""
    old, new = (make_certificates(tmp_path / name) for name in ("old", "new"))
    bundle, path = tmp_path / "ca.pem", tmp_path / "config.yaml"
    bundle.write_bytes(old.authority.read_bytes())
    async with mock_upstream(tls=old.server_context()) as mock:
        entry = entries("both", url=mock.url).replace("api_key", f"ssl_verify: {bundle}, api_key")
        path.write_text(entry)
        async with gateway_within(path) as within:
            assert (await asked(within)).status == 200
            mock._tls = new.server_context()
            within.gateway.reaching.pool.close()
            assert (await asked(within)).status == 502
            replaced = tmp_path / "next.pem"
            replaced.write_bytes(new.authority.read_bytes())
            replaced.replace(bundle)
            loaded = load(path, {})
            within.gateway.reload(loaded.config, loaded.environ)
            within.gateway.router.hold("both", Hold.revived(), time.monotonic())
            assert [(await asked(within)).status for _ in range(2)] == [200, 200]
            assert mock.accepted == 3, "and the connection is kept"
            within.gateway.reload(loaded.config, loaded.environ)
            assert (await asked(within)).status == 200
            assert mock.accepted == 3, "nothing was replaced: connections go on"


async def test_names_are_looked_up_by_the_workers_own_resolver(mock: MockUpstream, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(entries("both", url=mock.url.replace("127.0.0.1", "localhost")))
    async with gateway_within(path) as within:
        for _ in range(2):
            assert (await asked(within)).status == 200
            within.gateway.reaching.pool.close()
        (known,) = within.gateway.reaching.resolver._hosts.items()
        assert known[0][0] == b"localhost"
        assert known[1].addresses


async def asked(within: GatewayWithin) -> Seen:
    async with connected(within.port, "sk-any") as client:
        await client.send(b'{"model":"both","messages":[]}')
        with trio.fail_after(WAIT_S):
            return await client.read()
