"""What happened: kept by the world, at its own ends of the wires, and never asked of the gateway."""

from __future__ import annotations

import enum
import hashlib
from collections import Counter
from dataclasses import dataclass, field

from loadtest.sim.clock import VirtualClock
from loadtest.sim.plan import Ask, Fault
from loadtest.sim.sockets import End
from proxy.accounting.record import Record
from proxy.types import Usage


@dataclass
class Said:
    """One answer of an upstream, and the truth about it."""

    fault: Fault
    tag: bytes
    """In its head, and in what it says."""
    status: int
    """0: what was sent is no HTTP."""
    streams: bool
    payload: bytes
    """All that a client can get of it; less, if the gateway goes first."""
    whole: bool
    """It ends as its framing, or its own last words, say."""
    usage: Usage | None
    pieces: list[bytes]
    """As written, head and framing included."""
    until_close: bool = False
    hides: int = 0
    """The status that its error would have had, behind a good one."""
    translated: bool = False
    """Its client reads other bytes."""
    language: str = "chat"
    words: bytes | None = None
    """Of a good answer: all that is said to whoever asked."""


@dataclass
class Attempt:
    """One request as an upstream saw it."""

    number: int
    """Of the client's request."""
    upstream: str
    connection: Connection
    asked_s: float
    said: Said | None = None
    head_sent_s: float | None = None
    over_s: float | None = None
    """All that will ever be sent of its answer was written."""
    authorized: bool = True
    words_lost: bool = False
    """It was not told what the client wrote."""
    model: str = ""


@dataclass(eq=False)
class Connection:
    """From the gateway to an upstream."""

    upstream: str
    dialled_s: float
    gateway: End
    host: End
    ahead: bool = False
    """Opened before any request asked for it."""
    attempts: list[Attempt] = field(default_factory=list)

    def kept(self, attempt: Attempt) -> bool:
        """It had idled when this attempt took it."""
        return self.ahead or self.attempts[0] is not attempt


@dataclass
class Dial:
    """One try to connect."""

    upstream: str
    at_s: float
    ahead: bool = False
    refused_s: float | None = None


class Ending(enum.Enum):
    """How an answer ended for its client."""

    NONE = "none"
    """Nothing of it came."""
    WHOLE = "whole"
    CUT = "cut"
    LEFT = "left"


@dataclass(eq=False)
class Asked:
    """One request as its client saw it."""

    ask: Ask
    client: int
    gateway: End
    """The gateway's end of its connection."""
    nth: int
    """On that connection."""
    sent_s: float
    head_ends: int = 0
    """Bytes sent on its connection up to its head's end; 0: the head was not sent whole."""
    body_sent: bool = False
    left_s: float | None = None
    """When the gateway can know it."""
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    payload: bytearray = field(default_factory=bytearray)
    first_payload_s: float | None = None
    heard_s: float | None = None
    """When something came last."""
    quiet_s: float = 0.0
    """The longest that nothing came, where a comment could have."""
    ending: Ending = Ending.NONE
    over_s: float = 0.0


@dataclass
class Recorded:
    at_s: float
    gateway: End
    nth: int
    record: Record


@dataclass
class Deed:
    """What a ledger did: reserved, refused, or settled."""

    at_s: float
    holder: str
    """Its alias."""
    what: str
    least: int = 0
    most: int = 0
    nano: int = 0
    final: bool = False
    free: bool = False


@dataclass
class AtRest:
    """What is left of a gateway when nobody asks any more."""

    links: int
    idle: int
    in_flight: dict[str, int]
    tokens_held: dict[str, int | None]
    tasks: int
    budget: tuple[int, int]
    waiting: int
    woken: int
    standings: dict[str, tuple[int, int, int]]
    """Of each virtual key: spent, reserved, running."""


class Chronicle:
    """Everything of one run."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.log: list[str] = []
        self.asked: list[Asked] = []
        self.attempts: list[Attempt] = []
        self.connections: list[Connection] = []
        self.dials: list[Dial] = []
        self.records: list[Recorded] = []
        self.faults: Counter[Fault] = Counter()
        self.deeds: list[Deed] = []
        """What was reserved, refused and settled."""
        self.bugs: list[str] = []
        """What the gateway logged as its own failures."""
        self.tasks_at_start = 0
        self.at_rest: AtRest | None = None
        self.stopped_s: float | None = None
        self.ended_s: float | None = None
        self.open_at_end: list[str] = []
        self.registered_at_end = 0

    def tell(self, who: str, what: str) -> None:
        self.log.append(f"{self._clock.now:10.4f} {who:12} {what}")

    @property
    def lasted_s(self) -> float:
        return self._clock.now

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()
