"""Each way that was ever found to end a worker from outside, and its siblings: the bytes of one connection each."""

from __future__ import annotations

import base64

from loadtest.hostile.frames import data, fields_frame, head, opening, priority, reset, said

KEY = b"sk-gateway"
AUTH = (b"authorization", b"Bearer " + KEY)
UPGRADE = (
    b"GET /v1/models HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %b\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" % KEY
)
WEBSOCKET = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: g\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OLD = b"GET /livez HTTP/1.0\r\nHost: g\r\nConnection: keep-alive\r\n\r\n"

GET_FILES = ((b":method", b"GET"), (b":path", b"/v1/files"))

Pieces = tuple[bytes, ...]
"""Sent one after the other; before each but the first, the client waits for bytes of an answer."""


def settings(*pairs: tuple[int, int]) -> bytes:
    payload = b"".join(code.to_bytes(2, "big") + value.to_bytes(4, "big") for code, value in pairs)
    return base64.urlsafe_b64encode(payload).rstrip(b"=")


def upgrade(*values: bytes, then: bytes = b"") -> Pieces:
    return (UPGRADE + b"".join(b"HTTP2-Settings: %b\r\n" % value for value in values) + b"\r\n" + then,)


UPGRADES: dict[str, Pieces] = {
    "h2c settings of one character": upgrade(b"A"),
    "h2c settings that are no base64": upgrade(b"!!!!"),
    "h2c settings that are not ASCII": upgrade(b"\xff\xfe"),
    "h2c settings cut short": upgrade(b"AAMAAA"),
    "h2c settings out of range": upgrade(settings((4, 0xFFFFFFFF))),
    "h2c settings of no such push": upgrade(settings((2, 7))),
    "h2c settings of a tiny frame": upgrade(settings((5, 1))),
    "h2c settings missing": upgrade(),
    "h2c settings twice": upgrade(b"AAMAAABk", b"AAMAAABk"),
    "h2c settings, then garbage": upgrade(b"AAMAAABk", then=b"\xff" * 100),
    "h2c to a path that is not ASCII": (
        UPGRADE.replace(b"/v1/models", b"/\xff") + b"HTTP2-Settings: AAMAAABk\r\n\r\n",
    ),
}
HTTP2: dict[str, Pieces] = {
    "a path that is not ASCII": (opening(head(1, b"GET", b"/v1/\xff\xfe", AUTH)),),
    "a query that is not ASCII": (opening(head(1, b"GET", b"/v1/files?a=\xe9", AUTH)),),
    "a method that is not ASCII": (opening(head(1, b"G\xc9T", b"/v1/files", AUTH)),),
    "a path with another request in it": (opening(head(1, b"GET", b"/v1/files x HTTP/1.1", AUTH)),),
    "a path with a line's end in it": (opening(head(1, b"GET", b"/v1/files\r\nX: y", AUTH)),),
    "a path with a fragment": (opening(head(1, b"GET", b"/v1/files#x", AUTH)),),
    "a path of another host": (opening(head(1, b"GET", b"http://other/v1/files", AUTH)),),
    "a path without a slash": (opening(head(1, b"GET", b"v1/files", AUTH)),),
    "an empty path": (opening(head(1, b"GET", b"", AUTH)),),
    "a method with another request in it": (opening(head(1, b"GET /v1/zzz HTTP/1.1", b"/v1/files", AUTH)),),
    "a method with a line's end in it": (opening(head(1, b"GET\r\nX:", b"/v1/files", AUTH)),),
    "a method with an escape in it": (opening(head(1, b"\x1b[2J", b"/v1/files", AUTH)),),
    "a method of 33 letters": (opening(head(1, b"A" * 33, b"/v1/files", AUTH)),),
    "a method of 10 KB": (opening(head(1, b"A" * 10_000, b"/v1/files", AUTH)),),
    "an empty method": (opening(head(1, b"", b"/v1/files", AUTH)),),
    "a value with a control byte": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x-a", b"a\x01b"))),),
    "a value with a line's end": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x-a", b"a\r\nx-b: c"))),),
    "a value with a zero": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x-a", b"a\x00b"))),),
    "a name in brackets": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x(a)", b"b"))),),
    "a name with a quote": (opening(head(1, b"GET", b"/v1/files", AUTH, (b'x"a', b"b"))),),
    "a name with a blank": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x a", b"b"))),),
    "a name with a colon": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x:a", b"b"))),),
    "a name that is not ASCII": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x\xff", b"b"))),),
    "an empty name": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"", b"b"))),),
    "a framing header with an underscore": (
        opening(head(1, b"GET", b"/v1/files", AUTH, (b"content_length", b"5"))),
    ),
    "a length that is no number": (opening(head(1, b"POST", b"/v1/files", AUTH, (b"content-length", b"x"))),),
    "two lengths": (
        opening(
            head(
                1,
                b"POST",
                b"/v1/files",
                AUTH,
                (b"content-length", b"1"),
                (b"content-length", b"2"),
                ended=False,
            ),
            data(1, b"a", ended=True),
        ),
    ),
    "a length of 30 digits": (
        opening(head(1, b"POST", b"/v1/files", AUTH, (b"content-length", b"9" * 30), ended=False)),
    ),
    "a length with a sign": (
        opening(
            head(1, b"POST", b"/v1/files", AUTH, (b"content-length", b"+1"), ended=False),
            data(1, b"a", ended=True),
        ),
    ),
    "a length that promises too much": (
        opening(
            head(1, b"POST", b"/v1/embeddings", AUTH, (b"content-length", b"9"), ended=False),
            data(1, b"a", ended=True),
        ),
    ),
    "chunks": (
        opening(head(1, b"POST", b"/v1/files", AUTH, (b"transfer-encoding", b"chunked"), ended=False)),
    ),
    "an authority that is no host": (
        opening(fields_frame(1, (*GET_FILES, (b":scheme", b"http"), (b":authority", b"a b/c"), AUTH))),
    ),
    "a host beside the authority": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"host", b"other"))),),
    "five hundred headers": (
        opening(head(1, b"GET", b"/v1/files", AUTH, *((b"x-%d" % n, b"a") for n in range(500)))),
    ),
    "a header of 15 KB": (opening(head(1, b"GET", b"/v1/files", AUTH, (b"x-a", b"a" * 15_000))),),
    "a bare CONNECT": (opening(fields_frame(1, ((b":method", b"CONNECT"), (b":authority", b"g:443")))),),
    "a CONNECT for a WebSocket": (
        opening(
            fields_frame(
                1,
                (
                    (b":method", b"CONNECT"),
                    (b":protocol", b"websocket"),
                    (b":path", b"/v1/realtime"),
                    (b":scheme", b"http"),
                    (b":authority", b"g"),
                    (b"sec-websocket-version", b"13"),
                    (b"sec-websocket-protocol", b"\xff\xfe"),
                    AUTH,
                ),
                ended=False,
            ),
            data(1, b"\x81\x05hello"),
        ),
    ),
    "no method": (
        opening(fields_frame(1, ((b":path", b"/"), (b":scheme", b"http"), (b":authority", b"g")))),
    ),
    "no path": (
        opening(fields_frame(1, ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"g")))),
    ),
    "a thousand priorities": (opening(*(priority(1 + 2 * n) for n in range(1100))),),
    "a thousand priorities in a chain": (
        opening(*(priority(1 + 2 * n, max(0, 2 * n - 1)) for n in range(1100))),
    ),
    "priorities of a stream and its parent": (
        opening(
            priority(3, 5),
            priority(5, 3),
            head(3, b"GET", b"/v1/models", AUTH),
            priority(3, 5),
            priority(5, 3),
        ),
    ),
    "a stream that depends on itself": (opening(priority(3, 3)),),
    "a body after the answer": (
        opening(head(1, b"POST", b"/nowhere", AUTH, ended=False)),
        said(data(1, b"a" * 100), data(1, b"a" * 100, ended=True)),
    ),
    "a reset after the answer": (opening(head(1, b"GET", b"/v1/models", AUTH)), said(reset(1), reset(1))),
    "a reset before the answer": (opening(head(1, b"GET", b"/v1/models", AUTH), reset(1), data(1, b"late")),),
    "trailers that are no trailers": (
        opening(
            head(1, b"POST", b"/v1/embeddings", AUTH, ended=False),
            data(1, b"{}"),
            fields_frame(1, ((b":path", b"/x"), (b"x(a)", b"b"))),
        ),
    ),
    "garbage after the preface": (opening() + bytes(range(256)) * 20,),
    "empty data without end": (
        opening(head(1, b"POST", b"/v1/files", AUTH, ended=False), *(data(1, b"") for _ in range(2000))),
    ),
}
OLD_ONES: dict[str, Pieces] = {
    "a second request of 1.0 that is garbage": (OLD, b"\x00\x01\x02 garbage\r\n\r\n"),
    "a second request of 1.0 that is not ASCII": (OLD, b"GET /\xff\xfe HTTP/1.0\r\nHost: g\r\n\r\n"),
    "a second request of 1.0 with a method that is not ASCII": (OLD, b"G\xc9T / HTTP/1.0\r\nHost: g\r\n\r\n"),
    "a second request of 1.0 with another in it": (OLD, b"GET /v1/files x HTTP/1.1\r\nHost: g\r\n\r\n"),
    "a second request of 1.0 that is none": (OLD, b"\r\n\r\n\r\n\r\n"),
    "a second request of 1.0 that is endless": (OLD, b"GET /" + b"a" * 100_000),
    "a second request of 1.0 with a bad chunk": (
        OLD, b"POST /v1/files HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ),
    "a second request of 1.0 with a bad length": (OLD, b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: x\r\n\r\n"),
    "a second request of 1.0 without a host": (OLD, b"GET /v1/files HTTP/1.1\r\n\r\n"),
    "a second request of 1.0 that waits for 100": (
        OLD, b"POST /nowhere HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ),
    "a second request of 1.0 that is a WebSocket's": (
        OLD, WEBSOCKET + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
    ),
    "a second request of 1.0 that is a WebSocket's with its frame": (OLD, WEBSOCKET + b"\r\n\x81\x05hello"),
    "a second request of 1.0 that is h2c's": (OLD, UPGRADE + b"HTTP2-Settings: A\r\n\r\n"),
    "a second request of 1.0 that is HTTP/2's": (OLD, opening(head(1, b"GET", b"/\xff"))),
    "a second request of 1.0 that is CONNECT": (OLD, b"CONNECT g:443 HTTP/1.1\r\nHost: g\r\n\r\n"),
    "1.0 with a second request at once": (OLD + b"\xff\xff\xff\r\n\r\n",),
    "1.0 with a body that goes on": (
        b"POST /nowhere HTTP/1.0\r\nHost: g\r\nContent-Length: 2\r\n\r\nabcdef\xff\xff\r\n\r\n",
    ),
}  # fmt: skip
WEBSOCKETS: dict[str, Pieces] = {
    "a WebSocket's protocol that is not ASCII": (WEBSOCKET + b"Sec-WebSocket-Protocol: \xff\xfe\r\n\r\n",),
    "a WebSocket's extension that is not ASCII": (WEBSOCKET + b"Sec-WebSocket-Extensions: \xff\xfe\r\n\r\n",),
    "a WebSocket's connection that is not ASCII": (
        WEBSOCKET.replace(b"Upgrade\r\nUp", b"Upgrade, \xff\r\nUp") + b"\r\n",
    ),
    "a WebSocket's first frame with its handshake": (WEBSOCKET + b"\r\n\x81\x05hello",),
    "a WebSocket's frame after its handshake": (WEBSOCKET + b"\r\n", b"\x81\x05hello"),
    "a WebSocket without its key": (WEBSOCKET.replace(b"Sec-WebSocket-Key", b"X") + b"\r\n\x81\x05hello",),
    "a WebSocket by POST": (WEBSOCKET.replace(b"GET", b"POST") + b"\r\n\x81\x05hello",),
    "a WebSocket to nowhere": (WEBSOCKET.replace(b"/v1/realtime", b"/%ff\xff") + b"\r\n",),
}
FAST: dict[str, Pieces] = {
    "a method of 33 letters, fast": (b"A" * 33 + b" /v1/files HTTP/1.1\r\nHost: g\r\n\r\n",),
    "a method with an escape, fast": (b"\x1b[2J /v1/files HTTP/1.1\r\nHost: g\r\n\r\n",),
    "a path that is not ASCII, fast": (b"GET /v1/\xff HTTP/1.1\r\nHost: g\r\n\r\n",),
    "a name in brackets, fast": (b"GET /v1/files HTTP/1.1\r\nHost: g\r\nx(a): b\r\n\r\n",),
    "garbage, fast": (bytes(range(256)) + b"\r\n\r\n",),
    "an HTTP/2 preface that goes on otherwise": (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + b"a" * 100,),
    "an HTTP/2 preface with headers": (b"PRI * HTTP/2.0\r\nHost: \xff\r\n\r\nSM\r\n\r\n",),
    "an HTTP/2 preface cut short": (b"PRI * HTTP/2.0\r\n\r\n",),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,),
    "nothing": (b"",),
}
CASES: dict[str, Pieces] = {**UPGRADES, **HTTP2, **OLD_ONES, **WEBSOCKETS, **FAST}
