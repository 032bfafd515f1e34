"""Providers that speak otherwise, sign, or are asked with tokens that end; in threads, under asyncio and under trio."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loadtest.answers import Answer, RawRequest, chat
from loadtest.anthropic_answers import anthropic_error
from sluice import exceptions, tokens
from tests.sdk.modes import Mode
from tests.sdk.upstream import Upstream

HELLO = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello!"}]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_anthropic(mode: Mode, upstream: Upstream, stream: bool) -> None:
    got = mode.call(
        "completion", "anthropic/claude-x", HELLO, api_base=upstream.base, api_key="k", stream=stream
    )
    request = upstream.requests[0]
    assert (request.target, request.header(b"x-api-key")) == (b"/v1/messages", b"k")
    assert request.header(b"anthropic-version") == b"2023-06-01"
    assert msgspec.json.decode(request.body)["system"] in (
        "Be short.",
        [{"type": "text", "text": "Be short."}],
    )
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in got if chunk.choices)
        assert [chunk.choices[0].finish_reason for chunk in got if chunk.choices][-1] == "stop"
    else:
        assert got.object == "chat.completion"
        assert got.choices[0].message.content
        assert got.usage.total_tokens > 0


def test_anthropics_errors_are_openais(mode: Mode, upstream: Upstream) -> None:
    upstream.script(anthropic_error(529, "overloaded_error", "Overloaded"))
    with pytest.raises(exceptions.ServiceUnavailableError, match="Overloaded") as caught:
        mode.call(
            "completion", "anthropic/claude-x", HELLO, api_base=upstream.base, api_key="k", num_retries=0
        )
    assert caught.value.llm_provider == "anthropic"


def test_bedrock_is_signed(mode: Mode, upstream: Upstream) -> None:
    mode.call(
        "completion", "bedrock/openai.gpt-oss", HELLO, api_base=upstream.base, aws_access_key_id="AKID",
        aws_secret_access_key="secret", aws_region_name="eu-west-1",
    )  # fmt: skip
    signed = upstream.requests[0].header(b"authorization") or b""
    assert signed.startswith(b"AWS4-HMAC-SHA256 Credential=AKID/")
    assert b"eu-west-1" in signed


def token_or_chat(request: RawRequest) -> Answer:
    if b"/oauth2/" in request.target:
        return Answer(body=b'{"access_token":"tok-1","expires_in":3600}')
    return chat()


def azure(mode: Mode, upstream: Upstream, tenant: str) -> Any:
    return mode.call(
        "completion", "azure/gpt", HELLO, api_base=upstream.mock.url, api_version="2024-10-21", tenant_id=tenant,
        client_id="c", client_secret="s", num_retries=0,
    )  # fmt: skip


def test_a_token_is_asked_for_once(mode: Mode, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", upstream.mock.url)
    tokens._held.clear()
    upstream.script(token_or_chat)
    azure(mode, upstream, "t")
    azure(mode, upstream, "t")
    assert [request.target.partition(b"?")[0] for request in upstream.requests] == [
        b"/t/oauth2/v2.0/token", *[b"/openai/deployments/gpt/chat/completions"] * 2,
    ]  # fmt: skip
    assert upstream.requests[1].header(b"authorization") == b"Bearer tok-1"


def test_a_token_that_is_not_given(mode: Mode, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", upstream.mock.url)
    tokens._held.clear()
    upstream.script(lambda _: Answer(401, body=b'{"error":"invalid_client","error_description":"secret s"}'))
    with pytest.raises(exceptions.AuthenticationError, match="invalid_client") as caught:
        azure(mode, upstream, "t2")
    assert "secret s" not in str(caught.value)
