"""What came of one attempt: a good answer, or what failed, by the gateway's own rules (`proxy/providers`)."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from proxy.providers.family import family_of
from proxy.providers.hidden import Hidden, in_answer, looked_into
from proxy.providers.outcome import limits_of, refusal_of, result_of
from proxy.providers.verdict import Asked as Question
from proxy.providers.verdict import needs_words, verdict
from proxy.types import Refusal, Result, ResultKind
from sluice.exceptions import SluiceError
from sluice.preparing import Ready
from sluice.raising import of_answer, of_connection, of_timeout
from sluice.transport.sending import Lost, Said

OK = Result(ResultKind.OK, 200)
_GOOD = range(200, 300)
_POST = b"POST"


class Failed(msgspec.Struct, frozen=True, eq=False):
    result: Result
    refusal: Refusal | None
    error: Callable[[], SluiceError]
    """Made where it is raised."""


def judged(ready: Ready, model: str, path: bytes, said: Said | Lost) -> Failed | None:
    """None: a good answer. `path`: of the endpoint, as OpenAI has it."""
    if isinstance(said, Lost):
        return _lost(ready, model, said)
    if said.status in _GOOD:
        return _hidden(ready, model, path, said)
    body = said.body or b""
    return _failed(ready, model, path, said, said.status, body)


def limits(said: Said) -> Result:
    """What a good answer says of its key."""
    found = limits_of(said.header, time.time())
    return OK if found is None else msgspec.structs.replace(OK, limits=found)


def _failed(ready: Ready, model: str, path: bytes, said: Said, status: int, body: bytes) -> Failed:
    result = result_of(status, said.header, time.time())
    question = Question(ready.way.provider, family_of(_POST, path), model)
    if needs_words(status, question):
        result = verdict(result, body, question)
    translate = None if ready.translation is None else ready.translation.error
    if translate is not None:
        status, body = translate(status, body)
    provider = ready.way.provider
    return Failed(
        result,
        refusal_of(status, body),
        lambda: of_answer(status, body, provider=provider, model=model, response=said.response),
    )


def _hidden(ready: Ready, model: str, path: bytes, said: Said) -> Failed | None:
    """An error behind a good status; of a stream what comes is looked at as it comes."""
    body = said.body
    if body is None or b'error"' not in body or not looked_into(_POST, path):
        return None
    hidden: Hidden | None = in_answer(body)
    if hidden is None:
        return None
    return _failed(ready, model, path, said, hidden.status, hidden.body)


def _lost(ready: Ready, model: str, lost: Lost) -> Failed:
    provider, base = ready.way.provider, ready.way.deployment.api_base
    if lost.kind is ResultKind.TIMEOUT:
        return Failed(
            Result(lost.kind), None, lambda: of_timeout(lost.waited_s, provider=provider, model=model)
        )
    return Failed(
        Result(lost.kind),
        None,
        lambda: of_connection(lost.error, provider=provider, model=model, api_base=base),
    )
