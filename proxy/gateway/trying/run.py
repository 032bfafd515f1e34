"""One request on its way through its attempts: what they share, and change."""

from __future__ import annotations

import hashlib
import math

import msgspec

from proxy.accounting.record import Record
from proxy.gateway.exchange import Exchange
from proxy.gateway.reading.call import Call
from proxy.gateway.telling.keepalive import KeepAlive
from proxy.gateway.trying.before import NOTHING_BEFORE, Before
from proxy.gateway.trying.choice import Choice
from proxy.limits.ledger import Reservation
from proxy.routing.router import Cause
from proxy.types import Deployment, Refusal, Result, Usage
from proxy.wire.scope import RequestScope


class Run(msgspec.Struct):
    """Made by the pipeline; ends with the request."""

    exchange: Exchange
    call: Call
    choice: Choice
    """Changes when the request turns to another group."""
    record: Record
    started: float
    """Monotonic seconds."""
    tried: list[Deployment]
    scope: RequestScope
    """What is started for it ends with it."""
    until: float = math.inf
    """Monotonic seconds: the end of all attempts and of the answer."""
    spent: tuple[Deployment, ...] = ()
    """Those that must not be tried again even after a wait: silent ones, and keys that will not do."""
    retries: int = 0
    """Further attempts in the present group."""
    retrying: int = 0
    """How often the retry budget counts it."""
    cause: Cause | None = None
    """Made when an attempt fails."""
    keep_alive: KeepAlive | None = None
    sent: float = 0.0
    """Monotonic seconds: when the present attempt began."""
    answered: float = 0.0
    """Monotonic seconds: when its answer's head was here."""
    settled: bool = False
    """Its slot has been given back."""
    charged: Usage | None = None
    """What of the record's usage is in its cost already."""
    before: Before = NOTHING_BEFORE
    reservation: Reservation | None = None
    """What its caller has reserved for it; None: nothing of it is limited."""
    groups_left: tuple[str, ...] | None = None
    """Where it may still turn; None: not asked yet."""


FINGERPRINT_BYTES = 8


def cause_of(run: Run) -> Cause:
    """Who stands behind its failures: made once, when it has one."""
    if run.cause is None:
        call = run.call
        body = hashlib.blake2b(call.body, digest_size=FINGERPRINT_BYTES, person=call.route.path[:16])
        run.cause = Cause(run.record.call_id, call.caller.id, body.digest())
    return run.cause


class Failure(msgspec.Struct, frozen=True):
    """One attempt that brought no good answer."""

    result: Result
    refusal: Refusal | None = None
    word: str | None = None
    """Its own name for what failed behind a good status."""
    unsent: bool = False
    """No connection took any of the request."""
