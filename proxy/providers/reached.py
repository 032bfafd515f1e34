"""What an entry's words lead to, or why to nothing."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from proxy.providers.compatible.provider import Provider
from proxy.types import Headers, Secret, SigningKey, TokenSource

MODEL = ("litellm_params", "model")
API_BASE = ("litellm_params", "api_base")
API_KEY = ("litellm_params", "api_key")

Note: TypeAlias = tuple[tuple[str, ...], str]
"""(key, text)"""


class Reached(msgspec.Struct, frozen=True):
    """Where an entry leads, and as whom."""

    provider: Provider
    model: str
    api_base: str
    api_key: Secret
    headers: Headers = ()
    """The provider's own."""
    variable: str | None = None
    """That its key was read from, where the entry names none."""
    notes: tuple[Note, ...] = ()
    token: TokenSource | None = None
    signing: SigningKey | None = None
    api_version: str | None = None


class Unfit(Exception):  # noqa: N818 - a verdict, told as a Remark
    def __init__(self, key: tuple[str | int, ...], text: str, *, wrong: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.text = text
        self.wrong = wrong
