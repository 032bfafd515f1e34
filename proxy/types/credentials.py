"""By what a deployment is asked, and how the next one is got where they end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Secret:
    """A credential whose text shows up nowhere by accident: `repr`, `str` and f-strings give `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The credential itself. Call it only where it goes on the wire or into a hash."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class Ask(msgspec.Struct, frozen=True):
    """A request to whoever gives tokens. Body and headers hold secrets: they are never shown."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""


class TokenSource(msgspec.Struct, frozen=True, kw_only=True):
    """By what a deployment gets the next of its credentials, which end. Those that are equal share one."""

    file: str | None = None
    """Read for each question."""

    def ask(self, file: bytes, now_unix: float) -> Ask:
        """With what `file` holds. Raises providers.tokens.asking.TokenRefused where nothing can be asked."""
        raise NotImplementedError


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """AWS's: each request is signed with it."""

    access_key: str
    secret: Secret
    session: Secret | None = None
    region: str
    service: str
