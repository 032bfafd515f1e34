"""How an answer tells what its key has left: LiteLLM's names, and OpenAI's where the upstream says nothing itself."""

from __future__ import annotations

from functools import lru_cache

from proxy.limits.ledger import Reservation
from proxy.limits.values import UNLIMITED, Rule, Seen

_NANO = 10**9
REMEMBERED = 1024
"""Sets of limits: most keys share theirs with others."""


def key_lines(reservation: Reservation) -> bytes:
    """HOT where there are limits. Of the key: dollars, and limits per minute."""
    rule = _of_key(reservation)
    if rule is None:
        return b""
    spent = divmod(reservation.seen.spent, _NANO)
    return b"x-litellm-key-spend: %d.%09d\r\n%b" % (*spent, _given(rule.budget, rule.rpm, rule.tpm))


@lru_cache(REMEMBERED)
def _given(budget: int | None, rpm: int | None, tpm: int | None) -> bytes:
    lines = b""
    if budget is not None and budget < UNLIMITED:
        lines += b"x-litellm-key-max-budget: %d.%09d\r\n" % divmod(budget, _NANO)
    if rpm is not None:
        lines += b"x-litellm-key-rpm-limit: %d\r\n" % rpm
    if tpm is not None:
        lines += b"x-litellm-key-tpm-limit: %d\r\n" % tpm
    return lines


def limit_lines(reservation: Reservation) -> bytes:
    """`x-ratelimit-*` of the key."""
    rule = _of_key(reservation)
    return b"" if rule is None else b"".join(_limits(rule, reservation.seen, reservation.demand.tokens))


def _limits(rule: Rule, seen: Seen, own: int) -> list[bytes]:
    both = ((b"requests", rule.rpm, seen.requests), (b"tokens", rule.tpm, seen.tokens + own))
    return [
        b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %d\r\n"
        % (name, limit, name, limit - used if used < limit else 0)
        for name, limit, used in both
        if limit is not None
    ]


def _of_key(reservation: Reservation) -> Rule | None:
    if not reservation.rows:
        return None
    rule = reservation.rows[0][0]
    return rule if rule.holder == "key" else None
