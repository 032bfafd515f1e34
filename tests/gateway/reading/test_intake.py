from __future__ import annotations

import gzip
import random
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import brotli
import pytest

from proxy.access.identity import Caller
from proxy.errors import GatewayError
from proxy.gateway.reading.budget import Budget
from proxy.gateway.reading.call import Call
from proxy.gateway.reading.intake import header_targets, read_call
from proxy.gateway.reading.intake_limits import IntakeLimits
from proxy.gateway.reading.introduction import BodyKind, introduce
from proxy.gateway.reading.refusals import disk_share_taken, memory_share_taken
from proxy.gateway.reading.routes import Kind, Route
from proxy.gateway.reading.spool import SpoolLimits
from proxy.types import Headers
from proxy.wire.form import RequestHead
from proxy.wire.gone import ClientGone
from proxy.wire.head import CHUNKED, NO_BODY

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MakeExchange = Callable[..., Any]
CALLER = Caller("tester", b"id")
LIMITS = IntakeLimits(10_000, SpoolLimits(memory_bytes=2_000, size_bytes=20_000))
CHAT = Route(Kind.NATIVE, "/chat/completions", b"/chat/completions", model_needed=True, chat=True)
IMAGES = Route(Kind.NATIVE, "/images/edits", b"/images/edits")
FILES = Route(Kind.THROUGH, "/files", b"/v1/files", model_free=True)
ASSISTANTS = Route(Kind.THROUGH, "/assistants", b"/v1/assistants")
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
        (b"", ASSISTANTS, BodyKind.UNKNOWN),
        (b"application/octet-stream", ASSISTANTS, BodyKind.UNKNOWN),
        (b"text/plain", ASSISTANTS, BodyKind.UNKNOWN),
        (b"Application/X-WWW-Form-Urlencoded; charset=x", ASSISTANTS, BodyKind.UNREADABLE),
        (b"multipart/form-data", ASSISTANTS, BodyKind.UNREADABLE),
        (b"multipart/mixed; boundary=b", IMAGES, BodyKind.UNREADABLE),
        (b"multipart/form-data; boundary=a; boundary=b", IMAGES, BodyKind.UNREADABLE),
        (FORM, IMAGES, BodyKind.FORM),
        (FORM, FILES, BodyKind.FORM),
        (b"multipart/form-data", FILES, BodyKind.OPAQUE),
        (b"application/json", Route(Kind.CUSTOM, "/c"), BodyKind.OPAQUE),
    ],
)
def test_how_a_body_is_read(content_type: bytes, route: Route, kind: BodyKind) -> None:
    headers: Headers = ((b"content-type", content_type),) if content_type else ()
    assert introduce(RequestHead.of(b"POST", b"/", headers), route, CALLER).body is kind


# -- JSON


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


@pytest.mark.parametrize(
    "content_type", [b"application/json", b"", b"application/octet-stream", b"text/plain"]
)
@pytest.mark.parametrize("body", [b'{"model":"m",}', b'{"model":"m"', b'{"model":"m","x":NaN}', b'{"model":"m"}{}',
                                  b'\xef\xbb\xbf{"model":"m"}', '{"model":"m"}'.encode("utf-16"),
                                  '{"model":"m"}'.encode("utf-32-be")])  # fmt: skip
async def test_what_a_lenient_server_may_take_for_json_is_400_where_a_model_may_be_named(
    exchange: MakeExchange, body: bytes, content_type: bytes
) -> None:
    for pieces in ((body,), (body[:1], body[1:])):
        error = await refusal(exchange(*pieces, content_type=content_type), ASSISTANTS)
        assert (error.status, error.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b'[{"model": "m"}]'])
async def test_json_that_is_no_object_names_no_model(exchange: MakeExchange, body: bytes) -> None:
    call = await read(exchange(body), ASSISTANTS)
    assert (call.body, call.json, call.model) == (body, None, None)


@pytest.mark.parametrize("content_type", [b"", b"application/octet-stream", b"text/plain"])
async def test_json_that_is_not_called_so_is_read(exchange: MakeExchange, content_type: bytes) -> None:
    body = b' {"model":"m","stream":true}'
    for pieces, length in (((body,), None), ((body[:1], body[1:]), None), ((body[:9], body[9:]), CHUNKED)):
        door = exchange(*pieces, content_type=content_type, **({} if length is None else {"length": length}))
        call = await read(door, ASSISTANTS)
        assert (call.model, call.stream, call.body, call.json, call.rest) == ("m", True, body, body, False)


