"""What a JSON request asks for: its model, whether it streams, and the fields that belong to the gateway.

Only these fields are decoded; the body itself stays bytes.

Parsers differ in which of two equal keys they take (RFC 8259 section 4), and Go's take keys in any letters. What
another parser could read as another request is `ambiguous`: the decoder tells `_hear` each occurrence of a routing
key, however it is escaped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import msgspec

from proxy.errors import UNREADABLE
from proxy.gateway.reading.heard import (
    KINDS,
    MORE_OBJECTS,
    PRIVATE,
    Key,
    Model,
    ModelInOtherLetters,
    Store,
    Stream,
    Targets,
)
from proxy.gateway.reading.labels import NONE, Labels, Said, in_body
from proxy.gateway.reading.peeked import NOT_JSON, NOT_OBJECT, Limits, Peeked
from proxy.providers.outline import LARGE_BYTES, outline

MAX_PRIORITY = 65_535
MAX_MODEL_CHARS = 512
"""A longer name is no model's: it is not looked up, logged or echoed."""
MAX_TARGETS = 64
"""Names read from `target_model_names`; only the first is routed to."""


class _Ambiguous(Exception):  # noqa: N818 - a fact, not an error
    def __init__(self, key: str) -> None:
        self.key = key


_heard: Final[dict[type[Key], object]] = {}
"""The values of the body that is being read; nothing waits meanwhile."""
_INSTANCES: Final[dict[type[Key], Key]] = {kind: kind() for kind in KINDS}
"""The decoder wants one in return."""


def _hear(kind: type[Key], value: object) -> Key:
    """HOT: the decoder's `dec_hook`."""
    if kind in _heard or kind is ModelInOtherLetters:
        raise _Ambiguous(kind.name)
    _heard[kind] = value
    return _INSTANCES[kind]


_S = TypeVar("_S", bound=Said)


def _decoder(base: type[_S], *, through: bool = False) -> Callable[[bytes], _S]:
    """Of `base` and the routing keys. `through`: on other routes than native ones."""
    kinds = [kind for kind in _INSTANCES if through or kind not in MORE_OBJECTS]
    fields: list[tuple[str, type[Key], Key]] = [(kind.name, kind, _INSTANCES[kind]) for kind in kinds]
    letters = itertools.product(*((small, small.upper()) for small in Model.name))
    spellings = ["".join(each) for each in letters][1:]
    fields += [(spelling, ModelInOtherLetters, ModelInOtherLetters()) for spelling in spellings]
    struct: Any = msgspec.defstruct("_Fields", fields, bases=(base,), gc=False)
    return cast(Callable[[bytes], _S], msgspec.json.Decoder(struct, dec_hook=_hear).decode)


_decode = _decoder(Limits)
_decode_through = _decoder(Limits, through=True)
_decode_keys = _decoder(Said, through=True)
_decode_whole = msgspec.json.Decoder(msgspec.Raw).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_str = msgspec.json.Decoder(str).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def peek_json(body: bytes, *, through: bool = False) -> Peeked:
    """Never raises: a body that is no JSON object says so, a wrong type gives that field's default. `through`: it came
    on another route than a native one.

    Of a string that is long the inside is not looked at: there the upstream may still find what is no JSON.
    """
    text = body if len(body) < LARGE_BYTES else outline(body).text
    try:
        limits = _decode_through(text) if through else _decode(text)
        most = limits.max_completion_tokens or limits.max_tokens or 0
        labels = in_body(limits) if limits.user or limits.metadata else NONE
        peeked = _peeked(most if most > 0 else 0, labels)  # noqa: FURB136 - the builtin costs 700 instructions
        return _with_priority(peeked, limits.priority) if limits.priority else peeked
    except msgspec.ValidationError:
        return _peek_leniently(text)
    except _Ambiguous as ambiguous:
        return Peeked(ambiguous=ambiguous.key)
    except UNREADABLE:
        return NOT_JSON
    finally:
        _heard.clear()


def _with_priority(peeked: Peeked, raw: msgspec.Raw) -> Peeked:
    """LiteLLM's: whole numbers, of which the smaller go first; nobody goes before those that say nothing."""
    try:
        return msgspec.structs.replace(peeked, priority=min(max(0, _decode_int(raw)), MAX_PRIORITY))
    except UNREADABLE:
        return peeked


def _peek_leniently(text: bytes) -> Peeked:
    """For limits that are no numbers, and for what is no object."""
    _heard.clear()
    try:
        return _peeked(0, in_body(_decode_keys(text)))
    except msgspec.ValidationError:
        return _not_an_object(text)
    except _Ambiguous as ambiguous:
        return Peeked(ambiguous=ambiguous.key)
    except UNREADABLE:
        return NOT_JSON


def _not_an_object(text: bytes) -> Peeked:
    try:
        _decode_whole(text)
    except UNREADABLE:
        return NOT_JSON
    return NOT_OBJECT


def _peeked(max_tokens: int, labels: Labels) -> Peeked:
    """HOT: of what was heard."""
    heard = _heard
    said = heard.get(Model)
    if isinstance(said, str) and 0 < len(said) <= MAX_MODEL_CHARS and len(heard) == 1 + (Stream in heard):
        return Peeked(said, heard.get(Stream) is True, max_tokens=max_tokens, labels=labels)  # nearly always
    model = usable_model(said) if isinstance(said, str) else None
    store = _heard.get(Store)
    return Peeked(
        model,
        _heard.get(Stream) is True,
        store if isinstance(store, bool) else None,
        _target_names(_heard[Targets]) if Targets in _heard else (),
        Targets in _heard,
        model is None and said not in (None, ""),
        max_tokens=max_tokens,
        labels=labels,
        private=tuple(kind.name for kind in PRIVATE if kind in _heard),
    )


def usable_model(name: str | None) -> str | None:
    """The name, or None where it is empty or too long to be one."""
    return name if name and len(name) <= MAX_MODEL_CHARS else None


def target_names(text: str) -> tuple[str, ...]:
    """The names in one text: `a`, `a, b`, or a JSON list (form fields and headers hold all three)."""
    if text.lstrip().startswith("["):
        return _names_in_list(text)
    names = (usable_model(name.strip()) for name in text.split(",", MAX_TARGETS)[:MAX_TARGETS])
    return tuple(name for name in names if name)


def _target_names(said: object) -> tuple[str, ...]:
    if isinstance(said, str):
        return target_names(said)
    return _names_of(said) if isinstance(said, list) else ()


def _names_in_list(text: str) -> tuple[str, ...]:
    try:
        items = _decode_list(text.encode("utf-8", "replace"))[:MAX_TARGETS]
    except UNREADABLE:
        return ()
    return _names_of([_str_or_none(item) for item in items])


def _names_of(items: list[object] | list[str | None]) -> tuple[str, ...]:
    names = (usable_model(item.strip()) for item in items[:MAX_TARGETS] if isinstance(item, str))
    return tuple(name for name in names if name)


def _str_or_none(raw: msgspec.Raw) -> str | None:
    try:
        return _decode_str(raw)
    except UNREADABLE:
        return None
