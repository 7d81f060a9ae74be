"""What complaints and events can be filtered and ordered by."""

from __future__ import annotations

from datetime import datetime

import strawberry

from schema import query as asked
from schema.agency import AgencyLevel
from schema.clocks import ClockKind
from schema.complaint import Channel, Classification
from schema.errors import BadUserInput
from schema.events import EventKind
from schema.graph.conditions import condition, conditions, region_condition, text_condition
from schema.graph.context import Context
from schema.graph.positions import seq_of
from schema.query import ComplaintOrderField, OrderDirection, Role, Viewer
from schema.status import ActorRole, ComplaintStatus


@strawberry.input(
    description="All conditions hold together; within a list any one suffices. An absent or null condition does not "
    "restrict, an empty list matches nothing. At most 100 values a list."
)
class ComplaintFilter:
    agencies: list[strawberry.ID] | None = condition("Slugs of the agencies that hold the records.")
    levels: list[AgencyLevel] | None = condition("Levels of the agencies that hold the records.")
    assigned_agencies: list[strawberry.ID] | None = condition("Slugs of agencies that must act, now.")
    region_code: str | None = condition(
        'Of the incident; covers its parts, by group: "36" and "36.03" find 36.03.01, "36.0" is BAD_USER_INPUT.'
    )
    statuses: list[ComplaintStatus] | None = condition("In any of these states.")
    status_actors: list[ActorRole] | None = condition("Who made the last move: with CLOSED, who closed it.")
    classifications: list[Classification] | None = condition("Of any of these kinds.")
    category: str | None = condition("Category code; covers its children.")
    channel: Channel | None = condition("Came by this channel.")
    submitted_after: datetime | None = condition("Inclusive.")
    submitted_before: datetime | None = condition("Exclusive.")
    updated_after: datetime | None = condition("Inclusive.")
    updated_before: datetime | None = condition("Exclusive.")
    text: str | None = condition(
        "Words of title and texts, Indonesian stems, all must occur; 200 characters at most. Never finds what the "
        "viewer may not read, nor content of agencies that allow no copies."
    )
    overdue: bool | None = condition("A running or paused clock is breached, or none is.")
    breached_clocks: list[ClockKind] | None = condition("Any of these clocks is breached and has not stopped.")
    due_before: datetime | None = condition("A running clock falls due before this moment, or is overdue.")
    changed_after: str | None = condition("Changed after this event cursor (`asOf`): what is new since the last visit.")
    tracking_ids: list[str] | None = condition("Numbers that citizens were given.")
    ids: list[strawberry.ID] | None = condition("Ids of complaints.")


@strawberry.input(description="One order; paging is exact under each of them.")
class ComplaintOrder:
    field: ComplaintOrderField = strawberry.field(description="What rows are ordered by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.DESC, description="Which end comes first.")


@strawberry.input(description="Matched against the complaint as it was right after the event.")
class EventFilter:
    kinds: list[EventKind] = strawberry.field(
        default_factory=lambda: list(asked.EventFilter().kinds), description="New kinds are never sent unasked."
    )
    agencies: list[strawberry.ID] | None = condition("Slugs of the agencies that hold the complaints.")
    levels: list[AgencyLevel] | None = condition("Levels of those agencies.")
    region_code: str | None = condition("Covers its parts.")
    classifications: list[Classification] | None = condition("Of any of these kinds.")
    category: str | None = condition("Covers its children.")
    statuses: list[ComplaintStatus] | None = condition("The complaint's status after the event.")
    ids: list[strawberry.ID] | None = condition("Complaints.")


async def complaint_filter(context: Context, given: ComplaintFilter | None) -> asked.ComplaintFilter:
    """The ledger's filter for a client's.

    Raises:
        BadUserInput: a condition can't be met by any value, or is too long.
        BadCursor, CursorExpired: `changedAfter` can't be continued.
    """
    if not given:
        return asked.ComplaintFilter()
    values = conditions(given, asked.ComplaintFilter)
    if "region_code" in values:
        region_condition(values["region_code"])
    if "text" in values:
        values["text"] = text_condition(values["text"])
    if "changed_after" in values:
        values["changed_after"] = await seq_of(context, values["changed_after"])
    return asked.ComplaintFilter(**values)


def complaint_order(given: ComplaintOrder | None, filter: asked.ComplaintFilter) -> asked.ComplaintOrder:
    """The ledger's order for a client's; the newest change first where none is given.

    Raises:
        BadUserInput: by relevance, but to no text.
    """
    order = asked.ComplaintOrder(given.field, given.direction) if given else asked.ComplaintOrder()
    if order.field is ComplaintOrderField.RELEVANCE and filter.text is None:
        raise BadUserInput("RELEVANCE orders by `filter.text`, which is not set.")
    return order


def event_filter(viewer: Viewer, given: EventFilter | None) -> asked.EventFilter:
    """The ledger's filter for a client's.

    Raises:
        BadUserInput: a condition can't be met by any value, or is too long.
    """
    if not given:
        return asked.EventFilter()
    values = conditions(given, asked.EventFilter)
    if "region_code" in values:
        region_condition(values["region_code"])
    if viewer.role is Role.PUBLIC:
        values["kinds"] = tuple(kind for kind in values["kinds"] if kind is not EventKind.DELIVERY_CHANGED)
    return asked.EventFilter(**values)
