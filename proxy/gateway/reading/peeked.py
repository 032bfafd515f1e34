"""What is read of a JSON body before it is routed."""

from __future__ import annotations

import msgspec

from proxy.gateway.reading.labels import NONE, Labels, Said


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
    """True: the body is not JSON (RFC 8259)."""
    not_object: bool = False
    """True: the body is not a JSON object."""
    ambiguous: str | None = None
    """The routing key that occurs twice, or in other letters; nothing else is known then."""
    max_tokens: int = 0
    """The most that the answer may have; 0: not said."""
    labels: Labels = NONE
    private: tuple[str, ...] = ()
    """Fields of the client's that hold credentials, or say where to go with them."""
    priority: int | None = None


NOT_JSON = Peeked(not_json=True, not_object=True)
NOT_OBJECT = Peeked(not_object=True)


class Limits(Said, gc=False):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    priority: msgspec.Raw = msgspec.Raw()
