"""`sluice keys` and its like, on a state file of their own."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtest.gateway_process import running_gateway
from proxy.command.cli import main
from proxy.command.identities import NOUNS, parser
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage.file import StateFile

HELD_S = 10.0
"""A second is promised; the rest is this machine's."""
CONFIG = """
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_key: sk-upstream, mock_response: Hello}}
"""


class Command:
    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = EX_OK) -> str:
        self._capsys.readouterr()
        assert main([*arguments, "--state", str(self.path)], {}) == code
        said = self._capsys.readouterr()
        return said.out if code == EX_OK else said.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def sluice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    path = tmp_path / "sluice.db"
    state = StateFile(path)
    state.open()
    state.close()
    return Command(path, capsys)


def test_a_keys_life(sluice: Command) -> None:
    sluice(
        "teams", "create", "research", "--models", "gpt-4o", "--max-budget", "500", "--budget-duration", "1mo"
    )
    key = sluice(
        "keys", "create", "--alias", "ci", "--models", "gpt-4o, openai/*", "--max-budget", "10", "--duration", "30d",
        "--team", "research", "--model-rpm-limit", "gpt-4o=3", "--metadata", '{"a": {"b": 1}}', "--tags", "x",
    ).strip()  # fmt: skip
    assert key.startswith("sk-")
    head, line = sluice("keys", "list").splitlines()
    assert head.split() == list(NOUNS["keys"].columns)
    assert line.split()[:4] == [f"sk-...{key[-4:]}", "ci", "research", "-"]
    assert "gpt-4o, openai/*" in line
    info = sluice.json("keys", "info", "ci")["info"]
    assert (info["models"], info["max_budget"], info["model_rpm_limit"]) == (
        ["gpt-4o", "openai/*"],
        10,
        {"gpt-4o": 3},
    )
    assert (info["metadata"], info["tags"]) == ({"a": {"b": 1}}, ["x"])
    changed = sluice.json("keys", "update", key, "--max_budget", "none", "--rpm-limit", "5")
    assert (changed["max_budget"], changed["rpm_limit"], changed["models"]) == (
        None,
        5,
        ["gpt-4o", "openai/*"],
    )
    assert sluice.json("keys", "block", "ci")["blocked"] is True
    assert sluice.json("keys", "unblock", "ci")["blocked"] is False
    again = sluice("keys", "regenerate", "ci", "--grace-period", "1h").strip()
    assert again != key
    assert sluice.json("keys", "info", key)["info"]["rotation_count"] == 1
    sluice("keys", "delete", "ci")
    assert len(sluice("keys", "list").splitlines()) == 1


def test_teams_users_customers_budgets_and_tags(sluice: Command) -> None:
    sluice("budgets", "create", "free", "--max-budget", "1", "--budget-duration", "1d")
    sluice("users", "create", "ada", "--email", "ada@example.com", "--role", "internal_user")
    sluice("teams", "create", "t")
    sluice("teams", "add-member", "t", "--member", "ada", "--role", "admin")
    sluice("teams", "update-member", "t", "--member", "ada", "--max-budget-in-team", "5")
    shown = sluice.json("teams", "info", "t")
    assert shown["team_info"]["admins"] == ["ada"]
    assert shown["team_memberships"][0]["litellm_budget_table"]["max_budget"] == 5
    assert sluice("users", "list").splitlines()[1].split()[:4] == [
        "ada",
        "ada@example.com",
        "internal_user",
        "t",
    ]
    sluice("teams", "remove-member", "t", "--member", "ada")
    sluice("customers", "create", "acme", "--budget", "free")
    sluice("customers", "block", "acme", "unheard-of")
    assert [row.split()[-1] for row in sluice("customers", "list").splitlines()[1:]] == ["yes", "yes"]
    assert sluice.json("customers", "info", "acme")["budget_id"] == "free"
    sluice("tags", "create", "nightly", "--max-budget", "5")
    assert sluice.json("tags", "info", "nightly")["nightly"]["max_budget"] == 5
    assert "1d" in sluice("budgets", "list")
    assert "have this budget" in sluice("budgets", "delete", "free", code=EX_FAILED)
    sluice("customers", "delete", "acme", "unheard-of")
    sluice("budgets", "delete", "free")
    sluice("tags", "delete", "nightly")
    sluice("users", "delete", "ada")
    sluice("teams", "delete", "t")
    for noun in NOUNS:
        assert len(sluice(noun, "list").splitlines()) == 1, noun


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys",), ("keys", "frobnicate"), ("keys", "create", "name"), ("keys", "info"), ("keys", "block", "a", "b"),
        ("keys", "create", "--max-budget", "much"), ("keys", "list", "name"), ("keys", "create", "--frob", "x"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_wrong_usage(sluice: Command, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        sluice(*arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keys", "info", "nobody"), "no key `nobody`"),
        (("keys", "create", "--duration", "1y"), "length of time"),
        (("keys", "create", "--team", "t"), "no team `t`"),
        (("teams", "update", "t"), "no team `t`"),
    ],
)
def test_what_is_refused_says_why(sluice: Command, arguments: tuple[str, ...], said: str) -> None:
    assert said in sluice(*arguments, code=EX_FAILED)


@pytest.mark.parametrize("noun", NOUNS)
def test_each_has_help(noun: str) -> None:
    text = parser(noun, {}).format_help()
    assert all(word in text for word in NOUNS[noun].words)


def test_a_running_gateway_hears_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_gateway(tmp_path, config=CONFIG) as gateway:
        sluice = Command(tmp_path / "sluice.db", capsys)
        key = sluice("keys", "create", "--alias", "cli").strip()
        asked = {"model": "gpt-4o", "messages": []}

        def status() -> int:
            headers = {"authorization": f"Bearer {key}"}
            return httpx.post(f"{gateway.url}/v1/chat/completions", json=asked, headers=headers).status_code

        assert status() == 200
        sluice("keys", "block", "cli")
        deadline = time.monotonic() + HELD_S
        while status() != 401:
            assert time.monotonic() < deadline, "it still lets in"
