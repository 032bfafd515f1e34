"""What a coroutine says to whoever steps it, by awaiting."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import cast


class _Saying(tuple[object]):
    __slots__ = ()
    __await__ = tuple.__iter__


def saying(what: object) -> Awaitable[None]:
    """Awaiting it says `what`; nothing comes back. Reusable, and no frame of ours."""
    return cast(Awaitable[None], _Saying((what,)))


class Passing:
    """Awaiting it says what somebody else has said, and gives what comes back."""

    __slots__ = ("_said",)

    def __init__(self, said: object) -> None:
        self._said = said

    def __await__(self) -> Generator[object, object, object]:
        return (yield self._said)
