"""The container example: the application beside the gateway gets the gateway's key, and no upstream's."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())


def test_the_documented_command_reads_the_documented_file() -> None:
    steps = (DEPLOY / "README.md").read_text()
    assert "cp deploy/sluice.env.example deploy/sluice.env" in steps
    assert "docker compose --env-file deploy/sluice.env -f deploy/docker-compose.yaml up" in steps
    assert COMPOSE["services"]["sluice"]["env_file"] == "sluice.env"


def test_the_application_has_the_gateways_key_alone() -> None:
    app = COMPOSE["services"]["app"]
    assert "env_file" not in app, "it holds the upstreams' keys"
    used = set(re.findall(r"\$\{(\w+)", str(app["environment"])))
    assert used == {"LITELLM_MASTER_KEY"}
    assert re.search(r"^LITELLM_MASTER_KEY=", (DEPLOY / "sluice.env.example").read_text(), re.MULTILINE)
    for name in ("LITELLM_MASTER_KEY", "OPENAI_API_KEY"):
        assert app["environment"][name].startswith("${LITELLM_MASTER_KEY:?"), (
            "a missing key is told, not empty"
        )


def test_haproxy_tries_the_other_gateway() -> None:
    text = (DEPLOY / "haproxy.cfg").read_text()
    assert "option redispatch 1" in text
