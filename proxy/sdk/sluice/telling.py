"""Who is told of calls: functions, LiteLLM's `CustomLogger` objects, and the gateway's sinks by their names.

https://docs.litellm.ai/docs/observability/custom_callback. They are called where the call was made, when its answer is
there; what they raise is logged, and no call fails for it. What is asynchronous is awaited by the `a...` functions.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sluice
from sluice.answers.beside import Beside
from sluice.answers.chat import Answer
from sluice.arguments import Callback
from sluice.asked import Asked
from sluice.course import Answered

log = logging.getLogger("sluice")
GOOD = ("log_success_event", "async_log_success_event")
BAD = ("log_failure_event", "async_log_failure_event")
_KEYS = (
    "api_key",
    "azure_ad_token",
    "client_secret",
    "aws_secret_access_key",
    "aws_session_token",
    "vertex_credentials",
)
"""Of the arguments: nobody is told these."""


def teller_of(asked: Asked) -> Teller | None:
    """None: nobody is to be told, which costs next to nothing."""
    own = asked.own
    both = [*sluice.callbacks, *own.get("callbacks", ())]
    good = [*sluice.success_callback, *own.get("success_callback", ()), *both]
    bad = [*sluice.failure_callback, *own.get("failure_callback", ()), *both]
    return Teller(asked, good, bad) if good or bad else None


class Teller:
    """One call's."""

    def __init__(self, asked: Asked, good: Sequence[Callback], bad: Sequence[Callback]) -> None:
        self._asked = asked
        self._good = good
        self._bad = bad
        self._start = datetime.now(UTC)
        self.chunks: list[Any] = []
        """Of a stream, as they are handed out."""

    def succeeded(self, answered: Answered, answer: Any) -> list[Awaitable[object]]:
        """What is to be awaited. `answer`: what the caller has; of a stream its chunks, put together."""
        kwargs = self._kwargs(answered)
        hidden = getattr(answer, "_hidden_params", None)
        kwargs["response_cost"] = hidden.get("response_cost") if isinstance(hidden, Mapping) else None
        return self._tell(self._good, GOOD, kwargs, answer, answered, None)

    def ended(self, answered: Answered, beside: Beside) -> list[Awaitable[object]]:
        """A stream, as far as it was read."""
        from sluice.answers.building import stream_chunk_builder  # noqa: PLC0415 - for this alone

        answer = None
        if answered.asked.endpoint.function in ("completion", "text_completion"):
            answer = stream_chunk_builder(self.chunks)
        elif self.chunks:
            answer = self.chunks[-1].get("response") or self.chunks[-1]
        if isinstance(answer, Answer):
            answer._beside = beside  # noqa: SLF001 - the stream's own
        return self.succeeded(answered, answer)

    def failed(self, error: Exception, answered: Answered | None = None) -> list[Awaitable[object]]:
        kwargs = self._kwargs(answered) | {"exception": error, "response_cost": None}
        return self._tell(self._bad, BAD, kwargs, None, answered, error)

    def _kwargs(self, answered: Answered | None) -> dict[str, Any]:
        asked = self._asked
        own = {name: value for name, value in asked.own.items() if name not in _KEYS}
        deployment = None if answered is None else answered.ready.way.deployment
        return {
            **asked.fields,
            "model": asked.model if answered is None else answered.model,
            "call_type": asked.endpoint.function,
            "litellm_call_id": asked.call_id,
            "stream": asked.stream,
            "optional_params": asked.fields,
            "custom_llm_provider": None if deployment is None else deployment.provider,
            "api_base": None if deployment is None else deployment.api_base,
            "litellm_params": {**own, "metadata": {"model_group": asked.model, **own.get("metadata", {})}},
        }

    def _tell(
        self, whom: Sequence[Callback], names: tuple[str, str], kwargs: dict[str, Any], answer: Any,
        answered: Answered | None, error: Exception | None,
    ) -> list[Awaitable[object]]:  # fmt: skip
        end = datetime.now(UTC)
        waiting: list[Awaitable[object]] = []
        for each in whom:
            if isinstance(each, str):
                from sluice.sinks import record_of, sink  # noqa: PLC0415 - for who names one

                sink(each).put(record_of(self._asked, answered, answer, self._start, end, error))
                continue
            for call in _calls(each, names):
                try:
                    came = call(kwargs, answer, self._start, end)
                except Exception:  # a user's code
                    log.exception("a callback failed")
                    continue
                if inspect.isawaitable(came):
                    waiting.append(came)
        return waiting


def _calls(target: Any, names: tuple[str, str]) -> list[Any]:
    methods = [getattr(target, name) for name in names if callable(getattr(target, name, None))]
    return methods or ([target] if callable(target) else [])


def left(waiting: Sequence[Awaitable[object]]) -> None:
    """What cannot be awaited here."""
    for each in waiting:
        log.warning("a callback is asynchronous: only the `a...` functions wait for one")
        if inspect.iscoroutine(each):
            each.close()


async def awaited(waiting: Sequence[Awaitable[object]]) -> None:
    for each in waiting:
        try:
            await each
        except Exception:  # a user's code
            log.exception("a callback failed")
