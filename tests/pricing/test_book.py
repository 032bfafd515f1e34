"""Which price holds: what is written beside the deployment, the operator's file, the shipped table."""

from __future__ import annotations

import pytest

from proxy.pricing import table
from proxy.pricing.book import MAX_REMEMBERED, PriceBook, moved_along, priced_by
from proxy.pricing.names import PriceError
from proxy.types import Deployment, Secret
from tests.deployments import made


def deployment(model: str, provider: str = "openai", base: str = "https://x", **fields) -> Deployment:
    return made(
        model, group="g", provider=provider, model=model, api_base=base, api_key=Secret(""), object_scope="x",
        **fields,
    )  # fmt: skip


def rate(found, kind: str = "input") -> int | None:
    return None if found.prices is None else getattr(found.prices.rates, kind) // 10**6


@pytest.mark.parametrize(
    ("provider", "model", "base", "name"),
    [
        ("openai", "gpt-4o", "https://x", "gpt-4o"),
        ("openai", "gpt-4o-2099-01-01", "https://x", "gpt-4o"),
        ("openai", "gpt-4o-latest", "https://x", "gpt-4o"),
        ("openai", "ft:gpt-4o-2024-08-06:us::1", "https://x", "ft:gpt-4o-2024-08-06"),
        ("openai", "gpt-3.5-turbo-instruct", "https://x", "gpt-3.5-turbo-instruct"),
        ("text-completion-openai", "gpt-3.5-turbo-instruct", "https://x", "gpt-3.5-turbo-instruct"),
        ("anthropic", "claude-opus-4-7", "https://x", "claude-opus-4-7"),
        ("azure", "gpt-4o", "https://x", "azure/gpt-4o"),
        ("openai", "gpt-4o", "https://ours.openai.azure.com/openai/v1", "azure/gpt-4o"),
        ("openai", "claude-opus-4-7", "https://api.anthropic.com/v1", "claude-opus-4-7"),
        ("target", "claude-opus-4-7", "https://api.anthropic.com", "claude-opus-4-7"),
        ("target", "gemini-2.5-pro", "https://generativelanguage.googleapis.com", "gemini/gemini-2.5-pro"),
        ("cohere", "command-a-03-2025", "https://x", "command-a-03-2025"),
        ("openai", "claude-opus-4-7", "https://x", None),
        ("openai", "llama-on-our-own-box", "https://x", None),
        ("openai", "x" * 10_000, "https://x", None),
        ("openai", "gpt-4o\ngpt-4", "https://x", None),
    ],
)
def test_how_a_model_is_found(provider, model, base, name):
    assert PriceBook().find(deployment(model, provider, base)).name == name


def test_what_is_written_outranks_the_file_and_the_file_the_table():
    file = {"gpt-4o": {"input_cost_per_token": 7e-6, "output_cost_per_token": 9e-6}}
    assert rate(PriceBook().find(deployment("gpt-4o"))) == 2500
    assert rate(PriceBook(file).find(deployment("gpt-4o"))) == 7000
    written = deployment("gpt-4o", written={"input_cost_per_token": 1e-6})
    assert rate(PriceBook(file).find(written)) == 1000
    assert rate(PriceBook(file).find(written), "output") == 9000


def test_a_base_model_says_whose_prices_hold():
    assert PriceBook().find(deployment("our-name", base_model="azure/gpt-4o")).name == "azure/gpt-4o"


def test_behind_a_pattern_each_model_has_its_own():
    star, book = deployment("*", written={"input_cost_per_token": 1e-6}), PriceBook()
    assert rate(book.find(star, "gpt-4o"), "output") == 10_000
    assert rate(book.find(star, "gpt-4o-mini"), "output") == 600
    assert rate(book.find(star, "gpt-4o")) == rate(book.find(star, "gpt-4o-mini")) == 1000


def test_an_object_of_another_models_has_not_the_deployments_prices():
    one, book = deployment("gpt-4o", written={"input_cost_per_token": 1e-6}), PriceBook()
    assert rate(book.find(one, "gpt-4o-2024-08-06")) == 1000
    assert rate(book.find(one, "gpt-4o-mini")) == 150


def test_what_is_not_written_moves_along():
    base = {
        "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6, "cache_read_input_token_cost": 2e-7,
        "input_cost_per_token_priority": 4e-6, "output_cost_per_token_batches": 4e-6,
        "input_cost_per_audio_token": 4e-5,
    }  # fmt: skip
    assert moved_along(base, {"input_cost_per_token": 1e-6}) == {
        **base, "input_cost_per_token": 1e-6, "cache_read_input_token_cost": 1e-7,
        "input_cost_per_token_priority": 2e-6, "input_cost_per_audio_token": 2e-5,
    }  # fmt: skip
    free = moved_along(base, {"input_cost_per_token": 0, "output_cost_per_token": 0})
    assert set(free.values()) == {0}
    assert "cache_read_input_token_cost" not in moved_along(base, {"input_cost_per_token_cache_hit": 5e-7})


@pytest.mark.parametrize(
    "prices",
    [{"input_cost_per_token": "much"}, {"output_cost_per_token": -1}, {"input_cost_per_token": 2.5}],
)
def test_amounts_that_are_none(prices):
    with pytest.raises(PriceError, match="gpt-4o"):
        PriceBook().find(deployment("gpt-4o", written=prices))
    with pytest.raises(PriceError, match="file: gpt-4o"):
        PriceBook({"gpt-4o": prices}, "file")


@pytest.mark.parametrize("text", [b"", b"[]", b'{"m":1}', b"\xff"])
def test_a_price_file_that_is_none(text):
    with pytest.raises(PriceError, match="LiteLLM's price map"):
        priced_by(text)


def test_its_memory_is_bounded():
    book, star = PriceBook(), deployment("*")
    for number in range(2 * MAX_REMEMBERED + 1):
        book.prices(star, f"made-up-{number}")
    assert len(book._found) <= MAX_REMEMBERED


def test_every_model_of_the_table_can_be_priced():
    names = list(table.names())
    assert len(names) > 5000
    assert names == sorted(names)
    priced = 0
    for name in names:
        model = table.find(name)
        assert model is not None
        assert model.edition in table.editions()
        found = PriceBook().find(deployment(name, model.provider, base_model=name))
        priced += found.prices is not None
    assert priced > 5000


def test_what_else_is_known_of_a_model():
    model = table.find("gpt-4o")
    assert model is not None
    assert (model.mode, model.max_input_tokens, model.max_output_tokens) == ("chat", 128_000, 16_384)
    assert {"vision", "function_calling"} <= model.supports
    assert not model.supports & model.lacks
