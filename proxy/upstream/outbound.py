"""What one attempt sends, and how long its phases may take."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from proxy.types import Translation
from proxy.wire.response_head import ResponseHead
from proxy.wire.uplink import Uplink


class Patience(msgspec.Struct, frozen=True):
    """How long each phase of an attempt may take, in seconds."""

    connect_s: float
    write_s: float
    first_byte_s: float
    gap_s: float


class BodySource(Protocol):
    """A request body too large or too opaque to hold: it moves as the upstream takes it."""

    async def send_to(self, uplink: Uplink) -> None:
        """All of it. Raises Answered when the upstream spoke first, Late, ClientGone, GatewayError."""


class Outbound(msgspec.Struct, frozen=True):
    """What one attempt sends."""

    method: bytes
    head: bytes
    body: bytes
    rest: BodySource | None = None
    inform: Callable[[ResponseHead], Awaitable[None]] | None = None
    """Takes interim answers (102, 103) on to the client, where its door can."""
    translation: Translation | None = None
    """What the request is, and its answer must be, in another language. It is passed along here, and not used."""
    asks_usage: bool = False
    """Of a stream, for the gateway's own sake: it is not for the client. Passed along as well."""
