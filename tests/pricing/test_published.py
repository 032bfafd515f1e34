"""The shipped table against what vendors publish: US dollars per million tokens, as read where the row says.

Where the vendor's page could not be read itself, the row names who quotes it.
"""

from __future__ import annotations

import pytest

from proxy.pricing.book import PriceBook
from proxy.pricing.rates import FEMTO_PER_DOLLAR, rates_for
from proxy.types import Deployment, Secret

CLAUDE = "platform.claude.com/docs/en/about-claude/pricing, read in October 2026"
CLAUDE_MODELS = "platform.claude.com/docs/about-claude/models/whats-new-opus-5, read in October 2026"
CLAUDIT = "github.com/kurofune/claudit releases 1.8.2 and 1.9.2, of autumn 2026, quoting claude.com/pricing"
OPENAI_PRIORITY = "openai.com/api-priority-processing, read in 2026"
OPENAI_APRIL = "benchlm.ai/blog/posts/openai-api-pricing, of 2026-04-13, quoting openai.com/api/pricing"
OPENAI_MARCH = "deploybase.ai/articles/openai-pricing, of March 2026, quoting openai.com/api/pricing"
OPENAI_JUNE = "morphllm.com/openai-api-pricing, of June 2026, quoting openai.com/api/pricing"
OPENAI_VECTORS = "chatgptpricing-akr.pages.dev/api-pricing, quoting developers.openai.com/api/docs/pricing"
GEMINI = "morphllm.com/gemini-api-pricing, of June 2026, quoting ai.google.dev/gemini-api/docs/pricing"
GEMINI_LONG = (
    "deploybase.ai/articles/gemini-api-pricing, of March 2026, quoting ai.google.dev/gemini-api/docs/pricing"
)
DEEPSEEK = (
    "github.com/benderandrew069/deepseek-api-pricing-2026, of 2026-10-27, quoting api-docs.deepseek.com"
)
XAI = "github.com/mandark-droid/genai_otel_instrument 1.2.2, of 2026, quoting docs.x.ai/developers/models"
XAI_LATER = "docs.apiyi.com/models/grok-4-6.md, of August 2026, a reseller's page"
GROQ = "github.com/braintrustdata/braintrust-proxy/issues/925, of 2026, quoting groq.com/pricing"

