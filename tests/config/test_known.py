from __future__ import annotations

import pytest

from proxy.config import known
from proxy.config.fields import Section
from proxy.config.grammar import NOT_YET, UNMISSED, grammar, is_price, judge, taken_silently
from proxy.config.models import LitellmParams, ModelInfo
from proxy.config.schema import Config
from proxy.config.slips import distance
from proxy.config.upstream_params import WELL_KNOWN


@pytest.mark.parametrize("kind", NOT_YET, ids=lambda kind: kind.__name__)
def test_what_is_honoured_is_not_listed_as_missing(kind: type[Section]):
    rules = grammar(kind)
    assert not NOT_YET[kind] & (rules.keys | rules.openai)


def test_descriptive_names_are_taken_without_a_word():
    names = [*known.MODEL_INFO_DESCRIPTIVE, "supports_vision"]
    assert [name for name in names if judge(ModelInfo, name).text] == []


@pytest.mark.parametrize(
    "key", ["cost_per_second", "ocr_cost_per_page", "cache_read_input_token_cost", "tiered_pricing"]
)
def test_names_of_prices(key):
    assert is_price(LitellmParams, key)
    assert is_price(ModelInfo, key)
    assert not is_price(Config, key)


def test_families_of_names():
    assert judge(LitellmParams, "azure_ad_token").wrong is False


@pytest.mark.parametrize("key", ["accost", "azurish", "s3"])
def test_what_only_looks_like_them_is_sent_to_the_upstream(key):
    assert judge(LitellmParams, key).sent
    assert not is_price(LitellmParams, key)


@pytest.mark.parametrize("kind", UNMISSED, ids=lambda kind: kind.__name__)
def test_each_key_is_in_one_list(kind: type[Section]):
    rules = grammar(kind)
    silent = taken_silently(kind)
    assert not silent & (rules.keys | rules.openai)
    assert not silent & NOT_YET.get(kind, frozenset())
    if rules.openai:
        assert not WELL_KNOWN & (silent | rules.keys | rules.openai | NOT_YET[kind])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("weigth", "weight", 1),
        ("rmp", "rpm", 1),
        ("tpm", "tpm", 0),
        ("timeot", "timeout", 1),
        ("a", "abc", 2),
        ("", "ab", 2),
    ],
)
def test_distance(one, other, expected):
    assert distance(one, other) == distance(other, one) == expected


def test_no_key_of_litellms_is_taken_for_a_slip():
    for kind, names in NOT_YET.items():
        assert not [name for name in names if judge(kind, name).wrong]
