"""How each sort of failure benches what it is true of: for how long, and what a pool with nothing better does."""

from __future__ import annotations

import msgspec

from proxy.types import Layer, Result, ResultKind

LONGEST_S = 30.0
"""Of benches that end by themselves: a host that is back gets requests within half a minute."""
SHUT_OUT_S = 300.0
SHUT_OUT_LONGEST_S = 3600.0


class Rule(msgspec.Struct, frozen=True, eq=False):
    """The first bench lasts `first_s` (None: the cooldown), then doubles."""

    reason: str
    first_s: float | None = None
    longest_s: float = 0.0
    """0: never longer than the first."""
    shuts_out: bool = False
    """The upstream will not have it: asking again soon helps nobody."""
    still_answers: bool = False
    """A pool with nothing better goes on using it: an error from the upstream serves the client better than one
    made up here."""
    probes: bool = False
    """A pool with nothing better asks it once per cooldown."""


REFUSED = Rule("refused", longest_s=LONGEST_S, probes=True)
AUTH = Rule("auth", first_s=SHUT_OUT_S, longest_s=SHUT_OUT_LONGEST_S, shuts_out=True)
DENIED = Rule("denied", first_s=SHUT_OUT_S, longest_s=SHUT_OUT_LONGEST_S, shuts_out=True)
SCOPE = Rule("scope", first_s=SHUT_OUT_S, longest_s=SHUT_OUT_LONGEST_S, shuts_out=True)
RATE_LIMITED = Rule("rate_limited")
FAILING = Rule("failing", longest_s=LONGEST_S, still_answers=True)
SLOW = Rule("slow", longest_s=LONGEST_S, still_answers=True)
RULES = (REFUSED, AUTH, DENIED, SCOPE, RATE_LIMITED, FAILING, SLOW)
BY_REASON = {rule.reason: rule for rule in RULES}

_USUALLY: dict[ResultKind, Layer] = {
    ResultKind.REFUSED: Layer.HOST,
    ResultKind.AUTH: Layer.KEY,
    ResultKind.RATE_LIMITED: Layer.MODEL,
    ResultKind.TIMEOUT: Layer.MODEL,
    ResultKind.SERVER_ERROR: Layer.MODEL,
    ResultKind.BROKEN: Layer.MODEL,
}
SOFT = frozenset({ResultKind.TIMEOUT, ResultKind.SERVER_ERROR, ResultKind.BROKEN})
"""These bench by evidence: one of them may be the request's fault."""
_AT_ONCE: dict[Layer, Rule] = {Layer.HOST: REFUSED, Layer.KEY: AUTH, Layer.FAMILY: SCOPE, Layer.MODEL: DENIED}


def blamed(result: Result) -> Layer:
    """What failed: what the upstream's words say, else what the kind usually means."""
    return result.blame or _USUALLY.get(result.kind, Layer.NOBODY)


def rule_of(result: Result, layer: Layer) -> Rule | None:
    """How it benches that layer; None: by evidence only."""
    if result.kind in SOFT:
        return None
    if layer in (Layer.MODEL, Layer.FAMILY) and result.kind is ResultKind.RATE_LIMITED:
        return RATE_LIMITED
    return _AT_ONCE[layer]


def denies(result: Result) -> bool:
    """Whether the upstream will not serve this request with this key: another key may."""
    return result.kind is ResultKind.AUTH or (
        result.kind is ResultKind.NEUTRAL and result.blame in (Layer.KEY, Layer.MODEL, Layer.FAMILY)
    )
