"""What the numbers were measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import resource
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES_WANTED = 100_000
"""Open files per process: 10,000 streams are 20,000 sockets in a proxy."""


def describe() -> dict[str, str]:
    """Label -> text, in the order to print them."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _output("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{_memory_gb():.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "python": _output(str(ROOT / ".venv/bin/python"), "--version").removeprefix("Python "),
        "build": _output(str(ROOT / ".venv/bin/sluice"), "--version").partition("(")[2].rstrip(")"),
        "nginx": _output("nginx", "-v").rpartition("/")[2],
        "openssl": _output("openssl", "version").split(" (")[0].removeprefix("OpenSSL "),
    }


def raise_file_limit() -> int:
    """Raises the limit of open files for this process and its children as far as it may; what it is then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (FILES_WANTED, hard):
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(hard, limit)))
            return limit
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return "absent"
    return (done.stdout + done.stderr).strip()


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
