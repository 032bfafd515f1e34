"""Credentials that end (Azure's, Google's): asked for by the first call that needs one, kept until shortly before."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

import httpx

from proxy.providers.tokens.asking import TokenRefused, token_in
from proxy.types import Headers, TokenSource
from sluice.exceptions import AuthenticationError
from sluice.transport.sending import Lost, Said, Sending, timeouts_of
from sluice.ways import Way

EARLY_S = 60.0
"""Before its end a token is not used any more."""
ASK_TIMEOUT_S = 10.0
MAX_FILE_BYTES = 64 * 1024
_held: dict[TokenSource, tuple[Headers, float]] = {}
"""With the monotonic second from which on each is asked for anew."""
_lock = threading.Lock()


def token_headers(way: Way) -> Generator[Sending, Said | Lost, Headers]:
    """Raises AuthenticationError, without a word of what was asked."""
    source = way.deployment.token
    if source is None:
        return ()
    held = _held.get(source)
    if held is not None and time.monotonic() < held[1]:
        return held[0]
    try:
        asked = source.ask(_file(source), time.time())
        timeouts, total_s = timeouts_of(ASK_TIMEOUT_S)
        said = yield Sending(
            httpx.URL(asked.url), httpx.Headers(dict(asked.headers)), asked.body, timeouts, total_s,
            method=asked.method,
        )  # fmt: skip
        if isinstance(said, Lost):
            raise TokenRefused(f"cannot be asked for: {type(said.error).__name__}")  # noqa: TRY301
        token = token_in(said.status, said.body or b"", time.time())
    except (TokenRefused, httpx.InvalidURL) as refused:
        text = f"{way.provider}: no token for this upstream: {refused}"
        raise AuthenticationError(text, way.provider, way.model) from None
    headers = ((b"Authorization", b"Bearer " + token.text.reveal().encode()),)
    with _lock:
        _held[source] = headers, time.monotonic() + max(token.lasts_s - EARLY_S, token.lasts_s / 2)
    return headers


def _file(source: TokenSource) -> bytes:
    if source.file is None:
        return b""
    try:
        with Path(source.file).open("rb") as opened:
            return opened.read(MAX_FILE_BYTES)
    except OSError as error:
        raise TokenRefused(f"{source.file}: {error.strerror}") from None
