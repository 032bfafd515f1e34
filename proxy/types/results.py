"""How attempts and requests end, and what that is true of."""

from __future__ import annotations

import enum

import msgspec


class Layer(enum.Enum):
    """What a fact about an upstream is true of, and so what rests for it, whichever entries share it."""

    NOBODY = "nobody"
    """The client brought it about."""
    HOST = "host"
    """Scheme, host and port."""
    KEY = "key"
    """A host, a credential, and the deployment's own organization."""
    MODEL = "model"
    """A key, and the upstream's name of the model."""
    FAMILY = "family"
    """A key, and the kind of request: the family of its path."""


class ResultKind(enum.Enum):
    """What an attempt taught about its key. Health has one rule per kind."""

    OK = "ok"
    NEUTRAL = "neutral"
    """The client's own fault, or its leaving: says nothing about the key."""
    REFUSED = "refused"
    """No connection: refused, unreachable, DNS, TLS."""
    TIMEOUT = "timeout"
    AUTH = "auth"
    """401 or 403: this key will not do."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    """5xx, 408 and answers that are not HTTP."""
    BROKEN = "broken"
    """The answer began and did not end: reset, truncated, stalled."""


class Limits(msgspec.Struct, frozen=True):
    """What is left of a key's rate limits, as an answer's `x-ratelimit-*` headers said. None: not said."""

    requests: int | None = None
    tokens: int | None = None
    requests_reset_s: float | None = None
    """Seconds until the limit is whole again."""
    tokens_reset_s: float | None = None


class Result(msgspec.Struct, frozen=True):
    """One attempt's verdict on its deployment, for `routing.health.observe`."""

    kind: ResultKind
    status: int = 0
    """0: no status line came."""
    retry_after_s: float | None = None
    """The upstream's own word on when to come back, in seconds from now."""
    first_byte_s: float | None = None
    """From sending the request to the head of its answer."""
    tokens: int | None = None
    """Used by the attempt; None: not known."""
    limits: Limits | None = None
    blame: Layer | None = None
    """What failed; None: what its kind usually means."""
    certain: bool = True
    """False: a suspicion, to be confirmed before anything rests for it."""
    word: str = ""
    """The upstream's own code or type for it, cleaned and bounded, for those who ask why."""


class Refusal(enum.Enum):
    """Why an upstream turned a request down for what is in it: another group may take it."""

    CONTEXT_WINDOW = "context_window"
    """The prompt is too long for the model."""
    CONTENT_POLICY = "content_policy"
    """A content filter."""


class Outcome(enum.Enum):
    """How a request ended: exactly one per record."""

    __hash__ = object.__hash__  # HOT: an enum's own is made in Python, of the member's name

    OK = "ok"
    CLIENT_ERROR = "client_error"
    """The request was wrong: 4xx made here or passed on from the upstream."""
    CLIENT_GONE = "client_gone"
    UPSTREAM_ERROR = "upstream_error"
    """An error status from the upstream, passed on as it came, or a 502/503/504 in its place."""
    TRUNCATED = "truncated"
    """The answer began and could not be finished; the client was cut off, not told it was whole."""
    GATEWAY_ERROR = "gateway_error"
