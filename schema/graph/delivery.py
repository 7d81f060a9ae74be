"""Writes on their way to agencies."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import strawberry
from msgspec.structs import replace

from schema import complaint as complaints
from schema import delivery as records
from schema.delivery import DeliveryKind, DeliveryPage, DeliveryState
from schema.graph.agency import Agency, SourceError, held_by
from schema.graph.batches import then
from schema.graph.conditions import condition, conditions
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.lazy import AComplaint
from schema.graph.node import Node
from schema.graph.page import After, First, PageInfo, given, page_size
from schema.graph.selection import selected
from schema.query import Role

DEFAULT_SIZE = 25
MOST_DELIVERIES = 100

_NONE = DeliveryPage(deliveries=(), total=0)


def _complaint(
    root: records.Delivery, info: Info
) -> complaints.Complaint | Awaitable[complaints.Complaint | None] | None:
    found = info.context.batches.complaints.of(root.complaint_id)
    return then(found, lambda known: None if known is None else shown(known, info))


@object_type(
    "A write on its way to an agency. Of one complaint, they arrive in order.",
    of=records.Delivery,
    to=Audience.REPORTER,
)
class Delivery(Node):
    id: strawberry.ID = field("`delivery_` and 26 characters.")
    kind: DeliveryKind = field("What it does.")
    state: DeliveryState = field("How far it is.")
    complaint: AComplaint | None = field("What it is about.", _complaint, asking=True)
    agency: Agency = field("To whom.", held_by)
    attempts: int = field("How often it was tried.")
    queued_at: datetime = field("When it was asked for.")
    sent_at: datetime | None = field("Last attempt.")
    settled_at: datetime | None = field("When it came to its end.")
    next_attempt_at: datetime | None = field("Null when none is planned.")
    native_id: str | None = field("Key the agency gave it.")
    error: SourceError | None = field("Why the last attempt failed.")


@dataclass(slots=True, frozen=True)
class Waiting:
    """A page of deliveries, and whether some came before it."""

    page: DeliveryPage
    has_previous: bool


def _cursor(root: records.Delivery, info: Info) -> str:
    return info.context.cursors.seal_delivery(root.seq)


def _node(root: records.Delivery) -> records.Delivery:
    return root


def _deliveries(root: Waiting) -> Sequence[records.Delivery]:
    return root.page.deliveries


def _page_info(root: Waiting, info: Info) -> PageInfo:
    found = root.page.deliveries
    return PageInfo(
        has_next_page=root.page.has_next,
        has_previous_page=root.has_previous,
        start_cursor=_cursor(found[0], info) if found else None,
        end_cursor=_cursor(found[-1], info) if found else None,
    )


def _total_count(root: Waiting) -> int | None:
    return root.page.total


@object_type("A delivery and its place in the queue.", to=Audience.PUBLIC)
class DeliveryEdge:
    cursor: str = field("For `after`.", _cursor)
    node: Delivery = field("The delivery.", _node, scoped=True)


@object_type("A page of deliveries.", to=Audience.PUBLIC)
class DeliveryConnection:
    edges: list[DeliveryEdge] = field("The rows with their cursors.", _deliveries)
    nodes: list[Delivery] = field("The rows without their cursors.", _deliveries, scoped=True)
    page_info: PageInfo = field("Where the page stands.", _page_info)
    total_count: int = field("Exact, over all pages, for this viewer and filter.", _total_count)


@strawberry.input(description="All conditions hold together.")
class DeliveryFilter:
    states: list[DeliveryState] | None = condition("In any of these states.")
    agencies: list[strawberry.ID] | None = condition("Slugs of the agencies they go to.")
    kinds: list[DeliveryKind] | None = condition("Of any of these kinds.")


async def find_deliveries(
    info: Info,
    filter: Annotated[DeliveryFilter | None, strawberry.argument(description="Which ones.")] = strawberry.UNSET,
    first: First = DEFAULT_SIZE,
    after: After = strawberry.UNSET,
) -> Waiting:
    context, cursor = info.context, given(after)
    wanted = (
        records.DeliveryFilter(**conditions(filter, records.DeliveryFilter)) if filter else records.DeliveryFilter()
    )
    size = page_size(first, "first", default=DEFAULT_SIZE, most=MOST_DELIVERIES)
    start = 0 if cursor is None else context.cursors.open_delivery(cursor)
    if context.viewer.role is Role.PUBLIC:
        return Waiting(_NONE, has_previous=False)
    # No rows still tells whether some follow, so one is asked for and left out.
    page = await context.snapshot.deliveries(wanted, start, max(size, 1), count="totalCount" in selected(info))
    if not size:
        page = replace(page, deliveries=(), has_next=bool(page.deliveries))
    else:
        await context.agencies()  # so that the deliveries' agencies are at hand
    return Waiting(page, has_previous=cursor is not None)
