"""What calls raise: LiteLLM's names and tree, each also a subclass of openai's own where that package is in use.

`import openai` takes a second, so nothing here does it. Whoever writes `except openai.RateLimitError` has imported it:
when an error is made, and once openai is there, its classes are added to the bases of these. So the order of the
imports makes no difference, and `except sluice.RateLimitError` catches the same errors either way.

Tree: https://docs.litellm.ai/docs/exception_mapping
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import httpx


class SluiceError(Exception):
    """What all errors of calls are; it says whose fault it is and what to do."""

    status_code: int = 500
    """The status that this kind of error has; `response.status_code` is the provider's own word."""

    def __init__(
        self,
        message: str,
        llm_provider: str | None = None,
        model: str | None = None,
        response: httpx.Response | None = None,
        *,
        status_code: int | None = None,
        body: object = None,
        request: httpx.Request | None = None,
        num_retries: int | None = None,
        max_retries: int | None = None,
        **_litellms: object,
    ) -> None:
        """`body`: the provider's error as it came, decoded: OpenAI's `error` object. `num_retries`: made so far."""
        Exception.__init__(self, message)  # not openai's, which is behind it by now
        self.message = message
        self.llm_provider = llm_provider
        self.model = model
        self.body = body
        self.num_retries = num_retries
        self.max_retries = max_retries
        if status_code is not None:
            self.status_code = status_code
        self._response = response
        self._request = request
        detail: Mapping[str, Any] = body if isinstance(body, dict) else {}
        self.code = _text(detail.get("code"))
        self.param = _text(detail.get("param"))
        self.type = _text(detail.get("type"))
        _join_openai()

    @property
    def response(self) -> httpx.Response:
        """The provider's; where it sent none, an empty one of this status."""
        if self._response is None:
            import httpx  # noqa: PLC0415 - whoever only imports the library does without

            self._response = httpx.Response(self.status_code, request=self.request)
        return self._response

    @property
    def request(self) -> httpx.Request:
        if self._request is None:
            import httpx  # noqa: PLC0415

            self._request = httpx.Request("POST", "https://api.openai.com/v1")
        return self._request

    @property
    def request_id(self) -> str | None:
        """The provider's name for the request: its support asks for it."""
        found: str | None = self.response.headers.get("x-request-id")
        return found

    def __str__(self) -> str:
        return self.message


class _ModelFirstError(SluiceError):
    """LiteLLM's other order of what is given by position."""

    def __init__(
        self,
        message: str,
        model: str | None = None,
        llm_provider: str | None = None,
        response: httpx.Response | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message, llm_provider, model, response, **more)


class BadRequestError(_ModelFirstError):
    """The request is wrong: sent again as it is, it fails again."""

    status_code = 400


class InvalidRequestError(BadRequestError):
    """BadRequestError's old name."""


class ContextWindowExceededError(BadRequestError):
    """The prompt is longer than the model reads."""


class ContentPolicyViolationError(BadRequestError):
    """The provider refuses what was asked for, by its policy."""


class RejectedRequestError(BadRequestError):
    """A callback refused the request."""


class UnsupportedParamsError(BadRequestError):
    """The provider does not take a parameter: `drop_params=True` leaves it out."""


class ImageFetchError(BadRequestError):
    """A picture could not be had from its address."""


class AuthenticationError(SluiceError):
    """The key is missing or wrong."""

    status_code = 401


class PaymentRequiredError(SluiceError):
    """The account has no money left."""

    status_code = 402


class PermissionDeniedError(SluiceError):
    """The key is good, and may not do this."""

    status_code = 403


class NotFoundError(_ModelFirstError):
    """There is no such model, or nothing at this address."""

    status_code = 404


class Timeout(_ModelFirstError):  # noqa: N818 - LiteLLM's name
    """No answer within `timeout`."""

    status_code = 408


class ConflictError(SluiceError):
    """Something else holds what the request is about: ask again."""

    status_code = 409


class UnprocessableEntityError(_ModelFirstError):
    """The request is wrong: sent again as it is, it fails again."""

    status_code = 422


class RateLimitError(SluiceError):
    """Too much for now: `response.headers` may hold `retry-after`, in seconds."""

    status_code = 429


class InternalServerError(SluiceError):
    """The provider failed; another time it may not."""

    status_code = 500


class BadGatewayError(SluiceError):
    """What stands before the provider got no answer of it."""

    status_code = 502


class ServiceUnavailableError(SluiceError):
    """The provider is overloaded or down."""

    status_code = 503


class MidStreamFallbackError(ServiceUnavailableError):
    """A stream broke off after its first chunks."""


class APIConnectionError(SluiceError):
    """No connection, or one that broke."""

    status_code = 500


class APIError(SluiceError):
    """A status that has no class of its own."""

    def __init__(
        self,
        status_code: int | str = 500,
        message: str = "",
        llm_provider: str | None = None,
        model: str | None = None,
        request: httpx.Request | None = None,
        **more: Any,
    ) -> None:
        """LiteLLM's order; a message alone will do."""
        if isinstance(status_code, str):
            message, status_code = status_code, 500
        super().__init__(message, llm_provider, model, status_code=status_code, request=request, **more)


class APIResponseValidationError(SluiceError):
    """A good status, and an answer that cannot be read."""

    status_code = 500


class JSONSchemaValidationError(APIResponseValidationError):
    """The answer is not of the schema that was asked for."""


class OpenAIError(SluiceError):
    """LiteLLM's name; nothing raises it."""


class BudgetExceededError(Exception):
    """More was spent than `max_budget`. Amounts are US dollars."""

    status_code = 422

    def __init__(self, current_cost: float, max_budget: float, message: str | None = None) -> None:
        super().__init__(current_cost, max_budget, message)
        self.current_cost = current_cost
        self.max_budget = max_budget
        said = f"Budget has been exceeded! Current cost: {current_cost}, Max budget: {max_budget}"
        self.message = message or said

    def __str__(self) -> str:
        return self.message


class _Joining:
    """Whether openai's classes are bases by now."""

    done: ClassVar[bool] = False


_OPENAIS: Mapping[type[SluiceError], str] = {
    BadRequestError: "BadRequestError", AuthenticationError: "AuthenticationError",
    PaymentRequiredError: "APIStatusError", PermissionDeniedError: "PermissionDeniedError",
    NotFoundError: "NotFoundError", Timeout: "APITimeoutError", ConflictError: "ConflictError",
    UnprocessableEntityError: "UnprocessableEntityError", RateLimitError: "RateLimitError",
    InternalServerError: "InternalServerError", BadGatewayError: "InternalServerError",
    ServiceUnavailableError: "InternalServerError", APIConnectionError: "APIConnectionError", APIError: "APIError",
    APIResponseValidationError: "APIResponseValidationError", OpenAIError: "OpenAIError",
}  # fmt: skip
"""What openai's own client raises in its place."""


def _join_openai() -> None:
    """Once, and only when somebody has imported openai; while it is being imported it has not all of its names."""
    openai = sys.modules.get("openai")
    if _Joining.done or openai is None:
        return
    theirs: dict[type[SluiceError], type] = {}
    for ours, name in _OPENAIS.items():
        their = getattr(openai, name, None)
        if their is None:
            return
        theirs[ours] = their
    _Joining.done = True
    for ours, their in theirs.items():
        try:
            ours.__bases__ = (*ours.__bases__, their)
        except TypeError:  # a caller's own class is of both, in the other order: it is of openai's already
            continue


def _text(value: object) -> str | None:
    return None if value is None else str(value)
