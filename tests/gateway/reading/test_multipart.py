from __future__ import annotations

from itertools import pairwise

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.gateway.reading.multipart import (
    MAX_PART_HEAD_BYTES,
    MAX_PARTS,
    MAX_VALUE_BYTES,
    MultipartPeek,
    boundary_of,
    cut,
    replace_value,
    splice,
)

FILE = (
    b'Content-Disposition: form-data; name="file"; filename="data.jsonl"\r\n'
    b'Content-Type: text/plain\r\n\r\n{"a": 1}\r\n'
)
PURPOSE = b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch'


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


def form(*parts: bytes, boundary: bytes = b"b", preamble: bytes = b"", end: bytes = b"\r\n") -> bytes:
    delimited = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return preamble + delimited + b"--" + boundary + b"--" + end


def peek(body: bytes, boundary: bytes = b"b", split_bytes: int | None = None) -> MultipartPeek:
    found = MultipartPeek(boundary)
    step = split_bytes or len(body) or 1
    for at in range(0, len(body), step):
        found.feed(body[at : at + step])
    return found


def seen(found: MultipartPeek) -> tuple[object, ...]:
    return (
        found.done,
        found.wrong is not None,
        found.model,
        found.model_range,
        found.model_invalid,
        found.stream,
        found.target_model_names,
        found.target_ranges,
    )


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data; charset=utf-8; Boundary="a b;c"', b"a b;c"),
        (b'multipart/form-data; boundary="a\\"b"', b'a"b'),
        (b"multipart/form-data;boundary=----WebKitFormBoundaryx", b"----WebKitFormBoundaryx"),
        (b'multipart/form-data; x="; boundary=no"; boundary=yes', b"yes"),
        (b"multipart/form-data; boundary=" + b"x" * 70, b"x" * 70),
        (b"multipart/form-data; boundary=" + b"x" * 71, None),
        (b"multipart/form-data; boundary=a; boundary=b", None),
        (b'multipart/form-data; boundary="a "', None),
        (b"multipart/form-data; boundary=", None),
        (b"multipart/form-data", None),
        (b"multipart/mixed; boundary=a", None),
        (b"application/json; boundary=a", None),
        (b"", None),
    ],
)
def test_the_boundary_of_a_content_type(content_type: bytes, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


BODIES = {
    "fields first": form(field("model", "whisper-1"), field("stream", "true"), FILE),
    "file first": form(FILE, PURPOSE, field("target_model_names", "gpt-4, gpt-3.5"), field("model", "whisper-1")),
    "empty": form(),
    "no headers": form(b"\r\nx", field("purpose", "m")),
    "empty value": form(field("model", ""), field("stream", "")),
    "preamble": form(field("target_model_names[]", "a"), PURPOSE, preamble=b"ignore --b me\r\n", end=b"\r\nepilogue"),
    "blank preamble": form(field("target_model_names[]", "a"), PURPOSE, preamble=b"\r\n"),
    "no final crlf": form(PURPOSE, field("model", "m"), end=b""),
    "padding": form(field("model", "m")).replace(b"--b\r\n", b"--b \t\r\n"),
    "torn": form(FILE, field("model", "m"))[:-4],
    "malformed delimiter": form(field("model", "m")).replace(b"--b--", b"--bx--"),
    "two models": form(field("model", "cheap"), field("model", "dear")),
    "targets around": form(field("target_model_names[0]", "a"), field("target_model_names[1]", "b"), FILE,
                           field("target_model_names[]", '["c"]')),
    "not utf-8": form(field("model", "") + b"\xff"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_every_split_finds_the_same(name: str) -> None:
    body = BODIES[name]
    whole = seen(peek(body))
    assert seen(peek(body, split_bytes=1)) == whole
    for at in range(len(body)):
        found = MultipartPeek(b"b")
        found.feed(body[:at])
        found.feed(body[at:])
        assert seen(found) == whole


@pytest.mark.parametrize(
    ("name", "model", "stream", "targets"),
    [
        ("fields first", "whisper-1", True, ()),
        ("file first", "whisper-1", False, ("gpt-4", "gpt-3.5")),
        ("empty", None, False, ()),
        ("empty value", None, False, ()),
        ("preamble", None, False, ("a",)),
        ("no final crlf", "m", False, ()),
        ("padding", "m", False, ()),
        ("targets around", None, False, ("a", "b", "c")),
        ("not utf-8", "\ufffd", False, ()),
    ],
)
def test_what_a_form_asks_for(name: str, model: str | None, stream: bool, targets: tuple[str, ...]) -> None:
    found = peek(BODIES[name])
    assert (found.model, found.stream, found.target_model_names) == (model, stream, targets)
    assert (found.done, found.wrong, found.model_invalid) == (True, None, False)


def test_the_models_value_is_replaced_and_nothing_else() -> None:
    for name in ("fields first", "file first", "no final crlf"):
        body = BODIES[name]
        found = peek(body, split_bytes=7)
        assert found.model is not None
        assert found.model_range is not None
        assert body[slice(*found.model_range)].decode() == found.model
        renamed = replace_value(body, found.model_range, b"upstream-name")
        assert renamed == body.replace(b"\r\n" + found.model.encode() + b"\r\n", b"\r\nupstream-name\r\n")
        assert peek(renamed).model == "upstream-name"


TARGET = field("target_model_names[]", "a")


@pytest.mark.parametrize(
    "parts",
    [
        (TARGET, FILE),
        (FILE, TARGET),
        (FILE, TARGET, PURPOSE),
        (TARGET, FILE, TARGET),
        (TARGET, TARGET, FILE),
        (FILE, TARGET, TARGET, PURPOSE, TARGET, TARGET),
        (TARGET,),
        (TARGET, TARGET),
    ],
)
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"preamble\r\n"])
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nepilogue"])
@pytest.mark.parametrize("split_bytes", [None, 1])
def test_cutting_the_targets_leaves_the_other_parts_as_they_were(
    parts: tuple[bytes, ...], preamble: bytes, end: bytes, split_bytes: int | None
) -> None:
    body = form(*parts, preamble=preamble, end=end)
    rest = [part for part in parts if part is not TARGET]
    assert cut(body, peek(body, split_bytes=split_bytes).target_ranges) == form(
        *rest, preamble=preamble, end=end
    )


def test_a_value_and_its_neighbours_change_in_one_go() -> None:
    body = form(TARGET, field("model", "m"), FILE, TARGET)
    found = peek(body)
    assert found.model_range is not None
    edits = [(found.model_range, b"upstream-name"), *((where, b"") for where in found.target_ranges)]
    assert splice(body, edits) == form(field("model", "upstream-name"), FILE)
    assert splice(body, ()) == body


def test_several_models_are_none() -> None:
    found = peek(BODIES["two models"])
    assert (found.model, found.model_range, found.model_invalid) == (None, None, True)
    assert found.repeated == "model"
    assert peek(form(*[field("model", "m")] * 3)).repeated == "model"


@pytest.mark.parametrize(
    ("parts", "field_name"),
    [
        ((field("stream", "true"), FILE, field("stream", "false")), "stream"),
        ((field("Model", "dear"),), "model"),
        ((field("model", "cheap"), FILE, field("MODEL", "dear")), "model"),
        ((b'Content-Disposition: form-data; name="model"; filename="x"\r\n\r\ndear', field("model", "m")), "model"),
        ((field("model", "m"), b"Content-Disposition: form-data; name=model; filename*=UTF-8''x\r\n\r\ndear"), "model"),
    ],
)  # fmt: skip
def test_a_field_of_the_gateways_stands_there_once(parts: tuple[bytes, ...], field_name: str) -> None:
    found = peek(form(*parts))
    assert (found.repeated, found.model, found.stream, found.done) == (field_name, None, False, False)


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="model"; name="other"',
        b'Content-Disposition: form-data; name="other"; name="model"',
        b"Content-Disposition: form-data; name*=UTF-8''model",
        b'Content-Disposition: attachment; name="model"',
        b"Content-Disposition: form-data",
        b'Content-Disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: quoted-printable',
        b'Content-Transfer-Encoding: BASE64\r\nContent-Disposition: form-data; name="model"',
        b"X: y",
    ],
)
def test_a_part_that_servers_take_for_different_fields_is_refused(head: bytes) -> None:
    found = peek(form(head + b"\r\n\r\ngpt-4", FILE))
    assert (found.model, found.done) == (None, False)
    assert found.wrong


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"Binary"])
def test_an_encoding_that_encodes_nothing_is_none(encoding: bytes) -> None:
    head = b'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: ' + encoding
    assert peek(form(head + b"\r\n\r\ngpt-4")).model == "gpt-4"


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename="model"',
        b'form-data; name="model2"',
        b'form-data; filename="a\\"; name=\\"model"; name="file"',
    ],
)
def test_what_is_not_the_field_of_that_name(disposition: bytes) -> None:
    found = peek(form(b"Content-Disposition: " + disposition + b"\r\n\r\ngpt-4"))
    assert (found.model, found.model_range, found.done) == (None, None, True)


