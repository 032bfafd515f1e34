"""What all functions of the library come down to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sluice.asked import Asked
from sluice.course import Answered, Course, course
from sluice.endpoints import Endpoint
from sluice.exceptions import SluiceError
from sluice.mocking import mocked
from sluice.reading import tokens_of, whole
from sluice.running import arun, run
from sluice.streams import AsyncStream, Stream
from sluice.telling import awaited, left, teller_of


def call(
    endpoint: Endpoint, model: str, arguments: Mapping[str, Any], route: Callable[[Asked], Course] = course
) -> Any:
    """An answer, or a Stream. Raises SluiceError. `route`: a Router's, where there is one."""
    asked = Asked(endpoint, model, arguments)
    teller = teller_of(asked)
    try:
        answered = mocked(asked) or run(route(asked))
        if answered.said.body is None:
            return Stream(answered, _chunk(answered), teller)
        answer = _told(answered)
    except SluiceError as error:
        if teller is not None:
            left(teller.failed(error))
        raise
    if teller is not None:
        left(teller.succeeded(answered, answer))
    return answer


async def acall(
    endpoint: Endpoint, model: str, arguments: Mapping[str, Any], route: Callable[[Asked], Course] = course
) -> Any:
    """As `call`, with an AsyncStream."""
    asked = Asked(endpoint, model, arguments)
    teller = teller_of(asked)
    try:
        answered = mocked(asked) or await arun(route(asked))
        if answered.said.body is None:
            return AsyncStream(answered, _chunk(answered), teller)
        answer = _told(answered)
    except SluiceError as error:
        if teller is not None:
            await awaited(teller.failed(error))
        raise
    if teller is not None:
        await awaited(teller.succeeded(answered, answer))
    return answer


def _told(answered: Answered) -> Any:
    tokens = None
    try:
        answer = whole(answered)
        tokens = tokens_of(answer)
    finally:
        answered.ended(None, tokens)
    return answer


def _chunk(answered: Answered) -> Any:
    chunk = answered.asked.endpoint.chunk
    assert chunk is not None
    return chunk
