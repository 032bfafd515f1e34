"""Whether one answer is right: it is what an upstream said, or it says truthfully that it is not. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import msgspec

from loadtest.chaos.client import Seen
from loadtest.chaos.plan import Plan
from loadtest.chaos.said import content, error_said, said

EVENT_START = b'data: {"error":'
OWN_ERRORS = {
    "upstream_failed": 502,
    "upstream_timeout": 504,
    "no_deployment_available": 503,
    "rate_limited": 429,
}
"""Of the gateway's own making, when all upstreams are in trouble."""
WITH_RETRY_AFTER = frozenset({429, 503})
BROKEN_CODE = "stream_broken"


class Kind(enum.Enum):
    """How a request may end."""

    WHOLE = "whole answer"
    OWN_ERROR = "error of the gateway's own"
    UPSTREAMS_ERROR = "error of an upstream's"
    CUT_WITH_EVENT = "error event, cut"
    CUT = "cut"
    LEFT = "client left"


OUTCOMES = {
    Kind.WHOLE: ("ok",),
    Kind.OWN_ERROR: ("upstream_error",),
    Kind.UPSTREAMS_ERROR: ("upstream_error",),
    Kind.CUT_WITH_EVENT: ("truncated",),
    Kind.CUT: ("truncated",),
    Kind.LEFT: ("client_gone", "ok", "truncated"),
}
"""What the request's record may say. An answer may have ended in the moment that its client left."""


@dataclass(frozen=True)
class Asked:
    number: int
    stream: bool
    mode: str = ""
    """The stream mode that was asked for."""


@dataclass(frozen=True)
class Verdict:
    kind: Kind | None
    """None: it is nothing that a client may be told."""
    wrong: str = ""


class _Error(msgspec.Struct, forbid_unknown_fields=True):
    message: str
    type: str
    param: str | None
    code: str | None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    error: _Error


class Judge:
    """`deadline_s`: the gateway's own for one request, and what the machine may add."""

    def __init__(self, plan: Plan, deadline_s: float) -> None:
        self._plan = plan
        self._deadline_s = deadline_s

    def judge(self, asked: Asked, seen: Seen, begins: float) -> Verdict:
        """`begins`: when it was asked, on the plan's clock."""
        if seen.malformed:
            return Verdict(None, f"not HTTP: {seen.malformed}")
        if seen.hung or seen.took_s > self._deadline_s:
            return Verdict(None, f"took {seen.took_s:.1f} s")
        if seen.left:
            return Verdict(Kind.LEFT, _wrong_piece(asked, seen))
        if not seen.status:
            return Verdict(None, "the connection was closed unanswered")
        found = self._answered(asked, seen) if seen.status == 200 else self._refused(asked, seen)
        if found.wrong or found.kind is Kind.WHOLE:
            return found
        return Verdict(found.kind, self._needless(asked, seen, found.kind, begins))

    @staticmethod
    def _answered(asked: Asked, seen: Seen) -> Verdict:
        whole = _said_by(asked, seen)
        if seen.body == whole and seen.whole:
            return Verdict(Kind.WHOLE)
        if seen.whole:
            return Verdict(None, f"a clean end after {_difference(seen.body, whole)}")
        if whole.startswith(seen.body):
            return Verdict(Kind.CUT)
        came, begun, error = seen.body.rpartition(EVENT_START)
        if asked.stream and begun and whole.startswith(came) and _is_broken_event(begun + error):
            return Verdict(Kind.CUT_WITH_EVENT)
        return Verdict(None, f"cut after {_difference(seen.body, whole)}")

    @staticmethod
    def _refused(asked: Asked, seen: Seen) -> Verdict:
        if not seen.whole:
            return Verdict(None, f"an error {seen.status} that was cut off")
        upstream = _upstream(seen)
        if upstream and seen.body == content(error_said(upstream, asked.number, seen.status)):
            return Verdict(Kind.UPSTREAMS_ERROR)
        try:
            error = msgspec.json.decode(seen.body, type=_Envelope).error
        except msgspec.DecodeError as problem:
            return Verdict(None, f"{seen.status} not in OpenAI's shape: {problem}")
        if upstream or OWN_ERRORS.get(error.code or "") != seen.status:
            return Verdict(None, f"{seen.status} {error.code}, from {upstream or 'the gateway'}")
        if seen.status in WITH_RETRY_AFTER and not seen.headers.get(b"retry-after", b"").isdigit():
            return Verdict(None, f"{seen.status} {error.code} without retry-after")
        return Verdict(Kind.OWN_ERROR)

    def _needless(self, asked: Asked, seen: Seen, kind: Kind | None, begins: float) -> str:
        """Why this end was not to be; empty where it could not be helped."""
        ends = begins + seen.took_s
        upstream = _upstream(seen)
        if upstream and not self._plan.troubled(upstream, begins, ends):
            return f"{upstream} was well"
        if kind in (Kind.CUT, Kind.CUT_WITH_EVENT) and seen.body:
            return "a buffered stream was cut" if asked.mode == "buffered" else ""
        return "another upstream was well" if self._plan.must_succeed(begins, ends) else ""


def _upstream(seen: Seen) -> str:
    return seen.headers.get(b"x-litellm-model-id", b"").decode()


def _said_by(asked: Asked, seen: Seen) -> bytes:
    return content(said(_upstream(seen), asked.number, stream=asked.stream))


def _wrong_piece(asked: Asked, seen: Seen) -> str:
    """What a client that left had read by then."""
    if seen.status != 200 or _said_by(asked, seen).startswith(seen.body):
        return ""
    return f"left after {_difference(seen.body, _said_by(asked, seen))}"


def _is_broken_event(event: bytes) -> bool:
    if not event.endswith(b"}\n\n"):
        return False
    try:
        error = msgspec.json.decode(event[len(b"data: ") : -2], type=_Envelope).error
    except msgspec.DecodeError:
        return False
    return error.code == BROKEN_CODE


def _difference(body: bytes, whole: bytes) -> str:
    same = next(
        (at for at, (a, b) in enumerate(zip(body, whole, strict=False)) if a != b), min(len(body), len(whole))
    )
    return f"{same} of {len(whole)} bytes, then {body[same : same + 80]!r}"
