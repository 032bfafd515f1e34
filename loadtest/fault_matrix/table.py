"""What the client, the key's health and the record must say, for every fault, mode and topology. Data and rules only.

The page docs/faults.md is written from this, and tests/faults/test_matrix.py holds the gateway to it. Nothing here
is taken from the gateway's code: where the two differ, one of them is wrong.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import product

ATTEMPTS = 3
"""Of one group: one and `num_retries`, 2 by default."""


class Shows(enum.IntEnum):
    """When the gateway can tell that something is wrong, from early to late."""

    UNANSWERED = 1
    """Before there is a head."""
    STATUS = 2
    """The head says so itself."""
    HEAD = 3
    """The head is fine, and no byte of the body comes."""
    PREAMBLE = 4
    """A stream began, without any content: a role, an id, an error."""
    CONTENT = 5
    """Content has come."""
    NEVER = 6
    """Its framing says that it is whole."""


class Mode(enum.Enum):
    """How an answer is asked for. The value is what users read."""

    WHOLE = "not streamed"
    LIVE = "`live`"
    PROBE = "`probe`"
    BUFFERED = "`buffered`"

    @property
    def streams(self) -> bool:
        return self is not Mode.WHOLE


FAILS_OVER_UNTIL = {
    Mode.WHOLE: Shows.HEAD,
    Mode.LIVE: Shows.HEAD,
    Mode.PROBE: Shows.PREAMBLE,
    Mode.BUFFERED: Shows.CONTENT,
}
"""The latest fault that the client need not see. Later ones find the answer begun."""


class Topology(enum.Enum):
    """Who else could answer. The first deployment always has the fault, whoever asks and however often."""

    ONE_KEY = "one key"
    TWO_KEYS = "two keys"
    FALLBACK = "fallback group"


class Seen(enum.Enum):
    """What the client sees. The value is what users read."""

    ANSWER = "answer"
    """The faulty key's own, whole."""
    ELSEWHERE = "another"
    """From the other key or the other group, whole."""
    AS_CAME = "as it came"
    """The upstream's bytes and its end: as far as its framing says, that is all."""
    OWN_ERROR = "its error"
    """The upstream's status and body, byte for byte."""
    FAILED = "502"
    TRUE_STATUS = "its error, its status"
    """The upstream's body, byte for byte, with the status that the error in it would have had."""
    TIMEOUT = "504"
    EVENT_AND_CUT = "event, cut"
    """What came, one error event, and an end without `[DONE]`."""
    CUT = "cut"
    """What came, and an unclean end."""


class Sort(enum.Enum):
    """What one attempt that fails comes to, as long as the client has seen nothing."""

    UNREACHABLE = "unreachable"
    """There is no connection."""
    FAILED = "failed"
    """There is no answer, or it breaks."""
    SILENT = "silent"
    """There is no answer in time."""
    SERVER = "server"
    """An error status that another attempt may mend."""
    LIMITED = "limited"
    """429"""
    LOCKED = "locked"
    """401: this key will not do."""
    CONFLICT = "conflict"
    """409: worth another attempt, and nobody's fault."""
    CLIENT = "client"
    """400: the request's own fault."""
    HIDDEN = "hidden"
    """An error of a server's in a good stream."""
    HIDDEN_LIMIT = "hidden limit"
    """A 429 in the body of a 200."""
    HARMLESS = "harmless"


@dataclass(frozen=True)
class Consequence:
    """What a sort of failure does: to the request, and to the key."""

    alone: Seen
    """The client's answer when nobody else can help."""
    moves_on: bool = True
    """Another key, or another group, is asked."""
    asked_again: bool = False
    """So is the same key, after a wait, where it is the last."""
    counts: bool = True
    """The key is to blame."""
    bench: str = ""
    """Why one such request benches the key, its model or its host; empty: it does not."""


