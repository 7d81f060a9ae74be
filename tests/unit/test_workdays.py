"""Working days, against a calendar that is walked day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.workdays import DAY, WorkingCalendar

# Idul Fitri with cuti bersama, as decreed: 6 to 15 April 2024 and 28 March to 7 April 2025 are free in all.
IDUL_FITRI = frozenset(
    {date(2024, 4, day) for day in (8, 9, 10, 11, 12, 15)}
    | {date(2025, 3, 28), date(2025, 3, 29), date(2025, 3, 31)}
    | {date(2025, 4, day) for day in (1, 2, 3, 4, 7)}
)
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")

calendars = {zone: WorkingCalendar(zone, IDUL_FITRI) for zone in ZONES}
zones = st.sampled_from(ZONES)
moments = st.integers(0, 406 * 86_400).map(lambda second: datetime(2024, 3, 20, tzinfo=UTC) + timedelta(seconds=second))
day_counts = st.integers(0, 70)
quick = settings(deadline=None, max_examples=60)


def _works(day: date) -> bool:
    return day.weekday() < 5 and day not in IDUL_FITRI


def _walk(zone: str, start: datetime, days: int) -> datetime:
    """The N-th working day after, one day at a time."""
    local = start.astimezone(ZoneInfo(zone))
    if not _works(local.date()):
        while not _works(local.date()):
            local += timedelta(days=1)
        local = datetime.combine(local.date(), time(), local.tzinfo)
    while days:
        local += timedelta(days=1)
        days -= _works(local.date())
    return local


@quick
@given(zones, moments, day_counts)
def test_adding_days_is_walking_them(zone: str, start: datetime, days: int) -> None:
    assert calendars[zone].add_working_days(start, days) == _walk(zone, start, days)


@quick
@given(zones, moments, day_counts, day_counts)
def test_adding_days_composes(zone: str, start: datetime, some: int, more: int) -> None:
    add = calendars[zone].add_working_days
    assert add(add(start, some), more) == add(start, some + more)


@quick
@given(zones, moments, moments, day_counts)
def test_later_starts_are_never_due_earlier(zone: str, one: datetime, other: datetime, days: int) -> None:
    add = calendars[zone].add_working_days
    start, later = sorted((one, other))
    assert start <= add(start, days) <= add(later, days)
    assert add(start, days) < add(start, days + 1)


@quick
@given(zones, moments, day_counts)
def test_what_was_added_is_between(zone: str, start: datetime, days: int) -> None:
    calendar = calendars[zone]
    due = calendar.add_working_days(start, days)
    assert calendar.working_days_between(start, due) == days
    assert calendar.working_days_between(due, start) == -days


# From 1988 to 2049; before 1964 the zones' own offsets jumped.
@quick
@given(zones, st.integers(518_400 * DAY, 534_300 * DAY))
def test_a_position_is_that_of_its_moment(zone: str, position: int) -> None:
    assert calendars[zone].position(calendars[zone].moment(position)) == position


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("Asia/Jakarta", "2024-04-18T16:30Z"),  # Friday 23:30 in the west still counts ...
        ("Asia/Makassar", "2024-04-18T16:00Z"),  # ... Saturday 00:30 counts from Tuesday the 16th, 00:00
        ("Asia/Jayapura", "2024-04-18T15:00Z"),
    ],
)
def test_a_day_is_the_zones_day(zone: str, due: str) -> None:
    submitted = datetime(2024, 4, 5, 16, 30, tzinfo=UTC)
    assert calendars[zone].add_working_days(submitted, 3) == datetime.fromisoformat(due)


def test_half_days_count_and_free_days_do_not() -> None:
    jakarta = ZoneInfo("Asia/Jakarta")
    friday, tuesday = datetime(2024, 4, 5, 12, tzinfo=jakarta), datetime(2024, 4, 16, 6, tzinfo=jakarta)
    assert calendars["Asia/Jakarta"].working_days_between(friday, tuesday) == 0.75


def test_answers_are_in_utc() -> None:
    assert calendars["Asia/Jakarta"].add_working_days(datetime(2024, 4, 1, tzinfo=UTC), 1).tzinfo is UTC


def test_the_end_of_time_is_no_error() -> None:
    never = datetime.max.replace(tzinfo=UTC)
    assert calendars["Asia/Jakarta"].add_working_days(never, 5) == never
    assert calendars["Asia/Jakarta"].add_working_days(datetime(9999, 12, 30, tzinfo=UTC), 5) == never


def test_daylight_saving_keeps_the_local_time() -> None:
    berlin = WorkingCalendar("Europe/Berlin", ())
    assert berlin.add_working_days(datetime.fromisoformat("2024-03-29T09:00+01:00"), 1) == datetime.fromisoformat(
        "2024-04-01T09:00+02:00"
    )
