"""What a JSON request asks for: its model, whether it streams, and the fields that belong to the gateway.

Only these fields are decoded; the body itself stays bytes.
"""

from __future__ import annotations

import msgspec

from proxy.providers.outline import outline

MAX_MODEL_CHARS = 512
"""A longer name is no model's: it is not looked up, logged or echoed."""
MAX_TARGETS = 64
"""Names read from `target_model_names`; only the first is routed to."""


class Peeked(msgspec.Struct, frozen=True):
    """What a request asks for. A field the request does not hold, or holds with a wrong type, has its default."""

    model: str | None = None
    stream: bool = False
    store: bool | None = None
    target_model_names: tuple[str, ...] = ()
    has_target_field: bool = False
    """True: `target_model_names` is in the body, whatever it holds, and must not go upstream."""
    model_invalid: bool = False
    """True: there is a `model` that is not one usable name, so it is no model of the router's."""
    not_json: bool = False
    """True: the body is not a JSON object (RFC 8259)."""
    max_tokens: int = 0
    """The most that the answer may have; 0: not said."""


NOT_JSON = Peeked(not_json=True)


class _Fields(msgspec.Struct, gc=False):
    model: str | None = None
    stream: bool | None = None
    store: bool | None = None
    target_model_names: msgspec.Raw = msgspec.Raw()
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, no UTF-8, or nested deeper than the interpreter's stack."""

_decode_fields = msgspec.json.Decoder(_Fields).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_str = msgspec.json.Decoder(str).decode
_decode_bool = msgspec.json.Decoder(bool).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def peek_json(body: bytes) -> Peeked:
    """Never raises: a body that is no JSON object gives `not_json`, a wrong type gives that field's default.

    Of a string that is long the inside is not looked at: there the upstream may still find what is no JSON.
    """
    body = outline(body).text
    try:
        fields = _decode_fields(body)
    except msgspec.ValidationError:
        return _peek_leniently(body)
    except _UNREADABLE:
        return NOT_JSON
    model = fields.model
    if fields.target_model_names or (model is not None and not 0 < len(model) <= MAX_MODEL_CHARS):
        return _peek_leniently(body)
    most = fields.max_completion_tokens or fields.max_tokens or 0
    if most < 0:
        most = 0
    return Peeked(model, fields.stream is True, fields.store, max_tokens=most)


def _peek_leniently(body: bytes) -> Peeked:
    """Field by field: for bodies with the gateway's own fields, and those only an upstream may understand."""
    try:
        fields = _decode_object(body)
    except _UNREADABLE:
        return NOT_JSON
    raw_model = fields.get("model")
    raw_targets = fields.get("target_model_names")
    model = usable_model(_str_or_none(raw_model))
    return Peeked(
        model,
        _bool_or_none(fields.get("stream")) is True,
        _bool_or_none(fields.get("store")),
        _target_names(raw_targets) if raw_targets else (),
        raw_targets is not None,
        model_invalid=model is None and raw_model is not None and bytes(raw_model) not in (b"null", b'""'),
    )


def usable_model(name: str | None) -> str | None:
    """The name, or None where it is empty or too long to be one."""
    return name if name and len(name) <= MAX_MODEL_CHARS else None


def target_names(text: str) -> tuple[str, ...]:
    """The names in one text: `a`, `a, b`, or a JSON list (form fields and headers hold all three)."""
    if text.lstrip().startswith("["):
        return _names_in_list(msgspec.Raw(text.encode("utf-8", "replace")))
    names = (usable_model(name.strip()) for name in text.split(",", MAX_TARGETS)[:MAX_TARGETS])
    return tuple(name for name in names if name)


def _target_names(raw: msgspec.Raw) -> tuple[str, ...]:
    text = _str_or_none(raw)
    return _names_in_list(raw) if text is None else target_names(text)


def _names_in_list(raw: msgspec.Raw) -> tuple[str, ...]:
    try:
        items = _decode_list(raw)[:MAX_TARGETS]
    except _UNREADABLE:
        return ()
    names = (usable_model((_str_or_none(item) or "").strip()) for item in items)
    return tuple(name for name in names if name)


def _str_or_none(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    try:
        return _decode_str(raw)
    except _UNREADABLE:
        return None


def _bool_or_none(raw: msgspec.Raw | None) -> bool | None:
    if raw is None:
        return None
    try:
        return _decode_bool(raw)
    except _UNREADABLE:
        return None
