"""What is told of budgets, to who has a webhook: once, not with each request."""

from __future__ import annotations

import msgspec

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
