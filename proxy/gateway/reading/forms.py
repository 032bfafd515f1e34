"""A multipart form, read to its end: which model it names is known only then, since fields may follow the files."""

from __future__ import annotations

from proxy.errors import GatewayError
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.decoding import refusal, require_end
from proxy.gateway.reading.multipart import MultipartPeek
from proxy.gateway.reading.spool import Spool
from proxy.wire.codings import CodingError, Decoder


async def read_form(exchange: Exchange, form: MultipartPeek, spool: Spool, by: Decoder | None) -> None:
    """Into the spool, without its coding, which `by` undoes. Raises GatewayError 4xx, 503, 507; ClientGone."""
    while piece := await exchange.read_some():
        if by is None:
            await _take(form, spool, piece)
        else:
            await _decode(form, spool, piece, by)
    await spool.end()
    if by is not None:
        require_end(by)
    if not form.done:
        raise form_wrong("it ends before its last boundary")


async def _decode(form: MultipartPeek, spool: Spool, piece: bytes, by: Decoder) -> None:
    try:
        for text in by.pieces(piece):
            await _take(form, spool, text)
    except CodingError as error:
        raise refusal(error) from error


async def _take(form: MultipartPeek, spool: Spool, piece: bytes) -> None:
    form.feed(piece)
    if form.wrong is not None:
        raise form_wrong(form.wrong, form.repeated)
    await spool.write(piece)


def form_wrong(reason: str, field: str | None = None) -> GatewayError:
    code = "invalid_form" if field is None else "duplicate_key"
    message = f"The request body is no multipart form that every server reads alike: {reason}."
    return GatewayError(400, message, param=field, code=code)
