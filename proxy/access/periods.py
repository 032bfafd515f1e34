"""How long budgets last and keys live: `30s`, `15m`, `1h`, `1d`, `7d`, `2w`, `1mo`.

A budget's periods are those of the calendar, in a stated zone, so that everybody knows when one ends: hours and parts
of them are counted from midnight, days from midnight, weeks from Monday, months from the first. `30d` means a month,
as it does with LiteLLM.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

DAY_S = 86_400
LONGEST_S = 100 * 366 * DAY_S
"""A century: dates end in the year 9999."""
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}
_MONTH_S = 31 * DAY_S
_TEXT = re.compile(r"([0-9]{1,10})(mo|[smhdw])")
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC).toordinal()


class Period(msgspec.Struct, frozen=True):
    """So many seconds, or so many months."""

    seconds: int = 0
    months: int = 0


def period_of(text: str) -> Period:
    """ValueError for what is none."""
    found = _TEXT.fullmatch(text)
    count = int(found[1]) if found else 0
    if not found or not 0 < count * _UNIT_S.get(found[2], _MONTH_S) <= LONGEST_S:
        raise ValueError(f"`{text[:32]}` is no length of time: write `30s`, `15m`, `1h`, `7d`, `2w` or `1mo`")
    return Period(months=count) if found[2] == "mo" else Period(count * _UNIT_S[found[2]])


def later(text: str, now_unix_s: float) -> float:
    """The moment so long after now; the same day of a later month, or its last. ValueError."""
    period = period_of(text)
    if not period.months:
        return now_unix_s + period.seconds
    now = datetime.fromtimestamp(now_unix_s, UTC)
    first = _month(now, period.months)
    return (first + timedelta(days=min(now.day, _days(first)) - 1)).timestamp() + _second_of_day(now)


def moment(text: str) -> float:
    """Unix seconds of a time by ISO 8601; without a zone it is UTC's. ValueError."""
    found = datetime.fromisoformat(text)
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except OverflowError:
        raise ValueError(f"`{text[:32]}` is beyond the years that there are") from None


def zone_of(name: str) -> tzinfo:
    """ValueError for a zone that is not known here."""
    if name.upper() == "UTC":
        return UTC  # known without the system's table of zones
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        raise ValueError(f"`{name[:64]}` is no time zone: write one as `Europe/Berlin`") from None


def window(period: Period, now_unix_s: float, zone: tzinfo) -> tuple[float, float]:
    """From when to when the period lasts that now is in: Unix seconds."""
    now = datetime.fromtimestamp(now_unix_s, zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period.months or period.seconds == 30 * DAY_S:
        return _months(midnight, period.months or 1)
    if period.seconds % DAY_S == 0:
        return _days_together(midnight, period.seconds // DAY_S)
    return _part_of_day(midnight, now_unix_s, period.seconds)


def _months(midnight: datetime, count: int) -> tuple[float, float]:
    into = (midnight.year * 12 + midnight.month - 1) % count
    return _month(midnight, -into).timestamp(), _month(midnight, count - into).timestamp()


def _days_together(midnight: datetime, count: int) -> tuple[float, float]:
    """Counted from a Monday."""
    start = midnight - timedelta(days=(midnight.toordinal() - _MONDAY) % count)
    return start.timestamp(), (start + timedelta(days=count)).timestamp()


def _part_of_day(midnight: datetime, now_unix_s: float, length_s: int) -> tuple[float, float]:
    """The last one of a day ends with it; so does one that would be longer."""
    begin, end = midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
    start = begin + (now_unix_s - begin) // length_s * length_s
    return start, min(start + length_s, end)


def _month(of: datetime, further: int) -> datetime:
    """The first of a month, at midnight."""
    years, month = divmod(of.year * 12 + of.month - 1 + further, 12)
    return of.replace(year=years, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)


def _days(first: datetime) -> int:
    return (_month(first, 1) - first).days


def _second_of_day(moment: datetime) -> float:
    return moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
