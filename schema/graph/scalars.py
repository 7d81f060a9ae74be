"""Scalars of the graph: moments, days, addresses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

URL = NewType("URL", str)

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def print_moment(moment: datetime) -> str:
    """UTC, milliseconds, trailing Z: `2021-03-23T05:12:00.000Z`."""
    if moment.tzinfo is None:
        raise ValueError("A moment without zone can't be answered.")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_moment(text: Any) -> datetime:
    """Any RFC 3339 moment, as UTC.

    Raises:
        ValueError: not one, or without zone.
    """
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError("A moment is RFC 3339 with a zone, for instance 2021-03-23T05:12:00Z.")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("The moment is out of range.") from None


def parse_day(text: Any) -> date:
    """A RFC 3339 full-date.

    Raises:
        ValueError: not one.
    """
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise ValueError("A date is RFC 3339 full-date, for instance 2021-03-23.")
    return date.fromisoformat(text)


def parse_url(text: Any) -> URL:
    """An absolute https URL.

    Raises:
        ValueError: not one.
    """
    if not isinstance(text, str) or not re.fullmatch(r"https://[^\s/?#]+[^\s]*", text):
        raise ValueError("A URL is absolute and begins with https://.")
    return URL(text)


#: Python type -> scalar, for Strawberry's configuration.
SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339 date and time with zone, answered in UTC with a trailing Z; any offset is accepted.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=print_moment,
        parse_value=parse_moment,
    ),
    date: strawberry.scalar(
        name="Date",
        description="RFC 3339 full-date, in the agency's own zone.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=date.isoformat,
        parse_value=parse_day,
    ),
    URL: strawberry.scalar(
        name="URL",
        description="Absolute https URL.",
        specified_by_url="https://url.spec.whatwg.org/",
        serialize=str,
        parse_value=parse_url,
    ),
}
