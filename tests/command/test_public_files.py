"""Files as people have them for LiteLLM: each starts, and what can be served is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import yaml

from loadtest.gateway_process import GatewayProcess, running_gateway
from proxy.command.options import Action, Options
from proxy.command.startup import start
from proxy.providers.compatible.found import base_variables
from proxy.providers.compatible.rows import ROWS
from tests.e2e.conftest import Upstream, started_upstream, upstream

__all__ = ["started_upstream", "upstream"]

FILES = sorted((Path(__file__).parents[1] / "data/litellm").glob("*.yaml"))
KEY = "sk-the-gateways-own-master-key"
TOKENS = {"vertex_ai"}
"""Whose tokens come from elsewhere: served, and not from here."""
SERVED = {"openai", "text-completion-openai", "anthropic", "azure", *TOKENS, *(row.name for row in ROWS)}
BASES = {"ANTHROPIC_API_BASE", *(name for row in ROWS for name in base_variables(row))}
NOT_ASKED_FOR = "NOT_ASKED_FOR"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(195\d\d|11434)")


class PublicFile:
    """One of them, with the mock in place of each host."""

    def __init__(self, path: Path, origin: str) -> None:
        self.text = _ADDRESS.sub(origin, path.read_text())
        self.written = yaml.safe_load(self.text)
        self.entries: list[Mapping[str, Mapping[str, object]]] = self.written["model_list"]
        self.environ = {name: self._value(name, origin) for name in self._names()}
        self.environ |= dict.fromkeys(BASES, f"{origin}/as/openai/v1")
        self.environ |= {"OPENAI_API_KEY": "sk-of-openai", "OPENAI_BASE_URL": f"{origin}/v1"}

    @property
    def key(self) -> str:
        """What its clients send."""
        written = (self.written.get("general_settings") or {}).get("master_key", "os.environ/")
        return KEY if written.startswith("os.environ/") else str(written)

    def served(self) -> list[str]:
        """The names that must answer."""
        return [name for name in self._groups() if any(map(self._is_served, self._of(name)))]

    def unserved(self) -> list[str]:
        return [name for name in self._groups() if name not in self.served()]

    def asked(self) -> list[str]:
        """Of the served, those that the mock can answer for."""
        return [name for name in self.served() if not any(map(_has_tokens, self._of(name)))]

    def _groups(self) -> list[str]:
        return list(dict.fromkeys(str(entry["model_name"]) for entry in self.entries))

    def _of(self, name: str) -> list[Mapping[str, object]]:
        return [entry["litellm_params"] for entry in self.entries if entry["model_name"] == name]

    def _is_served(self, params: Mapping[str, object]) -> bool:
        prefix, slash, _ = str(params["model"]).partition("/")
        provider = params.get("custom_llm_provider") or (prefix if slash else "openai")
        model_is_elsewhere = str(params["model"]).startswith("os.environ/")
        foreign = provider not in SERVED or str(params["model"]).startswith("claude-")
        return (not foreign or model_is_elsewhere) and not str(params.get("api_key")).startswith("$")

    def _names(self) -> set[str]:
        return set(re.findall(r"os\.environ/(\w+)", self.text)) - {NOT_ASKED_FOR, "REGION", "COPIED"}

    def _value(self, name: str, origin: str) -> str:
        if f"model: os.environ/{name}" in self.text:
            return f"openai/{name.lower()}"
        if f"master_key: os.environ/{name}" in self.text:
            return KEY
        return f"{origin}/v1" if name.startswith("URL") else f"sk-dummy-of-{name.lower()}"


def _has_tokens(params: Mapping[str, object]) -> bool:
    return str(params["model"]).partition("/")[0] in TOKENS


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def public(request: pytest.FixtureRequest, started_upstream: Upstream) -> PublicFile:
    return PublicFile(request.param, started_upstream.origin)


@pytest.fixture
def gateway(public: PublicFile, tmp_path: Path) -> Iterator[GatewayProcess | None]:
    """None: nothing of it can be served."""
    if not public.served():
        yield None
        return
    with running_gateway(tmp_path, config=public.text, key=KEY, environ=public.environ) as served:
        yield served
        assert "Traceback" not in served.output


def test_it_starts_and_serves(
    public: PublicFile,
    gateway: GatewayProcess | None,
    upstream: Upstream,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if gateway is None:
        config = tmp_path / "config.yaml"
        config.write_text(public.text)
        options = Options(config=config, action=Action.VALIDATE)
        assert start(options, {**public.environ, "LITELLM_MASTER_KEY": KEY}) == 78
        told = capsys.readouterr().out
        assert told.count(
            "is not served yet; for a server that speaks OpenAI's API write `openai/...`"
        ) == len(public.entries)
        assert told.count("error: ") == len(public.entries)
        return
    assert NOT_ASKED_FOR not in gateway.output
    for name in public.asked():
        assert _ask(gateway, public, name) == (200, None), name
    asked = len(upstream.requests)
    assert asked == len(public.asked())
    for name in public.unserved():
        fallback = name == "unfilled"
        assert _ask(gateway, public, name) == ((200, None) if fallback else (503, "provider_not_served")), (
            name
        )
    health = httpx.get(f"{gateway.url}/health", headers={"authorization": f"Bearer {public.key}"}).json()
    shown = {each["model_group"] for each in health["unhealthy_endpoints"] if each["state"] == "unservable"}
    assert shown >= set(public.unserved())


def _ask(gateway: GatewayProcess, public: PublicFile, name: str) -> tuple[int, str | None]:
    """Status, and an error's code."""
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": name.replace("*", "anything"), "messages": [{"role": "user", "content": "Hello"}]},
        headers={"authorization": f"Bearer {public.key}"},
        timeout=20,
    )
    return answer.status_code, answer.json()["error"]["code"] if answer.status_code >= 400 else None
