"""One request as the families see it: path parameters, query, and a body decoded into the fields they use."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from proxy.errors import GatewayError, model_missing
from proxy.simulator.multipart import Form, parse_form
from proxy.simulator.store import Store

T = TypeVar("T")

MISSING_FIELD = re.compile(r"missing required field `(?P<name>\w+)`(?: - at `\$\.?(?P<path>.*)`)?")
NOT_JSON = "We could not parse the JSON body of your request. The API expects a JSON payload."


class Request(msgspec.Struct, frozen=True, kw_only=True):
    query: dict[str, str]
    content_type: str
    body: bytes
    store: Store
    params: dict[str, str]
    """What the `{names}` of the route matched."""

    def body_as(self, kind: type[T]) -> T:
        """The JSON body (nothing counts as `{}`); raises a 400 that names what is wrong."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except msgspec.ValidationError as error:
            raise _bad_field(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise GatewayError(400, NOT_JSON) from error

    def form(self) -> Form:
        """The multipart body; raises a 400 when it is none."""
        return parse_form(self.content_type, self.body)

    def form_as(self, kind: type[T]) -> T:
        """The text fields of a multipart body, `'2'` counting as 2."""
        try:
            return msgspec.convert(self.form().values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise _bad_field(str(error)) from error


def _bad_field(message: str) -> GatewayError:
    missing = MISSING_FIELD.search(message)
    if missing is None:
        return GatewayError(400, message, code="invalid_type")
    if missing["name"] == "model" and not missing["path"]:
        return model_missing()
    param = ".".join(filter(None, (missing["path"], missing["name"])))
    text = f"Missing required parameter: '{param}'."
    return GatewayError(400, text, param=param, code="missing_required_parameter")


def patched(item: T, changes: dict[str, object], allowed: frozenset[str]) -> T:
    """A copy of a Struct with the `allowed` ones of `changes` made; raises a 400 on a wrong type."""
    plain = msgspec.to_builtins(item)
    plain.update((name, value) for name, value in changes.items() if name in allowed)
    try:
        return msgspec.convert(plain, type(item))
    except msgspec.ValidationError as error:
        raise _bad_field(str(error)) from error