CONSEQUENCES = {
    Sort.UNREACHABLE: Consequence(Seen.FAILED, bench="refused"),
    Sort.FAILED: Consequence(Seen.FAILED, asked_again=True),
    Sort.SILENT: Consequence(Seen.TIMEOUT),
    Sort.SERVER: Consequence(Seen.OWN_ERROR, asked_again=True),
    Sort.LIMITED: Consequence(Seen.OWN_ERROR, bench="rate_limited"),
    Sort.LOCKED: Consequence(Seen.OWN_ERROR, bench="auth"),
    Sort.CONFLICT: Consequence(Seen.OWN_ERROR, asked_again=True, counts=False),
    Sort.CLIENT: Consequence(Seen.OWN_ERROR, moves_on=False, counts=False),
    Sort.HIDDEN: Consequence(Seen.AS_CAME, asked_again=True),
    Sort.HIDDEN_LIMIT: Consequence(Seen.TRUE_STATUS, bench="rate_limited"),
    Sort.HARMLESS: Consequence(Seen.ANSWER, moves_on=False, counts=False),
}


@dataclass(frozen=True)
class Fault:
    name: str
    """How tests and staging call it."""
    title: str
    """What the upstream does, for users."""
    shows: Shows
    sort: Sort
    event_fits: bool = False
    """A stream stops where one more event can be told: between two events, and its framing has room."""
    only_streams: bool = False
    as_came: bool = False
    """Once the answer has begun nothing can be told from its bytes: it is passed on as it came."""
    only_streams_tell: bool = False
    """An answer that is not streamed has no last words of its own: it is passed on as it came."""


FAULTS = (
    Fault("refused", "refuses the connection", Shows.UNANSWERED, Sort.UNREACHABLE),
    Fault("no-host", "has a name that does not resolve", Shows.UNANSWERED, Sort.UNREACHABLE),
    Fault("connect-hangs", "lets the connect hang", Shows.UNANSWERED, Sort.UNREACHABLE),
    Fault("tls-wrong", "shows a certificate of an unknown authority", Shows.UNANSWERED, Sort.UNREACHABLE),
    Fault("tls-silent", "never ends the TLS handshake", Shows.UNANSWERED, Sort.UNREACHABLE),
    Fault("reset-unanswered", "resets the connection unanswered", Shows.UNANSWERED, Sort.FAILED),
    Fault("closed-unanswered", "closes the connection unanswered", Shows.UNANSWERED, Sort.FAILED),
    Fault("half-closed-unanswered", "half-closes the connection unanswered", Shows.UNANSWERED, Sort.FAILED),
    Fault("silent", "says nothing", Shows.UNANSWERED, Sort.SILENT),
    Fault("head-cut", "closes the connection within its head", Shows.UNANSWERED, Sort.FAILED),
    Fault("head-stalls", "falls silent within its head", Shows.UNANSWERED, Sort.SILENT),
    Fault("garbage", "says something that is not HTTP", Shows.UNANSWERED, Sort.FAILED),
    Fault("huge-head", "sends a head of 70 KiB", Shows.UNANSWERED, Sort.FAILED),
    Fault("500", "answers 500", Shows.STATUS, Sort.SERVER),
    Fault("503", "answers 503 with `Retry-After`", Shows.STATUS, Sort.SERVER),
    Fault("429", "answers 429 with `Retry-After`", Shows.STATUS, Sort.LIMITED),
    Fault("401", "answers 401", Shows.STATUS, Sort.LOCKED),
    Fault("409", "answers 409", Shows.STATUS, Sort.CONFLICT),
    Fault("400", "answers 400", Shows.STATUS, Sort.CLIENT),
    Fault("head-then-silence", "sends its head, then nothing", Shows.HEAD, Sort.SILENT),
    Fault("head-then-close", "sends its head, then closes", Shows.HEAD, Sort.FAILED),
    Fault("head-then-reset", "sends its head, then resets", Shows.HEAD, Sort.FAILED),
    Fault("preamble-then-close", "closes after an event without content", Shows.PREAMBLE, Sort.FAILED,
          event_fits=True, only_streams=True),
    Fault("200-error", "answers 200 with nothing but an error that says 429", Shows.HEAD, Sort.HIDDEN_LIMIT),
    Fault("200-empty", "answers 200 with nothing", Shows.HEAD, Sort.FAILED),
    Fault("200-page", "answers 200 with a page of HTML", Shows.HEAD, Sort.FAILED),
    Fault("error-event", "begins its stream with an error event", Shows.PREAMBLE, Sort.HIDDEN,
          only_streams=True, as_came=True),
    Fault("preamble-then-silence", "falls silent after an event without content", Shows.CONTENT, Sort.FAILED,
          event_fits=True, only_streams=True),
    Fault("reset", "resets the connection mid-answer", Shows.CONTENT, Sort.FAILED, event_fits=True),
    Fault("closed", "closes the connection mid-answer", Shows.CONTENT, Sort.FAILED, event_fits=True),
    Fault("half-closed", "half-closes the connection mid-answer", Shows.CONTENT, Sort.FAILED, event_fits=True),
    Fault("stalls", "falls silent mid-answer", Shows.CONTENT, Sort.FAILED, event_fits=True),
    Fault("cut-in-event", "closes the connection within an event", Shows.CONTENT, Sort.FAILED,
          only_streams=True),
    Fault("too-short", "closes before the announced length", Shows.CONTENT, Sort.FAILED),
    Fault("bad-chunk", "breaks the chunked framing mid-answer", Shows.CONTENT, Sort.FAILED, event_fits=True),
    Fault("unframed-cut", "closes mid-answer, where only the close ends it", Shows.CONTENT, Sort.FAILED,
          event_fits=True, only_streams_tell=True),
    Fault("too-long", "sends more than the announced length", Shows.NEVER, Sort.HARMLESS, as_came=True),
    Fault("no-done", "ends its stream without `[DONE]`, well framed", Shows.NEVER, Sort.HARMLESS,
          only_streams=True, as_came=True),
    Fault("slow", "sends a few bytes at a time", Shows.NEVER, Sort.HARMLESS),
)  # fmt: skip
BY_NAME = {fault.name: fault for fault in FAULTS}


