"""Money is counted in integers, each kind of usage at its own price."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pricing.cost import added, cost
from proxy.pricing.names import PriceError, femto, prices_of
from proxy.types import Cost, Usage

GPT_5_4 = {
    "input_cost_per_token": 2.5e-06,
    "input_cost_per_token_above_272k_tokens": 5e-06,
    "input_cost_per_token_flex": 1.25e-06,
    "input_cost_per_token_priority": 5e-06,
    "cache_read_input_token_cost": 2.5e-07,
    "output_cost_per_token": 1.5e-05,
    "output_cost_per_token_above_272k_tokens": 2.25e-05,
    "output_cost_per_token_flex": 7.5e-06,
    "output_cost_per_token_priority": 3e-05,
    "search_context_cost_per_query": {
        "search_context_size_low": 0.01,
        "search_context_size_medium": 0.0125,
        "search_context_size_high": 0.015,
    },
}
CLAUDE = {
    "input_cost_per_token": 5e-06,
    "output_cost_per_token": 2.5e-05,
    "cache_read_input_token_cost": 5e-07,
    "cache_creation_input_token_cost": 6.25e-06,
    "cache_creation_input_token_cost_above_1hr": 1e-05,
}
AUDIO = {
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "input_cost_per_audio_token": 4e-05,
    "output_cost_per_audio_token": 8e-05,
}


def priced(fields: dict, usage: Usage, **how) -> Cost | None:
    prices = prices_of(fields, "test")
    assert prices is not None
    return cost(usage, prices, **how)


def test_text_cached_and_reasoning_tokens_each_have_their_price():
    got = priced(GPT_5_4, Usage(1000, 500, 1500, 400, 300))
    assert got == Cost(
        total=1_500_000 + 100_000 + 7_500_000,
        input=1_500_000,
        cached=100_000,
        output=7_500_000,
        source="test",
        saved=900_000,
    )


@pytest.mark.parametrize(
    ("tier", "sent", "per_input", "per_output", "source"),
    [
        (None, 1000, 2500, 15_000, "test"),
        ("default", 1000, 2500, 15_000, "test"),
        ("flex", 1000, 1250, 7500, "test flex"),
        ("priority", 1000, 5000, 30_000, "test priority"),
        ("batch", 1000, 1250, 7500, "test batch at half"),
        ("scale", 1000, 2500, 15_000, "test"),
        (None, 272_000, 2500, 15_000, "test"),
        (None, 272_001, 5000, 22_500, "test above 272000 tokens"),
        ("flex", 272_001, 5000, 22_500, "test above 272000 tokens"),
        ("batch", 272_001, 2500, 11_250, "test batch at half above 272000 tokens"),
    ],
)
def test_tiers_and_long_prompts_have_their_own(tier, sent, per_input, per_output, source):
    got = priced(GPT_5_4, Usage(sent, 100, tier=tier))
    assert got is not None
    assert (got.input, got.output, got.source) == (sent * per_input, 100 * per_output, source)


def test_what_a_tier_does_not_name_keeps_its_proportion():
    got = priced(GPT_5_4, Usage(1000, 0, None, 1000, tier="flex"))
    assert got is not None
    assert (got.input, got.cached) == (0, 1000 * 125), "cached tokens cost a tenth of any tier's"


def test_what_is_written_to_the_cache_is_priced_by_age():
    got = priced(CLAUDE, Usage(2000, 10, None, 500, cache_write_tokens=1000, cache_write_1h_tokens=400))
    assert got is not None
    assert (got.input, got.cached, got.cache_write) == (500 * 5000, 500 * 500, 600 * 6250 + 400 * 10_000)


def test_sound_is_priced_apart_from_text():
    got = priced(AUDIO, Usage(100, 50, audio_input_tokens=80, audio_output_tokens=30))
    assert got is not None
    assert (got.input, got.output, got.other) == (20 * 2500, 20 * 10_000, 80 * 40_000 + 30 * 80_000)


@pytest.mark.parametrize(
    ("fields", "usage", "nanos"),
    [
        ({"input_cost_per_second": 0.0001}, Usage(seconds=27.5), 2_750_000),
        ({"input_cost_per_second": 1e-4, "output_cost_per_second": 1e-4}, Usage(seconds=1), 100_000),
        ({"input_cost_per_character": 1.5e-05}, Usage(characters=100), 1_500_000),
        ({"output_cost_per_image": 0.04}, Usage(images=2), 80_000_000),
        ({"input_cost_per_query": 0.002}, Usage(units=3), 6_000_000),
        ({"input_cost_per_query": 0.002, "input_cost_per_token": 0}, Usage(5), 2_000_000),
        (
            {"input_cost_per_token": 5e-6, "output_cost_per_image_token": 4e-5},
            Usage(10, 100),
            50_000 + 4_000_000,
        ),
        ({"input_cost_per_token": 0, "output_cost_per_token": 0}, Usage(5, 6), 0),
        ({"input_cost_per_token": 2e-8, "output_cost_per_token": 0.0}, Usage(7, None, 7), 140),
    ],
)
def test_seconds_characters_pictures_and_units(fields, usage, nanos):
    got = priced(fields, usage)
    assert got is not None
    assert got.total == nanos


@pytest.mark.parametrize(("size", "nanos"), [("", 25e6), ("medium", 25e6), ("low", 20e6), ("high", 30e6)])
def test_web_searches_are_priced_by_the_size_of_their_context(size, nanos):
    got = priced(GPT_5_4, Usage(0, 0, searches=2), search_size=size)
    assert got is not None
    assert got.other == nanos


def test_a_tools_call_without_a_price_is_told_in_the_source():
    got = priced(CLAUDE, Usage(1, 0, searches=1))
    assert got == Cost(5000, 5000, source="test without web searches")


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({"input_cost_per_second": 1e-4}, Usage(10, 5)),
        ({"input_cost_per_token": 1e-6}, Usage(10, 5)),
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}, Usage(seconds=3)),
        ({"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}, Usage(images=3)),
    ],
)
def test_a_price_that_is_not_known_is_not_zero(fields, usage):
    assert priced(fields, usage) is None


def test_parts_that_are_more_than_their_whole_cost_nothing_twice():
    got = priced(GPT_5_4, Usage(10, 5, None, 40, 9))
    assert got is not None
    assert (got.input, got.cached, got.output) == (0, 40 * 250, 9 * 15_000)


@given(
    sent=st.integers(0, 2_000_000), read=st.integers(0, 2_000_000), made=st.integers(0, 500_000),
    thought=st.integers(0, 500_000), tier=st.sampled_from([None, "flex", "priority", "batch"]),
)  # fmt: skip
def test_the_kinds_add_up_to_the_total(sent, read, made, thought, tier):
    got = priced(GPT_5_4, Usage(sent, made, None, read, thought, tier=tier))
    assert got is not None
    kinds = (got.input, got.cached, got.cache_write, got.output, got.other)
    assert got.total == sum(kinds)
    assert min(kinds) >= 0


def test_a_kind_is_rounded_once_and_halves_go_up():
    cheap = {"input_cost_per_token": "0.0000000000005", "output_cost_per_token": 0}
    assert priced(cheap, Usage(1000, 0)).total == 1
    assert priced(cheap, Usage(999, 0)).total == 0


def test_costs_of_two_attempts_are_one():
    one, other = Cost(3, 1, 0, 0, 2, 0, "a"), Cost(10, 4, 1, 1, 3, 1, "b")
    assert added(one, other) == Cost(13, 5, 1, 1, 5, 1, "b")
    assert added(one, None) is one
    assert added(None, other) is other
    assert added(None, None) is None


def test_prices_that_are_none():
    assert prices_of({"mode": "chat", "max_input_tokens": 7}, "test") is None
    assert prices_of({"input_cost_per_token": None}, "test") is None


@pytest.mark.parametrize("dollars", ["much", -1, True, "NaN", "inf", [1]])
def test_no_amount_of_dollars(dollars):
    with pytest.raises(PriceError):
        femto(dollars)


def test_stepped_prices():
    steps = [
        {"range": [0, 32000.0], "input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06},
        {"range": [32000.0, 128000.0], "input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05},
    ]
    assert priced({"tiered_pricing": steps}, Usage(32_000, 1)).total == 32_000 * 1200 + 6000
    assert priced({"tiered_pricing": steps}, Usage(32_001, 1)).total == 32_001 * 2400 + 12_000


def test_a_file_searches_price_is_for_a_thousand():
    got = priced({"file_search_cost_per_1k_calls": 2.5, "input_cost_per_token": 0}, Usage(file_searches=2))
    assert got.total == 5_000_000
