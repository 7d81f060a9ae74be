# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Counts by dimensions: one statement, the same on both databases, and its rows as buckets.

Sums are divided and middle values averaged here, not in SQL, so that both databases give the same digits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.ledger import counters, visibility
from gateway.ledger.database import Dialect, Row
from gateway.ledger.filters import Shape, complaint_conditions, matching, params, shape_of
from gateway.ledger.statement import Statement
from schema.agency import AgencyLevel
from schema.complaint import Channel, Classification
from schema.errors import BadUserInput
from schema.query import ComplaintFilter, Measure, StatisticsBucket, StatisticsDimension, Viewer
from schema.status import ActorRole, ComplaintStatus

MOST_DIMENSIONS = 3
MOST_BUCKETS = 1000
#: Fewer ratings would tell of single citizens.
FEWEST_RATINGS = 5


class _Dimension(NamedTuple):
    """A column, the bucket's field it fills, and how its text is read."""

    column: str
    field: str
    read: Callable[[str], Any]


_DIMENSIONS = {
    StatisticsDimension.AGENCY: _Dimension("agency", "agency", str),
    StatisticsDimension.LEVEL: _Dimension("level", "level", AgencyLevel),
    StatisticsDimension.STATUS: _Dimension("status", "status", ComplaintStatus),
    StatisticsDimension.STATUS_ACTOR: _Dimension("status_actor", "status_actor", ActorRole),
    StatisticsDimension.CLASSIFICATION: _Dimension("classification", "classification", Classification),
    StatisticsDimension.CATEGORY: _Dimension("top_category", "category", str),
    StatisticsDimension.PROVINCE: _Dimension("province", "region", str),
    StatisticsDimension.REGENCY: _Dimension("regency", "region", str),
    StatisticsDimension.CHANNEL: _Dimension("channel", "channel", Channel),
    StatisticsDimension.MONTH: _Dimension("submitted_month", "month", date.fromisoformat),
}

_MEDIANS = {
    Measure.MEDIAN_DAYS_TO_FIRST_FOLLOW_UP: "days_to_first_follow_up",
    Measure.MEDIAN_DAYS_TO_CLOSE: "days_to_close",
}

#: What the outer SELECT computes for a measure, in as many columns as `_measured` takes from the row.
_AGGREGATES = {
    Measure.OVERDUE: ("sum(CASE WHEN t.breached <> 0 THEN 1 ELSE 0 END)",),
    Measure.AVERAGE_RATING: ("count(t.rating_score)", "sum(t.rating_score)"),
    **{
        measure: tuple(
            f"{end}(CASE WHEN t.{column}_place IN ((t.{column}_known + 1) / 2, (t.{column}_known + 2) / 2)"
            f" THEN t.{column} END)"
            for end in ("min", "max")
        )
        for measure, column in _MEDIANS.items()
    },
}


def statement(
    filter: ComplaintFilter,
    group_by: Sequence[StatisticsDimension],
    first: int,
    measures: Collection[Measure],
    viewer: Viewer,
    dialect: Dialect,
) -> Statement:
    """Rows for `bucket`, largest first, ties by the dimensions' values, missing ones last; at most MOST_BUCKETS.

    Raises:
        BadUserInput: too many dimensions, one of them twice, no bucket asked for, or see `filters`.
    """
    _check(group_by, first)
    conditions = complaint_conditions(filter, dialect)
    dimensions = tuple([_DIMENSIONS[dimension].column for dimension in group_by])
    wanted = tuple(_in_order(measures))
    values = [*params(conditions), min(first, MOST_BUCKETS)]
    cube = counters.covering([condition.kind for condition in conditions], dimensions)
    countable = visibility.counters(viewer)
    if cube is not None and countable is not None and set(wanted) <= {Measure.OVERDUE}:
        text = _summed(cube, shape_of(conditions), dimensions, wanted, countable, dialect)
        return Statement(text, values, heavy=counters.large(cube, [condition.kind for condition in conditions]))
    visible = visibility.complaints(viewer)
    return Statement(_counted(shape_of(conditions), dimensions, wanted, visible, dialect), values, heavy=True)


