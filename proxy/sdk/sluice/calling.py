"""What all functions of the library come down to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.asked import Asked
from sluice.course import Answered, course
from sluice.endpoints import Endpoint
from sluice.mocking import mocked
from sluice.reading import whole
from sluice.running import arun, run
from sluice.streams import AsyncStream, Stream


def call(endpoint: Endpoint, model: str, arguments: Mapping[str, Any]) -> Any:
    """An answer, or a Stream. Raises SluiceError."""
    asked = Asked(endpoint, model, arguments)
    answered = mocked(asked) or run(course(asked))
    return Stream(answered, _chunk(answered)) if answered.said.body is None else whole(answered)


async def acall(endpoint: Endpoint, model: str, arguments: Mapping[str, Any]) -> Any:
    """As `call`, with an AsyncStream."""
    asked = Asked(endpoint, model, arguments)
    answered = mocked(asked) or await arun(course(asked))
    return AsyncStream(answered, _chunk(answered)) if answered.said.body is None else whole(answered)


def _chunk(answered: Answered) -> Any:
    chunk = answered.asked.endpoint.chunk
    assert chunk is not None
    return chunk
