"""HTTP for sinks: one request, whose answer's status is all that matters."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from proxy.sinks.sink import Away, Refused

logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it tells whole URLs, which may hold tokens
REFUSING = frozenset((400, 413, 422))
"""What is wrong is the batch: sending it again changes nothing. All else may be mended at the other side."""
ANSWER_BYTES = 64 * 1024


class Post:
    """A connection for each request: deliveries are seconds apart, and one that was kept would often be stale."""

    def __init__(self, headers: Mapping[str, str], ca_bundle: str | None = None) -> None:
        """Raises OSError where the bundle cannot be read."""
        self._headers = dict(headers)
        self._context = ssl.create_default_context(cafile=ca_bundle)

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> bytes:
        """The answer's body, as far as it is short; it takes as long as it takes. Raises Away, Refused."""
        lines = {**self._headers, **headers}
        try:
            # Sinks are asked as directly as upstreams are.
            async with (
                httpx.AsyncClient(verify=self._context, timeout=None, trust_env=False) as client,  # noqa: S113
                client.stream(method, url, content=body, headers=lines) as answer,
            ):
                return await _read(answer)
        except httpx.HTTPError as failure:  # its text may quote a header, and so a key
            raise Away(f"{type(failure).__name__} at {shown(url)}") from None


async def _read(answer: httpx.Response) -> bytes:
    status = answer.status_code
    if not answer.is_success:
        where = f"{shown(str(answer.url))} answered {status}"
        if status in REFUSING:
            raise Refused(where)
        raise Away(where, _seconds(answer.headers.get("retry-after")))
    read = b""
    async for piece in answer.aiter_bytes():  # to its end: what is longer is passed over
        if len(read) < ANSWER_BYTES:
            read += piece
    return read


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def shown(url: str) -> str:
    """For logs: paths and queries may hold tokens."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
