"""What a ledger is asked, and what it says."""

from __future__ import annotations

import math
from typing import Literal, Protocol, TypeAlias

import msgspec

Limit: TypeAlias = Literal["requests", "tokens", "parallel", "budget"]
NO_PERIOD = 0
"""The budget's period of those that have none."""


UNLIMITED = 2**62
"""A budget that nobody reaches: what is spent is counted, and not limited."""


class Lock(Protocol):
    """Excludes every thread of every process that uses the memory, and is freed when its holder dies."""

    def acquire(self) -> object: ...
    def release(self) -> object: ...


class Rule(msgspec.Struct, frozen=True, gc=False):
    """What holds for one subject. None: no such limit."""

    subject: bytes
    """16 bytes (`limits.subjects`)."""
    holder: str = ""
    """What sort of subject it is: `key`, `team`, `key_model` ..."""
    shown: str = ""
    """For people: which one."""
    label: str = ""
    """In metrics: the same of it as in those made of records."""
    rpm: int | None = None
    """Requests in any minute."""
    tpm: int | None = None
    """Tokens in any minute."""
    parallel: int | None = None
    budget: int | None = None
    """Nano-dollars in its period."""
    soft: int | None = None
    """Nano-dollars: who spends more is told of. Only beside a budget."""
    kind: int = NO_PERIOD
    """Which sort of period: of another one the spend is not known yet."""
    start: int = 0
    """Unix seconds, when the present period began."""
    end: float = math.inf
    """Unix seconds, when it ends."""

    @property
    def per_minute(self) -> bool:
        return self.rpm is not None or self.tpm is not None


class Demand(msgspec.Struct, frozen=True, gc=False):
    """What a request is expected to take of each."""

    tokens: int = 0
    least: int = 0
    """Nano-dollars that it costs however short its answer is."""
    most: int = 0
    """Nano-dollars that it costs if its answer is as long as it may be."""
    free: bool = False
    """It is known to cost nothing: no budget stands in its way."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Nothing was reserved."""

    rule: Rule
    which: Limit
    limit: int
    """As the rule says: requests, tokens, or nano-dollars."""
    used: int
    """Of these, at this moment, with what running requests have reserved."""
    wait_s: float | None = None
    """Until it would be reserved if nobody else came. None: when running requests end, or never in this period."""
    final: bool = False
    """The budget's period has to end first."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """What these have spent is not in the memory yet: `Ledger.load` it, and ask again."""

    rules: tuple[Rule, ...]


class Full(msgspec.Struct, frozen=True, gc=False):
    """Every row of the memory belongs to someone who is busy, or was within the last minute."""


class Seen(msgspec.Struct, frozen=True, gc=False):
    """How the first of a request's subjects stood when it had been reserved, this one included."""

    requests: int
    tokens: int
    """With those that running requests have reserved."""
    spent: int


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a subject stands, with all workers' requests."""

    requests: int
    """In the last minute."""
    tokens: int
    """In the last minute, of those that have ended."""
    running: int
    running_tokens: int
    """Expected of those that run."""
    spent: int
    """Nano-dollars in the budget's period, the present one if it was asked for."""
    reserved: int
    """Nano-dollars, the most that running requests may cost."""
