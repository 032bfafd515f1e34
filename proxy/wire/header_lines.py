"""Header lines of an answer, each ending in CRLF, as they pass."""

from __future__ import annotations

from collections.abc import Callable


def without(lines: bytes, unwanted: Callable[[bytes], bool]) -> bytes:
    """All but those whose name, in lower case, is unwanted."""
    return b"".join(
        line for line in lines.splitlines(keepends=True) if not unwanted(line.partition(b":")[0].lower())
    )
