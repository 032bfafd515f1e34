"""What works from which endpoint at which upstream: each cell is asked for through a running gateway, and the table of
docs/translation.md is what came out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.gateway_process import GatewayProcess
from tests.e2e.conftest import RawClient, Upstream

PAGE = Path(__file__).parents[2] / "docs/translation.md"
BEGIN, END = (
    "<!-- what works: written by tests/e2e/test_features.py with WRITE=1 -->",
    "<!-- end of what works -->",
)
CONFIG = """
model_list:
  - model_name: OpenAI
    litellm_params: {model: openai/gpt-5.1, api_base: UPSTREAM/v1, api_key: k}
  - model_name: a provider that chats
    litellm_params: {model: cerebras/gpt-oss-120b, api_base: UPSTREAM/v1, api_key: k}
  - model_name: Anthropic
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: UPSTREAM, api_key: k}
"""
UPSTREAMS = ("OpenAI", "a provider that chats", "Anthropic")
PNG, PDF = "iVBORw0KGgo=", "JVBERi0="
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALL = '{"city":"Berlin"}'


def _chat(parts: list[Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": parts}], "max_completion_tokens": 99, **more}


def _claude(parts: list[Any], **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": parts}], "max_tokens": 99, **more}


def _response(parts: list[Any], **more: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": parts}], **more}


TEXT, INPUT = {"type": "text", "text": "Hi"}, {"type": "input_text", "text": "Hi"}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
CLAUDE_TOOL = {"name": "weather", "input_schema": SCHEMA}
CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": CALL}}
CHAT_LOOP = [
    {"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "icy"},
]  # fmt: skip
CLAUDE_LOOP = [
    {"role": "user", "content": "Hi"},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Berlin"}}],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "icy"}]},
]
RESPONSE_LOOP = [
    {"role": "user", "content": "Hi"}, {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": CALL},
    {"type": "function_call_output", "call_id": "c1", "output": "icy"},
]  # fmt: skip
# Of each: a pattern of what its upstream has to be sent, and the request at each endpoint.
FEATURES: dict[str, tuple[bytes, dict[str, dict[str, Any]]]] = {
    "text": (
        b"Hi",
        {"chat/completions": _chat([TEXT]), "messages": _claude([TEXT]), "responses": _response([INPUT])},
    ),
    "streams": (
        b"stream",
        {
            "chat/completions": _chat([TEXT], stream=True),
            "messages": _claude([TEXT], stream=True),
            "responses": _response([INPUT], stream=True),
        },
    ),
    "instructions": (
        b"brief",
        {
            "chat/completions": {
                "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]
            },
            "messages": _claude([TEXT], system="Be brief"),
            "responses": _response([INPUT], instructions="Be brief"),
        },
    ),
    "pictures": (
        PNG.encode(),
        {
            "chat/completions": _chat(
                [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
            ),
            "messages": _claude(
                [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]
            ),
            "responses": _response(
                [{"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}]
            ),
        },
    ),
    "documents": (
        PDF.encode(),
        {
            "chat/completions": _chat(
                [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}]
            ),
            "messages": _claude(
                [
                    {
                        "type": "document",
                        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                    }
                ]
            ),
            "responses": _response(
                [{"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}]
            ),
        },
    ),
    "tools": (
        b"weather",
        {
            "chat/completions": _chat([TEXT], tools=[CHAT_TOOL], tool_choice="required"),
            "messages": _claude([TEXT], tools=[CLAUDE_TOOL], tool_choice={"type": "any"}),
            "responses": _response(
                [INPUT], tools=[{"type": "function", **CHAT_TOOL["function"], "strict": True}]
            ),
        },
    ),
    "results of tools": (
        b"icy",
        {
            "chat/completions": {"messages": CHAT_LOOP, "tools": [CHAT_TOOL]},
            "messages": {"messages": CLAUDE_LOOP, "tools": [CLAUDE_TOOL], "max_tokens": 99},
            "responses": {
                "input": RESPONSE_LOOP,
                "tools": [{"type": "function", **CHAT_TOOL["function"], "strict": True}],
            },
        },
    ),
    "a JSON schema": (
        b"schema",
        {
            "chat/completions": _chat(
                [TEXT],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "s", "schema": SCHEMA, "strict": True},
                },
            ),
            "messages": _claude([TEXT], output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
            "responses": _response(
                [INPUT],
                text={"format": {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True}},
            ),
        },
    ),
    "thinking": (
        rb'"(?:reasoning_effort|thinking|reasoning)":',
        {
            "chat/completions": {"messages": [{"role": "user", "content": "Hi"}], "reasoning_effort": "low"},
            "messages": {
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 2000,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
            },
            "responses": _response([INPUT], reasoning={"effort": "low"}),
        },
    ),
    "web search": (
        b"web_search",
        {
            "chat/completions": _chat([TEXT], web_search_options={}),
            "messages": _claude([TEXT], tools=[{"type": "web_search_20250305", "name": "web_search"}]),
            "responses": _response([INPUT], tools=[{"type": "web_search"}]),
        },
    ),
    "a seed": (b"seed", {"chat/completions": _chat([TEXT], seed=7)}),
    "top_k": (b"top_k", {"messages": _claude([TEXT], top_k=7)}),
}
DOORS = ("chat/completions", "messages", "responses")


@pytest.fixture(scope="module")
def gateway(start: Any) -> Iterator[GatewayProcess]:
    with start(CONFIG) as running:
        yield running


def _cell(client: RawClient, upstream: Upstream, door: str, feature: str, model: str) -> str:
    mark, requests = FEATURES[feature]
    if door not in requests:
        return ""
    upstream.forget()
    answer = client.request("POST", f"/v1/{door}", json.dumps({"model": model, **requests[door]}).encode())
    if answer.status == 400 and not upstream.requests:
        return f"400 `{json.loads(answer.body)['error']['param']}`"
    assert answer.status == 200, (door, feature, model, answer.body)
    assert re.search(mark, upstream.last.body), (door, feature, model, upstream.last.body)
    return "yes"


def _table(client: RawClient, upstream: Upstream) -> str:
    lines = [f"| {' | '.join(['', *(f'`/v1/{door}`: {name}' for door in DOORS for name in UPSTREAMS)])} |"]
    lines.append("|---" * (len(DOORS) * len(UPSTREAMS) + 1) + "|")
    for feature in FEATURES:
        cells = [_cell(client, upstream, door, feature, model) for door in DOORS for model in UPSTREAMS]
        lines.append(f"| {' | '.join([feature, *cells])} |")
    return "\n".join(lines)


def test_the_table_is_what_works(gateway: GatewayProcess, upstream: Upstream, connect: Any) -> None:
    with connect(gateway) as client:
        table = _table(client, upstream)
    head, _, rest = PAGE.read_text().partition(BEGIN)
    held, _, tail = rest.partition(END)
    if os.environ.get("WRITE"):
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}")
        return
    assert held.strip() == table, "write it anew with WRITE=1"
