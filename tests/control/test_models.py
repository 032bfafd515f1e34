from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anthropic
import msgspec
import openai
import pytest

from proxy.control.models import ModelCard, model_pages
from proxy.errors import GatewayError
from proxy.pricing.book import PriceBook
from proxy.types import Deployment, PageRequest, Reply
from tests.deployments import made


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_lists_the_models_in_the_order_of_the_configuration(ask, path):
    reply = await ask(path)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": 1677610602, "owned_by": "openai"}
            for name in ("gpt-4o", "openai/gpt-4o", "gpt 4%")
        ],
    }


async def test_the_list_follows_a_reload(ask, house):
    house.models = ["new"]
    assert [card["id"] for card in msgspec.json.decode((await ask("/v1/models")).body)["data"]] == ["new"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models/gpt-4o", "gpt-4o"),
        ("/models/gpt-4o", "gpt-4o"),
        ("/v1/models/openai/gpt-4o", "openai/gpt-4o"),
        ("/v1/models/openai%2Fgpt-4o", "openai/gpt-4o"),
        ("/v1/models/gpt%204%25", "gpt 4%"),
        ("/v1/models/wild/anything", "wild/anything"),
    ],
)
async def test_shows_one_model(ask, path, name):
    reply = await ask(path)
    assert reply.status == 200
    assert msgspec.json.decode(reply.body) == {
        "id": name, "object": "model", "created": 1677610602, "owned_by": "openai"
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/models/nope", "/models/", "/v1/models/%FF"])
async def test_a_model_that_is_not_served_is_not_found(ask, path):
    with pytest.raises(GatewayError) as missing:
        await ask(path)
    assert (missing.value.status, missing.value.code) == (404, "model_not_found")


async def test_a_key_is_shown_what_it_may_use(ask, house):
    listed = await ask("/v1/models", may_use=lambda name: name == "gpt-4o")
    assert [card["id"] for card in msgspec.json.decode(listed.body)["data"]] == ["gpt-4o"]
    assert (await ask("/v1/models/gpt-4o", may_use=lambda name: name == "gpt-4o")).status == 200
    with pytest.raises(GatewayError):
        await ask("/v1/models/gpt-4o", may_use=lambda name: name != "gpt-4o")


# -- what is known of them


def served(provider: str, model: str, **words: Any) -> Deployment:
    return made(f"{provider}/{model}", provider=provider, model=model, api_base="https://a.test", **words)


SERVED = {
    "gpt": [served("openai", "gpt-4o")],
    "both": [
        served("openai", "gpt-4o"),
        served(
            "anthropic",
            "claude-sonnet-4-5",
            written={"input_cost_per_token": 1e-6},
            lacks=frozenset({"vision"}),
        ),
    ],
    "ours": [served("hosted_vllm", "qwen-of-ours", max_input_tokens=32_000, mode="chat")],
    "half": [served("openai", "gpt-4o"), served("hosted_vllm", "qwen-of-ours")],
}


class NobodyBehind:
    async def cards(self) -> Sequence[Any]:
        return ()

    async def card(self, name: str) -> Any:
        return ModelCard(name)


async def page(path: str, **request: Any) -> Reply:
    def candidates(name: str) -> list[tuple[Deployment, str]]:
        return [(each, each.model) for each in SERVED.get(name, ())]

    pages = model_pages(
        lambda: list(SERVED), SERVED.__contains__, NobodyBehind(), candidates, PriceBook().find
    )
    found = next(
        each for each in pages if each.path.partition("{")[0] in (path, path[: path.rindex("/") + 1])
    )
    return await found.answer(PageRequest("GET", path, **request))


async def test_what_is_known_of_each() -> None:
    listed = msgspec.json.decode((await page("/v1/models")).body)["data"]
    gpt, both, ours, half = listed
    assert (gpt["providers"], gpt["mode"]) == (["openai"], "chat")
    assert (gpt["max_input_tokens"], gpt["max_output_tokens"]) == (128_000, 16_384)
    assert (gpt["input_cost_per_token"], gpt["output_cost_per_token"]) == (2.5e-06, 1e-05)
    assert {"vision", "function_calling"} <= set(gpt["supports"])
    assert both["providers"] == ["openai", "anthropic"]
    assert (both["max_input_tokens"], both["max_output_tokens"]) == (128_000, 16_384)
    assert (both["input_cost_per_token"], both["output_cost_per_token"]) == (2.5e-06, 1.5e-05)
    assert "function_calling" in both["supports"]
    assert "vision" not in both["supports"]
    assert ours == {
        "id": "ours", "object": "model", "created": 1677610602, "owned_by": "openai",
        "providers": ["hosted_vllm"], "mode": "chat", "max_input_tokens": 32_000,
    }  # fmt: skip
    assert "input_cost_per_token" not in half
    one = msgspec.json.decode((await page("/v1/models/gpt")).body)
    assert one == gpt


async def test_openais_own_types_take_them() -> None:
    for listed in msgspec.json.decode((await page("/v1/models")).body)["data"]:
        model = openai.types.Model.model_validate(listed, strict=True)
        assert model.model_extra is not None
        assert model.model_extra["providers"]


async def test_anthropics_own_types_take_theirs() -> None:
    listed = msgspec.json.decode((await page("/v1/models", anthropic=True)).body)
    models = [anthropic.types.ModelInfo.model_validate(each) for each in listed["data"]]
    assert [each.id for each in models] == list(SERVED)
    assert (models[0].max_input_tokens, models[0].max_tokens, models[0].lifecycle) == (
        128_000,
        16_384,
        "active",
    )
    assert models[3].max_input_tokens == 128_000
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "gpt", "half")
    one = msgspec.json.decode((await page("/v1/models/gpt", anthropic=True)).body)
    assert one == listed["data"][0]


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("limit=2", ["gpt", "both"], True),
        ("limit=2&after_id=both", ["ours", "half"], False),
        ("limit=1&before_id=ours", ["both"], True),
        ("limit=3&before_id=ours", ["gpt", "both"], False),
        ("after_id=half", [], False),
    ],
)
async def test_anthropics_pages(query: str, ids: list[str], *, more: bool) -> None:
    listed = msgspec.json.decode((await page("/v1/models", query=query, anthropic=True)).body)
    assert [each["id"] for each in listed["data"]] == ids
    assert (listed["has_more"], listed["last_id"]) == (more, ids[-1] if ids else None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=", "after_id=nope", "before_id=nope"]
)
async def test_a_page_that_is_none(query: str) -> None:
    with pytest.raises(GatewayError) as wrong:
        await page("/v1/models", query=query, anthropic=True)
    assert (wrong.value.status, wrong.value.param) == (400, query.partition("=")[0])
