"""What was asked, beside its record: only where the operator says so, cut, and without what looks like a secret.

Nothing of it is in the record, the log or a sink: it is in this table alone, and goes with its record.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Final

from proxy.config.errors import ConfigError
from proxy.storage.file import StateFile
from proxy.storage.records import call_bytes

MOST_WAITING: Final = 1_000
"""Prompts that wait for the file, per worker: some 30 MB; further ones are not kept, and counted."""
BYTES_PER_CHAR: Final = 4
"""Of UTF-8, at most."""
STEP: Final = 500
"""Deleted in one transaction."""
REDACTED: Final = "[redacted]"
ALWAYS: Final = (
    r"\b(?:sk|pk|rk|ghp|gho|ghs|glpat|xox[abp]|AKIA|AIza)[-_A-Za-z0-9]{12,200}",
    r"(?i)\bbearer\s+[-._~+/A-Za-z0-9]{12,500}",
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----",
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    r"\b\d(?:[ -]?\d){12,18}\b",
)
"""Providers' keys, bearer tokens, private keys, e-mail addresses, numbers of cards and accounts."""


def redactions(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """Those that always hold, and the operator's own. Raises ConfigError for one that is no regular expression."""
    found = [re.compile(pattern) for pattern in ALWAYS]
    for pattern in patterns:
        try:
            found.append(re.compile(pattern))
        except re.error as error:
            raise ConfigError(
                f"prompt_redactions: {pattern!r} is no regular expression of Python's: {error}"
            ) from error
    return tuple(found)


class Prompts:
    """One worker's."""

    def __init__(self, state: StateFile) -> None:
        self._state = state
        self.configure(0, ())
        self._waiting: set[str] = set()
        self.dropped = 0

    def configure(self, chars: int, secrets: Sequence[re.Pattern[str]]) -> None:
        """`chars`: of each that are kept. `secrets`: what is not."""
        self._chars = chars
        self._secrets = secrets

    def keep(self, call_id: str, body: bytes) -> None:
        """HOT, where it is on. `body`: JSON."""
        if len(self._waiting) >= MOST_WAITING or not self._state.post(
            partial(self._write, call_id, body[: self._chars * BYTES_PER_CHAR])
        ):
            self.dropped += 1
            return
        self._waiting.add(call_id)

    def _write(self, call_id: str, text: bytes, connection: sqlite3.Connection) -> None:
        """In the state file's thread; once more if that fails."""
        connection.execute(
            "INSERT OR REPLACE INTO prompts (call_id, request) VALUES (?, ?)",
            (call_bytes(call_id), self.shown(text)),
        )
        self._waiting.discard(call_id)

    def shown(self, text: bytes) -> str:
        """What looks like a secret is taken out first: a cut could leave half of it."""
        shown = text.decode("utf-8", "replace")
        for secret in self._secrets:
            shown = secret.sub(REDACTED, shown)
        return shown[: self._chars]


def tidy(connection: sqlite3.Connection, _now: float) -> bool:
    """One step (`storage.retention.Step`): those older than the oldest record go. Call ids begin with the time."""
    oldest = connection.execute("SELECT call_id FROM records ORDER BY id LIMIT 1").fetchone()
    if oldest is None:
        return False
    gone = connection.execute(
        "DELETE FROM prompts WHERE number IN (SELECT number FROM prompts WHERE call_id < ? LIMIT ?)",
        (oldest[0], STEP),
    ).rowcount
    return gone >= STEP
