"""Which models and routes a list lets through."""

from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.patterns import matches, model_gate, route_gate


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_star_stands_for_anything(pattern: str, name: str) -> None:
    assert matches(pattern + "*", name) == fnmatch.fnmatchcase(name, pattern + "*")


def test_no_pattern_takes_long() -> None:
    started = time.perf_counter()
    assert not matches("a*" * 1000 + "b", "a" * 512)
    assert not matches("*a" * 1000, "a" * 512)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("models", "model", "allowed"),
    [
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["gpt-4o"], "GPT-4o", False),
        (["openai/*"], "openai/gpt-4o", True),
        (["openai/*"], "azure/openai/x", False),
        (["no-default-models"], "gpt-4o", False),
        (["no-default-models"], "no-default-models", False),
        (["fast"], "fast", True),
    ],
)
def test_models(models: list[str], model: str, allowed: bool) -> None:
    gate = model_gate("key", models, {})
    assert gate is not None
    assert gate.allows(model, model) is allowed


@pytest.mark.parametrize("models", [[], ["*"], ["gpt-4o", "all-proxy-models"]])
def test_lists_that_hold_nothing_back(models: list[str]) -> None:
    assert model_gate("key", models, {}) is None


def test_an_alias_of_the_holders_own_is_a_permission() -> None:
    gate = model_gate("key", ["a"], {"fast": "b"})
    assert gate is not None
    assert gate.allows("fast", "b")
    assert not gate.allows("b", "b")


@pytest.mark.parametrize(
    ("written", "path", "upstream", "allowed"),
    [
        (["/chat/completions"], "/v1/chat/completions", True, True),
        (["/v1/chat/completions"], "/chat/completions", True, True),
        (["/chat/completions"], "/openai/v1/chat/completions", True, True),
        (["/chat/completions"], "/embeddings", True, False),
        (["/v1/files/{file_id}/content"], "/files/file-1/content", True, True),
        (["/files/*"], "/files/file-1", True, True),
        (["/files/*"], "/files", True, False),
        (["llm_api_routes"], "/anything/new", True, True),
        (["llm_api_routes"], "/v1/models", False, True),
        (["llm_api_routes"], "/key/generate", False, False),
        (["management_routes"], "/key/generate", False, True),
        (["management_routes"], "/chat/completions", True, False),
        (["info_routes", "/embeddings"], "/key/info", False, True),
        (["info_routes", "/embeddings"], "/embeddings", True, True),
        (["info_routes"], "/key/delete", False, False),
    ],
)
def test_routes(written: list[str], path: str, upstream: bool, allowed: bool) -> None:
    gate = route_gate(written)
    assert gate is not None
    assert gate.allows(path, upstream=upstream) is allowed
