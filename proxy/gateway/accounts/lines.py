"""How an answer tells what its key has left: LiteLLM's names, and OpenAI's where the upstream says nothing itself."""

from __future__ import annotations

from proxy.limits.ledger import Reservation
from proxy.limits.values import UNLIMITED, Rule, Seen

_NANO = 10**9


def key_lines(reservation: Reservation) -> bytes:
    """HOT where there are limits. Of the key: dollars, and limits per minute."""
    rule = _of_key(reservation)
    if rule is None:
        return b""
    lines = b"x-litellm-key-spend: %d.%09d\r\n" % divmod(reservation.seen.spent, _NANO)
    if rule.budget is not None and rule.budget < UNLIMITED:
        lines += b"x-litellm-key-max-budget: %d.%09d\r\n" % divmod(rule.budget, _NANO)
    if rule.rpm is not None:
        lines += b"x-litellm-key-rpm-limit: %d\r\n" % rule.rpm
    if rule.tpm is not None:
        lines += b"x-litellm-key-tpm-limit: %d\r\n" % rule.tpm
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
