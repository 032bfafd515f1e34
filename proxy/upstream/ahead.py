"""Reads an answer ahead of its relay: what is read stays in the answer, byte for byte, to be relayed later."""

from __future__ import annotations

from proxy.errors import UpstreamFailure
from proxy.types import ResultKind
from proxy.upstream.answer import Answer
from proxy.wire.framing import BadFraming, framing_of


class Ahead:
    """`payload` is what has come so far, unframed; `read` waits for more. Make it before anything was relayed."""

    __slots__ = ("_answer", "_framing", "_seen", "done", "payload")

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._framing = framing_of(answer.head.framing)
        self._seen = 0
        self.payload = b""
        self.done = False
        """The answer is here whole."""
        self._look()

    async def read(self, deadline: float) -> bytes:
        """The next payload, maybe none yet; look at `done`. Raises UpstreamFailure, Late, ClientGone."""
        before = len(self.payload)
        if not self.done:
            if await self._answer.fetch(deadline):
                self._look()
            elif self._framing.at_eof():
                self.done = True
            else:
                raise UpstreamFailure(ResultKind.BROKEN, "the upstream closed the connection early")
        return self.payload[before:]

    def _look(self) -> None:
        pieces: list[bytes] = []
        data = self._answer.held[self._seen :]
        try:
            self._seen += self._framing.feed(data, pieces)
        except BadFraming as error:
            raise UpstreamFailure(ResultKind.BROKEN, "the upstream framed its body wrongly") from error
        self.payload += b"".join(pieces)
        self.done = self._framing.done
