"""`modify_params` over real sockets: what an upstream would refuse is changed, and only there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import GATEWAY_KEY, Upstream

MODELS = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/claude-haiku-4-5, api_base: UPSTREAM, api_key: k}
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o, api_base: UPSTREAM/v1, api_key: k}
"""
CALL = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
UNANSWERED: list[Any] = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "user", "content": "Never mind"},
]


@pytest.fixture(scope="module")
def gateways(start: Any) -> Iterator[dict[bool, GatewayProcess]]:
    with start(MODELS + "litellm_settings: {modify_params: true}") as on, start(MODELS) as off:
        yield {True: on, False: off}


def ask(gateways: dict[bool, GatewayProcess], upstream: Upstream, *, modifies: bool, **asked: Any) -> Any:
    """What the upstream was sent."""
    url = f"{gateways[modifies].url}/v1"
    with openai.OpenAI(base_url=url, api_key=GATEWAY_KEY, max_retries=0) as sdk:
        assert sdk.chat.completions.create(**asked).choices
    return json.loads(upstream.last.body)


def test_a_call_without_its_result(gateways: dict[bool, GatewayProcess], upstream: Upstream) -> None:
    said = ask(gateways, upstream, modifies=True, model="claude", messages=UNANSWERED)
    assert [block["type"] for block in said["messages"][-1]["content"]] == ["tool_result", "text"]
    seen = len(upstream.requests)
    with pytest.raises(openai.BadRequestError, match="modify_params") as refused:
        ask(gateways, upstream, modifies=False, model="claude", messages=UNANSWERED)
    assert refused.value.param == "messages[1].tool_calls[0]"
    assert len(upstream.requests) == seen


@pytest.mark.parametrize(("model", "most"), [("claude", 64000), ("gpt", 16384)])
def test_more_tokens_than_the_model_writes(
    gateways: dict[bool, GatewayProcess], upstream: Upstream, model: str, most: int
) -> None:
    asked: dict[str, Any] = {"model": model, "messages": UNANSWERED[:1], "max_tokens": 1_000_000}
    assert ask(gateways, upstream, modifies=True, **asked)["max_tokens"] == most
    assert ask(gateways, upstream, modifies=False, **asked)["max_tokens"] == 1_000_000
