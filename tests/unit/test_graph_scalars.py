"""Moments, days and addresses as the graph reads and answers them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.graph.scalars import parse_day, parse_moment, parse_url, print_moment

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001  # zones are added


@settings(max_examples=100, deadline=None)
@given(MOMENTS)
def test_a_moment_comes_back_in_utc_to_the_millisecond(moment: datetime) -> None:
    printed = print_moment(moment)
    assert len(printed) == 24
    assert printed.endswith("Z")
    assert parse_moment(printed) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_moment(moment.isoformat()) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-03-23T12:12:00+07:00", datetime(2021, 3, 23, 5, 12, tzinfo=UTC)),
        ("2021-03-23t05:12:00z", datetime(2021, 3, 23, 5, 12, tzinfo=UTC)),
        ("2021-03-23 05:12:00.5-00:00", datetime(2021, 3, 23, 5, 12, 0, 500_000, tzinfo=UTC)),
        ("2021-03-23T05:12:00.123456789Z", datetime(2021, 3, 23, 5, 12, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_any_rfc_3339_moment_is_read(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2021-03-23T05:12:00",
        "2021-03-23",
        "20210323T051200Z",
        "2021-W12-2T05:12:00Z",
        "2021-13-23T05:12:00Z",
        "2021-03-23T05:12Z",
        "0001-01-01T00:00:00+07:00",
        "２021-03-23T05:12:00Z",
        1616476320,
        None,
    ],
)
def test_what_is_no_moment_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)


def test_a_moment_without_zone_is_never_answered() -> None:
    with pytest.raises(ValueError, match="zone"):
        print_moment(datetime(2021, 3, 23))  # noqa: DTZ001  # the point of the test


def test_days() -> None:
    assert parse_day("2021-03-23") == date(2021, 3, 23)
    for text in ("20210323", "2021-03-32", "2021-03-23T00:00:00Z", 5):
        with pytest.raises(ValueError, match=r"."):
            parse_day(text)


def test_addresses() -> None:
    assert parse_url("https://lapor.go.id/laporan?x=1#a") == "https://lapor.go.id/laporan?x=1#a"
    for text in ("http://lapor.go.id", "https://", "https:///x", "/laporan", "javascript:alert(1)", "https://a b", 5):
        with pytest.raises(ValueError, match="https"):
            parse_url(text)
