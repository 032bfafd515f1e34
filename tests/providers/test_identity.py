from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from proxy.providers.identity import DIGEST_CHARS, deployment_id, object_scope, unique
from proxy.types import Secret

KEY = Secret("sk-secret")


def test_everything_that_identifies_a_deployment_counts() -> None:
    ids = [
        deployment_id("g", "m", "https://h/v1", "org", KEY),
        deployment_id("G", "m", "https://h/v1", "org", KEY),
        deployment_id("g", "M", "https://h/v1", "org", KEY),
        deployment_id("g", "m", "https://h/v2", "org", KEY),
        deployment_id("g", "m", "https://h/v1", None, KEY),
        deployment_id("g", "m", "https://h/v1", "", KEY),
        deployment_id("g", "m", "https://h/v1", "org", Secret("sk-other")),
    ]
    assert len(set(ids)) == len(ids)
    assert {len(id_) for id_ in ids} == {DIGEST_CHARS}


def test_a_scope_is_one_project_of_one_upstream() -> None:
    scopes = [
        object_scope("https://h/v1", "org", KEY),
        object_scope("https://h/v2", "org", KEY),
        object_scope("https://h/v1", None, KEY),
        object_scope("https://h/v1", "org", Secret("sk-other")),
    ]
    assert len(set(scopes)) == len(scopes)


def test_ids_are_the_same_in_another_process() -> None:
    code = (
        "from proxy.providers.identity import deployment_id; from proxy.types import Secret;"
        "print(deployment_id('g', 'm', 'https://h/v1', None, Secret('sk-secret')))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout.strip()
    assert told == deployment_id("g", "m", "https://h/v1", None, KEY)


def test_a_taken_id_gets_the_first_free_suffix() -> None:
    assert unique(["a", "a", "a-2", "b", "a"]) == ["a", "a-2", "a-2-2", "b", "a-3"]


@given(st.lists(st.sampled_from(["a", "a-2", "a-2-2", "b"])))
def test_unique_is_unique_and_keeps_first_comers(ids: list[str]) -> None:
    found = unique(ids)
    assert len(found) == len(set(found)) == len(ids)
    assert all(new.startswith(old) for old, new in zip(ids, found, strict=True))
