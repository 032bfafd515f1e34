"""What upstreams say, and whom it blames: a row for each, and for what other providers say in its place."""

from __future__ import annotations

import gc
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.outcome import result_of, retryable
from proxy.providers.verdict import Asked, needs_words, verdict
from proxy.providers.words import GENERIC, WORDS, clean, known
from proxy.types import Layer, Result, ResultKind

AUTH, LIMITED, NEUTRAL = ResultKind.AUTH, ResultKind.RATE_LIMITED, ResultKind.NEUTRAL
KEY, MODEL, FAMILY, NOBODY = Layer.KEY, Layer.MODEL, Layer.FAMILY, Layer.NOBODY
CHAT = Asked("openai", "chat", "gpt-a")
FOREIGN = Asked("openai", "chat", "gpt-a", foreign=True)
ADMIN = Asked("openai", "organization.read")
JOBS = Asked("openai", "fine_tuning")
FILES = Asked("openai", "files")
OBJECT = Asked("openai", "threads.read")
SCOPES = "You have insufficient permissions for this operation. Missing scopes: "
ROLE = ". Check that you have the correct role in your organization (Reader, Writer, Owner)"


def error(message: str = "No.", code: object = None, type_: object = "invalid_request_error") -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": type_, "param": None, "code": code}})


def judged(status: int, body: bytes, asked: Asked = CHAT, **headers: str) -> Result:
    found = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    head = result_of(status, found.get, 0.0)
    return verdict(head, body, asked) if needs_words(status, asked) else head


