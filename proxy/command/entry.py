"""Where the `sluice` command begins: the library alone is installed without what the gateway needs."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from proxy.process.exit_codes import EX_FAILED

NEEDED = ("trio", "hypercorn", "h11", "brotli", "cryptography", "yaml")
"""Of the extra `proxy`."""
HOW = "pip install 'sluice-gateway[proxy]'"


def lacking() -> list[str]:
    """Modules that are not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def run() -> None:
    missing = lacking()
    if missing:
        print(
            f"sluice: the library is installed, the gateway is not: {', '.join(missing)} missing; {HOW}",
            file=sys.stderr,
        )
        sys.exit(EX_FAILED)
    from proxy.command import cli  # noqa: PLC0415 - imports what was looked for

    cli.run()
