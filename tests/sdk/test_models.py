"""What is known of models: prices, lengths, abilities, providers, tokens."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from proxy.pricing import table
from sluice import exceptions
from sluice.answers.beside import Beside
from sluice.answers.chat import ModelResponse
from sluice.answers.data import EmbeddingResponse, ImageResponse
from sluice.answers.decoding import answer, decode
from sluice.answers.responses import ResponsesAPIResponse
from sluice.models import abilities, known, tokens
from sluice.models.abilities import get_supported_openai_params
from sluice.models.cost import completion_cost, cost_of_answer, cost_per_token
from sluice.models.known import ModelCost, get_max_tokens, get_model_info, model_cost, register_model
from sluice.models.providers import get_llm_provider, get_valid_models, split, validate_environment
from sluice.models.tokens import decode as decode_tokens
from sluice.models.tokens import encode, estimate, token_counter

CHAT = {
    "model": "gpt-4o-2024-08-06",
    "choices": [],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 400},
    },
}


@pytest.fixture(autouse=True)
def own_prices(monkeypatch: pytest.MonkeyPatch) -> ModelCost:
    """What a test registers is its own."""
    fresh = ModelCost()
    monkeypatch.setattr(known, "_COST", fresh)
    monkeypatch.setattr(abilities, "model_cost", fresh)
    return fresh


# -- information


def test_a_model_is_told_of_by_litellms_names() -> None:
    info = get_model_info("gpt-4o")
    assert (info["key"], info["litellm_provider"], info["mode"]) == ("gpt-4o", "openai", "chat")
    assert (info["max_input_tokens"], info["max_output_tokens"], info["max_tokens"]) == (128000, 16384, 16384)
    assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (2.5e-06, 1e-05)
    assert info["supports_vision"] is True
    assert info["supports_computer_use"] is None
    assert "temperature" in info["supported_openai_params"]
    assert get_max_tokens("gpt-4o") == 16384


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("groq/llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
        ("ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o-2024-08-06"),
        ("text-completion-openai/gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct"),
    ],
)
def test_a_model_is_found_as_it_is_called(name: str, key: str) -> None:
    assert get_model_info(name)["key"] == key


def test_of_an_unknown_model_it_is_said_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"nothing is known of the model `no-such`.*register_model"):
        get_model_info("no-such")


def test_every_ability_that_is_told_of_is_some_models() -> None:
    flags = {flag for name in table.names() if (model := table.find(name)) for flag in model.supports}
    assert set(known.ABILITIES) <= flags


def test_all_models_are_listed_and_their_own_set_before_the_shipped(own_prices: ModelCost) -> None:
    assert len(model_cost) > 5000
    assert model_cost["gpt-4o"]["input_cost_per_token"] == 2.5e-06
    register_model({"my-model": {"input_cost_per_token": 1e-06, "max_output_tokens": 99, "mode": "chat"}})
    register_model({"gpt-4o": {"input_cost_per_token": 5e-06}})
    assert get_model_info("my-model")["max_tokens"] == 99
    assert get_model_info("gpt-4o")["input_cost_per_token"] == 5e-06
    assert get_model_info("gpt-4o")["max_output_tokens"] == 16384
    assert "my-model" in own_prices
    assert "my-model" in list(own_prices)
    del own_prices["my-model"]
    assert "my-model" not in own_prices
    with pytest.raises(KeyError):
        own_prices["my-model"]


def test_an_amount_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(ValueError, match="no amount of dollars"):
        register_model({"gpt-4o": {"input_cost_per_token": "cheap"}})
    with pytest.raises(ValueError, match="above a dollar"):
        register_model({"gpt-4o": {"input_cost_per_token": 2.5}})
    assert get_model_info("gpt-4o")["input_cost_per_token"] == 2.5e-06


# -- cost


def test_an_answer_costs_what_the_gateway_reckons() -> None:
    cost = 600 * 2.5e-06 + 400 * 1.25e-06 + 100 * 1e-05
    assert cost_of_answer(CHAT, "gpt-4o") == pytest.approx(cost)
    assert completion_cost(CHAT) == pytest.approx(cost)
    told = answer(ModelResponse, json.dumps(CHAT).encode(), Beside(model="gpt-4o", provider="openai"))
    assert told._hidden_params["response_cost"] == pytest.approx(cost)
    assert completion_cost(completion_response=told) == pytest.approx(cost)


def test_the_callers_prices_go_first() -> None:
    prices = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
    told = answer(ModelResponse, json.dumps(CHAT).encode(), Beside(model="my-model", prices=prices))
    assert told._hidden_params["response_cost"] == pytest.approx(1000 * 1e-06 + 100 * 2e-06)
    assert completion_cost(CHAT, model="my-model", custom_cost_per_token=prices) == pytest.approx(0.0012)
    assert cost_per_token("my-model", 10, 5, custom_cost_per_token=prices) == pytest.approx((1e-05, 1e-05))
    register_model({"my-model": {"input_cost_per_token": 3e-06, "output_cost_per_token": 0}})
    assert completion_cost(CHAT, model="my-model") == pytest.approx(0.003)


def test_what_has_no_price_costs_none_and_is_an_error_where_it_is_asked_for() -> None:
    assert cost_of_answer(CHAT, "no-such") is None
    assert cost_of_answer({"choices": []}, "gpt-4o") is None
    with pytest.raises(ValueError, match="no price is known of `no-such`"):
        completion_cost(CHAT, model="no-such")
    with pytest.raises(ValueError, match="does not say what was used"):
        completion_cost({"model": "gpt-4o"})
    with pytest.raises(ValueError, match="no price is known"):
        cost_per_token("no-such", 1, 1)


def test_embeddings_pictures_and_responses_have_a_cost() -> None:
    vectors = decode(
        EmbeddingResponse,
        b'{"model":"text-embedding-3-small","usage":{"prompt_tokens":1000,"total_tokens":1000}}',
    )
    assert completion_cost(vectors) == pytest.approx(2e-05)
    response = {"object": "response", "model": "gpt-4o", "output": [{"type": "web_search_call"}]}
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    made = decode(ResponsesAPIResponse, json.dumps({**response, "usage": usage}))
    assert completion_cost(made) > cost_of_answer({**response, "output": [], "usage": usage}, "gpt-4o")  # type: ignore[operator]
    register_model({"painter": {"output_cost_per_image": 0.04}})
    pictures = decode(ImageResponse, b'{"data":[{"url":"https://x/1"},{"b64_json":"QQ=="}]}')
    assert cost_of_answer(pictures, "painter") == pytest.approx(0.08)


def test_texts_cost_what_their_tokens_do() -> None:
    sent, made = cost_per_token("gpt-4o", 1_000_000, 1_000_000)
    assert (sent, made) == pytest.approx((2.5, 10.0))
    assert completion_cost(model="gpt-4o", prompt="Hello, how are you?", completion="Fine") == pytest.approx(
        2.5e-05
    )
    chat = [{"role": "user", "content": "Hello"}]
    assert completion_cost(model="gpt-4o", messages=chat) > 0


# -- abilities


def test_abilities_are_functions_with_names() -> None:
    assert abilities.supports_vision("gpt-4o") is True
    assert abilities.supports_function_calling(model="gpt-4o") is True
    assert abilities.supports_vision("gpt-3.5-turbo") is False
    assert abilities.supports_response_schema("no-such") is False
    assert abilities.supports_vision("gpt-4o", custom_llm_provider="azure") is True
    assert abilities.supports_vision.__name__ == "supports_vision"
    register_model({"my-model": {"supports_vision": True}})
    assert abilities.supports_vision("my-model") is True


def test_parameters_are_those_that_the_provider_takes() -> None:
    assert "logit_bias" in (get_supported_openai_params("gpt-4o") or ())
    gemini = get_supported_openai_params("gemini/gemini-2.5-pro") or []
    assert "temperature" in gemini
    assert "logit_bias" not in gemini
    assert get_supported_openai_params("x", custom_llm_provider="no-such") is None
    assert get_supported_openai_params("text-embedding-3-small", request_type="embeddings") == [
        "dimensions",
        "encoding_format",
        "user",
    ]


# -- providers


@pytest.mark.parametrize(
    ("model", "provider", "found"),
    [
        ("gpt-4o", None, ("openai", "gpt-4o")),
        ("groq/llama", None, ("groq", "llama")),
        ("claude-3-opus", None, ("anthropic", "claude-3-opus")),
        ("openai/google/gemma", None, ("openai", "google/gemma")),
        ("nobody/llama", None, ("openai", "nobody/llama")),
        ("groq/llama", "groq", ("groq", "llama")),
        ("llama", "groq", ("groq", "llama")),
        ("command-r-plus", None, ("cohere", "command-r-plus")),
    ],
)
def test_a_models_provider(model: str, provider: str | None, found: tuple[str, str]) -> None:
    assert split(model, provider) == found


def test_where_a_model_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROQ_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "AZURE_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    assert get_llm_provider("gpt-4o") == ("gpt-4o", "openai", None, None)
    assert get_llm_provider("groq/llama") == ("llama", "groq", None, "https://api.groq.com/openai/v1")
    monkeypatch.setenv("GROQ_API_KEY", "gsk")
    assert get_llm_provider("groq/llama")[2] == "gsk"
    assert get_llm_provider("openai/mistral", api_base="http://h:4000", api_key="sk-1") == (
        "mistral",
        "openai",
        "sk-1",
        "http://h:4000/v1",
    )
    assert get_llm_provider("azure/mine") == ("mine", "azure", None, None)
    with pytest.raises(exceptions.BadRequestError, match="provider `nobody` is not served"):
        get_llm_provider("nobody/x")


def test_which_variables_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "AZURE_API_KEY",
        "AZURE_OPENAI_API_KEY",
        "AZURE_API_BASE",
        "AWS_ACCESS_KEY_ID",
    ):
        monkeypatch.delenv(name, raising=False)
    assert validate_environment("gpt-4o") == {
        "keys_in_environment": False,
        "missing_keys": ["OPENAI_API_KEY"],
    }
    assert validate_environment("azure/x")["missing_keys"] == ["AZURE_API_KEY", "AZURE_API_BASE"]
    assert validate_environment("azure/x", api_base="http://h")["missing_keys"] == ["AZURE_API_KEY"]
    assert validate_environment("gpt-4o", api_key="sk")["keys_in_environment"] is True
    assert validate_environment("ollama/llama")["keys_in_environment"] is True
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    assert validate_environment("gpt-4o") == {"keys_in_environment": True, "missing_keys": []}
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "t")
    assert validate_environment("bedrock/x")["keys_in_environment"] is True


def test_the_models_whose_keys_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.endswith(("_API_KEY", "_TOKEN", "_ACCESS_KEY_ID"))]:
        monkeypatch.delenv(name)
    assert get_valid_models() == []
    monkeypatch.setenv("GROQ_API_KEY", "gsk")
    found = get_valid_models()
    assert found
    assert {split(each)[0] for each in found} == {"groq"}


# -- tokens

COUNTED: list[tuple[str, int]] = json.loads((Path(__file__).parents[1] / "data/tokens.json").read_text())[
    "o200k_base"
]
"""Texts with their tokens in that vocabulary."""


@pytest.mark.parametrize(("text", "count"), COUNTED, ids=lambda value: str(value)[:12])
def test_an_estimate_is_near_the_tokenizers_count(text: str, count: int) -> None:
    assert estimate(text) == pytest.approx(count, rel=0.16)


def test_a_chat_is_counted_with_its_form() -> None:
    chat: list[dict[str, Any]] = [{"role": "user", "content": "Hello, how are you?"}]
    assert token_counter("gpt-4o", messages=chat) == 6 + 1 + 3 + 3
    assert token_counter("gpt-4o", text="Hello, how are you?") == 6
    assert token_counter("gpt-4o", text=["Hello, how are you?"] * 2) == 12
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}}
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hello, how are you?"}, picture]}]
    assert token_counter("gpt-4o", messages=parts) == 13 + 765
    picture["image_url"]["detail"] = "low"  # type: ignore[index]
    assert token_counter("gpt-4o", messages=parts) == 13 + 85
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    assert token_counter("gpt-4o", messages=chat, tools=tools) > 13
    assert token_counter("gpt-4o", messages=[{"role": "assistant", "content": None}]) == 7


def test_an_estimate_of_much_is_made_at_once() -> None:
    assert estimate("word " * 200_000) == pytest.approx(200_000, rel=0.01)
    assert estimate("x" * 1_000_000) > 100_000


class FakeEncoding:
    def encode(self, text: str, *, disallowed_special: tuple[()]) -> list[int]:
        return [ord(char) for char in text]

    def decode(self, found: list[int]) -> str:
        return "".join(map(chr, found))


@pytest.fixture
def tiktoken(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = types.ModuleType("tiktoken")
    module.__spec__ = types.SimpleNamespace()
    module.get_encoding = lambda name: FakeEncoding()

    def for_model(name: str) -> FakeEncoding:
        if name != "gpt-4o":
            raise KeyError(name)
        return FakeEncoding()

    module.encoding_for_model = for_model
    monkeypatch.setitem(sys.modules, "tiktoken", module)
    tokens._tiktoken.cache_clear()
    tokens._encoding.cache_clear()
    yield module
    tokens._tiktoken.cache_clear()
    tokens._encoding.cache_clear()


def test_with_tiktoken_tokens_are_counted(tiktoken: Any) -> None:
    assert token_counter("openai/gpt-4o", text="abc") == 3
    assert token_counter("claude-sonnet-4-5", text="abc") == 3
    assert encode("gpt-4o", "abc") == [97, 98, 99]
    assert decode_tokens("gpt-4o", [97, 98]) == "ab"


def test_without_its_vocabularies_they_are_estimated(tiktoken: Any) -> None:
    def offline(name: str) -> FakeEncoding:
        raise ConnectionError(name)

    tiktoken.encoding_for_model = offline
    assert token_counter("gpt-4o", text="Hello, how are you?") == 6
    with pytest.raises(RuntimeError, match="pip install tiktoken"):
        encode("gpt-4o", "abc")
