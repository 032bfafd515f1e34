from __future__ import annotations

import gc
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from proxy.access.keys import Caller
from proxy.errors import ClientGone, GatewayError
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.intake import BodyKind, IntakeLimits, header_targets, introduce, read_call
from proxy.gateway.reading.routes import Kind, Route
from proxy.types import Headers
from proxy.wire.head import CHUNKED, NO_BODY, RequestHead

MakeExchange = Callable[..., Any]
CALLER = Caller("tester", b"id")
LIMITS = IntakeLimits(body_bytes=10_000, peek_bytes=2_000)
CHAT = Route(Kind.NATIVE, "/chat/completions", b"/chat/completions", model_needed=True, chat=True)
IMAGES = Route(Kind.NATIVE, "/images/edits", b"/images/edits")
FILES = Route(Kind.THROUGH, "/files", b"/v1/files")
IN_PATH = Route(Kind.NATIVE, "/completions", b"/completions", model="path", model_needed=True)
FORM = b"multipart/form-data; boundary=b"


def part(name: str, value: bytes, filename: str = "") -> bytes:
    extra = f'; filename="{filename}"' if filename else ""
    return b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (
        name.encode(),
        extra.encode(),
        value,
    )


async def read(door: Any, route: Route = CHAT, limits: IntakeLimits = LIMITS) -> Call:
    return await read_call(door, introduce(door.head, route, CALLER), limits)


async def refusal(door: Any, route: Route = CHAT) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await read(door, route)
    return caught.value


# -- what a head alone tells


@pytest.mark.parametrize(
    ("content_type", "route", "kind"),
    [
        (b"application/json", CHAT, BodyKind.JSON),
        (b"Application/JSON; charset=utf-8", FILES, BodyKind.JSON),
        (b"application/vnd.x+json", FILES, BodyKind.JSON),
        (b"", CHAT, BodyKind.JSON),
        (b"text/plain", CHAT, BodyKind.JSON),
        (b"", FILES, BodyKind.OPAQUE),
        (b"application/octet-stream", FILES, BodyKind.OPAQUE),
        (FORM, IMAGES, BodyKind.FORM),
        (FORM, FILES, BodyKind.FORM),
        (b"multipart/form-data", FILES, BodyKind.OPAQUE),
        (b"application/json", Route(Kind.CUSTOM, "/c"), BodyKind.OPAQUE),
    ],
)
def test_how_a_body_is_read(content_type: bytes, route: Route, kind: BodyKind) -> None:
    headers: Headers = ((b"content-type", content_type),) if content_type else ()
    assert introduce(RequestHead(b"POST", b"/", headers), route, CALLER).body is kind


# -- JSON


def test_the_collector_sees_what_a_head_leads_to() -> None:
    """A page leads back to the pipeline that remembers it: a reload would keep the old one for ever."""
    assert gc.is_tracked(introduce(RequestHead(b"GET", b"/", ()), CHAT, CALLER))


@pytest.mark.parametrize("in_pieces", [False, True])
async def test_json(exchange: MakeExchange, in_pieces: bool) -> None:
    body = b' {"model": "gpt-4o", "stream": true, "store": false, "x": [1]}'
    door = exchange(body[:9], body[9:]) if in_pieces else exchange(body)
    call = await read(door)
    assert (call.model, call.body_model, call.stream, call.store) == ("gpt-4o", "gpt-4o", True, False)
    assert (call.body, call.json, call.length, call.rest) == (body, body, len(body), False)
    assert call.caller is CALLER


async def test_a_chunked_json_body_has_a_length_now(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"model":', b'"m"}', length=CHUNKED))
    assert (call.length, call.model) == (13, "m")


async def test_the_paths_model_wins_over_the_bodys(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"model":"body"}'), IN_PATH)
    assert (call.model, call.body_model) == ("path", "body")


@pytest.mark.parametrize("length", [NO_BODY, 0])
async def test_without_a_body(exchange: MakeExchange, length: int) -> None:
    call = await read(exchange(length=length), FILES)
    assert (call.body, call.json, call.model, call.length) == (b"", None, None, length)
    assert (await read(exchange(length=length), IN_PATH)).model == "path"
    assert (await refusal(exchange(length=length))).code == "missing_required_parameter"


