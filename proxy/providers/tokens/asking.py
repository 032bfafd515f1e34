"""One question for a token, and what its answer says: OAuth 2.0 (RFC 6749), as all that give tokens here speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec

from proxy.errors import UNREADABLE
from proxy.types import Ask, Secret

SHORTEST_S = 60.0
"""A token that ends sooner is no use: by then it has hardly been sent."""
LONGEST_S = 24 * 3600.0
"""What says that it lasts longer is asked for anew all the same."""
MAX_WORD_CHARS = 64
FORM = {"content-type": "application/x-www-form-urlencoded"}

Number: TypeAlias = float | str | None


class Token(msgspec.Struct, frozen=True):
    text: Secret
    lasts_s: float
    """From now on."""


class TokenRefused(Exception):  # noqa: N818 - the word of the domain
    """There is none to be had, now or ever: `str()` says why, and holds no secret."""


def form(url: str, fields: Mapping[str, str]) -> Ask:
    return Ask("POST", url, FORM, urlencode(fields).encode())


class _Answer(msgspec.Struct):
    access_token: str = ""
    expires_in: Number = None
    """Seconds; Azure's managed identities say it as text."""
    expires_on: Number = None
    """Seconds since 1970."""
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Answer).decode
_decode_text = msgspec.json.Decoder(str).decode


def token_in(status: int, body: bytes, now_unix: float) -> Token:
    """Raises TokenRefused."""
    try:
        found = _decode(body)
    except UNREADABLE:
        raise TokenRefused(f"answered {status} with no JSON object") from None
    if status != 200 or not found.access_token:
        raise TokenRefused(f"answered {status}" + _word(bytes(found.error)))
    if not (found.access_token.isascii() and found.access_token.isprintable()):
        raise TokenRefused("answered with a token that is none")
    lasts_s = _number(found.expires_in)
    if lasts_s is None:
        ends_unix = _number(found.expires_on)
        lasts_s = SHORTEST_S if ends_unix is None else ends_unix - now_unix
    return Token(Secret(found.access_token), min(max(lasts_s, SHORTEST_S), LONGEST_S))


def _number(value: Number) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _word(error: bytes) -> str:
    """`invalid_client` and the like: a description may repeat what was sent."""
    try:
        word = _decode_text(error)
    except UNREADABLE:
        return ""
    return f" {word}" if word.replace("_", "").isalnum() and len(word) <= MAX_WORD_CHARS else ""
