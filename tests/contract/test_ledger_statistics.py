"""Counts by dimensions, on both databases: against the same sums done in Python."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.complaint import Complaint, RatingSource
from schema.errors import BadUserInput
from schema.query import PUBLIC, ComplaintFilter, Measure, StatisticsBucket, StatisticsDimension
from schema.status import ComplaintStatus

ALL = ComplaintFilter()
D = StatisticsDimension


def groups(code: str | None, count: int) -> str | None:
    """The code's first groups, if it has as many."""
    parts = code.split(".") if code else []
    return ".".join(parts[:count]) if len(parts) >= count else None


def region(complaint: Complaint) -> str | None:
    return complaint.incident_location.region_code if complaint.incident_location else None


#: What a complaint counts under, told again.
VALUE: dict[D, Callable[[Complaint, Any], Any]] = {
    D.AGENCY: lambda c, _: c.agency,
    D.LEVEL: lambda c, ledger: ledger.levels[c.agency],
    D.STATUS: lambda c, _: c.status,
    D.STATUS_ACTOR: lambda c, _: c.status_actor,
    D.CLASSIFICATION: lambda c, _: c.classification,
    D.CATEGORY: lambda c, _: groups(c.category, 1),
    D.PROVINCE: lambda c, _: groups(region(c), 1),
    D.REGENCY: lambda c, _: groups(region(c), 2),
    D.CHANNEL: lambda c, _: c.channel,
    D.MONTH: lambda c, _: date(c.submitted_at.year, c.submitted_at.month, 1),  # all at midnight UTC: no day's shift
}
FIELD = {dimension: dimension.value.lower() for dimension in D} | {D.PROVINCE: "region", D.REGENCY: "region"}


def middle(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def bucket(complaints: Sequence[Complaint], **values: Any) -> StatisticsBucket:
    ratings = [c.rating.score for c in complaints if c.rating and c.rating.source is not RatingSource.AUTO]
    return StatisticsBucket(
        count=len(complaints),
        overdue=sum(c.overdue for c in complaints),
        median_days_to_first_follow_up=middle(
            [c.days_to_first_follow_up for c in complaints if c.days_to_first_follow_up is not None]
        ),
        median_days_to_close=middle([c.days_to_close for c in complaints if c.days_to_close is not None]),
        average_rating=sum(ratings) / len(ratings) if len(ratings) >= 5 else None,
        **values,
    )


def counted(ledger: Any, status: ComplaintStatus | None, group_by: Sequence[D]) -> list[StatisticsBucket]:
    found: dict[tuple[Any, ...], list[Complaint]] = defaultdict(list)
    for complaint in ledger.complaints:
        if not complaint.is_confidential and status in (None, complaint.status):
            found[tuple(VALUE[dimension](complaint, ledger) for dimension in group_by)].append(complaint)

    def place(item: tuple[tuple[Any, ...], list[Complaint]]) -> tuple[Any, ...]:
        return (-len(item[1]), *((value is None, str(value)) for value in item[0]))

    buckets = []
    for values, complaints in sorted(found.items(), key=place):
        named: dict[str, Any] = {}
        for dimension, value in sorted(zip(group_by, values, strict=True), key=lambda pair: pair[0] is D.REGENCY):
            named[FIELD[dimension]] = value or named.get(FIELD[dimension])
        buckets.append(bucket(complaints, **named))
    return buckets


@given(
    group_by=st.lists(st.sampled_from(D), min_size=1, max_size=3, unique=True),
    status=st.none() | st.sampled_from(ComplaintStatus),
    first=st.sampled_from([1, 7, 1000, 5000]),
)
@settings(max_examples=60, deadline=None)
async def test_buckets_are_the_sums_of_the_rows(
    filled: Any, group_by: list[D], status: ComplaintStatus | None, first: int
) -> None:
    filter = ComplaintFilter(statuses=None if status is None else (status,))
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        found = await snapshot.statistics(filter, group_by, first, tuple(Measure))
    assert list(found) == counted(filled, status, group_by)[:first]


async def test_only_the_measures_asked_for_are_computed(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        [plain] = await snapshot.statistics(ALL, [], 1)
        [late] = await snapshot.statistics(ALL, [], 1, [Measure.OVERDUE])
        [close] = await snapshot.statistics(ALL, [], 1, {Measure.MEDIAN_DAYS_TO_CLOSE})
    whole = bucket([c for c in filled.complaints if not c.is_confidential])
    assert plain == StatisticsBucket(count=whole.count)
    assert late == StatisticsBucket(count=whole.count, overdue=whole.overdue)
    assert close == StatisticsBucket(count=whole.count, median_days_to_close=whole.median_days_to_close)


async def test_no_dimension_gives_one_bucket_even_of_nothing(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        assert await snapshot.statistics(ALL, [], 200, tuple(Measure)) == [
            bucket([c for c in filled.complaints if not c.is_confidential])
        ]
        nothing = ComplaintFilter(agencies=())
        assert await snapshot.statistics(nothing, [], 200, tuple(Measure)) == [StatisticsBucket(count=0, overdue=0)]
        assert await snapshot.statistics(nothing, [D.AGENCY], 200, tuple(Measure)) == []


@pytest.mark.parametrize(
    ("group_by", "first"),
    [([D.AGENCY, D.AGENCY], 200), ([D.AGENCY, D.LEVEL, D.STATUS, D.MONTH], 200), ([D.AGENCY], 0), ([], -1)],
)
async def test_what_can_not_be_meant_is_refused(filled: Any, group_by: list[D], first: int) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        with pytest.raises(BadUserInput):
            await snapshot.statistics(ALL, group_by, first)
