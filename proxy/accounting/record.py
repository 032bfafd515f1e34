"""The record: what one request was and cost. Exactly one per request; log line, metrics and spend are made from it."""

from __future__ import annotations

import os
import time

import msgspec

from proxy.types import Cost, Outcome, Usage


class Record(msgspec.Struct, kw_only=True, eq=False, gc=False):
    """Filled in as the request goes; whoever hands it to the bus does not touch it again, nor do its consumers.

    It holds no prompt, no answer and no credential. None is 'not known' or 'never came'.
    """

    call_id: str
    started_unix_s: float
    method: str
    route: str
    """The route's pattern or the path asked for, without its query."""
    model_asked: str | None = None
    model_served: str | None = None
    """The model named by the answer."""
    deployment_id: str | None = None
    """Of the last attempt."""
    origin: str | None = None
    """Of that entry: `config.yaml:4 OPENAI_API_KEY_2`, as a person wrote it; None where nobody wrote any."""
    status: int = 0
    """Sent to the client; 0: it left before a status was sent."""
    outcome: Outcome = Outcome.GATEWAY_ERROR
    """Until it is known to have gone otherwise."""
    attempts: int = 0
    fallbacks: int = 0
    """Other groups turned to."""
    sent_s: float | None = None
    """From the start of the request to the last attempt: the gateway's own time, waits and failed attempts among it."""
    first_byte_s: float | None = None
    """From the start of the request to the first byte of the answer's body."""
    first_content_s: float | None = None
    """Of a stream: to its first event with something that a client waits for."""
    longest_gap_s: float | None = None
    """Of a stream: the longest silence between two of its pieces, as they were passed on."""
    queued_s: float = 0.0
    """Waited for a deployment."""
    cancel_s: float | None = None
    """From the client's leaving until its upstream was let go."""
    duration_s: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    usage: Usage | None = None
    stream: bool = False
    caller: str | None = None
    """The key's alias or the prefix of its hash, never the key."""
    key: str | None = None
    """The virtual key, by the SHA-256 of it in hex; None: the master key, or none was asked for."""
    key_alias: str | None = None
    user: str | None = None
    """The user whose key it is."""
    team: str | None = None
    customer: str | None = None
    """The end user whom the client names: `user` of the body, or a header."""
    tags: tuple[str, ...] = ()
    cost: Cost | None = None
    """None: the price is not known, or nothing is."""
    estimated: bool = False
    """The usage was not said and is the gateway's own reckoning."""
    error: str | None = None
    """A short reason."""
    traceparent: str | None = None
    """The client's span (W3C Trace Context), where spans are told to somebody."""
    door: str = ""
    """Which door it came in by."""


_IDS_PER_REFILL = 64
"""One system call for so many ids; a refill takes about 30 us, which one request pays."""

_RANDOM_BYTES = 9
_ready_ids: list[str] = []
os.register_at_fork(after_in_child=_ready_ids.clear)


def call_id() -> str:
    """A UUID, version 7 (RFC 9562 section 5.7), as text. Forked workers share none.

    They begin with the time: an index over them grows at its end, where one over chance is written all over.
    """
    if not _ready_ids:
        _refill()
    return _ready_ids.pop()


def _refill() -> None:
    stamp = f"{int(time.time() * 1000):012x}"
    digits = os.urandom(_RANDOM_BYTES * _IDS_PER_REFILL).hex()
    _ready_ids.extend(_uuid7(stamp, digits[at : at + 18]) for at in range(0, len(digits), 18))


def _uuid7(stamp: str, hex18: str) -> str:
    """`a` is one of the variant's four digits: the other 72 bits are chance enough."""
    return f"{stamp[:8]}-{stamp[8:]}-7{hex18[:3]}-a{hex18[3:6]}-{hex18[6:]}"
