"""Which objects a JSON body names, wherever they are nested and however they are written.

Parsers differ in which of two equal keys they take (RFC 8259 section 4), and Go's take keys in any letters: where one
of them could read another object than this gateway does, the request is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import cast

import msgspec

from proxy.errors import UNREADABLE, GatewayError
from proxy.gateway.reading.refusals import ambiguous_key
from proxy.providers.objects import could_be_id
from proxy.providers.outline import LARGE_BYTES, outline

MAX_NAMED = 4_096
"""Ids of one request: OpenAI's longest list has 2,000."""
_SURE = re.compile(
    "(?!resp_[0-9a-f]{12}7[0-9a-f]{3}a[0-9a-f]{15}$)"
    "(?:file|asst|thread|run|vs|vsfb|batch|resp|conv|cntr|cfile|upload|video|ftjob|msgbatch|eval|evalrun|skill)[-_][A-Za-z0-9]{12,}"
)
"""What is an object's id and nothing else, where ids stand. Those of the gateway's own answers are kept beside what
was said, which asks whose they are itself."""
_KEYS = "conversation|container|file|files|input_file|training_file|validation_file|video|previous_response"
_ID_KEY = re.compile(f"id|.*_ids?|{_KEYS}")
_WRITTEN_KEY = re.compile(rb'"(id|[^"\\]{0,64}_ids?|%b)"\s{0,8}:' % _KEYS.encode())
"""The same, as bodies have them."""
_ESCAPED_KEY = re.compile(rb'\\u00[2-7][0-9A-Fa-f][^"\\]{0,256}"\s{0,8}:')
"""A plain letter is written as an escape; from the last of them to the key's end."""
_NO_OBJECTS = frozenset(
    ("call_id", "client_id", "item_id", "request_id", "session_id", "tool_call_id", "trace_id", "user_id")
)
"""Keys of ids that name none."""
_WITHOUT_ID = (b'"id"', b'file"', b'files"', b'"conversation"', b'"container"', b'"video"', b"_id")
"""Keys of ids, on routes that keep anything or, as `/responses`, refer to what was kept."""


class Named(msgspec.Struct, frozen=True, gc=False):
    name: str
    sure: bool
    """It is an object's id and nothing else, and where ids stand."""


def text_with_ids(json: bytes, *, refers: bool) -> bytes:
    """HOT. The body without the insides of its long strings; empty where it names no object, however it is written.

    `refers`: on a route where any object may be named.
    """
    text = json if len(json) < LARGE_BYTES else outline(json).text
    if b"_id" in text or (b"\\" in text and b"\\u" in text):
        return text
    if not refers:
        return b""
    lowered = text.lower()
    return text if any(key in lowered for key in _WITHOUT_ID) else b""


def named_in(text: bytes) -> list[Named]:
    """Every text that could be an id, in their order. Raises GatewayError 400 for too many, and for a key of ids that
    others may read as another."""
    try:
        body = msgspec.json.decode(text)
    except UNREADABLE:  # the upstream will say so
        return []
    found: list[Named] = []
    keys: Counter[str] = Counter()
    for key, value in _texts(body, keys):
        sure = _SURE.fullmatch(value) is not None
        where_ids_are = key not in _NO_OBJECTS and is_id_key(key)
        if sure or (where_ids_are and could_be_id(value)):
            if len(found) == MAX_NAMED:
                raise too_many()
            found.append(Named(value, sure and where_ids_are))
    _check_written(text, keys)
    return found


def is_id_key(key: str) -> bool:
    """In any letters."""
    return _ID_KEY.fullmatch(key.lower()) is not None


def is_sure(name: str) -> bool:
    return _SURE.fullmatch(name) is not None


def too_many() -> GatewayError:
    message = f"The request names more than {MAX_NAMED} objects."
    return GatewayError(400, message, code="too_many_objects")


def _texts(body: object, keys: Counter[str]) -> Iterator[tuple[str, str]]:
    """Each with the key that it stands under, in a list too. `keys`: of ids, as often as they stand."""
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            waiting += [(key, each) for each in reversed(value)]
        elif isinstance(value, dict):
            pairs = cast("dict[str, object]", value)
            of_ids = [each for each in pairs if is_id_key(each)]
            keys.update(of_ids)
            _check_letters(of_ids)
            waiting += reversed(pairs.items())


def _check_letters(keys: list[str]) -> None:
    """Raises GatewayError 400 for a key that stands beside itself in other letters."""
    if len({key.lower() for key in keys}) < len(keys):
        raise ambiguous_key(next(key for key in keys if key != key.lower()).lower())


def _check_written(text: bytes, keys: Counter[str]) -> None:
    """Raises GatewayError 400 where a key stands more often than was read, or is written so that it is not seen."""
    for key, count in Counter(found[1] for found in _WRITTEN_KEY.finditer(text)).items():
        name = key.decode("utf-8", "replace")
        if count > keys[name]:
            raise ambiguous_key(name)
    if b"\\u00" in text:
        for found in _ESCAPED_KEY.finditer(text):
            name = _unescaped(text, found)
            if is_id_key(name):
                raise ambiguous_key(name)


def _unescaped(text: bytes, found: re.Match[bytes]) -> str:
    opening = text.rfind(b'"', 0, found.start())
    closing = text.index(b'"', found.start())
    try:
        return msgspec.json.decode(text[opening : closing + 1], type=str)
    except UNREADABLE:
        return ""
