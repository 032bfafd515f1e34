from __future__ import annotations

import signal
import subprocess
import sys

import httpx


def test_the_program_serves_until_interrupted() -> None:
    command = [
        sys.executable,
        "-m",
        "proxy.simulator",
        "--port",
        "0",
        "--pace_ms",
        "0",
        "--key_prefix",
        "sk-x",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert httpx.get(f"{url}/models", headers={"authorization": "Bearer sk-x1"}).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
