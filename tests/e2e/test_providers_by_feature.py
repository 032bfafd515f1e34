"""What works at which provider: each cell is asked for with OpenAI's SDK through a running gateway, and the table of
docs/providers.md is what came out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from loadtest.answers import JSON_TYPE, Answer
from loadtest.gateway_process import GatewayProcess
from loadtest.vendors import Vendors
from proxy.providers.compatible.found import BY_NAME
from proxy.providers.url import origin
from tests.e2e.conftest import GATEWAY_KEY, Upstream

PAGE = Path(__file__).parents[2] / "docs/providers.md"
BEGIN, END = (
    "<!-- by feature: written by tests/e2e/test_providers_by_feature.py with WRITE=1 -->",
    "<!-- end of by feature -->",
)
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
SPECIAL: dict[str, dict[str, str]] = {
    "OpenAI": {"model": "openai/gpt-4o", "api_base": "UPSTREAM/openai/v1"},
    "Azure": {"model": "azure/gpt-4o", "api_base": "UPSTREAM", "api_version": "2024-10-21"},
    "Azure, `v1`": {"model": "azure/gpt-4o", "api_base": "UPSTREAM", "api_version": "v1"},
    "Azure AI Foundry": {"model": "azure_ai/grok-4", "api_base": "UPSTREAM/openai/v1"},
    "Claude at Foundry": {"model": "azure_ai/claude-opus-4-5", "api_base": "UPSTREAM"},
    "Anthropic": {"model": "anthropic/claude-sonnet-4-5", "api_base": "UPSTREAM"},
    "Bedrock": {"model": "bedrock/openai.gpt-oss-120b-1:0", "api_base": "UPSTREAM"},
    "Claude at Bedrock": {"model": f"bedrock/us.{CLAUDE}", "api_base": "UPSTREAM"},
    "Claude at Mantle": {"model": f"bedrock_mantle/{CLAUDE}", "api_base": "UPSTREAM"},
    "Vertex AI": {"model": "vertex_ai/gemini-2.5-pro", "api_base": "UPSTREAM", "vertex_project": "p"},
    "Claude at Vertex AI": {
        "model": "vertex_ai/claude-opus-4-5",
        "api_base": "UPSTREAM",
        "vertex_project": "p",
    },
    "text completion": {"model": "text-completion-openai/gpt-3.5-turbo-instruct", "api_base": "UPSTREAM/v1"},
}
COMPATIBLE = (
    "gemini", "cohere", "mistral", "groq", "deepseek", "xai", "openrouter", "together_ai", "fireworks_ai", "cerebras",
    "perplexity", "dashscope", "moonshot", "zai", "nvidia_nim", "sambanova", "deepinfra", "huggingface", "poe",
    "ollama", "hosted_vllm", "lm_studio", "llamafile", "openai_like",
)  # fmt: skip
NO_ANSWER = "-"
"""It has no such thing: the provider's own answer is passed on."""
CHAT_MODELS_ALONE = ("groq", "deepseek", "xai", "cerebras", "moonshot", "poe", "huggingface")
NO_EMBEDDINGS = frozenset(
    (
        "Anthropic",
        "text completion",
        *(f"`{name}/`" for name in CHAT_MODELS_ALONE),
        *(n for n in SPECIAL if "Claude" in n),
    )
)
PNG = "data:image/png;base64,iVBORw0KGgo="
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
WEATHER = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "parameters": WEATHER, "strict": True}}
]
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "city", "schema": WEATHER, "strict": True}}


def _entries() -> dict[str, dict[str, str]]:
    """Each with its provider's own base behind the mock's origin."""
    found = dict(SPECIAL)
    for name in COMPATIBLE:
        base = BY_NAME[name].base or "http://own/v1"
        found[f"`{name}/`"] = {
            "model": f"{name}/some-model",
            "api_base": f"UPSTREAM/{name}{origin(base).base_path.decode()}",
        }
    return found


ENTRIES = _entries()


@pytest.fixture(scope="module")
def gateway(start: Any) -> Iterator[GatewayProcess]:
    models = [
        {"model_name": name, "litellm_params": {**entry, "api_key": "sk-sim-1"}}
        for name, entry in ENTRIES.items()
    ]
    with start(json.dumps({"model_list": models, "router_settings": {"num_retries": 0}})) as running:
        yield running


Ask = Callable[[openai.OpenAI, str], object]


def chat(sdk: openai.OpenAI, model: str) -> object:
    return (
        sdk.chat.completions.create(model=model, messages=HELLO, max_completion_tokens=99)
        .choices[0]
        .message.content
    )


def stream(sdk: openai.OpenAI, model: str) -> object:
    chunks = list(sdk.chat.completions.create(model=model, messages=HELLO, stream=True))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[-1].finish_reason in ("stop", "length")
    return "".join(choice.delta.content or "" for choice in choices)