@pytest.mark.parametrize("body", [b"v=0\r\no=- 1 1 IN IP4", b"RIFF{", b"\x89PNG{"])
async def test_what_cannot_be_json_moves_on_from_its_first_piece(exchange: MakeExchange, body: bytes) -> None:
    door = exchange(body, b"more", content_type=b"application/sdp")
    call = await read(door, ASSISTANTS)
    assert (call.model, call.body, call.rest, call.length) == (None, body, True, len(body) + 4)
    assert door.pieces == [b"more"]
    whole = await read(exchange(body, content_type=b"application/sdp"), ASSISTANTS)
    assert (whole.body, whole.rest) == (body, False)


@pytest.mark.parametrize(
    "content_type", [b"application/x-www-form-urlencoded", b"multipart/mixed; boundary=b"]
)
async def test_a_type_that_is_not_read_is_415_where_a_model_may_be_named(
    exchange: MakeExchange, content_type: bytes
) -> None:
    error = await refusal(exchange(b"model=m", content_type=content_type), ASSISTANTS)
    assert (error.status, error.code) == (415, "unsupported_media_type")
    assert content_type.decode() in error.message
    assert (await read(exchange(b"model=m", content_type=content_type), FILES)).rest
    bodyless = await read(exchange(length=NO_BODY, content_type=content_type), ASSISTANTS)
    assert (bodyless.rest, bodyless.body) == (False, b"")


@pytest.mark.parametrize("route", [CHAT, IMAGES, ASSISTANTS, FILES])
@pytest.mark.parametrize("body", [b'{"model":"nope","model":"m"}', b'{"model":"m","mod\\u0065l":"nope"}',
                                  b'{"model":"m","Model":"nope"}', b'{"Model":"nope"}'])  # fmt: skip
async def test_a_model_that_servers_read_in_two_ways_is_400(
    exchange: MakeExchange, body: bytes, route: Route
) -> None:
    error = await refusal(exchange(body), route)
    assert (error.status, error.param, error.code) == (400, "model", "duplicate_key")
    assert "`model`" in error.message


# -- the query's model


@pytest.mark.parametrize(
    ("query", "body", "model"),
    [
        (b"model=m", b'{"model":"m"}', "m"),
        (b"a=b&model=m", b"{}", "m"),
        (b"%6dodel=a%2Fb+c", b"{}", "a/b c"),
        (b"models=x&my_model=y", b'{"model":"m"}', "m"),
        (b"", b'{"model":"m"}', "m"),
        (b"model", b'{"model":"m"}', "m"),
        (b"model=&x", b'{"model":"m"}', "m"),
    ],
)
async def test_the_querys_model(exchange: MakeExchange, query: bytes, body: bytes, model: str) -> None:
    for route in (CHAT, ASSISTANTS):
        assert (await read(exchange(body, target=b"/x?" + query), route)).model == model


@pytest.mark.parametrize(
    "query",
    [b"model=n", b"model=m&model=m", b"Model=m", b"model=m&MODEL=x", b"model=&model=m", b"model=%6e"],
)
@pytest.mark.parametrize("content_type", [b"application/json", FORM])
async def test_a_query_and_a_body_that_disagree_are_400(
    exchange: MakeExchange, query: bytes, content_type: bytes
) -> None:
    body = b'{"model":"m"}' if content_type != FORM else part("model", b"m") + b"--b--\r\n"
    for route in (CHAT, ASSISTANTS):
        error = await refusal(exchange(body, target=b"/x?" + query, content_type=content_type), route)
        assert (error.status, error.param) == (400, "model")


async def test_a_query_may_be_all_that_names_a_model(exchange: MakeExchange) -> None:
    sdp = exchange(b"v=0", target=b"/x?model=m", content_type=b"application/sdp")
    assert (await read(sdp, ASSISTANTS)).model == "m"
    assert (
        await read(exchange(length=NO_BODY, target=b"/x?model=m", method=b"GET"), ASSISTANTS)
    ).model == "m"


