"""Periods of the calendar, as people read them off a clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.periods import later, period_of, window, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def unix_s(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("text", "now", "start", "end"),
    [
        ("30s", "2026-05-13 10:20:42", "2026-05-13 10:20:30", "2026-05-13 10:21:00"),
        ("15m", "2026-05-13 10:20:42", "2026-05-13 10:15:00", "2026-05-13 10:30:00"),
        ("1h", "2026-05-13 10:20:42", "2026-05-13 10:00:00", "2026-05-13 11:00:00"),
        ("7h", "2026-05-13 22:00:00", "2026-05-13 21:00:00", "2026-05-14 00:00:00"),
        ("1d", "2026-05-13 10:20:42", "2026-05-13 00:00:00", "2026-05-14 00:00:00"),
        ("24h", "2026-05-13 10:20:42", "2026-05-13 00:00:00", "2026-05-14 00:00:00"),
        ("7d", "2026-05-13 10:20:42", "2026-05-11 00:00:00", "2026-05-18 00:00:00"),
        ("1w", "2026-05-11 00:00:00", "2026-05-11 00:00:00", "2026-05-18 00:00:00"),
        ("1mo", "2026-12-31 23:59:59", "2026-12-01 00:00:00", "2027-01-01 00:00:00"),
        ("30d", "2026-02-14 00:00:00", "2026-02-01 00:00:00", "2026-03-01 00:00:00"),
        ("3mo", "2026-05-13 10:20:42", "2026-04-01 00:00:00", "2026-07-01 00:00:00"),
        ("12mo", "2026-05-13 10:20:42", "2026-01-01 00:00:00", "2027-01-01 00:00:00"),
        ("1d", "2026-03-29 12:00:00", "2026-03-29 00:00:00", "2026-03-30 00:00:00"),  # has 23 hours
        ("1d", "2026-10-25 12:00:00", "2026-10-25 00:00:00", "2026-10-26 00:00:00"),  # has 25
    ],
)
def test_a_period_is_one_of_the_calendar(text: str, now: str, start: str, end: str) -> None:
    assert window(period_of(text), unix_s(now), BERLIN) == (unix_s(start), unix_s(end))


@given(
    st.integers(1, 400),
    st.sampled_from(["s", "m", "h", "d", "w", "mo"]),
    st.floats(0, 4e9),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_now_is_in_its_period_and_the_next_begins_where_it_ends(
    count: int, unit: str, now: float, zone: str
) -> None:
    period, where = period_of(f"{count}{unit}"), zone_of(zone)
    start, end = window(period, now, where)
    assert start <= now < end
    assert window(period, start, where) == (start, end)
    assert window(period, end, where)[0] == end


@pytest.mark.parametrize(
    "text", ["", "1", "d", "0d", "-1d", "1.5h", "1 d", "1y", "1D", "9999999999mo", "None", "1d\n"]
)
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="length of time"):
        period_of(text)


@pytest.mark.parametrize(
    ("text", "now", "then"),
    [
        ("30d", "2026-01-31 10:20:42.5", "2026-03-02 10:20:42.5"),
        ("1mo", "2026-01-31 10:20:42.5", "2026-02-28 10:20:42.5"),
        ("13mo", "2026-12-01 00:00:00", "2028-01-01 00:00:00"),
        ("90m", "2026-12-31 23:00:00", "2027-01-01 00:30:00"),
    ],
)
def test_a_key_lives_exactly_as_long_as_it_was_given(text: str, now: str, then: str) -> None:
    utc = ZoneInfo("UTC")
    assert later(text, unix_s(now, utc)) == unix_s(then, utc)


def test_zones_have_names() -> None:
    assert zone_of("utc") is UTC
    for wrong in ("", "Berlin", "../../etc/passwd", "UTC+1", "\0"):
        with pytest.raises(ValueError, match="time zone"):
            zone_of(wrong)
