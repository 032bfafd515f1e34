"""What a coroutine says to whoever steps it, by awaiting."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType
from typing import TypeVar, cast

T = TypeVar("T")


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


def apart(work: Coroutine[object, object, T]) -> Coroutine[object, object, T]:
    """The same, so that what it is handling while it waits (an `except`, a `finally`) stays its own.

    A compiled coroutine leaves that with whoever steps it, where the next one would find it and raise it again as
    its own; a frame of the interpreter takes it along.
    """
    return work if isinstance(work, CoroutineType) else _apart(work)


async def _apart(work: Coroutine[object, object, T]) -> T:
    return await work
