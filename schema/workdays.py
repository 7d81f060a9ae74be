"""Working days of a zone: Monday to Friday, without the holidays that are given."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

#: A working day, in the unit of positions: microseconds of working time.
DAY = 86_400_000_000

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class WorkingCalendar:
    """Counts working days in one zone. All moments are aware; those that come out are in UTC.

    Every moment has a *position*: the working time before it, in microseconds, where a working day is 24 hours long
    from midnight to midnight by the zone's wall clock and a free day has no length. So adding N working days means
    the same local time of day on the N-th working day after, and a start on a free day counts from the beginning of
    the next working day: Saturday noon and Monday 00:00 are one position. Positions are whole numbers, so sums are
    exact and composing them loses nothing.

    Each call costs a bisection over the holidays; there is no table of days and no year at which it ends.

    Args:
        zone: IANA name, for instance `Asia/Makassar`.
        holidays: days off beside Saturdays and Sundays, public holidays and cuti bersama alike.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """

    __slots__ = ("_holidays", "_origin", "_skipped", "_zone", "zone")

    def __init__(self, zone: str, holidays: Iterable[date]) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._origin = datetime(1, 1, 1, tzinfo=self._zone)  # a Monday; differences to it are by the wall clock
        # Holidays that take a day away, as ranks among the weekdays (Mondays to Fridays).
        self._holidays = sorted({_rank(day.toordinal()) for day in holidays if day.weekday() < 5})
        # Of each, how many working days lie before it.
        self._skipped = [rank - index for index, rank in enumerate(self._holidays)]

    def position(self, moment: datetime) -> int:
        """Working time before `moment`, in microseconds since the year 1."""
        since = self._local(moment) - self._origin
        weeks, weekday = divmod(since.days, 7)
        rank = weeks * 5 + min(weekday, 5)
        before = bisect_left(self._holidays, rank)
        position = (rank - before) * DAY
        free = weekday > 4 or (before < len(self._holidays) and self._holidays[before] == rank)
        return position if free else position + since.seconds * 1_000_000 + since.microseconds

    def moment(self, position: int) -> datetime:
        """The first moment that has this position, or the last one a datetime can hold."""
        days, microseconds = divmod(position, DAY)
        weeks, weekday = divmod(days + bisect_right(self._skipped, days), 5)
        try:
            return (self._origin + timedelta(weeks * 7 + weekday, 0, microseconds)).astimezone(UTC)
        except OverflowError:
            return _END_OF_TIME

    def _local(self, moment: datetime) -> datetime:
        try:
            return moment.astimezone(self._zone)
        except OverflowError:  # within a day of the ends of time, where agencies put "never"
            return moment

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """The same local time of day on the `days`-th working day after `start`.

        From a free day it is the beginning of a day, counted from the next working day's beginning; zero days
        after a moment of a working day is that moment.
        """
        return self.moment(self.position(start) + days * DAY)

    def working_days_between(self, start: datetime, end: datetime) -> float:
        """Working days from `start` to `end`, with the fraction; negative when `end` comes first."""
        return (self.position(end) - self.position(start)) / DAY


def _rank(ordinal: int) -> int:
    """Weekdays before a weekday, since the year 1."""
    weeks, weekday = divmod(ordinal - 1, 7)
    return weeks * 5 + weekday
