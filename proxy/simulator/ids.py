"""Names and times of simulated objects."""

from __future__ import annotations

import secrets
import time

RANDOM_BYTES = 12
"""24 hexadecimal digits: as long as OpenAI's `asst_` and `thread_` ids."""


def new_id(prefix: str) -> str:
    return prefix + secrets.token_hex(RANDOM_BYTES)


def unix_now() -> int:
    """Seconds since 1970, as every `created_at` has it."""
    return int(time.time())
