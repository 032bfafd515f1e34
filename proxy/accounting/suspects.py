"""What in a good answer may be an error: found by a search, kept for those who can read it."""

from __future__ import annotations

MARK = b'error"'
"""In every error that a good answer holds: `"error"`, `"last_error"`, `"finish_reason":"error"`."""
_NONE = b'error":null'
MOST = 4
MAX_BYTES = 64 * 1024
"""Of one event; errors are short."""


def suspect(text: bytes) -> bool:
    """HOT. Nearly always one search."""
    return text.find(MARK) >= 0 and text.count(MARK) != text.count(_NONE)


def suspects_in(block: bytes) -> tuple[bytes, ...]:
    """The data of the suspect events among whole lines."""
    lines = (line for line in block.split(b"\n") if line.startswith(b"data:") and suspect(line))
    return tuple(line[len(b"data:") :].strip() for line in lines if len(line) <= MAX_BYTES)[-MOST:]
