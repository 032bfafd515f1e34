"""Where the state file lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NAME = "sluice.db"
OFF = "off"
FOLDER_VARIABLE = "STATE_DIRECTORY"
"""systemd's, for units with `StateDirectory=`: folders, separated by colons (systemd.exec(5))."""


def state_path(wanted: str | None, config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """None: there shall be none. `wanted`: as configured; what is relative begins where the configuration lies."""
    if wanted == OFF:
        return None
    beside = config.absolute().parent if config else Path.cwd()
    if wanted is not None:
        return beside / Path(wanted).expanduser()
    folder = environ.get(FOLDER_VARIABLE, "").partition(":")[0]
    return (Path(folder) if folder else beside) / NAME
