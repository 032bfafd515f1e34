"""Which error an answer is: by its status, and where that says little by the provider's own words.

The words are the gateway's tables (`providers/words.py`, `providers/outcome.py`): a model fails alike through both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from proxy.errors import UNREADABLE, GatewayError
from proxy.providers.outcome import refusal_of
from proxy.providers.said import Said, said_in
from proxy.providers.words import (
    NO_ACCESS,
    NO_MODEL,
    NO_SCOPE,
    OVERLOADED,
    TOO_FAST,
    WRONG_KEY,
    Meaning,
    meaning_of,
    meaning_of_message,
)
from proxy.types import Refusal
from sluice import exceptions
from sluice.exceptions import SluiceError

if TYPE_CHECKING:
    import httpx

MAX_SAID_CHARS = 2000
"""Of what the provider wrote, in a message."""
MAX_PAGE_CHARS = 300
"""Of what is no JSON: a proxy's page."""
_BY_STATUS: Mapping[int, type[SluiceError]] = {
    400: exceptions.BadRequestError, 401: exceptions.AuthenticationError, 402: exceptions.PaymentRequiredError,
    403: exceptions.PermissionDeniedError, 404: exceptions.NotFoundError, 408: exceptions.Timeout,
    409: exceptions.ConflictError, 413: exceptions.BadRequestError, 422: exceptions.UnprocessableEntityError,
    429: exceptions.RateLimitError, 500: exceptions.InternalServerError, 502: exceptions.BadGatewayError,
    503: exceptions.ServiceUnavailableError, 504: exceptions.Timeout, 529: exceptions.ServiceUnavailableError,
}  # fmt: skip
_BY_CLASS: Mapping[int, type[SluiceError]] = {
    4: exceptions.BadRequestError,
    5: exceptions.InternalServerError,
}
_BY_REFUSAL: Mapping[Refusal, type[SluiceError]] = {
    Refusal.CONTEXT_WINDOW: exceptions.ContextWindowExceededError,
    Refusal.CONTENT_POLICY: exceptions.ContentPolicyViolationError,
}
_BY_MEANING: tuple[tuple[Meaning, type[SluiceError]], ...] = (
    (WRONG_KEY, exceptions.AuthenticationError),
    (NO_MODEL, exceptions.NotFoundError),
    (NO_ACCESS, exceptions.PermissionDeniedError),
    (NO_SCOPE, exceptions.PermissionDeniedError),
    (TOO_FAST, exceptions.RateLimitError),
    (OVERLOADED, exceptions.ServiceUnavailableError),
)
_VAGUE = frozenset({400, 422, 500})
"""Statuses with which some providers say all that goes wrong: Google a bad key, AWS that it is too much."""
_UNSUPPORTED = frozenset({"unsupported_parameter", "unknown_parameter"})
_ADVICE: Mapping[type[SluiceError], str] = {
    exceptions.AuthenticationError: "Check the key: `api_key=`, or the provider's variable (`validate_environment`).",
    exceptions.PaymentRequiredError: "The account has no money left: see the provider's billing page.",
    exceptions.PermissionDeniedError: "The key may not do this: see its project, region and scopes.",
    exceptions.NotFoundError: "Check the model's name, and that `api_base` ends where the provider's API begins"
    " (most: in `/v1`).",
    exceptions.RateLimitError: "Wait and ask again (`num_retries=` does so), or spread over keys with a `Router`.",
    exceptions.Timeout: "Ask again, or give it longer: `timeout=`, in seconds.",
    exceptions.ServiceUnavailableError: "Ask again later (`num_retries=`), or another model (`fallbacks=`).",
    exceptions.InternalServerError: "Ask again (`num_retries=`), or another model (`fallbacks=`).",
    exceptions.BadGatewayError: "Ask again (`num_retries=`), or another model (`fallbacks=`).",
    exceptions.ContextWindowExceededError: "Shorten the prompt, or name a model that reads more:"
    " `context_window_fallback_dict=`.",
    exceptions.ContentPolicyViolationError: "Change what is asked for, or ask another model (`fallbacks=`).",
    exceptions.UnsupportedParamsError: "Leave the parameter out, or have it left out: `drop_params=True`.",
}
"""What to do, of each kind that has something to be done."""


def of_answer(
    status: int, body: bytes, *, provider: str, model: str, response: httpx.Response | None = None
) -> SluiceError:
    """Of an answer whose status is none of success. `body`: without its coding, in OpenAI's or the provider's shape."""
    said = said_in(body)
    kind = _kind(status, body, said)
    given = said.message[:MAX_SAID_CHARS] or body[:MAX_PAGE_CHARS].decode("utf-8", "replace").strip()
    text = f"{_who(provider, model)} answered {status}{': ' if given else ''}{given}"
    more: dict[str, Any] = {"response": response, "body": detail(body)}
    if kind in (exceptions.BadRequestError, exceptions.InternalServerError):
        more["status_code"] = status
    broke = kind is exceptions.RateLimitError and meaning_of(said.names) is NO_ACCESS  # `insufficient_quota`
    advised = _advised(text, exceptions.PaymentRequiredError if broke else kind)
    return kind(advised, llm_provider=provider, model=model, **more)


def of_refusal(error: GatewayError, *, provider: str, model: str) -> SluiceError:
    """What this library's own provider code refuses: nothing was sent."""
    kind = _BY_STATUS.get(error.status, exceptions.BadRequestError)
    if error.code == "unsupported_parameter":
        kind = exceptions.UnsupportedParamsError
    body = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
    return kind(error.message, llm_provider=provider, model=model, body=body)


def of_connection(error: Exception, *, provider: str, model: str, api_base: str) -> SluiceError:
    """No answer came, or it broke off. `error`: what says so; it becomes no part of the message but by its text."""
    text = f"{_who(provider, model)}: no answer from {api_base}: {error or type(error).__name__}."
    advice = "Check `api_base`, the network and its proxies (HTTPS_PROXY)."
    return exceptions.APIConnectionError(f"{text} {advice}", llm_provider=provider, model=model)


def of_timeout(seconds: float | None, *, provider: str, model: str) -> SluiceError:
    """`seconds`: how long was waited; None: not known."""
    waited = f" within {seconds:g} s" if seconds is not None else " in time"
    text = f"{_who(provider, model)} did not answer{waited}."
    return exceptions.Timeout(_advised(text, exceptions.Timeout), llm_provider=provider, model=model)


def detail(body: bytes) -> object:
    """OpenAI's `error` object where there is one, else the JSON as it came; None: it is none."""
    try:
        found = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    inner = found.get("error") if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else found


def _kind(status: int, body: bytes, said: Said) -> type[SluiceError]:
    refusal = refusal_of(status, body)
    if refusal is not None:
        return _BY_REFUSAL[refusal]
    if status in _VAGUE:
        found = meaning_of(said.names) or meaning_of_message(said.message)
        meant = next((kind for meaning, kind in _BY_MEANING if meaning is found), None)
        if meant is not None:
            return meant
        if status == 400 and _UNSUPPORTED.intersection(said.names):
            return exceptions.UnsupportedParamsError
    by_class = _BY_CLASS.get(status // 100, exceptions.APIError)
    return _BY_STATUS.get(status, by_class)


def _who(provider: str, model: str) -> str:
    return f"{provider}/{model}" if provider else model or "The provider"


def _advised(text: str, kind: type[SluiceError]) -> str:
    advice = _ADVICE.get(kind)
    return text if advice is None else f"{text if text.endswith(('.', '!', '?')) else text + '.'} {advice}"
