"""Which error an answer is."""

from __future__ import annotations

import json

import httpx
import pytest

from proxy.errors import CannotSay
from sluice import exceptions, raising
from sluice.exceptions import SluiceError


def openai_body(message: str, code: str | None = None, kind: str = "invalid_request_error") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def gemini(status: str, message: str, reason: str | None = None) -> bytes:
    details = [{"reason": reason}] if reason else []
    return json.dumps([{"error": {"status": status, "message": message, "details": details}}]).encode()


SAID = [
    (400, openai_body("bad"), exceptions.BadRequestError),
    (401, openai_body("Incorrect API key", "invalid_api_key"), exceptions.AuthenticationError),
    (402, b"{}", exceptions.PaymentRequiredError),
    (403, openai_body("no"), exceptions.PermissionDeniedError),
    (404, openai_body("The model `x` does not exist", "model_not_found"), exceptions.NotFoundError),
    (408, b"", exceptions.Timeout),
    (409, b"", exceptions.ConflictError),
    (418, b"", exceptions.BadRequestError),
    (422, b"", exceptions.UnprocessableEntityError),
    (429, openai_body("slow down", "rate_limit_exceeded"), exceptions.RateLimitError),
    (500, openai_body("oops", kind="server_error"), exceptions.InternalServerError),
    (502, b"<html>Bad Gateway</html>", exceptions.BadGatewayError),
    (503, b"", exceptions.ServiceUnavailableError),
    (529, b"", exceptions.ServiceUnavailableError),
    (599, b"", exceptions.InternalServerError),
    (302, b"", exceptions.APIError),
    (400, openai_body("too long", "context_length_exceeded"), exceptions.ContextWindowExceededError),
    (
        400,
        openai_body("This model's maximum context length is 8192 tokens"),
        exceptions.ContextWindowExceededError,
    ),
    (413, openai_body("prompt is too long: 300000 tokens"), exceptions.ContextWindowExceededError),
    (400, openai_body("no", "content_policy_violation"), exceptions.ContentPolicyViolationError),
    (400, openai_body("no", "content_filter"), exceptions.ContentPolicyViolationError),
    (400, openai_body("Unsupported parameter", "unsupported_parameter"), exceptions.UnsupportedParamsError),
    (
        400,
        gemini("INVALID_ARGUMENT", "API key not valid.", "API_KEY_INVALID"),
        exceptions.AuthenticationError,
    ),
    (429, gemini("RESOURCE_EXHAUSTED", "Quota exceeded"), exceptions.RateLimitError),
    (
        400,
        json.dumps({"__type": "x", "code": "ThrottlingException", "message": "m"}).encode(),
        exceptions.RateLimitError,
    ),
]


@pytest.mark.parametrize(("status", "body", "kind"), SAID)
def test_the_status_and_the_words_say_which(status: int, body: bytes, kind: type[SluiceError]) -> None:
    error = raising.of_answer(status, body, provider="openai", model="gpt-4o")
    assert type(error) is kind
    assert (error.llm_provider, error.model) == ("openai", "gpt-4o")
    assert str(error).startswith(f"openai/gpt-4o answered {status}")


def test_the_message_has_the_providers_words_and_what_to_do() -> None:
    body = openai_body("Incorrect API key provided: sk-***", "invalid_api_key")
    error = raising.of_answer(401, body, provider="openai", model="gpt-4o", response=httpx.Response(401))
    assert "Incorrect API key provided: sk-***. Check the key: `api_key=`" in str(error)
    assert error.code == "invalid_api_key"
    assert error.response.status_code == 401


def test_an_account_without_money_is_not_told_to_wait() -> None:
    body = openai_body("You exceeded your current quota", "insufficient_quota")
    error = raising.of_answer(429, body, provider="openai", model="gpt-4o")
    assert isinstance(error, exceptions.RateLimitError)
    assert "billing" in str(error)
    assert "Wait" not in str(error)


def test_a_page_in_the_providers_place_is_cut() -> None:
    error = raising.of_answer(404, b"<html>" + b"x" * 100_000, provider="openai", model="gpt-4o")
    assert len(str(error)) < 600
    assert "`api_base`" in str(error)


def test_what_was_never_sent() -> None:
    refused = raising.of_refusal(
        CannotSay("no `n`", param="n", code="unsupported_parameter"), provider="x", model="m"
    )
    assert isinstance(refused, exceptions.UnsupportedParamsError)
    assert refused.param == "n"
    lost = raising.of_connection(OSError("refused"), provider="openai", model="m", api_base="http://h")
    assert isinstance(lost, exceptions.APIConnectionError)
    assert "no answer from http://h: refused" in str(lost)
    late = raising.of_timeout(1.5, provider="openai", model="m")
    assert isinstance(late, exceptions.Timeout)
    assert "within 1.5 s" in str(late)
