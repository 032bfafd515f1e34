from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from proxy.routing.through import through
from proxy.types import Deployment, Secret

Make: TypeAlias = Callable[..., Deployment]
HERE, THERE = "https://api.openai.com/v1", "http://vllm:8000/v1"
ENV = {"api_base": HERE, "api_key": Secret("sk-env"), "object_scope": "env"}


def made(deployment: Make, fields: list[dict[str, Any]]) -> list[Deployment]:
    return [
        deployment(str(n), **{"object_scope": f"s{n}", "api_key": Secret(f"sk-{n}"), "api_base": HERE, **own})
        for n, own in enumerate(fields)
    ]


MARKED = {"use_in_pass_through": True}


@pytest.mark.parametrize(
    ("fields", "plain", "with_env", "env_first"),
    [
        ([], [], ["env"], ["env"]),
        ([{}], ["0"], ["0"], ["env"]),
        ([{}, {}], ["0", "1"], ["0", "1"], ["env"]),
        ([{}, MARKED], ["1"], ["1"], ["1"]),
        ([{"whole_api": False}], [], ["env"], ["env"]),
        ([{"provider": "text-completion-openai"}], ["0"], ["0"], ["env"]),
        # models that agree, or share some projects
        ([{"object_scope": "a"}, {"group": "x", "object_scope": "a"}], ["0", "1"], ["0", "1"], ["env"]),
        ([{"object_scope": "a"}, {}, {"group": "x", "object_scope": "a"}], ["0", "2"], ["0", "2"], ["env"]),
        # models that share none: only those at the environment's base, if they do
        ([{}, {"group": "x"}], [], ["env"], ["env"]),
        ([{}, {"group": "x", "api_base": THERE}], [], ["0"], ["env"]),
        ([{}, {"group": "x"}, {"group": "y", "api_base": THERE}], [], ["env"], ["env"]),
        # the environment's key is one of the configuration's, whatever its project is called there
        ([{"api_key": Secret("sk-env")}, {}], ["0", "1"], ["0", "1"], ["0"]),
        ([{"api_key": Secret("sk-env")}, {"group": "x"}], [], ["0"], ["0"]),
        ([{"api_key": Secret("sk-env"), "organization": "o"}, {"group": "x"}], [], ["env"], ["env"]),
        (
            [{"api_key": Secret("sk-env"), "api_base": THERE}, {"group": "x", "whole_api": False}],
            ["0"],
            ["0"],
            ["env"],
        ),
    ],
)
def test_table(
    deployment: Make,
    fields: list[dict[str, Any]],
    plain: list[str],
    with_env: list[str],
    env_first: list[str],
) -> None:
    deployments, env = made(deployment, fields), deployment("env", group="*", **ENV)
    assert [each.id for each in through(deployments)] == plain
    assert [each.id for each in through(deployments, env)] == with_env
    assert [each.id for each in through(deployments, env, environment_first=True)] == env_first
