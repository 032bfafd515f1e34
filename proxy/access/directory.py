"""All keys, and whose they are, in memory: what the state file has, kept up with by the rows that changed in it.

A key is found by the SHA-256 of its secret, which nobody can choose: looking it up in a dict tells nothing by its time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import TypeAlias, TypeVar, cast

import msgspec

from proxy.access.callers import caller_of
from proxy.access.identity import (
    Allowance,
    Budget,
    Caller,
    Customer,
    Entity,
    Identity,
    Tag,
    Team,
    User,
    VirtualKey,
)

KINDS: Mapping[str, type[Entity]] = {
    "key": VirtualKey,
    "team": Team,
    "user": User,
    "customer": Customer,
    "tag": Tag,
    "budget": Budget,
}
IDS: Mapping[str, str] = {
    "key": "id",
    "team": "team_id",
    "user": "user_id",
    "customer": "user_id",
    "tag": "name",
    "budget": "budget_id",
}
"""Kind -> the field that names one."""
MAX_STRANGERS = 4096
"""Digests of keys that were looked for and not found. Emptied when full, and whenever something changed."""
_E = TypeVar("_E", bound=Identity)
_DECODERS = {kind: msgspec.json.Decoder(struct) for kind, struct in KINDS.items()}
_TOKEN = re.compile("[0-9a-f]{64}")
_ALLOWANCE = Allowance.__struct_fields__
Place: TypeAlias = tuple[str, str]
"""Kind and id."""


class Row(msgspec.Struct, frozen=True):
    """What became of one of them."""

    seq: int
    """Rises with every change, whoever makes it."""
    kind: str
    id: str
    body: str | None
    """JSON; None: it was deleted."""


class Change(msgspec.Struct, frozen=True):
    """What shall become of one."""

    kind: str
    id: str
    entity: Entity | None
    """None: it shall be deleted."""
    was: int
    """The `seq` that this is based on; 0: it must not be there."""

    @property
    def is_new(self) -> bool:
        return self.was == 0 and self.entity is not None


class Stale(Exception):  # noqa: N818 - a fact, not an error
    """Somebody else has changed it meanwhile: look again."""


class AliasTaken(Exception):  # noqa: N818 - a fact, not an error
    """Another key has this alias."""


class Directory:
    """One worker's. It outlives a configuration, whose keys it holds too."""

    def __init__(self) -> None:
        self.seq = 0
        """The newest change that is known here."""
        self.unreadable = 0
        """Rows that this program cannot read: what they name is not there."""
        self._of: dict[str, dict[str, Entity]] = {kind: {} for kind in KINDS}
        self._seqs: dict[Place, int] = {}
        self._configured: dict[str, VirtualKey] = {}
        self._digests: dict[bytes, str] = {}
        """Of every secret, retired ones too, the key's id."""
        self._configured_digests: dict[bytes, str] = {}
        self._rotating: dict[str, VirtualKey] = {}
        """Those that get a new secret by themselves."""
        self._callers: dict[bytes, Caller] = {}
        self._strangers: dict[bytes, None] = {}
        self._reserved: frozenset[bytes] = frozenset()

    @property
    def has_keys(self) -> bool:
        return bool(self._of["key"] or self._configured)

    def configure(self, keys: Iterable[VirtualKey], reserved: Iterable[str] = ()) -> None:
        """Those of the configuration: they hold as they are written, whatever the state file says of the same.

        `reserved`: secrets that are no virtual key's, the master key's first of all.
        """
        self._reserved = frozenset(hashlib.sha256(secret.encode()).digest() for secret in reserved)
        self._configured = {key.id: key for key in keys}
        self._configured_digests = {
            digest: key.id for key in self._configured.values() for digest in _digests(key)
        }
        self._forget()

    def begin_anew(self) -> None:
        """Another file is there: nothing is known of it."""
        self.seq = 0
        self._of = {kind: {} for kind in KINDS}
        self._seqs.clear()
        self._digests.clear()
        self._rotating.clear()
        self._forget()

    def learn(self, rows: Iterable[Row]) -> None:
        """In the order of their numbers."""
        changed = False
        for row in rows:
            changed = True
            self.seq = row.seq
            if row.kind in KINDS:
                self._put(row)
        if changed:
            self._forget()

    def _put(self, row: Row) -> None:
        known = self._of[row.kind]
        old = known.pop(row.id, None)
        for digest in _digests(old):
            self._digests.pop(digest, None)
        self._seqs.pop((row.kind, row.id), None)
        if row.kind == "key":
            self._rotating.pop(row.id, None)
        entity = self._read(row)
        if entity is None:
            return
        known[row.id] = entity
        self._seqs[row.kind, row.id] = row.seq
        if isinstance(entity, VirtualKey) and entity.auto_rotate:
            self._rotating[row.id] = entity
        for digest in _digests(entity):
            self._digests[digest] = row.id

    def _read(self, row: Row) -> Entity | None:
        if row.body is None:
            return None
        try:
            return _DECODERS[row.kind].decode(row.body)
        except msgspec.DecodeError:
            self.unreadable += 1
            return None

    def _forget(self) -> None:
        self._callers.clear()
        self._strangers.clear()

    # Who asks

    def find(self, digest: bytes, now: float) -> Caller | None:
        """HOT. The holder of the key with this digest, whatever may be wrong with it; None: there is none."""
        caller = self._callers.get(digest)
        if caller is None or caller.until <= now:
            caller = self._look(digest, now)
        return caller

    def _look(self, digest: bytes, now: float) -> Caller | None:
        key_id = self._key_id(digest)
        key = None if key_id is None else self.key(key_id)
        if key is None:
            return None
        grace = inf
        if key.token != digest.hex():
            grace = max(retired.until for retired in key.retired if retired.token == digest.hex())
            if grace <= now:
                return None
        team = None if key.team_id is None else self.team(key.team_id)
        user = None if key.user_id is None else self.user(key.user_id)
        caller = caller_of(key, team, user, grace)
        if caller.until > now:
            self._callers[digest] = caller
        return caller

    def _key_id(self, digest: bytes) -> str | None:
        return self._configured_digests.get(digest) or self._digests.get(digest)

    def is_taken(self, secret: str) -> bool:
        """It is a key's already, or reserved."""
        digest = hashlib.sha256(secret.encode()).digest()
        return digest in self._reserved or self._key_id(digest) is not None

    def is_stranger(self, digest: bytes) -> bool:
        """It was looked for in vain, and nothing has changed since."""
        return digest in self._strangers

    def not_found(self, digest: bytes) -> None:
        if len(self._strangers) >= MAX_STRANGERS:
            self._strangers.clear()
        self._strangers[digest] = None

    # What there is, with its budget's values where it has none of its own

    def key(self, key_id: str) -> VirtualKey | None:
        found = self._configured.get(key_id) or self._of["key"].get(key_id)
        return None if found is None else self.filled(cast(VirtualKey, found))

    def key_named(self, text: str) -> VirtualKey | None:
        """By its id, its token, or its secret."""
        if text in self._of["key"] or text in self._configured:
            return self.key(text)
        key_id = self._key_id(hashlib.sha256(text.encode()).digest())
        if key_id is None and _TOKEN.fullmatch(text):
            key_id = self._key_id(bytes.fromhex(text))
        return None if key_id is None else self.key(key_id)

    def team(self, team_id: str) -> Team | None:
        return self._identity("team", team_id, Team)

    def user(self, user_id: str) -> User | None:
        return self._identity("user", user_id, User)

    def customer(self, user_id: str) -> Customer | None:
        return self._identity("customer", user_id, Customer)

    def tag(self, name: str) -> Tag | None:
        return self._identity("tag", name, Tag)

    def budget(self, budget_id: str) -> Budget | None:
        return cast("Budget | None", self._of["budget"].get(budget_id))

    def _identity(self, kind: str, id_: str, struct: type[_E]) -> _E | None:
        found = self._of[kind].get(id_)
        return self.filled(found) if isinstance(found, struct) else None

    def filled(self, entity: _E) -> _E:
        """With its budget's values where it has none of its own."""
        budget = None if entity.budget_id is None else self.budget(entity.budget_id)
        if budget is None:
            return entity
        given = {name: getattr(budget, name) for name in _ALLOWANCE if getattr(entity, name) in (None, {})}
        return msgspec.structs.replace(entity, **given)

    # For those who change it

    def stored(self, kind: str, id_: str) -> Entity | None:
        """As it was written, and not those of the configuration."""
        return self._of[kind].get(id_)

    def all_of(self, kind: str) -> Iterator[Entity]:
        """In the order of their making, those of the configuration first."""
        if kind == "key":
            yield from self._configured.values()
        yield from self._of[kind].values()

    def count(self) -> int:
        """All that were made, of all kinds."""
        return sum(map(len, self._of.values()))

    def rotating(self) -> list[VirtualKey]:
        """Those that get a new secret by themselves, as they were written."""
        return list(self._rotating.values())

    def is_configured(self, key_id: str) -> bool:
        return key_id in self._configured

    def change(self, entity: Entity) -> Change:
        """To write this in its place, or anew."""
        kind, id_ = place_of(entity)
        return Change(kind, id_, entity, self._seqs.get((kind, id_), 0))

    def deletion(self, kind: str, id_: str) -> Change:
        return Change(kind, id_, None, self._seqs.get((kind, id_), 0))


def place_of(entity: Entity) -> Place:
    kind = next(kind for kind, struct in KINDS.items() if type(entity) is struct)
    return kind, str(getattr(entity, IDS[kind]))


def _digests(entity: Entity | None) -> list[bytes]:
    """Of a key's secrets."""
    if not isinstance(entity, VirtualKey):
        return []
    return [bytes.fromhex(token) for token in (entity.token, *(retired.token for retired in entity.retired))]
