"""What a request's head alone tells: where it leads, who asks, and how its body is to be read."""

from __future__ import annotations

import enum

import msgspec

from proxy.access.identity import Caller
from proxy.gateway.reading.multipart import boundary_of
from proxy.gateway.reading.query import check_twins, model_in_query
from proxy.gateway.reading.routes import Kind, Route
from proxy.wire.form import RequestHead

URLENCODED = b"application/x-www-form-urlencoded"


class BodyKind(enum.Enum):
    """How much of a body must be read before it can be routed."""

    JSON = "json"
    FORM = "form"
    UNKNOWN = "unknown"
    """Its beginning tells whether it is JSON."""
    OPAQUE = "opaque"
    """Names no model, whatever it is."""
    UNREADABLE = "unreadable"
    """May name a model in a way that is not read here."""


_JSON = BodyKind.JSON
_NATIVE = Kind.NATIVE


class Introduction(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Of one request."""

    route: Route
    caller: Caller
    body: BodyKind
    boundary: bytes = b""
    """Of a form."""
    coding: bytes = b""
    """`Content-Encoding`, all of its lines; empty where nothing is coded."""
    query_model: str | None = None
    at_once: bool = False
    """JSON that is not coded: it may be looked into where it came with its head."""


def introduce(head: RequestHead, route: Route, caller: Caller) -> Introduction:
    """HOT. Raises GatewayError 400 for a query that names its model in two ways."""
    if route.kind is _NATIVE and head.query is None and head.form.plain_json:
        return Introduction(route, caller, _JSON, at_once=True)
    if route.kind in (Kind.CUSTOM, Kind.PAGE):
        return Introduction(route, caller, BodyKind.OPAQUE)
    if head.query is not None:
        check_twins(head.query)
    content_types = head.get_all(b"content-type")
    boundary = boundary_of(content_types[0]) if content_types else None
    body = _body_kind(route, content_types, boundary)
    coding = b",".join(head.get_all(b"content-encoding")).strip().lower()
    if coding == b"identity":
        coding = b""
    at_once = body is BodyKind.JSON and not coding
    return Introduction(route, caller, body, boundary or b"", coding, model_in_query(head.query), at_once)


def _body_kind(route: Route, content_types: list[bytes], boundary: bytes | None) -> BodyKind:
    media_type = content_types[0].partition(b";")[0].strip().lower() if content_types else b""
    if boundary is not None and len(content_types) == 1:
        return BodyKind.FORM
    if len(content_types) > 1 or media_type.startswith(b"multipart/"):
        return BodyKind.OPAQUE if route.model_free else BodyKind.UNREADABLE
    if route.kind is Kind.NATIVE or b"json" in media_type:
        return BodyKind.JSON
    if route.model_free:
        return BodyKind.OPAQUE
    return BodyKind.UNREADABLE if media_type == URLENCODED else BodyKind.UNKNOWN
