"""What is wrong with a configuration, in words for whoever wrote it."""

from __future__ import annotations

import traceback
from pathlib import Path


class ConfigError(Exception):
    """The configuration is wrong. `str()` names file, line, path and what to write instead."""


def unforeseen(error: Exception) -> str:
    """What to say of a value that trips the code up. The error's own text may repeat it, and so a secret."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} in {Path(where.filename).name}:{where.lineno}"
    return f"cannot be used ({place}), though it passed the checks: please report it"
