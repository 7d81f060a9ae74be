"""Indonesia's days off."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from gateway.holidays import indonesian_holidays


def _days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=number) for number in range((last - first).days + 1)}


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2024, 4, 6), date(2024, 4, 15)), (date(2025, 3, 28), date(2025, 4, 7))],
)
def test_idul_fitri_with_cuti_bersama(first: date, last: date) -> None:
    holidays = indonesian_holidays([first.year])
    free = {day for day in _days(first, last) if day.weekday() > 4 or day in holidays}
    assert free == _days(first, last)
    for day in (first - timedelta(days=1), last + timedelta(days=1)):
        assert day not in holidays
        assert day.weekday() < 5


def test_only_the_years_asked_for() -> None:
    assert {day.year for day in indonesian_holidays(range(2018, 2022))} == {2018, 2019, 2020, 2021}
    assert indonesian_holidays([]) == frozenset()


def test_an_operator_corrects_them() -> None:
    moved, instead = date(2024, 4, 15), date(2024, 4, 16)
    corrected = indonesian_holidays([2024], added=[instead], removed=[moved])
    assert corrected ^ indonesian_holidays([2024]) == {moved, instead}
    assert indonesian_holidays([2024], added=[moved], removed=[moved]) == indonesian_holidays([2024]) - {moved}
