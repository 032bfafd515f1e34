"""All that a seed decides beforehand: values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass

KEY = b"sk-simulated"
"""The gateway's."""
LATENCIES_S = (0.0005, 0.002, 0.02, 0.1)
CAPACITIES_BYTES = (20_000, 40_000, 200_000)
"""An empty buffer takes what the gateway posts in one go: proxy.wire.link.POST_BYTES."""


class Fault(enum.Enum):
    """What goes wrong at an upstream."""

    NONE = "none"
    # Before a connection is there.
    REFUSED = "refused"
    HANGS = "connect hangs"
    # Where the answer stops.
    SILENT = "silent"
    RESET = "reset"
    CLOSED = "closed"
    HALF_CLOSED = "half-closed"
    STALLED = "stalled"
    SLOW = "slow"
    # What it says.
    FAILING = "5xx"
    LIMITED = "429 with a time"
    LIMITED_UNTIMED = "429 without a time"
    NO_MONEY = "429 without money"
    UNAUTHORIZED = "401 or 403"
    REJECTING = "4xx"
    # How it is framed.
    LONG_LENGTH = "length too long"
    SHORT_LENGTH = "length too short"
    BAD_CHUNK = "bad chunk"
    GARBAGE = "garbage"
    # Odd manners.
    CLOSES_AFTER = "closes after the answer"
    EARLY = "answers before the body"
    INTERIM = "interim answers"
    ERROR_EVENT = "stream of an error"
    HIDDEN = "no money behind a 200"


UNREACHABLE = frozenset({Fault.REFUSED, Fault.HANGS})


@dataclass(frozen=True)
class Phase:
    """How an upstream is until a moment."""

    until_s: float
    fault: Fault = Fault.NONE
    chance: float = 1.0
    """Of each request; of each connection where the fault is one of UNREACHABLE."""
    retry_after_s: int = 0
    cuts: bool = False
    """When it begins, open connections are reset: the host went away."""


@dataclass(frozen=True)
class UpstreamPlan:
    name: str
    """Of its deployment and of its host."""
    phases: tuple[Phase, ...]
    """After the last it is well."""
    head_s: tuple[float, float]
    """How long its answers take to begin, at least and at most."""
    gap_s: tuple[float, float]
    """Between the pieces of one."""
    idle_s: float
    """It closes connections that were idle so long."""
    latency_s: float
    capacity_bytes: int
    tells_limits: bool = False
    """Its answers say what its key has left."""

    def phase(self, now: float) -> Phase | None:
        """None: well."""
        return next((phase for phase in self.phases if now < phase.until_s), None)


class Kind(enum.Enum):
    """What is asked for."""

    CHAT = "chat"
    UPLOAD = "upload"
    PAGE = "page"
    DELETION = "deletion"
    ADMIN = "admin"
    NONSENSE = "nonsense"


CARRIED = frozenset({Kind.CHAT, Kind.UPLOAD})
"""What goes on to an upstream."""


class Leaves(enum.Enum):
    """When a client gives up on purpose."""

    NEVER = "never"
    HEAD = "in the head"
    BODY = "in the body"
    WAIT = "while waiting"
    ANSWER = "in the answer"
    DONE = "with the last event"
    """As OpenAI's SDKs do: what comes behind it is not read."""


class Manner(enum.Enum):
    """How it goes."""

    CLOSE = "close"
    RESET = "reset"
    HALF_CLOSE = "half-close"
    STALL = "stall"
    """It does not go: it stops sending, or reading, until its patience ends."""


@dataclass(frozen=True)
class Ask:
    number: int
    """Of the request; unique in the plan."""
    pause_s: float
    """After what came before on its connection."""
    kind: Kind = Kind.CHAT
    model: str = ""
    stream: bool = False
    target: bytes = b"/v1/chat/completions"
    lines: tuple[bytes, ...] = ()
    """Further header lines."""
    body_bytes: int = 200
    max_tokens: int = 0
    """Of a chat; 0: it does not say."""
    text: bytes = b""
    """Of the message or the upload, instead of so many bytes."""
    chunked: bool = False
    expects: bool = False
    """It waits for a 100 before it sends its body."""
    pieces: int = 1
    """In how many its request goes out."""
    leaves: Leaves = Leaves.NEVER
    manner: Manner = Manner.CLOSE
    leaves_at: float = 0.0
    """The part of head or body that is sent; seconds of waiting; bytes of the answer's payload."""


@dataclass(frozen=True)
class Holder:
    """A virtual key with one limit, which some of the clients share."""

    key: str
    alias: str
    rpm: int | None = None
    parallel: int | None = None
    budget: int | None = None
    """Nano-dollars."""


@dataclass(frozen=True)
class ClientPlan:
    """One connection, and the next when that ends: requests one after the other."""

    number: int
    starts_s: float
    asks: tuple[Ask, ...]
    latency_s: float
    capacity_bytes: int
    takes_bytes: int = 1 << 20
    """At one reading."""
    pace_s: float = 0.0
    """Between two readings."""
    patience_s: float = 1_000.0
    """Then it goes."""
    reconnects: bool = False
    """A new connection for every request."""
    key: bytes = KEY
    """For what goes on to an upstream."""


class Sort(enum.Enum):
    """Of run."""

    STORM = "storm"
    """Everything at once."""
    HEALING = "healing"
    """One of a group is ill for a while, under a steady load."""
    CALM = "calm"
    """All are well: shares can be counted."""


@dataclass(frozen=True)
class Reload:
    at_s: float
    config: str


@dataclass(frozen=True)
class Target:
    """What the world knows of a deployment's configuration, to judge by."""

    name: str
    group: str
    weight: int
    cap: int | None
    drains: bool
    cooldown_s: float
    """0: it never rests."""
    rpm: int | None = None
    completes: bool = False
    """It speaks completions: chat is translated for it."""
    speaks_anthropic: bool = False
    """Chat is translated for it, and /v1/messages is not."""
    removed: bool = False
    """A reload takes it away, maybe for a while."""


@dataclass(frozen=True)
class Plan:
    seed: int
    sort: Sort
    config: str
    """YAML."""
    targets: tuple[Target, ...]
    upstreams: tuple[UpstreamPlan, ...]
    clients: tuple[ClientPlan, ...]
    reloads: tuple[Reload, ...]
    settles_s: float
    """After the last client is gone, what it started may go on for so long."""
    stops_s: float | None
    """SIGTERM while they still ask; None: when all is over."""
    at_once_s: float | None
    """A second signal, so long after the first."""
    drain_timeout_s: float
    max_retry_after_s: float
    total_timeout_s: float
    keepalive_s: float
    """0: streams are not kept alive."""
    mode: str = ""
    """Of streams and answers, where it is one for all."""
    benches: bool = True
    """False: nobody ever rests but by the operator's word."""
    holders: tuple[Holder, ...] = ()
    """Whose limits are to be kept."""
    hostile: tuple[ClientPlan, ...] = ()
    """One caller's clients, whom the others must not notice; they play only where they are let in."""
