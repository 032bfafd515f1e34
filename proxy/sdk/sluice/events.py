"""A streamed answer's bytes into its chunks, in any split; the same for threads and both event loops."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Mapping
from typing import Any, Generic, TypeVar

import httpx

from proxy.errors import UpstreamFailure
from proxy.providers.hidden import in_answer
from proxy.providers.sse import SseReader
from proxy.types import Result, ResultKind
from sluice.answers.beside import Told
from sluice.answers.decoding import NoAnswer, decode
from sluice.answers.fields import Fields
from sluice.answers.responses import ResponseEvent
from sluice.course import Answered
from sluice.exceptions import APIError, SluiceError
from sluice.raising import of_answer, of_connection, of_timeout
from sluice.reading import beside_of, tokens_of
from sluice.telling import Teller
from sluice.transport.sending import lost

C = TypeVar("C", bound=Fields)
_DONE = b"[DONE]"
_BROKEN = Result(ResultKind.BROKEN, 200)


class Chunks(Told, Generic[C]):
    """What a stream has read and not handed out yet."""

    def __init__(self, answered: Answered, kind: type[C], teller: Teller | None = None) -> None:
        self._teller = teller
        self._answered = answered
        self._kind = kind
        self._beside = beside_of(answered)
        self._events = SseReader()
        translation = answered.ready.translation
        self._translator = None if translation is None else translation.stream()
        self._read: deque[C] = deque()
        self._last: Mapping[str, Any] | None = None
        """Of the chunks the one that told the usage."""
        self._failed: SluiceError | None = None
        """To be raised when what came before is handed out."""
        self._done = False
        """The provider has said all that it had to say."""
        self._closed = False

    @property
    def response(self) -> httpx.Response:
        """The provider's: its body is this stream's to read."""
        return self._answered.said.response

    @property
    def _hidden_params(self) -> dict[str, Any]:
        """As an answer's; `response_cost` is known at the end, where the provider tells the usage."""
        return self._beside.hidden_params(self._last)

    def _feed(self, piece: bytes) -> None:
        """HOT."""
        try:
            if self._translator is not None:
                piece = self._translator.feed(piece)
            for data in self._events.feed(piece):
                self._take(data)
        except UpstreamFailure as failure:
            self._fail(APIError(502, failure.reason, self._provider, self._answered.model))

    def _end(self) -> None:
        """Of the body."""
        if self._translator is not None:
            self._feed(b"")
            for data in self._events.feed(self._translator.finish()):
                self._take(data)
        rest = self._events.finish()
        if rest is not None:
            self._take(rest)
        self._done = True

    def _break(self, error: httpx.HTTPError | httpx.StreamError) -> None:
        """The connection broke off, or was silent for too long."""
        provider, model = self._provider, self._answered.model
        found = lost(error, self._answered.ready.sending) if isinstance(error, httpx.HTTPError) else None
        if found is not None and found.kind is ResultKind.TIMEOUT:
            self._fail(of_timeout(found.waited_s, provider=provider, model=model), _BROKEN)
            return
        base = self._answered.ready.way.deployment.api_base
        self._fail(of_connection(error, provider=provider, model=model, api_base=base), _BROKEN)

    def _take(self, data: bytes) -> None:
        """HOT. The data of one event."""
        if self._done:
            return
        if data == _DONE:
            self._done = True
            return
        if b'"error"' in data and (error := self._error_in(data)) is not None:
            self._fail(error)
            return
        try:
            chunk = decode(self._kind, data)
        except NoAnswer as error:
            self._fail(
                APIError(502, f"an event cannot be read: {error}", self._provider, self._answered.model)
            )
            return
        if b'"usage"' in data:
            self._note(chunk)
        if self._teller is not None:
            self._teller.chunks.append(chunk)
        self._read.append(chunk)

    def _note(self, chunk: Mapping[str, Any]) -> None:
        for each in (chunk, chunk.get("response")):
            if isinstance(each, Mapping) and each.get("usage"):
                self._last = each

    def _error_in(self, data: bytes) -> SluiceError | None:
        """Of /responses a failed one is an event as others are."""
        hidden = in_answer(data)
        if hidden is None or (self._kind is ResponseEvent and not hidden.whole):
            return None
        return of_answer(
            hidden.status,
            hidden.body,
            provider=self._provider,
            model=self._answered.model,
            response=self.response,
        )

    def _fail(self, error: SluiceError, result: Result | None = None) -> None:
        self._done = True
        self._failed = error
        self._answered.ended(result, None)

    def _tell(self) -> list[Awaitable[object]]:
        """Once: what is to be awaited of those who are told."""
        teller, self._teller = self._teller, None
        if teller is None:
            return []
        if self._failed is not None:
            return teller.failed(self._failed, self._answered)
        return teller.ended(self._answered, self._beside)

    def _over_and_done(self) -> None:
        """Nobody reads on."""
        self._closed = self._done = True
        self._answered.ended(None, tokens_of(self._last))

    @property
    def _provider(self) -> str:
        return self._answered.ready.way.provider


CustomStreamWrapper = Chunks
"""LiteLLM's name of what a streamed call gives, in threads and in tasks."""
