"""The text behind a body's content codings: bounded before it is there, and no burden on the reactor."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import trio

from proxy.errors import GatewayError
from proxy.gateway.reading.budget import Lease
from proxy.wire.codings import (
    ACCEPTED,
    PIECE_BYTES,
    BeyondLimits,
    CodingError,
    CodingLimits,
    Decoder,
    UnknownCoding,
    decoder,
)
from proxy.wire.parking import Parking

SMALL_BYTES = 256 * 1024
"""Of a body: decoded where the request runs, in a millisecond. A larger one, or a larger text, goes on in a thread."""
SMALL_PIECES = 512 * 1024 // PIECE_BYTES
LARGE_PIECES = 4 * 1024 * 1024 // PIECE_BYTES
"""Of a thread's one turn: the hand-over costs 100 us, decoding so much ten times that."""


def decoder_for(coding: bytes, limits: CodingLimits) -> Decoder | None:
    """None: nothing is coded. Raises GatewayError 415 for a coding that is not read here, 413 for too many."""
    try:
        return decoder(coding, limits)
    except CodingError as error:
        raise refusal(error) from error


async def decoded(body: bytes, by: Decoder, parking: Parking, lease: Lease) -> bytes:
    """All of the text, counted in `lease`. Raises GatewayError 400, 413, 503."""
    flow = by.pieces(body)
    pieces: list[bytes] = []
    try:
        more = _some(flow, SMALL_PIECES) if len(body) <= SMALL_BYTES else await _elsewhere(flow, parking)
        while more:
            lease.take(sum(map(len, more)))
            pieces += more
            more = await _elsewhere(flow, parking) if len(more) >= SMALL_PIECES else []
    except CodingError as error:
        raise refusal(error) from error
    require_end(by)
    return b"".join(pieces)


def _some(flow: Iterator[bytes], most: int) -> list[bytes]:
    return list(islice(flow, most))


async def _elsewhere(flow: Iterator[bytes], parking: Parking) -> list[bytes]:
    await parking.own()
    return await trio.to_thread.run_sync(_some, flow, LARGE_PIECES)


def require_end(by: Decoder) -> None:
    """Raises GatewayError 400 for a body that ends before its codings do."""
    if not by.whole:
        raise GatewayError(
            400, "The request body ends in the middle of its content coding.", code="invalid_body"
        )


def refusal(error: CodingError) -> GatewayError:
    """In words for who sent the body."""
    if isinstance(error, UnknownCoding):
        message = (
            f"The content coding `{error.name[:64].decode('latin-1')}` of the request body is not read by this gateway,"
            " which must know the model that is asked for."
            f" Send it in one of these codings: {ACCEPTED.decode()}; or in none."
        )
        headers = ((b"accept-encoding", ACCEPTED),)
        return GatewayError(415, message, code="unsupported_content_encoding", headers=headers)
    if isinstance(error, BeyondLimits):
        return GatewayError(413, f"The request body is refused: {error}.", code="request_too_large")
    return GatewayError(400, f"The request body cannot be read: {error}.", code="invalid_body")
