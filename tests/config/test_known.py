from __future__ import annotations

import pytest

from proxy.config import known
from proxy.config.fields import Section
from proxy.config.grammar import NOT_YET, grammar, judge
from proxy.config.models import LitellmParams, ModelInfo


@pytest.mark.parametrize("kind", NOT_YET, ids=lambda kind: kind.__name__)
def test_what_is_honoured_is_not_listed_as_missing(kind: type[Section]):
    rules = grammar(kind)
    assert not NOT_YET[kind] & (rules.keys | rules.openai)


def test_descriptive_names_are_taken_without_a_word():
    names = [*known.MODEL_INFO_DESCRIPTIVE, "supports_vision"]
    assert [name for name in names if judge(ModelInfo, name).text] == []


@pytest.mark.parametrize(
    "key", ["input_cost_per_token", "cost_per_second", "ocr_cost_per_page", "azure_ad_token"]
)
def test_families_of_names(key):
    assert judge(LitellmParams, key).wrong is False


@pytest.mark.parametrize("key", ["accost", "azurish", "s3"])
def test_what_only_looks_like_them(key):
    assert judge(LitellmParams, key).wrong is True
