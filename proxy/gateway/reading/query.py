"""`model` in a query: some endpoints take it there (`/realtime/calls?model=...`), and some upstreams everywhere."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_to_bytes

from proxy.credentials import QUERY_CREDENTIALS
from proxy.errors import GatewayError
from proxy.gateway.reading.peek import usable_model

_KEY = b"model"
_OBJECTS = frozenset((b"after", b"before", b"id"))
"""Beside what ends in `_id`: keys of objects (cursors are ids)."""


def model_in_query(query: bytes | None) -> str | None:
    """None where it names none. Raises GatewayError 400 where it names two, or one in other letters, or no name."""
    if query is None:
        return None
    found = [(_unquoted(key), _unquoted(value)) for key, value in _pairs(query) if _is_model(key)]
    if not found or found == [(_KEY, b"")]:
        return None
    model = usable_model(found[0][1].decode("utf-8", "replace"))
    if len(found) > 1 or found[0][0] != _KEY or model is None:
        message = "The query holds `model` more than once, or in other letters, or with what is no name."
        raise GatewayError(400, message, param="model", code="duplicate_key")
    return model


def check_twins(query: bytes) -> None:
    """Raises GatewayError 400 where it names an object twice: servers differ in which they take. Lists have `[]`."""
    seen: set[bytes] = set()
    for key, _ in _pairs(query):
        name = _unquoted(key).lower()
        if name not in _OBJECTS and not name.endswith(b"_id"):
            continue
        if name in seen:
            shown = name[:64].decode("ascii", "replace")
            message = (
                f"The query holds `{shown}` more than once: servers differ in which they take. Send it once."
            )
            raise GatewayError(400, message, param=shown, code="duplicate_key")
        seen.add(name)


def with_model(query: bytes, model: str) -> bytes:
    """The query with another `model`; every other byte stays."""
    parts = query.split(b"&")
    value = quote_plus(model).encode()
    return b"&".join(b"model=" + value if _is_model(part.partition(b"=")[0]) else part for part in parts)


def without_credentials(query: bytes) -> bytes | None:
    """Every other byte stays; None: nothing is left."""
    parts = query.split(b"&")
    kept = [part for part in parts if _unquoted(part.partition(b"=")[0]).lower() not in QUERY_CREDENTIALS]
    if len(kept) == len(parts):
        return query
    return b"&".join(kept) or None


def _pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    fields = (part.partition(b"=") for part in query.split(b"&"))
    return [(key, value) for key, _, value in fields]


def _is_model(key: bytes) -> bool:
    return _unquoted(key).lower() == _KEY


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
