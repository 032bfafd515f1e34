from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.errors import ConfigError
from proxy.routing.patterns import CACHE_LIMIT, CACHED_NAME_LIMIT_CHARS, Found, GroupLookup

GROUPS = ("gpt-4o", "openai/*", "openai/gpt-4*", "*-mini", "*", "ft:gpt-4o:acme::1", "a*z")
ALIASES = {
    "fast": "openai/gpt-3.5",
    "best": "gpt-4o",
    "gpt-4o": "openai/never",
    "chain": "best",
    "ft:x": "gpt-4o",
}


@pytest.mark.parametrize(
    ("model", "group", "wildcard"),
    [
        ("gpt-4o", "gpt-4o", ""),
        ("best", "gpt-4o", ""),
        ("ft:x", "gpt-4o", ""),
        ("fast", "openai/*", "gpt-3.5"),
        ("ft:gpt-4o:acme::1", "ft:gpt-4o:acme::1", ""),
        ("ft:gpt-4o:acme::2", "*", "ft:gpt-4o:acme::2"),
        ("openai/o3", "openai/*", "o3"),
        ("openai/gpt-4.1", "openai/gpt-4*", ".1"),
        ("openai/gpt-4", "openai/*", "gpt-4"),
        ("openai/", "*", "openai/"),
        ("o3-mini", "*-mini", "o3"),
        ("openai/o3-mini", "openai/*", "o3-mini"),
        ("abcz", "a*z", "bc"),
        ("az", "*", "az"),
        ("anything", "*", "anything"),
    ],
)
def test_the_most_specific_name_wins(model: str, group: str, wildcard: str) -> None:
    lookup = GroupLookup(GROUPS, ALIASES)
    assert lookup.find(model) == Found(group, wildcard)
    assert lookup.find(model) == Found(group, wildcard)


@pytest.mark.parametrize("model", ["openai/gpt-4o", "gpt-4", "GPT-4o", "", "*", "nothing", "lost"])
def test_unknown_names_are_not_guessed(model: str) -> None:
    assert GroupLookup(["gpt-4o"], {"lost": "no-such-group"}).find(model) is None


def test_equal_literals_prefer_the_longer_prefix() -> None:
    lookup = GroupLookup(["ab*", "*yz", "a*z"], {})
    assert lookup.find("ab-yz") == Found("ab*", "-yz")
    assert lookup.find("a--yz") == Found("a*z", "--y")
    assert lookup.find("---yz") == Found("*yz", "---")


def test_an_alias_of_an_alias_is_not_followed() -> None:
    assert GroupLookup(["gpt-4o"], {"one": "two", "two": "gpt-4o"}).find("one") is None


def test_two_stars_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"`a\*b\*`"):
        GroupLookup(["a*b*"], {})


def test_the_cache_is_bounded() -> None:
    lookup = GroupLookup(["openai/*"], {})
    for number in range(3 * CACHE_LIMIT):
        lookup.find(f"openai/{number}")
        lookup.find(f"unknown {number}")
        assert len(lookup._cache) <= CACHE_LIMIT
    long_name = "openai/" + "x" * CACHED_NAME_LIMIT_CHARS
    assert lookup.find(long_name) is not None
    assert long_name not in lookup._cache


TEXT = st.text("ab/", max_size=4)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=12), st.text("ab/", max_size=8))
def test_wildcards_agree_with_trying_each(pairs: list[tuple[str, str]], model: str) -> None:
    fitting = [
        (len(prefix) + len(suffix), len(prefix), f"{prefix}*{suffix}")
        for prefix, suffix in pairs
        if model.startswith(prefix) and model.endswith(suffix) and len(model) > len(prefix) + len(suffix)
    ]
    found = GroupLookup([f"{prefix}*{suffix}" for prefix, suffix in pairs], {}).find(model)
    assert (found.group if found else None) == (max(fitting)[2] if fitting else None)
    if found:
        assert found.group.replace("*", found.wildcard) == model
