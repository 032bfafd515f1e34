"""A call's JSON: what Python programs hand over (objects of pydantic's, messages of an answer, dates) becomes plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sluice.exceptions import BadRequestError


def encoded(model: str, fields: Mapping[str, Any]) -> bytes:
    """Compact, in UTF-8. Raises BadRequestError for what has no JSON."""
    body = {"model": model, **fields}
    kind = body.get("response_format")
    if isinstance(kind, type):
        from sluice.schemas import response_format  # noqa: PLC0415 - hardly any call has a class

        body["response_format"] = response_format(kind)
    try:
        return _encode(body)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadRequestError(f"An argument cannot be written as JSON: {error}.", model) from None


def _plain(value: object) -> object:
    """Raises NotImplementedError, as msgspec has it."""
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__iter__"):
        return list(value)
    raise NotImplementedError


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
