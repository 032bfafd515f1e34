"""A request's body between the server that receives it and the exchange that reads it.

Who receives never waits for who reads: a reset or a close behind the body is heard however slowly it is taken. What
bounds it is the sender's window (HTTP/2), or whoever asks for `room` before it receives more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

HELD_BYTES = 256 * 1024
"""Of one body, received and not read yet."""


async def _free(_size: int) -> None:
    """Nobody counts what is taken."""


class Upload:
    """Fed by the server, taken by the exchange, which says with `watch` who is woken."""

    __slots__ = ("_buffer", "_emptied", "_leave", "_taken", "_wake", "ended", "gone")

    def __init__(self, taken: Callable[[int], Awaitable[None]] = _free) -> None:
        """`taken`: told of each number of bytes that the exchange has read, to let in as many."""
        self._buffer = bytearray()
        self._emptied = trio.Event()
        self._taken = taken
        self._wake: Callable[[], None] | None = None
        self._leave: Callable[[], None] | None = None
        self.ended = False
        """Nothing more will come."""
        self.gone = False
        """The client has left, with or without having sent all of it."""

    def watch(self, wake: Callable[[], None], leave: Callable[[], None]) -> None:
        """`wake`: something came, or the end did. `leave`: the client has left."""
        self._wake, self._leave = wake, leave
        if self.gone:
            leave()

    @property
    def held_bytes(self) -> int:
        return len(self._buffer)

    def feed(self, piece: bytes) -> None:
        self._buffer += piece
        self._tell()

    def end(self) -> None:
        self.ended = True
        self._tell()

    def leave(self) -> None:
        self.ended = self.gone = True
        if self._leave is not None:
            self._leave()

    async def take(self) -> bytes:
        """All that is here, maybe nothing."""
        if not self._buffer:
            return b""
        piece = bytes(self._buffer)
        self._buffer.clear()
        self._emptied.set()
        await self._taken(len(piece))
        return piece

    async def room(self) -> None:
        """Wait until more should be received."""
        while len(self._buffer) >= HELD_BYTES:
            self._emptied = trio.Event()
            await self._emptied.wait()

    def _tell(self) -> None:
        if self._wake is not None:
            self._wake()