@lru_cache(maxsize=1024)
def _summed(
    cube: int, shape: Shape, dimensions: Sequence[str], measures: Sequence[Measure], visible: str, dialect: Dialect
) -> str:
    kinds = [kind for kind, _ in shape]
    count = counters.summed(kinds)
    late = [counters.overdue(kinds)] if Measure.OVERDUE in measures else []
    columns = [f"NULLIF(c.{column}, '')" for column in dimensions]
    grouped = f" GROUP BY {', '.join(f'c.{column}' for column in dimensions)} HAVING {count} > 0" if dimensions else ""
    ties = [f"{column} NULLS LAST" for column in columns]
    return (
        f"SELECT {', '.join([*columns, count, *late])} FROM counters c"
        f" WHERE {counters.where(cube, shape, visible, dialect)}{grouped}"
        f" ORDER BY {', '.join([f'{count} DESC', *ties])} LIMIT ${_width(shape) + 1}"
    )


@lru_cache(maxsize=1024)
def _counted(
    shape: Shape, dimensions: Sequence[str], measures: Sequence[Measure], visible: str, dialect: Dialect
) -> str:
    needed = [*(f"c.{column}" for column in dimensions), *_ingredients(dimensions, measures)]
    aggregates = [aggregate for measure in measures for aggregate in _AGGREGATES[measure]]
    return (
        f"SELECT {', '.join([*(f't.{column}' for column in dimensions), 'count(*)', *aggregates])}"
        f" FROM (SELECT {', '.join(needed) or '1 AS one'} FROM complaints c"
        f" WHERE {matching(shape, visible, dialect)}) t{_grouped(dimensions)} LIMIT ${_width(shape) + 1}"
    )


def _width(shape: Shape) -> int:
    return sum(n for _, n in shape)


def buckets(
    group_by: Sequence[StatisticsDimension], measures: Collection[Measure], rows: Sequence[Row]
) -> list[StatisticsBucket]:
    """Rows of `statement` as buckets. Under PROVINCE and REGENCY together, `region` is the regency if it is known."""
    count = len(group_by)
    wanted = _in_order(measures)
    columns = [(k, *_DIMENSIONS[dimension][1:]) for k, dimension in enumerate(group_by)]
    columns.sort(key=lambda column: group_by[column[0]] is _REGENCY)
    found = []
    for row in rows:
        fields: dict[str, Any] = {field: read(row[k]) for k, field, read in columns if row[k] is not None}
        if wanted:
            fields.update(_measured(wanted, iter(row[count + 1 :])))
        found.append(StatisticsBucket(count=row[count], **fields))
    return found


_REGENCY = StatisticsDimension.REGENCY


def _check(group_by: Sequence[StatisticsDimension], first: int) -> None:
    if len(group_by) > MOST_DIMENSIONS:
        raise BadUserInput(f"groupBy may hold at most {MOST_DIMENSIONS} dimensions")
    if len(set(group_by)) < len(group_by):
        raise BadUserInput("groupBy holds a dimension twice")
    if first < 1:
        raise BadUserInput(f"first must be from 1 to {MOST_BUCKETS}")


def _in_order(measures: Collection[Measure]) -> list[Measure]:
    return [measure for measure in Measure if measure in measures]


def _grouped(dimensions: Sequence[str]) -> str:
    if not dimensions:
        return ""
    columns = [f"t.{column}" for column in dimensions]
    ties = ", ".join(f"{column} NULLS LAST" for column in columns)
    return f" GROUP BY {', '.join(columns)} ORDER BY count(*) DESC, {ties}"


def _ingredients(dimensions: Sequence[str], measures: Collection[Measure]) -> Iterator[str]:
    if Measure.OVERDUE in measures:
        yield "c.breached"
    if Measure.AVERAGE_RATING in measures:
        yield "c.rating_score"
    for measure, column in _MEDIANS.items():
        if measure in measures:
            yield from _places(dimensions, column)


def _places(dimensions: Sequence[str], column: str) -> Iterator[str]:
    """A value, its place among those of its bucket that are known, and how many those are."""
    partition = f"PARTITION BY {', '.join(f'c.{name}' for name in dimensions)} " if dimensions else ""
    yield f"c.{column}"
    yield f"row_number() OVER ({partition}ORDER BY c.{column} IS NULL, c.{column}) AS {column}_place"
    yield f"count(c.{column}) OVER ({partition}) AS {column}_known"


def _measured(measures: Sequence[Measure], values: Iterator[Any]) -> Iterator[tuple[str, int | float | None]]:
    for measure in measures:
        if measure is Measure.OVERDUE:
            yield measure.value, next(values) or 0
        elif measure is Measure.AVERAGE_RATING:
            ratings, total = next(values), next(values)
            yield measure.value, total / ratings if ratings >= FEWEST_RATINGS else None
        else:
            low, high = next(values), next(values)
            yield measure.value, None if low is None else (low + high) / 2
