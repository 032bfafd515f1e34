"""python -m loadtest.h2spec PATH: h2spec (github.com/summerwind/h2spec) against a gateway; what it fails is told."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from loadtest.gateway_process import running_gateway

FAILED = "\N{MULTIPLICATION SIGN}"
OF_HTTP1 = "Sends invalid connection preface"
"""Fails by nature: what does not begin as HTTP/2 is HTTP/1.1 on this port, and gets that protocol's 400."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, running_gateway(Path(folder)) as gateway:
        command = [sys.argv[1], "-p", str(gateway.port), "-P", "/health/liveliness", "--timeout", "2"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        alive = gateway.process.poll() is None
    failures = said.partition("Failures:")[2]
    print(said if failures.count(FAILED) > 1 else said.rstrip().rsplit("\n", 1)[-1])
    failed = [line for line in failures.splitlines() if FAILED in line and OF_HTTP1 not in line]
    return 1 if failed or not alive or "tests," not in said else 0


if __name__ == "__main__":
    sys.exit(main())
