"""Both doors check heads by one function: what one refuses the other refuses, and none of it reaches an upstream."""

from __future__ import annotations

import json

import h2.config
import h2.connection
import h2.events
import pytest
import trio

from loadtest.hostile.frames import Fields, fields_frame, opening

AUTH = (b"authorization", b"Bearer sk-gateway")
PATH = b"/v1/files"

Head = tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]
"""Method, target, header lines."""


def head(method: bytes = b"GET", path: bytes = PATH, *lines: tuple[bytes, bytes]) -> Head:
    return method, path, lines


REFUSED: dict[str, tuple[Head, int]] = {
    "another request in the path": (head(path=b"/v1/files x HTTP/1.1"), 400),
    "another request in the method": (head(b"GET /v1/zzz HTTP/1.1"), 400),
    "a method that is no token": (head(b"G(T"), 400),
    "an escape in the method": (head(b"\x1b[2J"), 400),
    "a method that is not ASCII": (head(b"G\xc9T"), 400),
    "an empty method": (head(b""), 400),
    "a method of 33 letters": (head(b"A" * 33), 501),
    "a method of 60 KB": (head(b"A" * 60_000), 501),
    "a trace, which echoes the upstream's key": (head(b"TRACE", PATH), 501),
    "a trace in other letters": (head(b"trace", PATH), 501),
    "a path that is not ASCII": (head(path=b"/v1/\xff"), 400),
    "a query that is not ASCII": (head(path=b"/v1/files?a=\xe9"), 400),
    "a control byte in the path": (head(path=b"/v1/\x01"), 400),
    "a fragment": (head(path=b"/v1/files#x"), 400),
    "a path without a slash": (head(path=b"v1/files"), 400),
    "a control byte in a value": (head(b"GET", PATH, (b"x-a", b"a\x01b")), 400),
    "a delete in a value": (head(b"GET", PATH, (b"x-a", b"a\x7fb")), 400),
    "brackets in a name": (head(b"GET", PATH, (b"x(a)", b"b")), 400),
    "a quote in a name": (head(b"GET", PATH, (b'x"a', b"b")), 400),
    "a framing header with an underscore": (head(b"GET", PATH, (b"content_length", b"5")), 400),
    "too many headers": (head(b"GET", PATH, *((b"x-%d" % n, b"a") for n in range(300))), 431),
    "a length of 30 digits": (head(b"POST", PATH, (b"content-length", b"9" * 30)), 400),
}


def http1(said: Head) -> bytes:
    method, path, lines = said
    every = ((b"Host", b"g"), AUTH, *lines)
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, path, b"".join(b"%b: %b\r\n" % line for line in every))


def http2(said: Head, authority: bytes = b"g") -> Fields:
    method, path, lines = said
    pseudo = ((b":method", method), (b":path", path), (b":scheme", b"http"), (b":authority", authority))
    return (*pseudo, AUTH, *lines)


async def asked_by_http2(house, fields: Fields) -> tuple[int, bytes]:
    """Status and body; 0 when the stream or the connection ended as an error."""
    client = await house.client()
    reader = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    reader.initiate_connection()
    reader.send_headers(1, [(":method", "GET"), (":path", "/"), (":scheme", "http"), (":authority", "g")])
    reader.data_to_send()
    await client.send_raw(opening(fields_frame(1, fields)))
    status, body = 0, b""
    with trio.fail_after(5):
        while await client._more():
            data, client.buffer = bytes(client.buffer), bytearray()
            for event in reader.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    return status, body
                elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return 0, b""
    return 0, b""


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("door", ["fast", "replayed", "http2"])
async def test_a_head_is_refused_by_either_door(house, requests, door: str, name: str) -> None:
    said, status = REFUSED[name]
    if door == "http2":
        got, body = await asked_by_http2(house, http2(said))
    else:
        answer = await house.ask(http1(said), door)
        got, body = answer.status, answer.body
    if door == "http2" and got == 0:
        assert status != 200, "a stream's or a connection's error is a refusal too (RFC 9113 section 8.1.1)"
    else:
        assert got == status
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert house.mock.requests == []
    assert (await house.ask(requests.get(PATH))).status == 200, "the next request on a fresh connection"


PROTOCOL_ERRORS: dict[str, Fields] = {
    "a line's end in the path": http2(head(path=b"/v1/files\r\nX: y")),
    "a line's end in the method": http2(head(b"GET\r\nX:")),
    "a line's end in a value": http2(head(b"GET", PATH, (b"x-a", b"b\r\nx-c: d"))),
    "a lone feed in a value": http2(head(b"GET", PATH, (b"x-a", b"b\nx-c: d"))),
    "a zero in a value": http2(head(b"GET", PATH, (b"x-a", b"b\x00"))),
    "a colon in a name": http2(head(b"GET", PATH, (b"x:a", b"b"))),
    "a blank in a name": http2(head(b"GET", PATH, (b"x a", b"b"))),
    "an empty name": http2(head(b"GET", PATH, (b"", b"b"))),
    "a host in the path": http2(head(path=b"http://other/v1/files")),
    "an authority that is no host": http2(head(), b"a b/c"),
    "a bare CONNECT": ((b":method", b"CONNECT"), (b":authority", b"g:443")),
    "chunks": http2(head(b"POST", PATH, (b"transfer-encoding", b"chunked"))),
    "a connection": http2(head(b"GET", PATH, (b"connection", b"close"))),
    "two lengths": http2(head(b"POST", PATH, (b"content-length", b"1"), (b"content-length", b"2"))),
}


@pytest.mark.parametrize("name", PROTOCOL_ERRORS)
async def test_what_only_http_2_can_say_is_refused_there(house, requests, name: str) -> None:
    status, _ = await asked_by_http2(house, PROTOCOL_ERRORS[name])
    assert status in (0, 400, 501)
    assert house.mock.requests == []
    assert (await house.ask(requests.get(PATH))).status == 200


async def test_what_is_refused_is_not_remembered(house, requests) -> None:
    for door in ("fast", "replayed"):
        await house.ask(http1(head(b"A" * 60_000)), door)
    await asked_by_http2(house, http2(head(b"A" * 60_000)))
    assert house.gateway.doorway.parser.held_bytes < 1_000
    assert house.records == []


async def test_no_upgrade_to_h2c_whatever_its_settings(house, requests) -> None:
    """RFC 9113 section 3.1 has taken it back; RFC 9110 section 7.8 lets a server ignore it."""
    for settings in (b"A", b"AAMAAABkAAQAoAAAAAIAAAAA", b"AAT_____", b"\xff"):
        lines = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: " + settings)
        got = await house.ask(requests.get(PATH, *lines))
        assert got.status == 200
    assert {record.door for record in house.records} == {"fast"}
