"""What a request for a report asks for: days, and whose. A virtual key sees what it spent itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol

from proxy.control.query import fields_of
from proxy.errors import GatewayError, invalid_value
from proxy.storage.reports import MOST_ROWS, By, Scope, Total
from proxy.storage.rollups import DAY_S, FIGURES
from proxy.storage.rows import Row, Wanted
from proxy.types import PageRequest

EPOCH: Final = date(1970, 1, 1)
DEFAULT_DAYS: Final = 30
"""LiteLLM's: of what names no days."""
NANO: Final = 1e9

Clock = Callable[[], float]
"""Unix seconds."""


class Reports(Protocol):
    """Where they are made. Each raises GatewayError 503 when that cannot be."""

    async def totals(
        self,
        by: tuple[By, ...],
        scope: Scope,
        /,
        limit: int = MOST_ROWS,
        figures: tuple[str, ...] = FIGURES,
    ) -> list[Total]:
        """The dearest first."""
        ...

    async def rows(self, wanted: Wanted, /) -> list[Row]:
        """The newest first."""
        ...


class Known(Protocol):
    """Who there is."""

    def key_id(self, text: str, /) -> str:
        """Of a key by its id, its token or its secret; what nobody has is given back."""
        ...

    def team_name(self, team_id: str, /) -> str:
        """For people."""
        ...


class Asked:
    """One request's fields. What is wrong with them raises GatewayError 400."""

    def __init__(self, request: PageRequest, known: Known, now: Clock = time.time) -> None:
        self.fields: Mapping[str, str] = fields_of(request)
        self.known = known
        self._own_key = request.key if not request.admin else None
        self._now = now

    @property
    def sees_all(self) -> bool:
        return self._own_key is None

    def text(self, name: str) -> str | None:
        return self.fields.get(name) or None

    def number(self, name: str, default: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
            raise invalid_value(name, f"`{name}` is a whole number from 1 to {most:,}.")
        return int(text)

    def key(self) -> str | None:
        """Whose: its own, else the one that is asked for. Raises GatewayError 403 for another's."""
        asked = self.text("api_key")
        wanted = None if asked is None else self.known.key_id(asked)
        if self._own_key is not None and wanted not in (None, self._own_key):
            raise not_yours()
        return self._own_key or wanted

    def days(self, *, needed: bool = False) -> tuple[int, int]:
        """First and last, both included, as UTC days since 1970; without any the last thirty."""
        if needed and (self.text("start_date") is None or self.text("end_date") is None):
            raise invalid_value("start_date", "Please provide start_date and end_date (YYYY-MM-DD).")
        today = int(self._now() // DAY_S)
        last = self._day("end_date", today)
        return self._day("start_date", min(last, today) - DEFAULT_DAYS + 1), last

    def scope(self, *, needed: bool = False, **others: str | None) -> Scope:
        """`others`: what else is the same in all of it, where it is given."""
        first, last = self.days(needed=needed)
        key = self.key()
        only: dict[By, str] = {} if key is None else {"key": key}
        only |= {name: value for name, value in others.items() if value is not None}  # type: ignore[misc]
        return Scope(first_day=first, last_day=last, only=only)

    def _day(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        try:
            return day_number(text)
        except ValueError:
            raise invalid_value(name, f"`{name}` is a day, YYYY-MM-DD, in UTC.") from None


def not_yours() -> GatewayError:
    message = "A key sees what it spent itself; for more, ask with the master key."
    return GatewayError(403, message, param="api_key", code="not_your_spend")


def day_number(text: str) -> int:
    """A time of the day may follow, as LiteLLM's pages send it. Raises ValueError."""
    return (datetime.fromisoformat(text.strip()[:10]).replace(tzinfo=UTC).date() - EPOCH).days


def day_text(day: int | str) -> str:
    return (EPOCH + timedelta(days=int(day))).isoformat()


def dollars(nano: int | None) -> float | None:
    return None if nano is None else nano / NANO
