"""Prints the models of genai-prices by LiteLLM's names: for `make prices`, which runs it where that is installed.

The one argument is the day whose prices are wanted, YYYY-MM-DD.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from typing import Any

PROVIDERS = {
    "anthropic": "anthropic", "cerebras": "cerebras", "cohere": "cohere", "deepseek": "deepseek",
    "fireworks": "fireworks_ai", "google": "gemini", "groq": "groq", "mistral": "mistral",
    "moonshotai": "moonshot", "novita": "novita",
    "openai": "openai", "openrouter": "openrouter", "perplexity": "perplexity", "together": "together_ai",
    "voyageai": "voyage", "x-ai": "xai", "zai": "zai", "minimax": "minimax", "baseten": "baseten", "azure": "azure",
}  # fmt: skip
"""LiteLLM's names of the providers."""
BARE = {"openai", "anthropic"}
"""Whose models LiteLLM's map has without the provider's name before them."""
MILLION, THOUSAND = 10**6, 10**3
UNITS = {
    "input_mtok": ("input_cost_per_token", MILLION),
    "output_mtok": ("output_cost_per_token", MILLION),
    "cache_read_mtok": ("cache_read_input_token_cost", MILLION),
    "cache_write_mtok": ("cache_creation_input_token_cost", MILLION),
    "cache_write_1h_mtok": ("cache_creation_input_token_cost_above_1hr", MILLION),
    "input_audio_mtok": ("input_cost_per_audio_token", MILLION),
    "output_audio_mtok": ("output_cost_per_audio_token", MILLION),
    "cache_audio_read_mtok": ("cache_read_input_audio_token_cost", MILLION),
    "input_image_mtok": ("input_cost_per_image_token", MILLION),
    "output_image_mtok": ("output_cost_per_image_token", MILLION),
    "output_reasoning_mtok": ("output_cost_per_reasoning_token", MILLION),
    "web_searches_kcount": ("search_context_cost_per_query", THOUSAND),
    "storage_searches_kcount": ("file_search_cost_per_1k_calls", 1),
    "requests_kcount": ("input_cost_per_request", THOUSAND),
    "audio_hours": ("input_cost_per_second", 3600),
    "input_audio_hours": ("input_cost_per_second", 3600),
    "input_mchars": ("input_cost_per_character", MILLION),
}
"""Its units, LiteLLM's names for them, and how many of ours one holds."""
VARIANTS = {
    ("processing", "batch"): "batches",
    ("service_tier", "flex"): "flex",
    ("service_tier", "priority"): "priority",
}


def main() -> int:
    today = date.fromisoformat(sys.argv[1])
    data = importlib.import_module("genai_prices.data")
    models: dict[str, dict[str, object]] = {}
    for provider in data.providers:
        ours = PROVIDERS.get(provider.id)
        for model in provider.models if ours else ():
            fields = _fields(model, today)
            if fields and not model.deprecated and not re.search(r"\s", model.id):
                name = model.id if ours in BARE else f"{ours}/{model.id}"
                url = {"url": provider.pricing_urls[0]} if provider.pricing_urls else {}
                models[name] = {"provider": ours, **url, **_sizes(model), **fields}
    json.dump({"version": version("genai-prices"), "models": models}, sys.stdout)
    return 0


def _sizes(model: Any) -> dict[str, object]:
    return {"max_input_tokens": model.context_window} if model.context_window else {}


def _has_begun(constraint: Any, today: date) -> bool:
    start = getattr(constraint, "start_date", None)
    return start is None or start <= today


def _fields(model: Any, today: date) -> dict[str, object]:
    prices = model.prices
    if isinstance(prices, list):
        begun = [price.prices for price in prices if _has_begun(price.constraint, today)]
        if not begun or any(hasattr(price.constraint, "start_time") for price in prices):
            return {}  # by the hour
        prices = begun[-1]
    fields = _priced(prices, "")
    for variant in model.price_variants or ():
        tier = VARIANTS.get(next(iter(variant.when.items()))) if len(variant.when) == 1 else None
        if tier is not None and variant.constraint is None:
            fields |= _priced(variant.prices, f"_{tier}")
    return fields


def _priced(prices: Any, tier: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for unit, (name, many) in UNITS.items():
        price = getattr(prices, unit, None)
        if price is None or (tier and many != MILLION):
            continue
        if isinstance(price, Decimal):
            found[name + tier] = float(price / many)
            continue
        found[name + tier] = float(price.base / many)
        for step in price.tiers:
            if step.start % 1000 == 0:
                found[f"{name}_above_{step.start // 1000}k_tokens{tier}"] = float(step.price / many)
    return found


if __name__ == "__main__":
    sys.exit(main())
