"""A call from its arguments to its answer: attempts, pauses, and what is asked instead.

Generators that neither wait nor send: they yield what is to be sent or waited for and are told what came of it, so that
threads and both event loops have one and the same course (`running.py`).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

import sluice
from proxy.providers.retrying import Policy, backoff_s, retries_for
from proxy.types import Layer, Refusal, Result, ResultKind
from sluice.asked import Asked
from sluice.exceptions import ContextWindowExceededError, SluiceError
from sluice.judging import Failed, judged
from sluice.preparing import Ready, ready
from sluice.tokens import token_headers
from sluice.transport.sending import Lost, Pause, Said, Sending
from sluice.ways import way_of

log = logging.getLogger("sluice")
RETRIES = 2
"""As openai's package."""
MOST_RETRIES = 100
LONGEST_ASKED_S = 60.0
"""A provider that asks for a longer wait is told to the caller, as openai's package does."""
_NO_POLICY = Policy()


class Answered(msgspec.Struct, frozen=True, eq=False):
    asked: Asked
    ready: Ready
    model: str
    """The upstream's name of it."""
    said: Said
    retries: int = 0
    ended: Callable[[Result | None, int | None], None] = lambda _result, _tokens: None
    """Told once, when the answer is with its caller or has failed: how it failed, and how many tokens it used."""


Course: TypeAlias = Generator[Sending | Pause, Said | Lost | None, Answered]


def course(asked: Asked) -> Course:
    """Raises SluiceError: the last one that was tried has failed."""
    queue: Iterator[Asked] = iter(())
    longer = _longer(asked)
    here, begun = asked, False
    while True:
        try:
            return (yield from _attempts(here))
        except ContextWindowExceededError as error:
            failed: SluiceError = error
            if (wider := longer.pop(here.model, None)) is not None:
                here = asked.instead(wider, {})
                continue
        except SluiceError as error:
            failed = error
        if not begun:
            queue, begun = _fallbacks(asked), True
        following = next(queue, None)
        if following is None:
            raise failed
        log.info("%s failed (%s): %s is asked", here.model, type(failed).__name__, following.model)
        here = following


def _longer(asked: Asked) -> dict[str, str]:
    found = asked.own.get("context_window_fallback_dict") or sluice.context_window_fallbacks
    return dict(found or {})


def _fallbacks(asked: Asked) -> Iterator[Asked]:
    for each in asked.own.get("fallbacks") or sluice.fallbacks or ():
        if isinstance(each, Mapping):
            own = dict(each)
            yield asked.instead(str(own.pop("model", asked.model)), own)
        else:
            yield asked.instead(each, {})


def _attempts(asked: Asked) -> Course:
    """On one deployment."""
    way = way_of(asked.model, asked.own)
    retries = retries_of(asked.own)
    token = yield from token_headers(way)
    prepared = ready(asked, way, way.model, token)
    tried = 0
    while True:
        log.debug("%s attempt %d: %s at %s", asked.call_id, tried + 1, way.model, way.deployment.api_base)
        said = yield prepared.sending
        assert said is not None
        failed = judged(prepared, way.model, asked.endpoint.path, said)
        if failed is None:
            assert isinstance(said, Said)
            return Answered(asked, prepared, way.model, said, tried)
        wait_s = None if tried >= _allowed(failed, retries) else wait_of(failed, tried)
        if wait_s is None:
            error = failed.error()
            error.num_retries, error.max_retries = tried, retries
            raise error
        log.debug("%s failed (%s): once more in %.3g s", way.model, failed.result.kind.value, wait_s)
        tried += 1
        yield Pause(wait_s)


def retries_of(own: Mapping[str, Any]) -> int:
    """Further attempts after the first."""
    said = own.get("num_retries", own.get("max_retries"))
    if said is None:
        said = RETRIES if sluice.num_retries is None else sluice.num_retries
    return min(max(int(said), 0), MOST_RETRIES)


def _allowed(failed: Failed, retries: int) -> int:
    """0 for what will be said again: of the same key, or of the same request."""
    result = failed.result
    if result.kind is ResultKind.AUTH or failed.refusal is Refusal.CONTENT_POLICY:
        return 0
    if result.blame is Layer.NOBODY and result.kind is not ResultKind.RATE_LIMITED:
        return 0
    return retries_for(result, failed.refusal, _NO_POLICY, retries)


def wait_of(failed: Failed, tried: int) -> float | None:
    """Seconds before the same deployment is asked again; None: it wants more time than a call waits."""
    asked_for = failed.result.retry_after_s
    if asked_for is None:
        return backoff_s(tried, 0.0, random.random())  # noqa: S311 - no secret
    return asked_for if asked_for <= LONGEST_ASKED_S else None