@pytest.mark.parametrize("body", [b"not json", b"[]", b'"text"', b'{"model":', b"\xff\xfe{}", b"{}{}", b"1"])
async def test_what_is_no_json_object_is_400_where_the_endpoint_is_known(
    exchange: MakeExchange, body: bytes
) -> None:
    error = await refusal(exchange(body))
    assert (error.status, error.code) == (400, "invalid_json")
    through = await read(exchange(body), FILES)
    assert (through.body, through.json, through.model) == (body, None, None)


@pytest.mark.parametrize("depth", [1_000, 3_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_deep_nesting_is_400_and_no_crash(
    exchange: MakeExchange, depth: int, opening: bytes, closing: bytes
) -> None:
    body = b'{"model":"m","x":%b1%b}' % (opening * depth, closing * depth)
    door = exchange(body)
    with pytest.raises(GatewayError) as caught:
        await read(door, limits=IntakeLimits(100_000, 100))
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"model": 4}', "invalid_type"),
        (b'{"model": ["a"]}', "invalid_type"),
        (b'{"model": "%b"}' % (b"m" * 600), "invalid_type"),
        (b'{"model": null}', "missing_required_parameter"),
        (b'{"model": ""}', "missing_required_parameter"),
        (b"{}", "missing_required_parameter"),
    ],
)
async def test_a_model_that_is_none(exchange: MakeExchange, body: bytes, code: str) -> None:
    error = await refusal(exchange(body))
    assert (error.status, error.param, error.code) == (400, "model", code)
    assert (await read(exchange(body), FILES)).model is None


async def test_targets_stand_in_for_a_model(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"target_model_names": "a, b"}'))
    assert (call.targets, call.has_target_field, call.model) == (("a", "b"), True, None)


async def test_a_body_too_large(exchange: MakeExchange) -> None:
    whole, pieces = b"{" + b" " * 10_000, (b"{" + b" " * 6_000,) * 2
    for door in (exchange(whole), exchange(*pieces), exchange(*pieces, length=CHUNKED)):
        assert (await refusal(door)).status == 413


# -- compressed JSON


def deflated(text: bytes) -> bytes:
    return zlib.compress(text)


@pytest.mark.parametrize("coding", [b"gzip", b"GZIP", b"deflate"])
async def test_a_compressed_body_is_looked_into_and_kept_as_it_is(
    exchange: MakeExchange, coding: bytes
) -> None:
    text = b'{"model":"m","stream":true}'
    body = gzip.compress(text) if coding.lower() == b"gzip" else deflated(text)
    call = await read(exchange(body, headers=((b"Content-Encoding", coding),)))
    assert (call.model, call.stream, call.body, call.json) == ("m", True, body, text)


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
async def test_an_unknown_coding_is_not_looked_into(exchange: MakeExchange, coding: bytes) -> None:
    headers = ((b"Content-Encoding", coding),)
    assert (await read(exchange(b"\x00\x01", headers=headers), FILES)).json is None
    assert (await refusal(exchange(b"\x00\x01", headers=headers))).code == "missing_required_parameter"