STANDARD: list[tuple[str, str, dict[str, float]]] = [
    *(
        (CLAUDE, f"anthropic/{model}", {
            "input": sent, "cache_write": write, "cache_write_1h": write_1h, "cached": read, "output": made})
        for model, sent, write, write_1h, read, made in (
            ("claude-fable-5-1", 10, 12.5, 20, 0.25, 50), ("claude-mythos-5-1", 10, 12.5, 20, 0.25, 50),
            ("claude-fable-5", 10, 12.5, 20, 1, 50), ("claude-mythos-5", 10, 12.5, 20, 1, 50),
            ("claude-opus-5", 5, 6.25, 10, 0.5, 25), ("claude-opus-4-8", 5, 6.25, 10, 0.5, 25),
            ("claude-opus-4-7", 5, 6.25, 10, 0.5, 25), ("claude-opus-4-6", 5, 6.25, 10, 0.5, 25),
            ("claude-opus-4-5", 5, 6.25, 10, 0.5, 25), ("claude-sonnet-4-6", 3, 3.75, 6, 0.3, 15),
            ("claude-sonnet-4-5", 3, 3.75, 6, 0.3, 15), ("claude-haiku-4-5", 1, 1.25, 2, 0.1, 5),
        )
    ),
    (CLAUDIT, "anthropic/claude-opus-5-5", {
        "input": 4, "output": 20, "cache_write": 5, "cache_write_1h": 8, "cached": 0.2}),
    (CLAUDIT, "anthropic/claude-haiku-5-5", {
        "input": 0.1, "output": 0.5, "cache_write": 0.125, "cache_write_1h": 0.2, "cached": 0.01}),
    (CLAUDE_MODELS, "anthropic/claude-sonnet-5-5", {"input": 2, "output": 10}),
    (OPENAI_APRIL, "gpt-5.4", {"input": 2.5, "cached": 0.25, "output": 15}),
    (OPENAI_APRIL, "gpt-5.4-mini", {"input": 0.75, "cached": 0.075, "output": 4.5}),
    (OPENAI_APRIL, "gpt-5.4-nano", {"input": 0.2, "cached": 0.02, "output": 1.25}),
    (OPENAI_APRIL, "gpt-5.2", {"input": 1.75, "cached": 0.175, "output": 14}),
    (OPENAI_APRIL, "gpt-5.2-pro", {"input": 21, "output": 168}),
    (OPENAI_APRIL, "gpt-5.1", {"input": 1.25, "cached": 0.125, "output": 10}),
    (OPENAI_APRIL, "gpt-5-pro", {"input": 15, "output": 120}),
    (OPENAI_JUNE, "gpt-5.5", {"input": 5, "cached": 0.5, "output": 30}),
    (OPENAI_JUNE, "gpt-5.5-pro", {"input": 30, "output": 180}),
    (OPENAI_JUNE, "gpt-5.4-pro", {"input": 30, "output": 180}),
    *(
        (OPENAI_MARCH, model, {"input": sent, "output": made})
        for model, sent, made in (
            ("gpt-5", 1.25, 10), ("gpt-5-codex", 1.25, 10), ("gpt-5-mini", 0.25, 2), ("gpt-5-nano", 0.05, 0.4),
            ("gpt-4.1", 2, 8), ("gpt-4.1-mini", 0.4, 1.6), ("gpt-4.1-nano", 0.1, 0.4), ("gpt-4o", 2.5, 10),
            ("gpt-4o-mini", 0.15, 0.6), ("o3", 2, 8), ("o3-mini", 1.1, 4.4), ("o4-mini", 1.1, 4.4),
        )
    ),
    (OPENAI_VECTORS, "text-embedding-3-large", {"input": 0.13}),
    (OPENAI_VECTORS, "text-embedding-3-small", {"input": 0.02}),
    *(
        (GEMINI, f"gemini/{model}", {"input": sent, "output": made})
        for model, sent, made in (
            ("gemini-2.5-pro", 1.25, 10), ("gemini-2.5-flash", 0.3, 2.5), ("gemini-2.5-flash-lite", 0.1, 0.4),
            ("gemini-3.1-flash-lite", 0.25, 1.5), ("gemini-3.5-flash", 1.5, 9),
        )
    ),
    (DEEPSEEK, "deepseek/deepseek-v4-pro", {"input": 1.32, "cached": 0.044, "output": 3.96}),
    (DEEPSEEK, "deepseek/deepseek-flash", {"input": 0.3, "cached": 0.006, "output": 1.2}),
    (XAI, "xai/grok-4.3", {"input": 1.25, "output": 2.5}),
    (XAI_LATER, "xai/grok-4.6", {"input": 2, "output": 6}),
    (XAI_LATER, "xai/grok-4.5", {"input": 2, "output": 6}),
    (GROQ, "groq/openai/gpt-oss-120b", {"input": 0.15, "output": 0.6}),
]  # fmt: skip
TIERS: list[tuple[str, str, str, int, dict[str, float]]] = [
    *(
        (OPENAI_PRIORITY, model, "priority", 1000, {"input": sent, "cached": read, "output": made})
        for model, sent, read, made in (
            ("gpt-5.5", 12.5, 1.25, 75), ("gpt-5.4-mini", 1.5, 0.15, 9), ("gpt-5.4", 5, 0.5, 30),
            ("gpt-5.2", 3.5, 0.35, 28), ("gpt-5.1", 2.5, 0.25, 20), ("gpt-5", 2.5, 0.25, 20),
            ("gpt-5-mini", 0.45, 0.045, 3.6), ("gpt-5.1-codex", 2.5, 0.25, 20), ("gpt-5-codex", 2.5, 0.25, 20),
            ("gpt-4.1", 3.5, 0.875, 14),
        )
    ),
    (OPENAI_APRIL, "gpt-5.4", "batch", 1000, {"input": 1.25, "output": 7.5}),
    (OPENAI_APRIL, "gpt-5.4-mini", "batch", 1000, {"input": 0.375, "output": 2.25}),
    (OPENAI_APRIL, "gpt-5.4-nano", "batch", 1000, {"input": 0.1, "output": 0.625}),
    (OPENAI_VECTORS, "text-embedding-3-large", "batch", 1000, {"input": 0.065}),
    (CLAUDE_MODELS, "anthropic/claude-opus-5", "batch", 1000, {"input": 2.5, "output": 12.5}),
    (CLAUDIT, "anthropic/claude-haiku-5-5", "", 100_001, {
        "input": 0.5, "output": 2.5, "cache_write": 0.625, "cache_write_1h": 1, "cached": 0.05}),
    (GEMINI_LONG, "gemini/gemini-2.5-pro", "", 200_001, {"input": 2.5, "output": 15}),
]  # fmt: skip


def _published(name: str, tier: str, prompt_tokens: int) -> object:
    provider, _, model = name.rpartition("/")
    deployment = Deployment(
        id=name,
        group=name,
        provider=provider or "openai",
        model=model,
        api_base="",
        api_key=Secret(""),
        object_scope="x",
    )
    prices = PriceBook().prices(deployment, None)
    assert prices is not None, f"{name} is not in the table"
    return rates_for(prices, tier or None, prompt_tokens)[0]


@pytest.mark.parametrize(("source", "model", "dollars"), STANDARD, ids=lambda value: str(value)[:40])
def test_the_standard_tier(source: str, model: str, dollars: dict[str, float]) -> None:
    rates = _published(model, "", 1000)
    found = {kind: getattr(rates, kind) * 10**6 / FEMTO_PER_DOLLAR for kind in dollars}
    assert found == dollars, source


@pytest.mark.parametrize(
    ("source", "model", "tier", "prompt_tokens", "dollars"), TIERS, ids=lambda value: str(value)[:40]
)
def test_other_tiers_and_long_prompts(
    source: str, model: str, tier: str, prompt_tokens: int, dollars: dict[str, float]
) -> None:
    rates = _published(model, tier, prompt_tokens)
    found = {kind: getattr(rates, kind) * 10**6 / FEMTO_PER_DOLLAR for kind in dollars}
    assert found == dollars, source


def test_there_are_fifty_models() -> None:
    assert len({model for _, model, *_ in (*STANDARD, *TIERS)}) >= 50
