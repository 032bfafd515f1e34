"""One line of a batch's results."""

from __future__ import annotations

import msgspec

from proxy.accounting.said import Answered
from proxy.types import Usage


class _Response(msgspec.Struct, gc=False):
    """OpenAI's."""

    body: Answered | None = None


class _Result(msgspec.Struct, gc=False):
    """Anthropic's."""

    message: Answered | None = None


class Line(msgspec.Struct, gc=False):
    custom_id: str | None = None
    response: _Response | None = None
    result: _Result | None = None
    error: msgspec.Raw = msgspec.Raw(b"")

    def is_result(self) -> bool:
        """A batch's requests have an id as well, and no answer."""
        answered = (
            self.response is not None or self.result is not None or bytes(self.error) not in (b"", b"null")
        )
        return self.custom_id is not None and answered

    def _answer(self) -> Answered | None:
        if self.response is not None:
            return self.response.body
        return None if self.result is None else self.result.message

    def model(self) -> str | None:
        answer = self._answer()
        return None if answer is None else answer.model

    def used(self) -> Usage | None:
        answer = self._answer()
        return None if answer is None else answer.used()
