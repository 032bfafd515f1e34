"""What was spent: by the records, by the counters beside them, and by what the workers go by."""

from __future__ import annotations

import msgspec

from loadtest.limits.scene import Scene
from proxy.access.identity import token_of
from proxy.limits.subjects import EVERYBODY, subject


class Books(msgspec.Struct, frozen=True):
    """Nano-dollars of one key, and of everybody."""

    records: int
    counted: int
    all_records: int
    all_counted: int
    answers: int
    """Records of the key with a cost."""

    def unlike(self) -> list[str]:
        found = []
        if self.records != self.counted:
            found.append(f"the key's records come to {self.records}, its spend to {self.counted}")
        if self.all_records != self.all_counted:
            found.append(f"all records come to {self.all_records}, all spend to {self.all_counted}")
        return found


_OF_KEY = "FROM records JOIN callers ON callers.id = records.caller WHERE callers.key = ?1"
_SQL = f"""
SELECT
    (SELECT coalesce(sum(spend), 0) {_OF_KEY}),
    (SELECT coalesce(sum(nano), 0) FROM spend WHERE subject = ?2),
    (SELECT coalesce(sum(spend), 0) FROM records),
    (SELECT coalesce(sum(nano), 0) FROM spend WHERE subject = ?3),
    (SELECT count(spend) {_OF_KEY})
"""


def books(scene: Scene, key: str) -> Books:
    """Of one moment."""
    token = token_of(key.encode())
    row = scene.read(_SQL, token, subject("key", token), EVERYBODY)[0]
    return Books(*map(int, row))
