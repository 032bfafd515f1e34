from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from loadtest.answers import stalled

KEY = (b"authorization", b"Bearer sk-gateway")
HOST = (b"host", b"g")


class Server:
    """The server's side of the app: what it receives and what it sends."""

    def __init__(self, *received: dict[str, object]) -> None:
        self.received = list(received)
        self.sent: list[dict[str, object]] = []
        self.more = trio.Event()

    def later(self, event: dict[str, object]) -> None:
        self.received.append(event)
        self.more.set()
        self.more = trio.Event()

    async def receive(self) -> dict[str, object]:
        while not self.received:
            await self.more.wait()
        return self.received.pop(0)

    async def send(self, event: dict[str, object]) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(event)

    @property
    def body(self) -> bytes:
        return b"".join(event.get("body", b"") for event in self.sent)


def http(method: str = "POST", path: bytes = b"/v1/chat/completions", **more: object) -> dict[str, object]:
    scope = {"type": "http", "http_version": "1.1", "method": method, "raw_path": path, "query_string": b""}
    return {**scope, "headers": [HOST, KEY], **more}


def body(data: bytes, *, more: bool = False) -> dict[str, object]:
    return {"type": "http.request", "body": data, "more_body": more}


GONE: dict[str, object] = {"type": "http.disconnect"}


async def test_a_lifespan(house) -> None:
    server = Server({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    await house.gateway.app({"type": "lifespan"}, server.receive, server.send)
    assert [event["type"] for event in server.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


@pytest.mark.parametrize("upgrade", [b"TLS/1.0", b"h3", b"example/1, h2c"])
async def test_an_upgrade_that_nobody_offers_is_ignored(house, requests, upgrade: bytes) -> None:
    got = await house.ask(
        requests.post(b"/v1/chat/completions", b'{"model":"gpt-4o"}', b"Upgrade: " + upgrade)
    )
    assert got.status == 200
    assert house.records[0].door == "fast"


async def test_h2c_with_a_body_stays_http_1_1(house, requests) -> None:
    """As Java's HttpClient asks first of all."""
    lines = (
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    )
    got = await house.ask(requests.post(b"/v1/chat/completions", b'{"model":"gpt-4o"}', *lines))
    assert got.status == 200
    assert house.mock.requests[0].header(b"http2-settings") is None


async def test_a_body_in_pieces(house) -> None:
    text = b'{"model":"gpt-4o"}'
    scope = http(headers=[HOST, KEY, (b"content-length", b"18")])
    server = Server(*(body(text[at : at + 1], more=True) for at in range(18)), body(b""))
    await house.gateway.app(scope, server.receive, server.send)
    assert server.sent[0]["status"] == 200
    assert house.mock.requests[0].body == text


@pytest.mark.parametrize("framing", [(b"content-length", b"300000"), (b"transfer-encoding", b"chunked")])
async def test_an_upload_in_pieces(house, framing: tuple[bytes, bytes]) -> None:
    scope = http(path=b"/v1/files", headers=[HOST, KEY, (b"content-type", b"a/b"), framing])
    server = Server(*(body(b"x" * 10_000, more=True) for _ in range(30)), body(b""))
    await house.gateway.app(scope, server.receive, server.send)
    assert server.sent[0]["status"] == 200
    assert house.mock.requests[0].body == b"x" * 300_000


async def test_a_body_of_http_2_needs_no_header(house) -> None:
    scope = http(path=b"/v1/files", http_version="2", headers=[HOST, KEY, (b"content-type", b"a/b")])
    server = Server(body(b"abc", more=True), body(b"def"))
    await house.gateway.app(scope, server.receive, server.send)
    assert house.mock.requests[0].body == b"abcdef"


async def test_a_disconnect_ends_the_request(house) -> None:
    house.mock.script(stalled())
    server = Server(body(b'{"model":"gpt-4o"}'))
    ended = trio.Event()

    async def serve() -> None:
        await house.gateway.app(
            http(headers=[HOST, KEY, (b"content-length", b"18")]), server.receive, server.send
        )
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await house.mock.received()
        server.later(GONE)
        with trio.fail_after(0.5):
            await ended.wait()
    assert await house.mock.closed_within(0.05)
    assert server.sent == []


async def test_a_disconnect_in_the_midst_of_a_body(house) -> None:
    server = Server(body(b'{"mo', more=True), GONE)
    with trio.fail_after(1):
        await house.gateway.app(
            http(headers=[HOST, KEY, (b"content-length", b"18")]), server.receive, server.send
        )
    assert server.sent == []
    assert house.records[0].outcome.value == "client_gone"


async def test_a_body_that_stops(make_house) -> None:
    async with make_house(body_timeout_s=0.05) as house:
        server = Server(body(b'{"mo', more=True))
        with trio.fail_after(1):
            await house.gateway.app(
                http(headers=[HOST, KEY, (b"content-length", b"18")]), server.receive, server.send
            )
        assert server.sent[0]["status"] == 408


async def test_an_unread_body_holds_nothing_up(house) -> None:
    """A refused request ends though its server has more of the body than fits between the two."""
    server = Server(*(body(b"x" * 1000, more=True) for _ in range(50)))
    with trio.fail_after(1):
        await house.gateway.app(
            http(headers=[HOST, (b"content-length", b"99999")]), server.receive, server.send
        )
    assert server.sent[0]["status"] == 401


async def test_a_server_that_cancels_takes_the_request_along(house) -> None:
    house.mock.script(stalled())
    server = Server(body(b'{"model":"gpt-4o"}'))
    async with trio.open_nursery() as nursery:
        scope = http(headers=[HOST, KEY, (b"content-length", b"18")])
        nursery.start_soon(house.gateway.app, scope, server.receive, server.send)
        await house.mock.received()
        nursery.cancel_scope.cancel()
    await wait_all_tasks_blocked(0.01)
    assert await house.mock.closed_within(0.05)


async def test_names_are_lower_case_as_asgi_demands(house) -> None:
    server = Server(body(b'{"model":"gpt-4o"}'))
    await house.gateway.app(
        http(headers=[HOST, KEY, (b"content-length", b"18")]), server.receive, server.send
    )
    names = [name for name, _ in server.sent[0]["headers"]]
    assert names == [name.lower() for name in names]
    assert b"transfer-encoding" not in names


async def test_header_names_of_http_1_0_keep_their_spelling(house, requests) -> None:
    await house.ask(
        requests.post(b"/v1/chat/completions", b'{"model":"gpt-4o"}', b"X-CamelCase: 1"), "replayed"
    )
    assert b"\r\nX-CamelCase: 1\r\n" in house.mock.requests[0].head
    assert b"\r\nContent-Length: 18\r\n" in house.mock.requests[0].head


async def test_no_deadline_of_a_request_outlasts_it(house, requests, door: str) -> None:
    """Deadlines lie minutes ahead: what waited for one would be kept that long."""
    for said in (None, stalled(300)):
        if said is not None:
            house.mock.script(said)
        client = await house.client(door)
        await client.send(requests.post(b"/v1/chat/completions", b'{"model":"gpt-4o"}'))
        await client._more()
        client.close()
    await house.recorded(2)
    assert len(house.gateway.reactor.deadlines) == 0
