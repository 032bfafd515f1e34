"""Places in a configuration, written or not."""

from __future__ import annotations

from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of the file."""


def dotted(path: KeyPath) -> str:
    """`model_list[0].litellm_params.rpm`"""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
