from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.control.preview import preview_pages
from proxy.pricing.book import PriceBook
from proxy.providers.parameters import CHAT_PARAMETERS
from proxy.types import Deployment, PageRequest, Parameters, Reply, Secret

GROQ = Deployment(
    id="g", group="fast/*", provider="groq", model="*", api_base="https://api.groq.com/openai/v1",
    api_key=Secret("sk-secret"), headers=((b"X-Own", b"hidden"),), object_scope="s",
    parameters=Parameters(renames={"max_completion_tokens": "max_tokens"}, refuses=frozenset({"n"})),
)  # fmt: skip
AZURE = msgspec.structs.replace(
    GROQ, provider="azure", model="gpt", api_base="https://r.openai.azure.com", api_version="V", headers=()
)
CLAUDE = msgspec.structs.replace(
    GROQ, provider="anthropic", model="claude-sonnet-4-5", parameters=Parameters(), headers=()
)
INSTRUCT = msgspec.structs.replace(
    GROQ, provider="text-completion-openai", model="i", parameters=Parameters()
)


def candidates(model: str) -> list[tuple[Deployment, str]]:
    found = {
        "fast/llama": (GROQ, "llama"), "azure": (AZURE, "gpt"), "instruct": (INSTRUCT, "i"),
        "claude": (CLAUDE, CLAUDE.model),
    }  # fmt: skip
    return [found[model]] if model in found else []


async def ask(page: int, **request: Any) -> Reply:
    pages = preview_pages(candidates, PriceBook().find)
    return await pages[page].answer(PageRequest("POST", pages[page].path, **request))


async def sent(call_type: str = "completion", **body: Any) -> Any:
    asked = {"call_type": call_type, "request_body": body}
    return msgspec.json.decode((await ask(1, body=msgspec.json.encode(asked))).body)


async def test_what_a_model_takes() -> None:
    found = msgspec.json.decode((await ask(0, query="model=fast/llama")).body)["supported_openai_params"]
    assert set(CHAT_PARAMETERS) - set(found) == {"n"}
    claudes = msgspec.json.decode((await ask(0, query="model=claude")).body)["supported_openai_params"]
    assert {"seed", "n", "logprobs"}.isdisjoint(claudes)
    assert {"tools", "reasoning_effort", "temperature"} <= set(claudes)
    assert (await ask(0, query="model=nope")).status == 404
    assert (await ask(0)).status == 400
    assert (await ask(0, query="model=azure", may_use=lambda _: False)).status == 404


async def test_what_would_be_sent() -> None:
    messages = [{"role": "user", "content": "hi"}]
    found = await sent(model="fast/llama", messages=messages, max_completion_tokens=5)
    assert found == {
        "raw_request_api_base": "https://api.groq.com/openai/v1/chat/completions",
        "raw_request_body": {"model": "llama", "messages": messages, "max_tokens": 5},
        "raw_request_headers": {"Authorization": "***", "X-Own": "***"},
    }
    azure = await sent(model="azure", messages=messages)
    assert azure["raw_request_api_base"] == (
        "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=V"
    )
    assert azure["raw_request_headers"] == {"api-key": "***"}
    claude = await sent(model="claude", messages=messages)
    assert claude["raw_request_body"] == {
        "model": "claude-sonnet-4-5", "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }  # fmt: skip
    assert claude["raw_request_api_base"].endswith("/messages")
    instruct = await sent(model="instruct", messages=messages)
    assert instruct["raw_request_body"] == {"model": "i", "prompt": "hi"}
    assert instruct["raw_request_api_base"].endswith("/completions")


async def test_no_credential_is_in_it() -> None:
    reply = await ask(1, body=b'{"request_body":{"model":"fast/llama"}}')
    assert b"sk-secret" not in reply.body
    assert b"hidden" not in reply.body


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_value"),
        (b"[]", 400, "invalid_value"),
        (b'{"call_type":"x","request_body":{}}', 400, "invalid_value"),
        (b'{"request_body":{"messages":[]}}', 400, "missing_required_parameter"),
        (b'{"request_body":{"model":"nope"}}', 404, "model_not_found"),
        (b'{"request_body":{"model":"fast/llama","n":2}}', 400, "unsupported_parameter"),
    ],
)
async def test_what_cannot_be_told(body: bytes, status: int, code: str) -> None:
    reply = await ask(1, body=body)
    assert (reply.status, msgspec.json.decode(reply.body)["error"]["code"]) == (status, code)
