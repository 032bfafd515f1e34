"""For every provider: what the library sends is byte for byte what the gateway sends for the same request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from loadtest.answers import RawRequest
from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy.providers.compatible.rows import ROWS
from sluice import exceptions
from sluice.calling import call
from sluice.endpoints import CHAT, EMBEDDING, RESPONSES, TEXT, Endpoint
from sluice.transport import kept
from tests.sdk.upstream import Upstream, upstream_in_a_thread

KEY = "sk-test-master"
CLOUDS: dict[str, dict[str, Any]] = {
    "azure": {"api_key": "k", "api_version": "2024-10-21"},
    "azure_ai": {"api_key": "k"},
    "bedrock": {"api_key": "k"},
    "bedrock_mantle": {"api_key": "k"},
}
OWN = ("openai", "text-completion-openai", "anthropic")
PROVIDERS: dict[str, dict[str, Any]] = {
    **{name: {"api_key": "k"} for name in OWN},
    **{row.name: {"api_key": "k"} for row in ROWS},
    **CLOUDS,
}
CLAUDE = {
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "bedrock_mantle": "anthropic.claude-sonnet-4-5",
    "azure_ai": "claude-sonnet-4-5",
}
"""Clouds where it speaks its own language, in their envelopes."""
SENT_ANEW = {
    b"host", b"content-length", b"connection", b"accept-encoding", b"accept", b"user-agent", b"transfer-encoding",
}  # fmt: skip
"""What any client says of itself, and of its own connection."""
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
MESSAGES = [
    {"role": "system", "content": "Be short: ünï ☃."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"},
                                 {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
]  # fmt: skip
REQUESTS: dict[str, tuple[Endpoint, dict[str, Any]]] = {
    "chat": (CHAT, {"messages": MESSAGES, "temperature": 0.5, "max_completion_tokens": 64, "tools": [TOOL]}),
    "plain chat": (CHAT, {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5, "top_p": 0.5, "seed": 7}),
    "text": (TEXT, {"prompt": "Once upon", "max_tokens": 7}),
    "responses": (RESPONSES, {"input": "Hi", "instructions": "Be short.", "max_output_tokens": 20}),
    "embedding": (EMBEDDING, {"input": ["a", "b"]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def there() -> Iterator[Upstream]:
    with upstream_in_a_thread() as found:
        yield found
        kept.close()


@pytest.fixture(scope="module")
def gateway(there: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    models = [
        {
            "model_name": f"{name}/m",
            "litellm_params": {"model": f"{name}/m-1", "api_base": there.base, "num_retries": 0, **more},
        }
        for name, more in PROVIDERS.items()
    ]
    models += [
        {
            "model_name": f"claude/{name}",
            "litellm_params": {
                "model": f"{name}/{model}",
                "api_base": there.base,
                "num_retries": 0,
                **CLOUDS[name],
            },
        }
        for name, model in CLAUDE.items()
    ]
    config = {"model_list": models, "router_settings": {"num_retries": 0, "disable_cooldowns": True}}
    folder = tmp_path_factory.mktemp("as_the_gateway")
    with running_gateway(folder, config=msgspec.json.encode(config).decode(), key=KEY) as running:
        yield running


def by_gateway(
    gateway: GatewayProcess, there: Upstream, model: str, endpoint: Endpoint, fields: Any
) -> RawRequest | int:
    """What the upstream was sent, or the status of a refusal."""
    before = len(there.requests)
    answer = httpx.post(
        f"{gateway.url}/v1{endpoint.path.decode()}",
        content=msgspec.json.encode({"model": model, **fields}),
        headers={"authorization": f"Bearer {KEY}", "content-type": "application/json"},
        timeout=60,
    )
    return there.requests[before] if len(there.requests) > before else answer.status_code


def by_library(there: Upstream, model: str, endpoint: Endpoint, arguments: Any) -> RawRequest | int:
    before = len(there.requests)
    try:
        call(endpoint, model, {"api_base": there.base, "num_retries": 0, **arguments})
    except exceptions.SluiceError as error:
        return there.requests[before] if len(there.requests) > before else error.status_code
    return there.requests[before]


def own(request: RawRequest) -> list[tuple[bytes, bytes]]:
    """The headers that say who asks, and in which language."""
    return sorted((name.lower(), value) for name, value in request.headers if name.lower() not in SENT_ANEW)


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_bytes(gateway: GatewayProcess, there: Upstream, provider: str, kind: str) -> None:
    endpoint, fields = REQUESTS[kind]
    gateways = by_gateway(gateway, there, f"{provider}/m", endpoint, fields)
    ours = by_library(there, f"{provider}/m-1", endpoint, {**fields, **PROVIDERS[provider]})
    if isinstance(gateways, int) or isinstance(ours, int):
        assert gateways == ours
        return
    assert ours.request_line == gateways.request_line
    assert own(ours) == own(gateways)
    assert ours.body == gateways.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["chat", "responses"])
@pytest.mark.parametrize("provider", CLAUDE)
def test_the_same_bytes_to_claude_at_clouds(
    gateway: GatewayProcess, there: Upstream, provider: str, kind: str, stream: bool
) -> None:
    endpoint, plain = REQUESTS[kind]
    fields = {**plain, "stream": True} if stream else plain
    gateways = by_gateway(gateway, there, f"claude/{provider}", endpoint, fields)
    ours = by_library(there, f"{provider}/{CLAUDE[provider]}", endpoint, {**fields, **CLOUDS[provider]})
    assert isinstance(gateways, RawRequest)
    assert isinstance(ours, RawRequest)
    assert (ours.request_line, own(ours), ours.body) == (gateways.request_line, own(gateways), gateways.body)


@pytest.mark.parametrize("provider", ["anthropic", "text-completion-openai"])
def test_the_same_bytes_of_a_translated_stream(
    gateway: GatewayProcess, there: Upstream, provider: str
) -> None:
    fields = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 9}
    gateways = by_gateway(gateway, there, f"{provider}/m", CHAT, fields)
    ours = by_library(there, f"{provider}/m-1", CHAT, {**fields, **PROVIDERS[provider]})
    assert isinstance(gateways, RawRequest)
    assert isinstance(ours, RawRequest)
    assert (ours.request_line, own(ours), ours.body) == (gateways.request_line, own(gateways), gateways.body)


def test_most_is_sent_and_little_is_refused(gateway: GatewayProcess, there: Upstream) -> None:
    """Else there was nothing to compare."""
    endpoint, fields = CHAT, {"messages": [{"role": "user", "content": "Hi"}]}
    sent = {
        name
        for name, more in PROVIDERS.items()
        if isinstance(by_library(there, f"{name}/m-1", endpoint, {**fields, **more}), RawRequest)
    }
    assert len(sent) > 0.9 * len(PROVIDERS)
    assert {"anthropic", "gemini", "cohere", "mistral", "groq", "azure", "bedrock"} <= sent
