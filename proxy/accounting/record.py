"""The record: what one request was and cost. Exactly one per request; log line, metrics and spend are made from it."""

from __future__ import annotations

import os

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
    door: str = ""
    """Which door it came in by."""


_IDS_PER_REFILL = 64
"""One system call for so many ids; a refill takes about 30 us, which one request pays."""

_ready_ids: list[str] = []
os.register_at_fork(after_in_child=_ready_ids.clear)


def call_id() -> str:
    """A random UUID, version 4 (RFC 9562 section 5.4), as text. Forked workers share none."""
    if not _ready_ids:
        _refill()
    return _ready_ids.pop()


def _refill() -> None:
    digits = os.urandom(16 * _IDS_PER_REFILL).hex()
    _ready_ids.extend(_uuid4(digits[at : at + 32]) for at in range(0, len(digits), 32))


def _uuid4(hex32: str) -> str:
    """`a` is one of the variant's four digits: the other 120 bits are chance enough."""
    return f"{hex32[:8]}-{hex32[8:12]}-4{hex32[13:16]}-a{hex32[17:20]}-{hex32[20:]}"
