"""The clients that people have, as they come: each is answered, and its records say so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.gateway_process import GatewayProcess, running_gateway

HERE = Path(__file__).parent
CLAUDE_CODE = HERE / "node_modules/.bin/claude"
CODEX = HERE / "node_modules/.bin/codex"
PYTHON = HERE.parents[1] / ".venv-compat/bin/python"
CHROMIUM = shutil.which("chromium") or ""
DONE = {(200, "ok")}
Records = Callable[[], list[dict[str, object]]]

SERVED = """
model_list:
  - model_name: my-model
    litellm_params: {model: openai/gpt-4o, mock_response: "as set"}
"""


def outcomes(records: list[dict[str, object]]) -> set[tuple[object, object]]:
    return {(record["status"], record["outcome"]) for record in records}


def test_openai_for_node(run: Callable[..., str], records: Records) -> None:
    said = run("node", HERE / "clients/node.mjs").splitlines()
    assert [line for line in said if "Say hello" in line] == said[:2]
    assert said[2] == "completed"
    assert outcomes(records()) == DONE


def test_openai_for_node_puts_a_large_file_before_the_model(
    run: Callable[..., str], records: Records
) -> None:
    assert run("node", HERE / "clients/image_edit.mjs", environ={"MODEL": "gpt-image-1"}) == "1\n"
    assert [(record["model_asked"], record["status"]) for record in records()] == [("gpt-image-1", 200)]


@pytest.mark.parametrize("client", ["langchain_client.py", "llamaindex_client.py", "agents_client.py"])
def test_python_frameworks(run: Callable[..., str], records: Records, client: str) -> None:
    said = run(PYTHON, HERE / "clients" / client)
    assert said.count("Say hello") == 2
    assert outcomes(records()) == DONE


@pytest.mark.skipif(shutil.which("java") is None, reason="no JDK is installed")
def test_the_jdks_client(run: Callable[..., str], records: Records) -> None:
    said = run("java", HERE / "clients/Jdk.java")
    assert said.startswith("200 {")
    assert "data: [DONE]" in said
    assert said.endswith("200\n")
    assert outcomes(records()) == DONE


def test_codex(run: Callable[..., str], records: Records, house: GatewayProcess, tmp_path: Path) -> None:
    """It opens a WebSocket first, compresses its bodies with zstd, and counts on the end of its stream."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(
        f'model = "gpt-4o"\nmodel_provider = "sluice"\n[model_providers.sluice]\nname = "Sluice"\n'
        f'base_url = "{house.url}/v1"\nenv_key = "SLUICE_KEY"\nwire_api = "responses"\nsupports_websockets = true\n'
    )
    said = run(
        CODEX, "exec", "--skip-git-repo-check", "Say hello", environ={"CODEX_HOME": str(home)}, cwd=work
    )
    assert 'You wrote: "Say hello"' in said
    seen = records()
    assert [record["status"] for record in seen if record["method"] == "GET"].count(426) == 1
    assert outcomes([record for record in seen if record["method"] == "POST"]) == DONE


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_a_page_in_chromium(run: Callable[..., str]) -> None:
    saw = json.loads(run("node", HERE / "clients/browser.mjs", environ={"CHROMIUM": CHROMIUM}))
    assert "Say hello" in saw["plain"]
    assert "Say hello" in saw["streamed"]
    assert saw["call"], "x-litellm-call-id may be read"
    assert saw["errors"] == [[400, "missing_required_parameter"], [401, "invalid_api_key"]]


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")
def test_the_documentation_page(tmp_path: Path, run: Callable[..., str]) -> None:
    with running_gateway(tmp_path, config=SERVED, key="sk-compat") as served:
        environ = {"CHROMIUM": CHROMIUM, "SLUICE_URL": served.url}
        saw = json.loads(run("node", HERE / "clients/docs_page.mjs", environ=environ))
    assert saw["wrong"] == []
    assert saw["background"] != "rgb(255, 255, 255)", "the system is dark"
    assert saw["first"]["model"] == "my-model"
    assert saw["status"] == 200
    assert saw["again"]["model"] == "my-model", "the key was kept"


def test_langchains_client_of_anthropic(run: Callable[..., str], records: Records) -> None:
    said = run(PYTHON, HERE / "clients/langchain_anthropic_client.py")
    assert said.count("Say hello") == 2
    assert said.endswith("weather\n")
    assert {record["route"] for record in records()} == {"/messages"}
    assert outcomes(records()) == DONE


def test_anthropic_for_node(run: Callable[..., str], records: Records) -> None:
    said = run("node", HERE / "clients/anthropic_node.mjs")
    assert said.count("Say hello") == 2
    assert said.endswith("tool_use weather\ntrue\n")
    assert outcomes(records()) == DONE


def test_vercels_client_of_anthropic(run: Callable[..., str], records: Records) -> None:
    assert run("node", HERE / "clients/vercel_anthropic.mjs").count("Say hello") == 2
    assert outcomes(records()) == DONE


def test_claude_code(
    run: Callable[..., str], records: Records, house: GatewayProcess, tmp_path: Path
) -> None:
    """It sends its thinking and marks for the cache, and counts on the order of a stream's events. It has no tools: the
    simulator would call one each time."""
    environ = {
        "ANTHROPIC_BASE_URL": house.url, "ANTHROPIC_AUTH_TOKEN": house.key or "", "ANTHROPIC_MODEL": "gpt-4o",
        "ANTHROPIC_SMALL_FAST_MODEL": "gpt-4o-mini", "HOME": str(tmp_path), "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }  # fmt: skip
    said = run(CLAUDE_CODE, "-p", "Say hello", "--tools", "", environ=environ, cwd=tmp_path)
    assert "You wrote:" in said
    assert outcomes([record for record in records() if record["route"] == "/messages"]) == DONE
