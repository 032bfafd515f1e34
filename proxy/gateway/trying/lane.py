"""What every attempt on one deployment shares: where it goes, and how long its parts may take."""

from __future__ import annotations

import math

import msgspec

from proxy.gateway.telling.holding import HoldSettings
from proxy.pricing.book import PriceBook
from proxy.pricing.rates import Prices
from proxy.providers.dialect import Dialect, dialect_of
from proxy.providers.native import native_place
from proxy.types import Deployment
from proxy.upstream.destination import Destination
from proxy.upstream.outbound import Patience


class AttemptSettings(msgspec.Struct, frozen=True):
    patience: Patience
    """Where the deployment does not say."""
    first_byte_limit_s: float
    """`first_byte_timeout_s`, whatever longer time a deployment allows; `inf`: no such limit."""
    response_headers: bool
    """Whether answers carry `x-litellm-*`."""
    total_s: float = math.inf
    """All attempts and the whole answer."""
    first_token_s: float = math.inf
    """Where the deployment does not say."""
    asks_usage: bool = True
    """A stream's usage is asked of the upstream, and taken out again, where the client does not ask."""
    drain_s: float = 60.0
    """How long an answer is read on after its client left, where the deployment drains."""
    hold: HoldSettings = HoldSettings(5.0, 4 * 1024 * 1024)


class Lane(msgspec.Struct, frozen=True):
    """What every attempt on one deployment shares."""

    destination: Destination
    whole: Patience
    """For answers that come in one piece."""
    stream: Patience
    header: bytes
    """`x-litellm-model-id`, `x-litellm-model-group`"""
    first_token_s: float
    dialect: Dialect
    asks_usage: bool
    """A stream's usage is asked for where the client does not."""
    prices: Prices | None
    """Of its one model; None: not known."""
    max_tokens: int | None
    """The most that its one model writes; None: not known."""
    one_model: bool
    """No pattern: every request that names a model is for the same one."""
    through: Lane | None = None
    """For what passes through to its provider's own API; None: this one."""


def lane_of(destination: Destination, settings: AttemptSettings, book: PriceBook | None = None) -> Lane:
    """Raises PriceError."""
    deployment, patience = destination.deployment, settings.patience
    timeout_s = deployment.trying.timeout_s or patience.first_byte_s
    whole_s = min(timeout_s, settings.first_byte_limit_s)
    stream_s = min(deployment.trying.stream_timeout_s or timeout_s, settings.first_byte_limit_s)
    through = destination.through
    if through is not None:
        lane = lane_of(through, settings, book)
        return msgspec.structs.replace(
            lane, destination=destination, through=_natively(lane), dialect=dialect_of(deployment)
        )
    return Lane(
        destination,
        msgspec.structs.replace(patience, first_byte_s=whole_s),
        msgspec.structs.replace(patience, first_byte_s=stream_s),
        b"x-litellm-model-id: %b\r\nx-litellm-model-group: %b\r\n"
        % (_header_value(deployment.id), _header_value(deployment.group)),
        deployment.trying.first_token_timeout_s or settings.first_token_s,
        dialect_of(deployment),
        settings.asks_usage and "stream_options" not in deployment.parameters.omits,
        None if book is None else book.prices(deployment, None),
        _most(deployment, book),
        "*" not in deployment.model,
    )


def _most(deployment: Deployment, book: PriceBook | None) -> int | None:
    model = None if book is None else book.find(deployment).model
    return None if model is None else model.max_output_tokens


def _natively(lane: Lane) -> Lane:
    return msgspec.structs.replace(lane, dialect=Dialect(place=native_place(lane.destination.base_path)))


def _header_value(text: str) -> bytes:
    return text.encode("ascii", "replace")