def tools(sdk: openai.OpenAI, model: str) -> object:
    """Over two turns."""
    first = sdk.chat.completions.create(model=model, messages=HELLO, tools=TOOLS, tool_choice="required")
    asked = first.choices[0].message
    assert asked.tool_calls
    call = asked.tool_calls[0]
    assert call.type == "function"
    assert call.function.name == "weather"
    messages = [
        *HELLO,
        asked.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "icy"},
    ]
    return sdk.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0].message.content


def schema(sdk: openai.OpenAI, model: str) -> object:
    return (
        sdk.chat.completions.create(model=model, messages=HELLO, response_format=FORMAT)
        .choices[0]
        .message.content
    )


def vision(sdk: openai.OpenAI, model: str) -> object:
    parts: list[Any] = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PNG}}]
    return sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}]).choices


def embeddings(sdk: openai.OpenAI, model: str) -> object:
    return sdk.embeddings.create(model=model, input="Hi", encoding_format="float").data


def responses(sdk: openai.OpenAI, model: str) -> object:
    return sdk.responses.create(model=model, input="Hi").output_text


def completions(sdk: openai.OpenAI, model: str) -> object:
    return sdk.completions.create(model=model, prompt="Hi", max_tokens=9).choices[0].text


FEATURES: dict[str, tuple[Ask, str]] = {
    "chat": (chat, "/chat/completions"),
    "streams": (stream, "/chat/completions"),
    "tools": (tools, "/chat/completions"),
    "JSON schema": (schema, "/chat/completions"),
    "pictures": (vision, "/chat/completions"),
    "embeddings": (embeddings, "/embeddings"),
    "`/responses`": (responses, "/responses"),
    "`/completions`": (completions, "/completions"),
}
_SAYS = {"JSON schema": b'"city"', "pictures": b"iVBORw0KGgo=", "tools": b"weather"}
"""What the upstream has to be told."""


def cell(sdk: openai.OpenAI, upstream: Upstream, feature: str, model: str) -> str:
    ask, path = FEATURES[feature]
    upstream.forget()
    upstream.say(Vendors())  # type: ignore[arg-type]
    if feature == "embeddings" and model in NO_EMBEDDINGS:
        return NO_ANSWER
    try:
        said = ask(sdk, model)
    except openai.BadRequestError as refused:
        if upstream.requests:
            raise
        return f"400 `{refused.param}`"
    assert said, (feature, model)
    assert _SAYS.get(feature, b"") in upstream.last.body, (feature, model, upstream.last.body)
    target = upstream.last.target.decode().partition("?")[0].replace("/chat/completions", "/chat-completions")
    return "yes" if target.endswith(path.replace("/chat/", "/chat-")) else "translated"


def usage(gateway: GatewayProcess) -> dict[str, str]:
    """Whether all of a model's chats were counted as the upstream counted them."""
    gateway.stop()
    records = [json.loads(line) for line in gateway.output.splitlines() if line.startswith('{"ts"')]
    counted: dict[str, list[bool]] = {}
    for record in records:
        if record["route"] == "/chat/completions" and record["status"] == 200:
            said = record.get("usage") or {}
            whole = (
                bool(said.get("input_tokens"))
                and bool(said.get("output_tokens"))
                and not record.get("estimated")
            )
            counted.setdefault(record["model_asked"], []).append(whole)
    return {model: "yes" if all(found) else "guessed of streams" for model, found in counted.items()}


def error(sdk: openai.OpenAI, upstream: Upstream, model: str) -> str:
    """A message in the shape of each provider's errors comes in OpenAI's."""
    upstream.forget()
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "too strange"}}
    upstream.say(Answer(400, (JSON_TYPE,), json.dumps(body).encode()))
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.chat.completions.create(model=model, messages=HELLO)
    said = refused.value.body
    return "yes" if isinstance(said, dict) and said["message"] == "too strange" else "no"


def test_the_table_is_what_works(gateway: GatewayProcess, upstream: Upstream) -> None:
    rows: dict[str, list[str]] = {}
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=GATEWAY_KEY, max_retries=0) as sdk:
        for model in ENTRIES:
            rows[model] = [cell(sdk, upstream, feature, model) for feature in FEATURES]
            rows[model].append(error(sdk, upstream, model))
    counted = usage(gateway)
    columns = ["", *FEATURES, "errors", "usage"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join([model, *cells, counted[model]])} |" for model, cells in rows.items()]
    table = "\n".join(lines)
    head, _, rest = PAGE.read_text().partition(BEGIN)
    held, _, tail = rest.partition(END)
    if os.environ.get("WRITE"):
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}")
        return
    assert held.strip() == table, "write it anew with WRITE=1"
