"""One request, understood: what it asks for, and how much of its body is in hand."""

from __future__ import annotations

from typing import Protocol

import msgspec

from proxy.access.identity import Caller
from proxy.gateway.reading.labels import NONE, Labels
from proxy.gateway.reading.multipart import MultipartPeek
from proxy.gateway.reading.routes import Route
from proxy.gateway.reading.spool import Spool
from proxy.wire.form import RequestHead


class Held(Protocol):
    """Memory or disk that the request takes up."""

    def close(self) -> None:
        """Free it."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Made once, before any upstream is chosen; every attempt reads it, none changes it."""

    route: Route
    head: RequestHead
    caller: Caller
    model: str | None = None
    """What the request names, in its path or its body."""
    body_model: str | None = None
    """The body's own `model`."""
    query_model: str | None = None
    """The query's `model`."""
    model_invalid: bool = False
    """The body has a `model` that is no name."""
    stream: bool = False
    store: bool | None = None
    targets: tuple[str, ...] = ()
    """`target_model_names`."""
    has_target_field: bool = False
    body: bytes = b""
    """What has been read: all of it, or its beginning when `rest` is on the wire."""
    rest: bool = False
    length: int
    """Of the whole body, as far as it is kept or on the wire: bytes, or wire.head.CHUNKED, or wire.head.NO_BODY."""
    json: bytes | None = None
    """The JSON body without its compression; None when it is not JSON."""
    tokens: int = 0
    """What it may cost at most, estimated as OpenAI does it for its limits: the prompt's length, and `max_tokens`."""
    labels: Labels = NONE
    """On whose behalf it is sent, and the words under which it is counted."""
    private: tuple[str, ...] = ()
    """Fields of the JSON body that are no upstream's business: a client's own credentials, and what it tells the
    gateway."""
    priority: int | None = None
    """The body's `priority`: where it must wait, those with a smaller one go first. None: it has none."""
    form: MultipartPeek | None = None
    """Where the gateway's fields lie in a multipart body."""
    form_was_coded: bool = False
    """A form is kept, and sent on, without its content coding."""
    spool: Spool | None = None
    """A form that is too large for memory: `body` is empty then."""
    held: Held | None = None
    """To be closed when the request ends."""
