"""How the state file is: for `/health`, the metrics, and whoever asks."""

from __future__ import annotations

import msgspec


class StateStatus(msgspec.Struct, frozen=True):
    path: str
    problem: str | None
    """Why it cannot be written now, a word of `problems.Problem`; None: all is well."""
    said: str | None
    """The same for people: what is wrong and what to do."""
    since_unix_s: float
    """Of the problem, or of its last end."""
    waiting: int
    """What was posted and is not written yet, in this worker."""
    dropped: int
    """What was posted and never will be, since this worker's start."""
    exchanged: int
    """How often another file was found in its place, or none, and begun with; since this worker's start."""
