"""Indonesia's days off, for the working calendars: public holidays and cuti bersama."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from holidays import country_holidays
from holidays.constants import GOVERNMENT, PUBLIC


def indonesian_holidays(
    years: Iterable[int], *, added: Iterable[date] = (), removed: Iterable[date] = ()
) -> frozenset[date]:
    """The days off of these years, as the `holidays` package knows them, with an operator's corrections.

    Cuti bersama is decreed a year ahead and sometimes moved in between: for years that the installed package does not
    know yet there is none, and Islamic feasts are estimates. Hence the corrections.

    Args:
        years: calendar years; an empty one gives only what is added.
        added: days off that the package does not know.
        removed: days that are worked after all; removing wins over adding.
    """
    wanted = set(years)  # none asked for is none, not all
    known = country_holidays("ID", years=wanted, expand=False, categories=(PUBLIC, GOVERNMENT)) if wanted else ()
    return frozenset((set(known) | set(added)) - set(removed))
