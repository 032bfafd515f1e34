"""Reads an answer ahead of its relay: what is read stays in the answer, byte for byte, to be relayed later."""

from __future__ import annotations

from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.framing import BadFraming


class Ahead:
    """`payload` is what has come so far, unframed; `read` waits for more. Make it before anything was relayed.

    However small the pieces, each byte is looked at once.
    """

    __slots__ = ("_answer", "_framing", "_pieces", "done", "size")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._framing = answer.framing_anew()
        self._pieces: list[bytes] = []
        self.size = 0
        """Bytes of payload so far."""
        self.done = False
        """The answer is here whole."""
        for piece in answer.pieces:
            self._unframe(piece)

    @property
    def payload(self) -> bytes:
        """All that has come."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    async def read(self, deadline: float) -> bytes:
        """The next payload, maybe none yet; look at `done`. Raises UpstreamFailure, Late, ClientGone."""
        if self.done:
            return b""
        if data := await self._answer.fetch(deadline):
            return self._unframe(data)
        if not self._framing.at_eof():
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream closed the connection early")
        self.done = True
        return b""

    def _unframe(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        try:
            self._framing.feed(data, pieces)
        except BadFraming as error:
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream framed its body wrongly") from error
        payload = b"".join(pieces)
        if payload:
            self._pieces.append(payload)
            self.size += len(payload)
        self.done = self._framing.done
        return payload
