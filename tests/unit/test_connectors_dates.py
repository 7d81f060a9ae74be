"""Moments and days as agencies write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.dates import Dates, written
from schema.errors import RecordError

WITA = ZoneInfo("Asia/Makassar")
NOON = datetime(2021, 3, 23, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("iso", "2021-03-23T12:00:00"),
        ("iso", "2021-03-23 12:00:00"),
        ("iso", "2021-03-23T04:00:00Z"),
        ("iso", "2021-03-23T11:00:00+07:00"),
        ("iso", "2021-03-23T12:00:00.000000000"),
        ("iso", " 2021-03-23T12:00 "),
        ("epoch", 1616472000),
        ("epoch", "1616472000"),
        ("epoch", 1616472000.0),
        ("epoch_ms", 1616472000000),
        ("%d-%m-%Y %H:%M:%S", "23-03-2021 12:00:00"),
        ("%d/%m/%Y %H:%M", "23/03/2021 12:00"),
        ("%d %B %Y %H.%M", "23 Maret 2021 12.00"),
        ("%Y%m%d%H%M%z", "202103231100+0700"),
    ],
)
def test_one_moment_in_many_formats(form: str, value: object) -> None:
    assert Dates([form], WITA).moment(value) == NOON


@pytest.mark.parametrize(
    ("name", "month"), [("Mei", 5), ("Agu", 8), ("Agustus", 8), ("Okt", 10), ("Des", 12), ("Nopember", 11), ("Jan", 1)]
)
def test_indonesian_months(name: str, month: int) -> None:
    form = "%d %b %Y" if len(name) <= 3 and name != "Mei" else "%d %B %Y"
    assert Dates([form], WITA).day(f"5 {name} 2020") == date(2020, month, 5)


@pytest.mark.parametrize("value", [None, "", "  ", "0000-00-00", "0000-00-00 00:00:00", 0, "00/00/0000"])
def test_nothing(value: object) -> None:
    assert Dates(["iso", "epoch"], WITA).moment(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2021-13-01",
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        10**30,
        "1" * 400,
        "0001-01-01",
        "9999-12-31",
    ],
)
def test_what_can_not_be_a_moment(value: object) -> None:
    with pytest.raises(RecordError):
        Dates(["iso", "epoch", "epoch_ms", "%d-%m-%Y"], WITA).moment(value)


def test_a_day_is_the_agencys() -> None:
    assert Dates(["iso"], WITA).day("2021-03-22T17:00:00Z") == date(2021, 3, 23)


@pytest.mark.parametrize("form", ["iso", "epoch", "epoch_ms", "%d-%m-%Y %H:%M:%S"])
def test_what_is_written_reads_back(form: str) -> None:
    assert Dates([form], WITA).moment(written(NOON.astimezone(WITA), form)) == NOON
