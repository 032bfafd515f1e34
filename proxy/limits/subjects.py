"""Who something is counted for, as 16 bytes: the same in every worker, and in the state file."""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["key", "user", "team", "member", "customer", "tag", "all"]
SUBJECT_BYTES = 16


def subject(kind: Kind, *names: str, model: str | None = None) -> bytes:
    """`names`: its id; of a team's member both ids. `model`: of the subject only what it asks of this one."""
    parts = (kind, *names) if model is None else (kind, *names, "model", model)
    text = b"".join(b"%d:%b" % (len(part), part) for part in (each.encode() for each in parts))
    return hashlib.blake2b(text, digest_size=SUBJECT_BYTES).digest()
