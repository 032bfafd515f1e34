"""What is told of budgets, to those who asked for it."""

from __future__ import annotations

import msgspec


class BudgetEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A soft budget was passed, or a request was refused for a budget."""

    type: str
    """`budget.soft_limit` or `budget.exceeded`"""
    at_unix_s: float
    subject: str
    """`key`, `user`, `team`, `customer` or `tag`"""
    id: str
    """Of a key the hash, never the key."""
    alias: str | None = None
    spend_nano: int
    """In nano-dollars, of the period that runs."""
    limit_nano: int
    resets_unix_s: float | None = None
