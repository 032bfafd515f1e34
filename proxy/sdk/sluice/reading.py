"""From what a provider said to what the caller gets: an answer, bytes, or a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.errors import UpstreamFailure
from sluice.answers.audio import HttpxBinaryResponseContent, TranscriptionResponse
from sluice.answers.beside import Beside
from sluice.answers.decoding import NoAnswer, answer
from sluice.course import Answered
from sluice.exceptions import APIResponseValidationError

_PLAIN_TEXT = b"{"


def beside_of(answered: Answered) -> Beside:
    deployment = answered.ready.way.deployment
    return Beside(
        headers=answered.said.response.headers.multi_items(),
        model=answered.model,
        provider=deployment.provider,
        api_base=deployment.api_base,
        model_id=deployment.id,
        prices=answered.asked.prices,
        call_id=answered.asked.call_id,
    )


def whole(answered: Answered) -> Any:
    """Raises APIResponseValidationError for what is no answer of this endpoint's."""
    body = answered.said.body or b""
    kind = answered.asked.endpoint.answer
    if kind is None:
        return HttpxBinaryResponseContent(body, beside_of(answered))
    if answered.ready.translation is not None:
        body = _translated(answered, body)
    if kind is TranscriptionResponse and not body.lstrip().startswith(_PLAIN_TEXT):
        made = TranscriptionResponse(text=body.decode("utf-8", "replace"))
        made._beside = beside_of(answered)  # noqa: SLF001 - as `answer` does
        return made
    try:
        return answer(kind, body, beside_of(answered))
    except NoAnswer as error:
        raise _unreadable(answered, str(error)) from None


def _translated(answered: Answered, body: bytes) -> bytes:
    translation = answered.ready.translation
    assert translation is not None
    try:
        return translation.answer(body)
    except UpstreamFailure as failure:
        raise _unreadable(answered, failure.reason) from None


def _unreadable(answered: Answered, why: str) -> APIResponseValidationError:
    provider = answered.ready.way.provider
    text = (
        f"{provider}/{answered.model} answered {answered.said.status}, with a body that cannot be read: {why}"
    )
    return APIResponseValidationError(text, provider, answered.model, answered.said.response)


def tokens_of(answer: object) -> int | None:
    """That it used, as far as it says."""
    usage = answer.get("usage") if isinstance(answer, Mapping) else None
    found = usage.get("total_tokens") if isinstance(usage, Mapping) else None
    return found if isinstance(found, int) else None