async def test_identity_is_no_coding(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"model":"m"}', headers=((b"Content-Encoding", b"identity"),)))
    assert call.json is call.body


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
@pytest.mark.parametrize("damage", [lambda _: b"plain", lambda good: good[:5] + b"\xff" * 9])
async def test_a_damaged_coding_is_400(
    exchange: MakeExchange, coding: bytes, damage: Callable[[bytes], bytes]
) -> None:
    good = gzip.compress(b'{"model":"m"}') if coding == b"gzip" else deflated(b'{"model":"m"}')
    error = await refusal(exchange(damage(good), headers=((b"Content-Encoding", coding),)))
    assert error.status == 400
    assert error.code in ("invalid_body", "invalid_json")  # half of a text may unpack without a fault


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
async def test_a_truncated_coding_is_400(exchange: MakeExchange, coding: bytes) -> None:
    text = b'{"model":"m","x":"' + bytes(range(35, 90)) * 20 + b'"}'
    good = gzip.compress(text) if coding == b"gzip" else deflated(text)
    error = await refusal(exchange(good[: len(good) // 2], headers=((b"Content-Encoding", coding),)))
    assert error.status == 400


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
async def test_a_bomb_is_413_and_never_unpacked(exchange: MakeExchange, coding: bytes) -> None:
    text = b'{"model":"m","x":"' + b"0" * 5_000_000 + b'"}'
    bomb = gzip.compress(text) if coding == b"gzip" else deflated(text)
    assert len(bomb) < LIMITS.body_bytes
    assert (await refusal(exchange(bomb, headers=((b"Content-Encoding", coding),)))).status == 413


async def test_a_body_that_unpacks_to_the_limit_exactly(exchange: MakeExchange) -> None:
    text = b'{"model":"m","x":"'.ljust(LIMITS.body_bytes - 2, b"0") + b'"}'
    headers = ((b"Content-Encoding", b"gzip"),)
    assert (await read(exchange(gzip.compress(text), headers=headers))).json == text
    assert (await refusal(exchange(gzip.compress(text + b" "), headers=headers))).status == 413


# -- forms


async def test_a_form_is_read_to_its_fields(exchange: MakeExchange) -> None:
    body = (
        part("file", b"x" * 500, "a.png")
        + part("model", b"dall-e-2")
        + part("stream", b"true")
        + b"--b--\r\n"
    )
    call = await read(exchange(body, content_type=FORM), IMAGES)
    assert (call.model, call.stream, call.body, call.rest) == ("dall-e-2", True, body, False)
    assert call.form is not None
    assert call.json is None


async def test_a_form_in_pieces_is_the_same(exchange: MakeExchange) -> None:
    body = (
        part("purpose", b"x")
        + part("target_model_names", b"a,b")
        + part("file", b"y" * 300, "f")
        + b"--b--\r\n"
    )
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    call = await read(exchange(*pieces, content_type=FORM), FILES)
    assert (call.targets, call.has_target_field) == (("a", "b"), True)
    assert body.startswith(call.body)


async def test_a_form_over_the_peek_limit_goes_on_unread(exchange: MakeExchange) -> None:
    first = part("model", b"m") + b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    pieces = [first, *[b"x" * 500] * 20]
    door = exchange(*pieces, content_type=FORM)
    call = await read(door, IMAGES)
    assert (call.model, call.rest) == ("m", True)
    assert LIMITS.peek_bytes <= len(call.body) <= LIMITS.peek_bytes + 500
    assert call.body + b"".join(door.pieces) == b"".join(pieces)
    assert call.length == len(b"".join(pieces))


async def test_a_client_that_leaves_amid_its_form(exchange: MakeExchange) -> None:
    door = exchange(b"--b\r\n", b"", content_type=FORM)
    door.gone_at = "read_some"
    with pytest.raises(ClientGone):
        await read(door, IMAGES)


# -- anything else


@pytest.mark.parametrize("length", [30_000, CHUNKED])
async def test_an_opaque_body_is_not_read_at_all(exchange: MakeExchange, length: int) -> None:
    door = exchange(b"a", b"b", content_type=b"application/octet-stream", length=length)
    call = await read(door, FILES)
    assert (call.rest, call.body, call.length) == (True, b"", length)
    assert door.pieces == [b"a", b"b"]


HEADER_VALUES = {b"a": ("a",), b"a, b": ("a", "b"), b'["a","b"]': ("a", "b"), b"": (), b"\xff": ("\ufffd",)}


@pytest.mark.parametrize(("value", "names"), HEADER_VALUES.items())
def test_the_target_header(a_call: Callable[..., Call], value: bytes, names: tuple[str, ...]) -> None:
    assert header_targets(a_call(headers=((b"X-LiteLLM-Target-Model", value),))) == names


def test_no_target_header(a_call: Callable[..., Call]) -> None:
    assert header_targets(a_call()) == ()
