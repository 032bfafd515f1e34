"""The examples as users run them, against a live gateway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 60
NODE = shutil.which("node")
OPENAI_FOR_NODE = EXAMPLES / "node_modules" / "openai"


@pytest.fixture
def checkout(tmp_path: Path, gateway_key: str) -> Path:
    """The examples beside the `.env` that `make run` writes."""
    shutil.copytree(EXAMPLES, tmp_path / "examples", symlinks=True)
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={gateway_key}\n")
    return tmp_path / "examples"


def _run(command: list[str], url: str, key: str | None = None) -> str:
    """What it printed; its own complaint is in the failure when it fails."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LITELLM_"))
    }
    environ["SLUICE_URL"] = url
    if key is not None:
        environ["LITELLM_MASTER_KEY"] = key
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_tours_the_gateway(gateway_url: str, gateway_key: str) -> None:
    said = _run([sys.executable, str(EXAMPLES / "openai_compatible_demo.py")], gateway_url, gateway_key)
    assert re.search(r"^Models: .*gpt-4o", said, re.MULTILINE)
    assert re.search(r"^Chat: .*capital of France", said, re.MULTILINE)
    assert re.search(r"^Tokens: [1-9]", said, re.MULTILINE)
    assert re.search(r"^Stream: .*one to five", said, re.MULTILINE)
    assert "Embeddings: 2 vectors of 1536 numbers" in said
    assert "Run: completed" in said
    assert re.search(r"^  assistant: .*3x \+ 11 = 14", said, re.MULTILINE)


def test_basic_usage_takes_the_key_from_the_env_file(checkout: Path, gateway_url: str) -> None:
    assert "Say hello" in _run([sys.executable, str(checkout / "basic_usage.py")], gateway_url)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_takes_the_key_from_the_env_file(checkout: Path, gateway_url: str) -> None:
    said = _run([str(checkout / "curl_examples.sh")], gateway_url)
    sections = dict(re.findall(r"^== (\w+).*\n([^=]*)", said, re.MULTILINE))
    assert "alive" in sections["Is"]
    assert '"gpt-4o"' in sections["Models"]
    assert "data: [DONE]" in said
    assert '"embedding":[' in sections["Embeddings"]
    assert '"filename":"example.sh"' in sections["A"]
    assert '"healthy_count":' in sections["Health"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_fails_when_the_gateway_is_not_there() -> None:
    with pytest.raises(AssertionError, match="curl"):
        _run([str(EXAMPLES / "curl_examples.sh")], "http://127.0.0.1:9")


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.skipif(not OPENAI_FOR_NODE.exists(), reason="npm install was not run in examples/")
def test_node_streams(gateway_url: str, gateway_key: str) -> None:
    said = _run(["node", str(EXAMPLES / "node_example.mjs")], gateway_url, gateway_key)
    assert "Say hello" in said


def test_no_lock_file_is_kept() -> None:
    assert list(EXAMPLES.glob("*lock*")) == []