@pytest.mark.parametrize("depth", [1_000, 3_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_deep_nesting_is_400_and_no_crash(
    exchange: MakeExchange, depth: int, opening: bytes, closing: bytes
) -> None:
    body = b'{"model":"m","x":%b1%b}' % (opening * depth, closing * depth)
    door = exchange(body)
    with pytest.raises(GatewayError) as caught:
        await read(door, limits=IntakeLimits(100_000, LIMITS.form))
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
    if code == "invalid_type":
        for route in (ASSISTANTS, IMAGES):
            assert (await refusal(exchange(body), route)).code == code
    else:
        assert (await read(exchange(body), ASSISTANTS)).model is None


async def test_targets_stand_in_for_a_model(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"target_model_names": "a, b"}'))
    assert (call.targets, call.has_target_field, call.model) == (("a", "b"), True, None)


async def test_a_body_too_large(exchange: MakeExchange) -> None:
    whole, pieces = b"{" + b" " * 10_000, (b"{" + b" " * 6_000,) * 2
    for door in (exchange(whole), exchange(*pieces), exchange(*pieces, length=CHUNKED)):
        assert (await refusal(door)).status == 413


# -- compressed JSON


def bare(text: bytes) -> bytes:
    """Deflate without zlib's wrapper, as some clients send it."""
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(text) + coder.flush()


CODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"Deflate": bare,
    b"br": partial(brotli.compress, quality=1),
    b"zstd": zstd.compress,
    b"gzip, gzip": lambda text: gzip.compress(gzip.compress(text)),
    b"zstd, br, identity": lambda text: brotli.compress(zstd.compress(text)),
}


def coded(coding: bytes) -> Headers:
    return tuple((b"Content-Encoding", each.strip()) for each in coding.split(b","))


@pytest.mark.parametrize("route", [CHAT, IMAGES, ASSISTANTS])
@pytest.mark.parametrize("coding", CODERS)
async def test_a_coded_body_is_looked_into_and_kept_as_it_is(
    exchange: MakeExchange, coding: bytes, route: Route
) -> None:
    text = b'{"model":"m","stream":true}'
    body = CODERS[coding](text)
    for headers in (coded(coding), ((b"Content-Encoding", coding.upper()),)):
        call = await read(exchange(body, headers=headers), route)
        assert (call.model, call.stream, call.body, call.json) == ("m", True, body, text)
    untyped = await read(exchange(body, headers=coded(coding), content_type=b""), route)
    assert (untyped.model, untyped.body, untyped.json) == ("m", body, text)


@pytest.mark.parametrize("coding", [b"compress", b"gzip, aes128gcm", b"x", b"gzip;q=1"])
async def test_an_unknown_coding_is_415_and_named(exchange: MakeExchange, coding: bytes) -> None:
    headers = ((b"Content-Encoding", coding),)
    for route in (CHAT, IMAGES, ASSISTANTS):
        error = await refusal(exchange(b"\x00\x01", headers=headers), route)
        assert (error.status, error.code) == (415, "unsupported_content_encoding")
        assert f"`{coding.rpartition(b' ')[2].decode()}`" in error.message
        assert dict(error.headers)[b"accept-encoding"] == b"gzip, deflate, br, zstd"
    form = exchange(b"--b--", headers=headers, content_type=FORM)
    assert (await refusal(form, FILES)).status == 415
    assert (await read(exchange(b"\x00\x01", headers=headers), FILES)).rest


async def test_many_codings_are_too_many(exchange: MakeExchange) -> None:
    body = b'{"model":"m"}'
    for _ in range(6):
        body = gzip.compress(body)
    assert (
        await refusal(exchange(body, headers=((b"Content-Encoding", b", ".join([b"gzip"] * 6)),)))
    ).status == 413


async def test_identity_is_no_coding(exchange: MakeExchange) -> None:
    call = await read(exchange(b'{"model":"m"}', headers=((b"Content-Encoding", b"identity"),)))
    assert call.json is call.body


ONE_BY_ONE = [coding for coding in CODERS if b"," not in coding]


@pytest.mark.parametrize("coding", ONE_BY_ONE)
@pytest.mark.parametrize("damage", [lambda _: b"plain text", lambda good: good[:5] + b"\xff" * 9])
async def test_a_damaged_coding_is_400(
    exchange: MakeExchange, coding: bytes, damage: Callable[[bytes], bytes]
) -> None:
    good = CODERS[coding](b'{"model":"m"}')
    error = await refusal(exchange(damage(good), headers=coded(coding)))
    assert (error.status, error.code) == (400, "invalid_body")


@pytest.mark.parametrize("coding", CODERS)
async def test_a_truncated_coding_is_400(exchange: MakeExchange, coding: bytes) -> None:
    text = b'{"model":"m","x":"' + bytes(range(35, 90)) * 20 + b'"}'
    good = CODERS[coding](text)
    for end in (len(good) // 2, -1):
        error = await refusal(exchange(good[:end], headers=coded(coding)))
        assert (error.status, error.code) == (400, "invalid_body")


@pytest.mark.parametrize("coding", CODERS)
async def test_a_bomb_is_413_and_never_unpacked(exchange: MakeExchange, coding: bytes) -> None:
    bomb = CODERS[coding](b'{"model":"m","x":"' + b"0" * 5_000_000 + b'"}')
    assert len(bomb) < LIMITS.body_bytes
    assert (await refusal(exchange(bomb, headers=coded(coding)))).status == 413
    wide = IntakeLimits(100_000_000, LIMITS.form, ratio=100)
    with pytest.raises(GatewayError) as caught:
        await read(exchange(bomb, headers=coded(coding)), limits=wide)
    assert (caught.value.status, wide.memory.held_bytes) == (413, 0)
    assert "100 times" in caught.value.message


async def test_a_body_that_unpacks_to_the_limit_exactly(exchange: MakeExchange) -> None:
    text = b'{"model":"m","x":"'.ljust(LIMITS.body_bytes - 2, b"0") + b'"}'
    headers = ((b"Content-Encoding", b"gzip"),)
    assert (await read(exchange(gzip.compress(text), headers=headers))).json == text
    assert (await refusal(exchange(gzip.compress(text + b" "), headers=headers))).status == 413


@pytest.mark.parametrize("coding", ONE_BY_ONE)
async def test_a_long_text_is_decoded_whole(exchange: MakeExchange, coding: bytes) -> None:
    """Beyond the first pieces in another thread."""
    noise = random.Random(1).randbytes(1_500_000).hex().encode()
    text = b'{"model":"m","x":"' + noise + b'"}'
    limits = IntakeLimits(20_000_000, LIMITS.form)
    body = CODERS[coding](text)
    call = await read(exchange(body, headers=coded(coding)), limits=limits)
    assert call.json == text
    assert limits.memory.held_bytes == len(body) + len(text)
    assert call.held is not None
    call.held.close()
    assert limits.memory.held_bytes == 0


# -- what all requests hold together


@pytest.mark.parametrize("coding", [b"", b"gzip"])
async def test_there_is_no_room_for_ever_more_bodies(exchange: MakeExchange, coding: bytes) -> None:
    text = b'{"model":"m","x":"' + random.Random(1).randbytes(100_000).hex().encode() + b'"}'
    body = gzip.compress(text) if coding else text
    size = len(body) + (len(text) if coding else 0)
    limits = IntakeLimits(1_000_000, LIMITS.form, memory=Budget(3 * size + 2, memory_share_taken))
    calls = [await read(exchange(body, headers=coded(coding)), limits=limits) for _ in range(2)]
    with pytest.raises(GatewayError) as caught:
        await read(exchange(body, headers=coded(coding)), limits=limits)
    assert (caught.value.status, caught.value.code) == (503, "gateway_busy")
    assert dict(caught.value.headers)[b"retry-after"] == b"1"
    assert limits.memory.held_bytes == 2 * size
    assert calls[0].held is not None
    calls[0].held.close()
    await read(exchange(body, headers=coded(coding)), limits=limits)
    small = await read(exchange(b'{"model":', b'"m"}'), limits=limits)
    assert small.model == "m"


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


def image_edit(size: int) -> bytes:
    """As openai-node sends it: the file comes first."""
    return part("image", b"x" * size, "a.png") + part("model", b"m") + part("prompt", b"p") + b"--b--\r\n"


@pytest.mark.parametrize("route", [IMAGES, FILES])
@pytest.mark.parametrize("size", [500, 5_000])
async def test_fields_are_found_behind_any_file(exchange: MakeExchange, size: int, route: Route) -> None:
    body = image_edit(size)
    limits = IntakeLimits(10_000, LIMITS.form)
    call = await read(exchange(*in_pieces(body, 700), content_type=FORM), route, limits)
    assert (call.model, call.rest, call.length) == ("m", False, len(body))
    assert call.held is not None
    if size == 500:
        assert (call.body, call.spool, limits.memory.held_bytes) == (body, None, len(body))
    else:
        assert (call.body, limits.disk.held_bytes, limits.memory.held_bytes) == (b"", len(body), 0)
        assert call.spool is not None
    call.held.close()
    assert (limits.memory.held_bytes, limits.disk.held_bytes) == (0, 0)


def in_pieces(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


async def test_a_form_over_its_limit_is_413_which_names_the_limit(exchange: MakeExchange) -> None:
    limits = IntakeLimits(10_000, LIMITS.form)
    pieces = in_pieces(image_edit(20_000), 700)
    with pytest.raises(GatewayError) as caught:
        await read(exchange(*pieces, content_type=FORM, length=CHUNKED), IMAGES, limits)
    assert (caught.value.status, caught.value.code) == (413, "request_too_large")
    assert "form_limit_mb" in caught.value.message
    assert "20000 bytes" in caught.value.message
    assert (limits.memory.held_bytes, limits.disk.held_bytes) == (0, 0)
    declared = exchange(*pieces, content_type=FORM)
    assert (await refusal(declared, IMAGES)).status == 413
    assert declared.pieces == pieces, "what says that it is too long is not read"


async def test_there_is_no_disk_for_ever_more_forms(exchange: MakeExchange) -> None:
    limits = IntakeLimits(10_000, LIMITS.form, disk=Budget(10_000, disk_share_taken))
    pieces = in_pieces(image_edit(5_000), 700)
    call = await read(exchange(*pieces, content_type=FORM), IMAGES, limits)
    with pytest.raises(GatewayError) as caught:
        await read(exchange(*pieces, content_type=FORM), IMAGES, limits)
    assert (caught.value.status, caught.value.code) == (503, "gateway_busy")
    assert call.held is not None
    call.held.close()
    (await read(exchange(*pieces, content_type=FORM), IMAGES, limits)).held.close()  # type: ignore[union-attr]


async def test_where_memory_is_short_small_forms_go_to_the_disk(exchange: MakeExchange) -> None:
    limits = IntakeLimits(10_000, LIMITS.form, memory=Budget(100, memory_share_taken))
    call = await read(exchange(*in_pieces(image_edit(500), 90), content_type=FORM), IMAGES, limits)
    assert call.model == "m"
    assert call.spool is not None
    call.spool.close()


@pytest.mark.parametrize("coding", CODERS)
async def test_a_coded_form_is_kept_without_its_coding(exchange: MakeExchange, coding: bytes) -> None:
    body = image_edit(800)
    door = exchange(*in_pieces(CODERS[coding](body), 90), content_type=FORM, headers=coded(coding))
    call = await read(door, IMAGES)
    assert (call.model, call.body, call.form_was_coded, call.length) == ("m", body, True, len(body))


async def test_a_form_that_becomes_a_bomb_is_413(exchange: MakeExchange) -> None:
    bomb = gzip.compress(image_edit(5_000_000))
    error = await refusal(exchange(bomb, content_type=FORM, headers=coded(b"gzip")), IMAGES)
    assert error.status == 413


@pytest.mark.parametrize("route", [IMAGES, ASSISTANTS, FILES])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (part("model", b"nope") + part("model", b"m") + b"--b--", "duplicate_key"),
        (part("model", b"m") + part("model", b"nope", "f") + b"--b--", "duplicate_key"),
        (part("model", b"m"), "invalid_form"),
        (part("model", b"m") + b"--bjunk", "invalid_form"),
        (b"no form at all", "invalid_form"),
        (b"", "invalid_form"),
    ],
)
async def test_a_form_that_servers_read_in_two_ways_is_400(
    exchange: MakeExchange, body: bytes, code: str, route: Route
) -> None:
    limits = IntakeLimits(10_000, LIMITS.form)
    with pytest.raises(GatewayError) as caught:
        await read(exchange(*in_pieces(body, 50), content_type=FORM, length=CHUNKED), route, limits)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert limits.memory.held_bytes == 0


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


@pytest.mark.parametrize(
    ("route", "metadata", "kept"),
    [
        (CHAT, b'{"tags":["nightly"],"job":"7"}', ("metadata",)),
        (CHAT, b'{"tags":"nightly"}', ()),
        (CHAT, b'{"job":"7"}', ()),
        (
            Route(Kind.NATIVE, "/messages", b"/messages", model_needed=True),
            b'{"tags":["a"],"user_id":"u"}',
            (),
        ),
        (ASSISTANTS, b'{"tags":["nightly"]}', ()),
    ],
)
async def test_litellms_tags_stay_here(
    exchange: MakeExchange, route: Route, metadata: bytes, kept: tuple[str, ...]
) -> None:
    """OpenAI takes texts alone in `metadata`, and none at all without `store`."""
    call = await read(exchange(b'{"model":"m","metadata":%b}' % metadata), route)
    assert call.private == kept
