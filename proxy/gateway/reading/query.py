"""`model` in a query: some endpoints take it there (`/realtime/calls?model=...`), and some upstreams everywhere."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_to_bytes

from proxy.errors import GatewayError
from proxy.gateway.reading.peek import usable_model

_KEY = b"model"


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


def with_model(query: bytes, model: str) -> bytes:
    """The query with another `model`; every other byte stays."""
    parts = query.split(b"&")
    value = quote_plus(model).encode()
    return b"&".join(b"model=" + value if _is_model(part.partition(b"=")[0]) else part for part in parts)


def _pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    fields = (part.partition(b"=") for part in query.split(b"&"))
    return [(key, value) for key, _, value in fields]


def _is_model(key: bytes) -> bool:
    return _unquoted(key).lower() == _KEY


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