@pytest.mark.parametrize(
    "head",
    [
        b"content-disposition:form-data;name=model",
        b'Content-Type: text/plain\r\nCONTENT-DISPOSITION: Form-Data; charset=x; NAME="model"',
        b'Content-Disposition: form-data;\r\n name="model"',
        b'Content-Disposition: form-data; name="mod\\el"\r\nX: y',
    ],
)
def test_the_ways_to_write_a_fields_name(head: bytes) -> None:
    assert peek(form(head + b"\r\n\r\ngpt-4")).model == "gpt-4"


def test_a_file_that_looks_like_a_form_is_only_a_file() -> None:
    inner = form(field("model", "inner"), boundary=b"inner")
    found = peek(form(FILE + inner, field("model", "outer")))
    assert found.model == "outer"


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\n" + b"x" * (MAX_PART_HEAD_BYTES + 10),
        form(b"X: " + b"x" * MAX_PART_HEAD_BYTES + b"\r\n\r\n"),
        form(field("model", "x" * (MAX_VALUE_BYTES + 1))),
        form(field("model", "x" * MAX_VALUE_BYTES * 2))[:-20],
        form(*[PURPOSE] * (MAX_PARTS + 1)),
        form(field("model", "m"), FILE).replace(b"--b\r\n", b"--b" + b" " * 300 + b"\r\n"),
        form(field("model", "m"), FILE).replace(b"--b--", b"--b junk"),
        form(field("model", "m"), b"no blank line") + form(FILE),
        form(field("model", "m")).replace(b"--b\r\n", b"--b\n"),
    ],
)
@pytest.mark.parametrize("split_bytes", [None, 1000])
def test_of_a_malformed_or_excessive_form_nothing_is_believed(body: bytes, split_bytes: int | None) -> None:
    found = peek(body, split_bytes=split_bytes)
    assert seen(found) == (False, True, None, None, True, False, (), ())


