"""Counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import strawberry
from strawberry.utils.str_converters import to_camel_case

from schema import categories, regions
from schema import query as asked
from schema.agency import AgencyLevel
from schema.complaint import Channel, Classification
from schema.errors import BadUserInput
from schema.graph.agency import Agency, held_by
from schema.graph.category import Category
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.filters import ComplaintFilter, complaint_filter
from schema.graph.page import First, page_size
from schema.graph.region import Region
from schema.graph.selection import selected
from schema.query import Measure, StatisticsDimension
from schema.status import ActorRole, ComplaintStatus

MOST_DIMENSIONS = 3
DEFAULT_BUCKETS = 200
MOST_BUCKETS = 1_000

_MEASURES = {to_camel_case(measure.value): measure for measure in Measure}


def _category(root: asked.StatisticsBucket) -> categories.Category | None:
    return categories.category(root.category) if root.category else None


def _region(root: asked.StatisticsBucket) -> regions.Region | None:
    return regions.region(root.region) if root.region else None


@object_type(
    'A row of counts. The fields of the asked dimensions are set (null there means "unknown"), the others are null.',
    to=Audience.PUBLIC,
)
class StatisticsBucket:
    agency: Agency | None = field("Agency that holds the records.", held_by)
    level: AgencyLevel | None = field("Level of that agency.")
    status: ComplaintStatus | None = field("Canonical status.")
    status_actor: ActorRole | None = field("Who made the last move.")
    classification: Classification | None = field("Klasifikasi.")
    category: Category | None = field("Top category.", _category)
    region: Region | None = field("Province or regency of the incident.", _region)
    channel: Channel | None = field("Channel it came by.")
    month: date | None = field("First day of the month, WIB.")
    count: int = field("Exact, over the complaints that this viewer can list.")
    overdue: int | None = field("Complaints with a breached clock that has not stopped.")
    median_days_to_first_follow_up: float | None = field(
        "Working days from receipt to the first follow-up; median.", cost=10
    )
    median_days_to_close: float | None = field("Working days from receipt to the last closing; median.", cost=10)
    average_rating: float | None = field("1 to 5, AUTO left out; null below five ratings.", cost=10)


async def find_statistics(
    info: Info,
    *,
    filter: Annotated[ComplaintFilter | None, strawberry.argument(description="What is counted.")] = strawberry.UNSET,
    group_by: Annotated[list[StatisticsDimension], strawberry.argument(description="At most three, each once.")],
    first: First = DEFAULT_BUCKETS,
) -> Sequence[asked.StatisticsBucket]:
    if len(group_by) > MOST_DIMENSIONS or len(set(group_by)) < len(group_by):
        raise BadUserInput(f"`groupBy` takes at most {MOST_DIMENSIONS} dimensions, each once.")
    size = page_size(first, "first", default=DEFAULT_BUCKETS, most=MOST_BUCKETS)
    context = info.context
    wanted = await complaint_filter(context, filter)
    measures = [_MEASURES[name] for name in selected(info) & _MEASURES.keys()]
    if StatisticsDimension.AGENCY in group_by:
        await context.agencies()  # so that the buckets' agencies are at hand
    return await context.snapshot.statistics(wanted, group_by, size, measures)
