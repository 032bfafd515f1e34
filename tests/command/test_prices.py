"""`sluice prices`: which prices hold for a model, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proxy.command.cli import main
from proxy.process.exit_codes import EX_CONFIG, EX_FAILED, EX_OK

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o, api_key: sk-u, input_cost_per_token: 1e-6}
  - model_name: gpt-4o
    litellm_params: {model: openai/ours, api_key: sk-u}
  - model_name: "any/*"
    litellm_params: {model: "openai/*", api_key: sk-u}
sluice_settings: {price_file: FILE}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "prices.json"
    file.write_text('{"ours": {"input_cost_per_token": 3e-6, "output_cost_per_token": "4e-6"}}')
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.replace("FILE", str(file)))
    return path


def test_of_the_shipped_table(capsys):
    assert main(["prices", "gpt-5.4"], {}) == EX_OK
    told = capsys.readouterr().out
    assert "gpt-5.4 in litellm 1.109.1 (2026-11-12), https://developers.openai.com/api/docs/pricing" in told
    lines = {line.split("  ")[1]: line.split() for line in told.splitlines() if line.startswith("  ")}
    assert lines["input"] == ["input", "2.50", "1.25", "1.25", "5.00", "5.00", "2.50", "2.50"]
    assert "reasoning" not in lines, "what costs what the coarser kind does is not repeated"


@pytest.mark.parametrize("name", ["claude-opus-4-7", "anthropic/claude-opus-4-7"])
def test_another_providers(capsys, name):
    assert main(["prices", name], {}) == EX_OK
    assert "25.00" in capsys.readouterr().out


def test_a_model_that_nobody_knows(capsys):
    assert main(["prices", "gpt-6o"], {}) == EX_FAILED
    assert "no price is known: its requests cost null; there is gpt-" in capsys.readouterr().out


def test_of_a_configuration(capsys, config):
    assert main(["prices", "gpt-4o", "-c", str(config), "--json"], {}) == EX_OK
    first, second = json.loads(capsys.readouterr().out)
    assert first["written"] == ["input_cost_per_token"]
    assert first["source"].startswith("config over gpt-4o in litellm")
    assert first["prices"]["input_cost_per_token"] == 1e-6
    assert first["prices"]["cache_read_input_token_cost"] == 5e-7, "it moves along"
    assert (second["written"], second["url"]) == ([], None)
    assert second["source"].endswith("prices.json")
    assert "function_calling" in first["supports"]


def test_behind_a_pattern(capsys, config):
    assert main(["prices", "any/gpt-4.1"], {"CONFIG_FILE_PATH": str(config)}) == EX_OK
    assert "any/*: *" in capsys.readouterr().out


def test_a_price_file_that_is_none(capsys, config):
    (config.parent / "prices.json").write_text('{"m": {"input_cost_per_token": "much"}}')
    assert main(["prices", "gpt-4o", "-c", str(config)], {}) == EX_CONFIG
    assert "m: `much` is no amount of dollars" in capsys.readouterr().err
    (config.parent / "prices.json").write_text("[]")
    assert main(["prices", "gpt-4o", "-c", str(config)], {}) == EX_CONFIG
    (config.parent / "prices.json").unlink()
    assert main(["prices", "gpt-4o", "-c", str(config)], {}) == EX_CONFIG
