"""A LiteLLM user's script, as it runs against LiteLLM: `make compat-litellm` brings LiteLLM's packages."""

from __future__ import annotations

import subprocess
from pathlib import Path

from loadtest.gateway_process import running_gateway

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-litellm/bin/python"
KEY = "sk-the-master-key-of-this-test"
STEPS = 10
SCRIPT_S = 240


def test_a_users_script_runs_unchanged(tmp_path: Path) -> None:
    with running_gateway(tmp_path, key=KEY, arguments=["--num_workers", "2"]) as gateway:
        done = subprocess.run(
            [PYTHON, HERE / "clients/litellm_users_script.py"],
            env={"BASE_URL": gateway.url, "MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
            timeout=SCRIPT_S,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == STEPS
    assert done.stdout.splitlines()[-1] == "all gone"
