"""Several conversations at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Unpack

import anyio

from sluice import arguments
from sluice.answers.chat import ModelResponse
from sluice.arguments import Message
from sluice.functions import completion
from sluice.tasks import acompletion

AT_ONCE = 100
"""As LiteLLM; the rest wait."""


def batch_completion(
    model: str,
    messages: Sequence[Sequence[Message]],
    *,
    max_workers: int = AT_ONCE,
    **more: Unpack[arguments.Chat],
) -> list[ModelResponse | Exception]:
    """The answers in their order; where one failed, its exception."""

    def one(conversation: Sequence[Message]) -> ModelResponse | Exception:
        try:
            return completion(model, conversation, **more)
        except Exception as error:  # noqa: BLE001 - it is what is asked for
            return error

    with ThreadPoolExecutor(min(max_workers, max(len(messages), 1))) as pool:
        return list(pool.map(one, messages))


async def abatch_completion(
    model: str,
    messages: Sequence[Sequence[Message]],
    *,
    max_workers: int = AT_ONCE,
    **more: Unpack[arguments.Chat],
) -> list[ModelResponse | Exception]:
    """As `batch_completion`. Cancelled, all of it is."""
    found: dict[int, ModelResponse | Exception] = {}
    room = anyio.CapacityLimiter(max_workers)

    async def one(place: int, conversation: Sequence[Message]) -> None:
        async with room:
            try:
                found[place] = await acompletion(model, conversation, **more)
            except Exception as error:  # noqa: BLE001 - it is what is asked for
                found[place] = error

    async with anyio.create_task_group() as group:
        for place, conversation in enumerate(messages):
            group.start_soon(one, place, conversation)
    return [found[place] for place in range(len(messages))]