@dataclass(frozen=True)
class Expected:
    seen: Seen
    asked: int
    """Attempts on the faulty deployment."""
    failures: int
    """Of them, those that count against it."""
    bench: str
    """Why it is benched afterwards; empty: it is not."""
    outcome: str
    """In the record."""

    @property
    def attempts(self) -> int:
        """In the record."""
        return self.asked + (self.seen is Seen.ELSEWHERE)


@dataclass(frozen=True)
class Cell:
    fault: Fault
    mode: Mode
    topology: Topology

    @property
    def name(self) -> str:
        """A word that can stand in a key, a model's name, a test's id."""
        return f"{self.fault.name}.{self.mode.name}.{self.topology.name}".lower()


def cells() -> tuple[Cell, ...]:
    every = (Cell(*parts) for parts in product(FAULTS, Mode, Topology))
    return tuple(cell for cell in every if cell.mode.streams or not cell.fault.only_streams)


def expected(cell: Cell) -> Expected:
    fault, mode = cell.fault, cell.mode
    if fault.only_streams_tell and not mode.streams:
        return Expected(Seen.AS_CAME, 1, 0, "", "ok")
    if fault.shows is Shows.NEVER:
        return Expected(Seen.AS_CAME if fault.as_came else Seen.ANSWER, 1, 0, "", "ok")
    if fault.shows > FAILS_OVER_UNTIL[mode]:
        return _after_the_commit(fault, mode)
    return _before_the_commit(fault, cell.topology)


def _before_the_commit(fault: Fault, topology: Topology) -> Expected:
    consequence = CONSEQUENCES[fault.sort]
    helped = topology is not Topology.ONE_KEY and consequence.moves_on
    again = consequence.asked_again and topology is not Topology.TWO_KEYS
    asked = ATTEMPTS if again else 1
    failures = asked if consequence.counts else 0
    if helped:
        return Expected(Seen.ELSEWHERE, asked, failures, consequence.bench, "ok")
    return Expected(consequence.alone, asked, failures, consequence.bench, _error_outcome(fault))


def _error_outcome(fault: Fault) -> str:
    return "client_error" if fault.sort in (Sort.CLIENT, Sort.CONFLICT) else "upstream_error"


def _after_the_commit(fault: Fault, mode: Mode) -> Expected:
    """The client has a part of it, so nobody else is asked."""
    if fault.as_came:  # and the record and the key's health learn of it
        return Expected(Seen.AS_CAME, 1, 1, "", "upstream_error")
    seen = Seen.EVENT_AND_CUT if mode.streams and fault.event_fits else Seen.CUT
    return Expected(seen, 1, 1, "", "truncated")