def test_a_file_is_not_held() -> None:
    found = MultipartPeek(b"b")
    found.feed(b"--b\r\n" + FILE)
    for _ in range(64):
        found.feed(b"x" * 65_536)
        assert len(found._buffer) < 10
    found.feed(b"\r\n--b\r\n" + field("model", "m") + b"\r\n--b--")
    assert (found.model, found.done) == ("m", True)


def test_what_httpx_builds_for_the_openai_sdk() -> None:
    request = httpx.Request(
        "POST",
        "http://x/v1/files",
        data={"purpose": "batch", "model": "gpt-4o", "target_model_names[]": ["gpt-4", "gpt-3.5-turbo"]},
        files={"file": ('däta "1".jsonl', b'{"model": "no"}\n\r\n--', "application/jsonl")},
    )
    body = request.read()
    boundary = boundary_of(request.headers["content-type"].encode())
    assert boundary is not None
    for split_bytes in (None, 1, 10):
        found = peek(body, boundary, split_bytes)
        assert (found.model, found.target_model_names) == ("gpt-4o", ("gpt-4", "gpt-3.5-turbo"))
        assert found.done
        rest = cut(body, found.target_ranges)
        assert b"target_model_names" not in rest
        assert len(rest.split(b"--" + boundary)) == len(body.split(b"--" + boundary)) - 2


names = st.sampled_from(["model", "stream", "target_model_names", "target_model_names[]", "purpose", "file"])
values = st.text(alphabet='ab,-\r\n "[]', max_size=12).filter(
    lambda text: "\r\n--b" not in "\r\n" + text + "\r\n"
)


@settings(deadline=None)
@given(st.lists(st.tuples(names, values), max_size=6), st.lists(st.integers(0, 600), max_size=8))
def test_any_form_in_any_split(fields: list[tuple[str, str]], cuts: list[int]) -> None:
    body = form(*(field(name, value) for name, value in fields))
    whole = peek(body)
    edges = sorted({0, len(body), *(at for at in cuts if at < len(body))})
    found = MultipartPeek(b"b")
    for start, end in pairwise(edges):
        found.feed(body[start:end])
    assert seen(found) == seen(whole)
    twice = [name for name in ("model", "stream") if sum(name == each for each, _ in fields) > 1]
    assert whole.done == (not twice)
    if twice:
        assert whole.repeated in twice
        return
    models = [value for name, value in fields if name == "model"]
    assert whole.model == (models[0] or None if models else None)
    rest = form(*(field(name, value) for name, value in fields if not name.startswith("target")))
    assert cut(body, whole.target_ranges) == rest


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_make_it_raise(data: bytes, split_bytes: int) -> None:
    boundary_of(b"multipart/form-data;" + data)
    for body in (data, b"--b\r\n" + data, form(data), form(field("model", "") + data)):
        assert seen(peek(body, split_bytes=split_bytes)) == seen(peek(body))
