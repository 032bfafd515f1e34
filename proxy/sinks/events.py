"""What is told of budgets and keys, to who has a webhook: once, not with each request."""

from __future__ import annotations

import msgspec

from proxy.access.identity import VirtualKey
from proxy.accounting.record import Record

SOFT, EXCEEDED = "budget.soft_limit", "budget.exceeded"


class BudgetEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A soft budget was passed, or a request was refused for a budget."""

    type: str
    at_unix_s: float
    call_id: str
    """Of the request by which it was noticed."""
    budget_of: str | None = None
    """Whose budget it is, for people; None: the refusal told its client."""
    spent_nano: int | None = None
    """Nano-dollars, in the period that runs."""
    limit_nano: int | None = None
    key: str | None = None
    """Of the request, as all that follows: the key's hash, never the key."""
    key_alias: str | None = None
    user: str | None = None
    team: str | None = None
    customer: str | None = None


ROTATED = "key.rotated"


class KeyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A key is about to have a new secret."""

    type: str
    at_unix_s: float
    key: str
    """Its id: its first secret's hash."""
    token: str
    """The new secret's hash."""
    key_alias: str | None
    key_name: str
    """For people: `sk-...abcd`."""
    user: str | None
    team: str | None
    secret: str
    old_until_unix_s: float
    """How long the one before it is accepted."""
    next_unix_s: float | None
    """When the next one is due."""

    def __repr__(self) -> str:
        return f"KeyEvent(key={self.key!r}, key_name={self.key_name!r})"  # never the secret


def rotated(key: VirtualKey, secret: str, now_unix_s: float, old_until_unix_s: float) -> KeyEvent:
    """Of the key as it will be."""
    return KeyEvent(
        type=ROTATED,
        at_unix_s=now_unix_s,
        key=key.id,
        token=key.token,
        key_alias=key.key_alias,
        key_name=key.key_name,
        user=key.user_id,
        team=key.team_id,
        secret=secret,
        old_until_unix_s=old_until_unix_s,
        next_unix_s=key.key_rotation_at,
    )


def event_of(
    kind: str,
    record: Record,
    budget_of: str | None = None,
    spent_nano: int | None = None,
    limit_nano: int | None = None,
) -> BudgetEvent:
    return BudgetEvent(
        type=kind,
        at_unix_s=record.started_unix_s + record.duration_s,
        call_id=record.call_id,
        budget_of=budget_of,
        spent_nano=spent_nano,
        limit_nano=limit_nano,
        key=record.key,
        key_alias=record.key_alias,
        user=record.user,
        team=record.team,
        customer=record.customer,
    )
