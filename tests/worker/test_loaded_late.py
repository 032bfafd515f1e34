"""What a start need not wait for is not loaded before it is needed, or nobody waits."""

from __future__ import annotations

import subprocess
import sys

SEEN = """
import sys
import proxy.command.startup, proxy.worker.work, proxy.worker.serving, proxy.worker.trial
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_what_only_some_connections_need() -> None:
    shown = subprocess.run([sys.executable, "-c", SEEN], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.split())
    assert "trio" in loaded
    assert loaded.isdisjoint({"h2", "h11", "hypercorn", "wsproto", "httpx", "asyncio", "cryptography"})
