"""What is said to each door: one connection's pieces for each call, made of the seed's chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from loadtest.fuzz.mutate import in_pieces, mutated, some
from loadtest.hostile.cases import AUTH, CASES, HTTP2, KEY, OLD, OLD_ONES, UPGRADES, WEBSOCKETS
from loadtest.hostile.frames import PREFACE, fields_frame

Pieces = tuple[bytes, ...]
Door = Callable[[Random], Pieces]

CHAT = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}'
STREAM = CHAT[:-1] + b',"stream":true}'
_HEAD = b"Host: g\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n" % KEY
FORM = b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-mini\r\n--B--\r\n'


def _post(body: bytes, path: bytes = b"/v1/chat/completions", version: bytes = b"1.1") -> bytes:
    return b"POST %b HTTP/%b\r\n%bContent-Length: %d\r\n\r\n%b" % (path, version, _HEAD, len(body), body)


HTTP1 = (
    _post(CHAT),
    _post(STREAM),
    _post(b"\x1f\x8b\x08\x00" + b"\x00" * 20),
    b"POST /v1/chat/completions HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX-T: 1\r\n\r\n"
    % (_HEAD, len(CHAT), CHAT),
    b"POST /v1/files HTTP/1.1\r\n%bExpect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd" % _HEAD,
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %b\r\n"
    b"Content-Type: multipart/form-data; boundary=B\r\nContent-Length: %d\r\n\r\n%b" % (KEY, len(FORM), FORM),
    b"GET /v1/models HTTP/1.1\r\n%b\r\n" % _HEAD,
    b"GET /v1/files?limit=2 HTTP/1.1\r\n%b\r\n" % _HEAD,
    b"HEAD /health HTTP/1.1\r\n%b\r\n" % _HEAD,
    b"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET http://other/v1/models HTTP/1.1\r\n%b\r\n" % _HEAD,
    b"DELETE /v1/files/file-1 HTTP/1.1\r\n%b\r\n" % _HEAD,
    b"OPTIONS /v1/models HTTP/1.1\r\nHost: g\r\nOrigin: http://a\r\nAccess-Control-Request-Method: GET\r\n\r\n",
    *(b"".join(pieces) for pieces in (*UPGRADES.values(), *WEBSOCKETS.values())),
)
HTTP10 = (OLD, _post(CHAT, version=b"1.0"), _post(STREAM, version=b"1.0"), *map(b"".join, OLD_ONES.values()))
METHODS = (
    b"GET",
    b"POST",
    b"HEAD",
    b"OPTIONS",
    b"CONNECT",
    b"PRI",
    b"get",
    b"",
    b"A" * 40,
    b"G\xc9T",
    b"GET / x",
)
PATHS = (
    b"/v1/chat/completions", b"/v1/models", b"/v1/files", b"/v1/audio/transcriptions", b"/nowhere", b"/", b"*", b"",
    b"/\xff", b"/v1/files x", b"/%00", b"//", b"/v1/files?\xe9", b"/" + b"a" * 3000, b"http://other/v1/models",
)  # fmt: skip
FIELDS = (
    AUTH, (b"content-type", b"application/json"), (b"content-length", b"5"), (b"content-length", b"x"),
    (b"transfer-encoding", b"chunked"), (b"te", b"trailers"), (b"x(a)", b"b"), (b"x-a", b"\x01"), (b"X-Upper", b"a"),
    (b"connection", b"close"), (b"cookie", b"a=b"), (b":path", b"/again"), (b":protocol", b"websocket"), (b"", b""),
    (b"host", b"other"), (b"expect", b"100-continue"), (b"upgrade", b"websocket"), (b"x-long", b"a" * 20_000),
    (b"content-encoding", b"gzip"), (b"origin", b"http://a"), (b"sec-websocket-protocol", b"\xff"),
)  # fmt: skip
BODIES = (CHAT, STREAM, b"", b"{", FORM, b"x" * 16_000, b"\x00\xff", b"\x1f\x8b\x08")


def fast(chance: Random) -> Pieces:
    """HTTP/1.1 as bytes."""
    return in_pieces(chance, mutated(chance, some(chance, HTTP1)))


def carried(chance: Random) -> Pieces:
    """What hypercorn carries: HTTP/2 by frames or by known cases, and HTTP/1.0."""
    kind = chance.random()
    if kind < 0.6:
        return in_pieces(chance, _http2(chance))
    if kind < 0.75:
        pieces = chance.choice(tuple(HTTP2.values()))
        return tuple(mutated(chance, piece) for piece in pieces)
    if kind < 0.95:
        return in_pieces(chance, mutated(chance, some(chance, HTTP10)))
    return chance.choice(tuple(CASES.values()))


DOORS: dict[str, Door] = {"fast": fast, "carried": carried}


def _http2(chance: Random) -> bytes:
    frames = b"".join(_serialized(chance, _frame(chance)) for _ in range(chance.randrange(1, 30)))
    start = PREFACE if chance.random() < 0.97 else mutated(chance, PREFACE)
    return start + SettingsFrame(0).serialize() + frames


def _serialized(chance: Random, frame: Frame) -> bytes:
    """Now and then with a length, a flag or a payload that is not its own."""
    data = frame.serialize()
    return mutated(chance, data) if chance.random() < 0.08 else data


def _stream(chance: Random) -> int:
    return chance.choice((1, 1, 1, 3, 3, 5, 7, 2, 0x7FFFFFFF))


def _frame(chance: Random) -> Frame:
    return chance.choice(_FRAMES)(chance)


def _headers(chance: Random) -> Frame:
    path = chance.choice(PATHS[:4] if chance.random() < 0.5 else PATHS)
    method = chance.choice(METHODS[:2] if chance.random() < 0.7 else METHODS)
    fields = [(b":method", method), (b":path", path), (b":scheme", b"http"), (b":authority", b"g")]
    if chance.random() < 0.1:
        fields.pop(chance.randrange(len(fields)))
    odd: Sequence[tuple[bytes, bytes]] = FIELDS[:2] if chance.random() < 0.6 else FIELDS
    fields += [AUTH, *(chance.choice(odd) for _ in range(chance.randrange(3)))]
    frame = fields_frame(_stream(chance), fields, ended=chance.random() < 0.3)
    if chance.random() < 0.05:
        frame.flags.discard("END_HEADERS")
    return frame


def _data(chance: Random) -> Frame:
    frame = DataFrame(_stream(chance), data=chance.choice(BODIES))
    if chance.random() < 0.4:
        frame.flags.add("END_STREAM")
    if chance.random() < 0.1:
        frame.flags.add("PADDED")
        frame.pad_length = chance.randrange(256)
    return frame


def _settings(chance: Random) -> Frame:
    settings = {chance.randrange(10): chance.choice((0, 1, 100, 65_535, 0x7FFFFFFF, 0xFFFFFFFF))}
    return SettingsFrame(0, settings=settings)


def _priority(chance: Random) -> Frame:
    return PriorityFrame(
        _stream(chance), depends_on=chance.choice((0, 1, 3, 99)), stream_weight=chance.randrange(256)
    )


def _promise(chance: Random) -> Frame:
    frame = PushPromiseFrame(_stream(chance), promised_stream_id=2)
    frame.flags.add("END_HEADERS")
    return frame


def _continuation(chance: Random) -> Frame:
    frame = ContinuationFrame(_stream(chance), data=chance.choice(BODIES))
    if chance.random() < 0.5:
        frame.flags.add("END_HEADERS")
    return frame


def _garbled(chance: Random) -> Frame:
    frame = HeadersFrame(_stream(chance), data=chance.randbytes(chance.randrange(60)))
    frame.flags.add("END_HEADERS")
    return frame


_FRAMES: tuple[Callable[[Random], Frame], ...] = (
    *(_headers,) * 6,
    *(_data,) * 6,
    _settings,
    _priority,
    _promise,
    _continuation,
    _garbled,
    lambda chance: RstStreamFrame(_stream(chance), error_code=chance.randrange(20)),
    lambda chance: WindowUpdateFrame(
        chance.choice((0, 1, 3)), window_increment=chance.choice((1, 1000, 0x7FFFFFFF))
    ),
    lambda chance: PingFrame(0, opaque_data=chance.randbytes(8)),
    lambda chance: GoAwayFrame(0, last_stream_id=0, error_code=chance.randrange(14)),
)
