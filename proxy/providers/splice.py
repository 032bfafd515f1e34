"""Byte-identical edits of a top-level field of a JSON object: all other bytes stay as the client wrote them.

A field is found by a plain search for its key, which may also hit a nested object. So each hit is spliced on
trial, and one decode proves that it was the top-level field, and the only one of that name. Where no hit can
be proved (a key with escapes, a key given twice), the object is written anew from its raw values.

Of a large body all this happens on its outline: a megabyte of image is neither decoded nor copied on trial.

All functions raise msgspec.DecodeError when the body is not a JSON object, or one of more than MAX_FIELDS fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

from proxy.providers.outline import outline

MAX_TRIALS = 8
"""Per edit. Each costs a copy and a decode of the body, and clients choose how often a key occurs."""

MAX_FIELDS = 10_000
"""Of the object itself: OpenAI's largest have some fifty. A million take seconds and 100 MB per decode."""

# On trial a field bears this name: does the body still hold the real one, it was not the only one.
_TRIAL_NAME = "\x00on trial"
_TRIAL_KEY = msgspec.json.encode(_TRIAL_NAME)

_Fields: TypeAlias = Annotated[dict[str, Raw], Meta(max_length=MAX_FIELDS)]
_decode: Callable[[bytes], dict[str, Raw]] = msgspec.json.Decoder(_Fields).decode
_encode = msgspec.json.Encoder().encode
_BLANKS = b" \t\r\n"
_match_colon = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*").match
_match_comma = re.compile(rb"[ \t\r\n]*,").match


class _Hit(msgspec.Struct):
    """Where a field may stand in a body: offsets in bytes."""

    key_start: int
    key_end: int
    value_start: int
    value_end: int


def replace_model(body: bytes, old: str, new: str) -> bytes:
    """The body with `new` as its top-level `model`; the same object when that is what it is."""
    return body if old == new else replace_field(body, "model", _encode(new))


def replace_field(body: bytes, name: str, value: bytes) -> bytes:
    """HOT for renamed models: the body with `value` (JSON text) as its top-level field `name`."""
    outlined = outline(body)
    text = outlined.text
    fields = _decode(text)
    if name not in fields:
        return add_fields(body, {name: Raw(value)})
    for hit in _hits(text, name, bytes(fields[name])):
        tail = value + text[hit.value_end :]
        trial = text[: hit.key_start] + _TRIAL_KEY + text[hit.key_end : hit.value_start] + tail
        left = _fields_or_none(trial)
        if left is not None and _TRIAL_NAME in left and name not in left:
            return _with(body, outlined.origin(hit.value_start), outlined.origin(hit.value_end), value)
    return _encode({**_decode(body), name: Raw(value)})


def remove_field(body: bytes, name: str) -> bytes:
    """The body without its top-level field `name`; the same object when there is none."""
    outlined = outline(body)
    text = outlined.text
    fields = _decode(text)
    if name not in fields:
        return body
    for hit in _hits(text, name, bytes(fields[name])):
        start, end = _member(text, hit.key_start, hit.value_end)
        left = _fields_or_none(text[:start] + text[end:])
        if left is not None and name not in left:
            return _with(body, outlined.origin(start), outlined.origin(end), b"")
    fields = _decode(body)
    del fields[name]
    return _encode(fields)


def add_fields(body: bytes, fields: Mapping[str, Raw]) -> bytes:
    """The body with those of `fields` in front that it lacks; the same object when it lacks none."""
    present = _decode(outline(body).text)
    absent = [_encode(name) + b":" + bytes(value) for name, value in fields.items() if name not in present]
    if not absent:
        return body
    inside = body.index(b"{") + 1
    return _with(body, inside, inside, b",".join(absent) + (b"," if present else b""))


def _hits(body: bytes, name: str, value: bytes) -> Iterator[_Hit]:
    """The first places where key and value could be the field's."""
    return islice(_every_hit(body, _encode(name), value), MAX_TRIALS)


def _every_hit(body: bytes, key: bytes, value: bytes) -> Iterator[_Hit]:
    start = body.find(key)
    while start >= 0:
        end = start + len(key)
        colon = _match_colon(body, end)
        # An opening quote after a backslash is not an opening quote: it lies inside a string.
        if colon and body[start - 1] != ord("\\") and body.startswith(value, colon.end()):
            yield _Hit(start, end, colon.end(), colon.end() + len(value))
        start = body.find(key, end)


def _fields_or_none(body: bytes) -> dict[str, Raw] | None:
    try:
        return _decode(body)
    except msgspec.DecodeError:
        return None


def _member(body: bytes, start: int, end: int) -> tuple[int, int]:
    """The field with one comma: the one after it, or, of the last field, the one before it."""
    comma = _match_comma(body, end)
    if comma is not None:
        return start, comma.end()
    before = body[:start].rstrip(_BLANKS)
    return (len(before) - 1 if before.endswith(b",") else start), end


def _with(body: bytes, start: int, end: int, piece: bytes) -> bytes:
    """`piece` in place of what lies between the offsets; copied once."""
    view = memoryview(body)
    return b"".join((view[:start], piece, view[end:]))