OPENAI = {
    "wrong key": (401, error("Incorrect API key provided: sk-1***", "invalid_api_key"), CHAT, AUTH, KEY),
    "wrong key, whatever the client named": (401, error("...", "invalid_api_key"), FOREIGN, AUTH, KEY),
    "wrong key, by its message": (401, error("Incorrect API key provided: sk-1***."), CHAT, AUTH, KEY),
    "deactivated": (401, error(code="account_deactivated"), CHAT, AUTH, KEY),
    "organization": (401, error("No such organization: org-1.", "invalid_organization"), CHAT, AUTH, KEY),
    "organization mismatched": (
        401,
        error("OpenAI-Organization header should match organization for API key", "mismatched_organization"),
        CHAT,
        AUTH,
        KEY,
    ),
    "project mismatched": (
        401,
        error("OpenAI-Project header should match project for API key"),
        CHAT,
        AUTH,
        KEY,
    ),
    "jobs at their limit": (
        429,
        error(code="rate_limit_exceeded"),
        msgspec.structs.replace(JOBS, model="gpt-a"),
        LIMITED,
        FAMILY,
    ),
    "files at their limit": (429, error(code="rate_limit_exceeded"), FILES, LIMITED, FAMILY),
    "a chat that names nothing at its limit": (
        429,
        error(code="rate_limit_exceeded"),
        Asked("openai", "chat"),
        LIMITED,
        MODEL,
    ),
    "the client's organization": (401, error("...", "mismatched_organization"), FOREIGN, AUTH, NOBODY),
    "the client's organization, unknown": (401, error("...", "invalid_organization"), FOREIGN, AUTH, NOBODY),
    "the client's project": (401, error("...", "mismatched_project"), FOREIGN, AUTH, NOBODY),
    "no member": (401, error("You must be a member of an organization to use the API"), CHAT, AUTH, KEY),
    "address": (401, error("Your IP is not authorized", "ip_not_authorized"), CHAT, AUTH, KEY),
    "region": (
        403,
        error(
            "Country, region, or territory not supported",
            "unsupported_country_region_territory",
            "request_forbidden",
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "money": (402, b"", CHAT, AUTH, KEY),
    "quota": (
        429,
        error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
        CHAT,
        AUTH,
        KEY,
    ),
    "quota, in its type alone": (429, error("...", None, "insufficient_quota"), CHAT, AUTH, KEY),
    "quota of the client's organization": (429, error("...", "insufficient_quota"), FOREIGN, AUTH, NOBODY),
    "billing": (429, error("Your account is not active", "billing_not_active"), CHAT, AUTH, KEY),
    "hard limit": (
        400,
        error("Billing hard limit has been reached", "billing_hard_limit_reached"),
        CHAT,
        AUTH,
        KEY,
    ),
    "scopes of chat": (401, error(SCOPES + "model.request" + ROLE), CHAT, AUTH, FAMILY),
    "scopes, 403": (403, error(SCOPES + "api.management.read" + ROLE), ADMIN, AUTH, FAMILY),
    "scopes of jobs": (401, error(SCOPES + "api.fine_tuning.jobs.write"), JOBS, AUTH, FAMILY),
    "scopes of files": (401, error(SCOPES + "api.files.write"), FILES, AUTH, FAMILY),
    "scopes of something inside": (401, error(SCOPES + "api.vector_stores.read"), CHAT, AUTH, NOBODY),
    "scopes in the client's project": (401, error(SCOPES + "model.request"), FOREIGN, AUTH, NOBODY),
    "administration by an ordinary key": (
        401,
        error("Incorrect API key provided", "invalid_api_key"),
        ADMIN,
        AUTH,
        FAMILY,
    ),
    "administration, no word": (403, error("..."), ADMIN, AUTH, FAMILY),
    "no model": (
        404,
        error("The model `gpt-a` does not exist or you do not have access to it.", "model_not_found"),
        CHAT,
        AUTH,
        MODEL,
    ),
    "no access to the model": (
        403,
        error("Project `proj_1` does not have access to model `gpt-a`", "model_not_found"),
        CHAT,
        AUTH,
        MODEL,
    ),
    "no access to the model, by its message": (
        403,
        error("Project `p` does not have access to model `gpt-a`"),
        CHAT,
        AUTH,
        MODEL,
    ),
    "no model in the client's project": (
        404,
        error("The model `gpt-a` does not exist", "model_not_found"),
        FOREIGN,
        AUTH,
        NOBODY,
    ),
    "no model to be tuned": (
        400,
        error("Model gpt-a is not available for fine-tuning or does not exist.", "model_not_available"),
        Asked("openai", "fine_tuning", "gpt-a"),
        AUTH,
        NOBODY,
    ),
    "another model, named inside": (
        404,
        error("The model `gpt-b` does not exist", "model_not_found"),
        CHAT,
        NEUTRAL,
        NOBODY,
    ),
    "another model, named inside, 403": (
        403,
        error("Project `p` does not have access to model `gpt-b`"),
        CHAT,
        AUTH,
        NOBODY,
    ),
    "no object": (404, error("No thread found with id 'thread_1'."), OBJECT, NEUTRAL, None),
    "no object, a model named": (
        404,
        error("Previous response with id 'resp_1' not found."),
        CHAT,
        NEUTRAL,
        NOBODY,
    ),
    "no path": (404, b"404 page not found", CHAT, NEUTRAL, NOBODY),
    "too fast": (
        429,
        error(
            "Rate limit reached for gpt-a ... Limit 3, Used 3, Requested 1.",
            "rate_limit_exceeded",
            "requests",
        ),
        CHAT,
        LIMITED,
        MODEL,
    ),
    "too fast, tokens": (
        429,
        error(
            "Rate limit reached for gpt-a in organization org-1 on tokens per min (TPM): Limit "
            "30000, Used 29000, Requested 2000.",
            "rate_limit_exceeded",
            "tokens",
        ),
        CHAT,
        LIMITED,
        MODEL,
    ),
    "too fast in the client's organization": (
        429,
        error("...", "rate_limit_exceeded"),
        FOREIGN,
        LIMITED,
        NOBODY,
    ),
    "too fast, no word": (429, b"", CHAT, LIMITED, MODEL),
    "too large": (
        429,
        error(
            "Request too large for gpt-a in organization org-1 on tokens per min (TPM): Limit 30000, "
            "Requested 45000. The input or output tokens must be reduced in order to run successfully.",
            "rate_limit_exceeded",
            "tokens",
        ),
        CHAT,
        LIMITED,
        NOBODY,
    ),
    "too large, by its numbers": (
        429,
        error("... Limit 30,000, Used 0, Requested 45,000.", "rate_limit_exceeded"),
        CHAT,
        LIMITED,
        NOBODY,
    ),
    "bad request": (400, error("Invalid type for 'messages'.", "invalid_type"), CHAT, NEUTRAL, NOBODY),
    "unprocessable": (422, error("..."), CHAT, NEUTRAL, NOBODY),
    "content": (400, error("...", "content_filter"), CHAT, NEUTRAL, NOBODY),
    "overloaded": (503, b"", CHAT, ResultKind.SERVER_ERROR, MODEL),
    "overloaded, 529": (529, b"", CHAT, ResultKind.SERVER_ERROR, MODEL),
    "broken": (500, error("...", "invalid_api_key"), CHAT, ResultKind.SERVER_ERROR, None),
}

OTHERS = {
    "azure key": (
        401,
        error("Access denied due to invalid subscription key or wrong API endpoint.", "401", None),
        CHAT,
        AUTH,
        KEY,
    ),
    "azure deployment": (
        404,
        error("The API deployment for this resource does not exist.", "DeploymentNotFound", None),
        CHAT,
        AUTH,
        MODEL,
    ),
    "azure role": (
        403,
        error("The principal `x` lacks the required data action", "PermissionDenied", None),
        FILES,
        AUTH,
        FAMILY,
    ),
    "azure rate": (
        429,
        error(
            "Requests to the ... have exceeded token rate limit. Please retry after 7 seconds.", "429", None
        ),
        CHAT,
        LIMITED,
        MODEL,
    ),
    "groq key": (401, error("Invalid API Key", "invalid_api_key"), CHAT, AUTH, KEY),
    "groq model": (
        404,
        error("The model `gpt-a` does not exist or you do not have access to it.", "model_not_found"),
        CHAT,
        AUTH,
        MODEL,
    ),
    "groq blocked": (403, error("...", "model_permission_blocked_org"), CHAT, AUTH, MODEL),
    "groq restricted": (
        400,
        error("Organization has been restricted.", "organization_restricted"),
        CHAT,
        AUTH,
        KEY,
    ),
    "groq too large": (
        413,
        error("Request too large for model `gpt-a`", "rate_limit_exceeded"),
        CHAT,
        NEUTRAL,
        None,
    ),
    "mistral key": (401, b'{"detail":"Unauthorized"}', CHAT, AUTH, KEY),
    "mistral model": (
        400,
        b'{"object":"error","message":"Invalid model: gpt-a","type":"invalid_model","code":"1500"}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "deepseek key": (
        401,
        error("Authentication Fails (no such user)", "invalid_request_error", "authentication_error"),
        CHAT,
        AUTH,
        KEY,
    ),
    "deepseek money": (
        402,
        error("Insufficient Balance", "invalid_request_error", "unknown_error"),
        CHAT,
        AUTH,
        KEY,
    ),
    "deepseek model": (400, error("Model Not Exist", "invalid_request_error"), CHAT, AUTH, MODEL),
    "together key": (401, error("Invalid API key provided.", "invalid_api_key"), CHAT, AUTH, KEY),
    "together model": (404, error("Unable to access model gpt-a.", "model_not_available"), CHAT, AUTH, MODEL),
    "together money": (402, error("Credit limit exceeded", "credit_limit"), CHAT, AUTH, KEY),
    "fireworks model": (
        404,
        (
            b'{"error":{"object":"error","type":"invalid_request_error","code":"NOT_FOUND","message":'
            b'"Model not found, inaccessible, and/or not deployed"}}'
        ),
        CHAT,
        AUTH,
        MODEL,
    ),
    "openrouter key": (401, b'{"error":{"message":"User not found.","code":401}}', CHAT, AUTH, KEY),
    "openrouter money": (
        402,
        b'{"error":{"message":"Insufficient credits. Add more using ...","code":402}}',
        CHAT,
        AUTH,
        KEY,
    ),
    "openrouter, too dear": (
        402,
        error(
            "This request requires more credits, or fewer max_tokens. You requested up to "
            "65536 tokens, but can only afford 222.",
            402,
            None,
        ),
        CHAT,
        AUTH,
        NOBODY,
    ),
    "openrouter, nothing left": (
        402,
        error(
            "This request requires more credits, or fewer max_tokens. You requested up to "
            "65536 tokens, but can only afford 0.",
            402,
            None,
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "openrouter moderation": (
        403,
        (
            b'{"error":{"code":403,"message":"x-ai/grok requires moderation on p. Your input was '
            b'flagged for \\"violence\\"","metadata":{"reasons":["violence"]}}}'
        ),
        CHAT,
        NEUTRAL,
        NOBODY,
    ),
    "openrouter model": (
        404,
        b'{"error":{"message":"No endpoints found for gpt-a.","code":404}}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "openrouter id": (
        400,
        b'{"error":{"message":"gpt-a is not a valid model ID","code":400}}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "xai key": (
        400,
        b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xa***."}',
        CHAT,
        AUTH,
        KEY,
    ),
    "xai money": (
        429,
        (
            b'{"code":"Some resource has been exhausted","error":"Your team 1 has either used all available '
            b'credits or reached its monthly spending limit."}'
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "xai model": (
        404,
        (
            b'{"code":"Some requested entity was not found","error":"The model gpt-a does not exist or your team '
            b'1 does not have access to it."}'
        ),
        CHAT,
        AUTH,
        MODEL,
    ),
    "bedrock key": (
        403,
        b'{"message":"The security token included in the request is invalid."}',
        CHAT,
        AUTH,
        KEY,
    ),
    "bedrock signature": (
        403,
        b'{"__type":"InvalidSignatureException","message":"The request signature we calculated does not match ..."}',
        CHAT,
        AUTH,
        KEY,
    ),
    "bedrock model": (
        403,
        b'{"message":"You don\'t have access to the model with the specified model ID."}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "bedrock rate": (
        429,
        b'{"error":{"code":"ThrottlingException","message":"Too many requests, please wait before trying again."}}',
        CHAT,
        LIMITED,
        MODEL,
    ),
    "cerebras key": (
        401,
        b'{"message":"Wrong API Key","type":"invalid_request_error","param":"api_key","code":"wrong_api_key"}',
        CHAT,
        AUTH,
        KEY,
    ),
    "cohere key": (401, b'{"message":"invalid api token"}', CHAT, AUTH, KEY),
    "novita money": (
        403,
        b'{"code":403,"reason":"NOT_ENOUGH_BALANCE","message":"not enough balance","metadata":{}}',
        CHAT,
        AUTH,
        KEY,
    ),
    "volcengine model": (
        404,
        b'{"error":{"code":"InvalidEndpointOrModel.NotFound","message":"The model or endpoint x does not exist"}}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "gemini key": (
        400,
        (
            b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":'
            b'"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]'
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "gemini model": (
        404,
        (
            b'[{"error":{"code":404,"message":"models/gpt-a is not found for API version v1main",'
            b'"status":"NOT_FOUND"}}]'
        ),
        CHAT,
        AUTH,
        MODEL,
    ),
    "gemini rate": (
        429,
        (
            b'[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan",'
            b'"status":"RESOURCE_EXHAUSTED"}}]'
        ),
        CHAT,
        LIMITED,
        MODEL,
    ),
    "anthropic key": (
        401,
        b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
        CHAT,
        AUTH,
        KEY,
    ),
    "anthropic money": (
        400,
        (
            b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is '
            b'too low to access the Anthropic API."}}'
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "anthropic billing": (
        402,
        b'{"type":"error","error":{"type":"billing_error","message":"..."}}',
        CHAT,
        AUTH,
        KEY,
    ),
    "anthropic spend": (
        429,
        (
            b'{"type":"error","error":{"type":"rate_limit_error","message":"...","details":{"error_code":'
            b'"enforced_spend_limit_reached"}}}'
        ),
        CHAT,
        AUTH,
        KEY,
    ),
    "anthropic model": (
        404,
        b'{"type":"error","error":{"type":"not_found_error","message":"model: gpt-a"}}',
        CHAT,
        AUTH,
        MODEL,
    ),
    "vllm model": (
        404,
        (
            b'{"object":"error","message":"The model `gpt-a` does not exist.","type":"NotFoundError",'
            b'"param":null,"code":404}'
        ),
        CHAT,
        AUTH,
        MODEL,
    ),
    "vllm key": (401, b'{"error":"Unauthorized"}', CHAT, AUTH, KEY),
    "ollama model": (
        404,
        error('model "gpt-a" not found, try pulling it first', None, "api_error"),
        CHAT,
        AUTH,
        MODEL,
    ),
    "lm studio model": (404, error("Model gpt-a not found", "model_not_found"), CHAT, AUTH, MODEL),
    "moonshot money": (
        429,
        error("Your account is suspended", None, "exceeded_current_quota_error"),
        CHAT,
        AUTH,
        KEY,
    ),
    "one-api money": (403, error("...", "insufficient_user_quota", "new_api_error"), CHAT, AUTH, KEY),
    "dashscope money": (
        400,
        error("Access denied, please make sure your account is in good standing.", "Arrearage"),
        CHAT,
        AUTH,
        KEY,
    ),
}
ROWS = OPENAI | OTHERS


@pytest.mark.parametrize(("status", "body", "asked", "kind", "blame"), ROWS.values(), ids=ROWS.keys())
def test_table(status: int, body: bytes, asked: Asked, kind: ResultKind, blame: Layer | None) -> None:
    result = judged(status, body, asked)
    assert (result.kind, result.blame, result.status) == (kind, blame, status)


@pytest.mark.parametrize(
    "coded", [b"", b"<html>403 Forbidden</html>", error("Something else."), b"\xff", b"{" * 9000]
)
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("asked", [CHAT, FOREIGN, FILES])
def test_without_a_word_that_decides_a_key_is_only_suspected(status: int, coded: bytes, asked: Asked) -> None:
    result = judged(status, coded, asked)
    assert (result.kind, result.blame, result.certain) == (AUTH, KEY, False)


UNCERTAIN = {"xai key", "anthropic money", "wrong key, whatever the client named"}
CERTAIN = {name for name, row in ROWS.items() if row[4] is KEY} - UNCERTAIN


@pytest.mark.parametrize("name", sorted(CERTAIN))
def test_words_decide(name: str) -> None:
    assert judged(*ROWS[name][:3]).certain


@pytest.mark.parametrize("name", sorted(UNCERTAIN))
def test_the_clients_own_words_or_credentials_may_be_what_is_meant(name: str) -> None:
    assert not judged(*ROWS[name][:3]).certain


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value: 'Incorrect API key provided'. Supported values are: 'a'.",
        "Unknown parameter: 'Your credit balance is too low'.",
        "No tool output found for function call Incorrect API key provided.",
    ],
)
def test_what_a_client_wrote_blames_no_key(message: str) -> None:
    for status in (400, 404, 422):
        assert judged(status, error(message)).blame is NOBODY


def test_whom_a_failure_blames_does_not_decide_whether_another_key_may_do_better() -> None:
    for name in (
        "the client's organization",
        "too large",
        "no model",
        "scopes of something inside",
        "openrouter, too dear",
    ):
        assert retryable(judged(*ROWS[name][:3]))
    for name in (
        "bad request",
        "no object, a model named",
        "openrouter moderation",
        "another model, named inside",
    ):
        assert not retryable(judged(*ROWS[name][:3]))


def test_when_to_come_back() -> None:
    words = "Rate limit reached for gpt-a. Please try again in 1m2.5s. Visit ..."
    assert judged(429, error(words, "rate_limit_exceeded"), retry_after="7").retry_after_s == 7.0
    assert judged(429, error(words, "rate_limit_exceeded")).retry_after_s == 62.5
    assert judged(429, error("Please try again in 340ms.", "rate_limit_exceeded")).retry_after_s == 0.34
    assert judged(429, error("Please try again in a while.", "rate_limit_exceeded")).retry_after_s is None
    assert judged(429, error("...", "insufficient_quota"), retry_after="7").retry_after_s is None
    assert judged(*OPENAI["too large"][:3], retry_after="7").retry_after_s is None


def test_only_where_a_model_was_named_a_404_is_looked_into() -> None:
    assert not needs_words(404, OBJECT)
    assert needs_words(404, CHAT)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (error("Incorrect API key provided: sk-abc", "invalid_api_key"), "invalid_api_key"),
        (error("...", "new_word"), "new_word"),
        (error("...", None, "new.type"), "new.type"),
        (error("...", "sk-proj-Ab12Cd34Ef56"), "invalid_request_error"),
        (error("...", "sk1234567890abcdef1234", "org-4bCd8"), "unknown"),
        (error("sk-proj-Ab12Cd34Ef56 is wrong", None, None), "unknown"),
    ],
)
def test_the_word_is_a_name_and_nothing_secret(body: bytes, word: str) -> None:
    assert judged(401, body).word == word


def test_what_is_known_needs_no_line_in_the_log() -> None:
    for word in (*WORDS, *GENERIC, "401", "unknown", "missing_scopes", "no_model"):
        assert known(word), word
    assert not known("new_word")


def test_every_word_of_the_table_can_be_shown() -> None:
    assert [word for word in WORDS if clean((word,)) != word] == []


@given(
    st.integers(400, 599),
    st.text(max_size=300),
    st.text(max_size=70),
    st.sampled_from([CHAT, FOREIGN, OBJECT]),
)
def test_anything_is_judged(status: int, message: str, code: str, asked: Asked) -> None:
    result = judged(status, error(message, code), asked)
    assert len(result.word) <= 64
    assert result.kind is not ResultKind.OK
    assert result.certain or result.blame is KEY


@pytest.mark.parametrize(
    "letter", ["a", " ", ".", "1", "`", ",", "the model ", "missing scopes: a.b, ", "Limit 1, "]
)
def test_no_message_takes_long(letter: str) -> None:
    """Every repetition in the patterns is bounded."""
    body = error((letter * 4000)[:16000])
    gc.collect()
    started = time.perf_counter()
    for status in (401, 404, 429):
        judged(status, body)
    assert time.perf_counter() - started < 0.25
