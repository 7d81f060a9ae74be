"""Writes on their way to agencies. Nothing writes yet, so every list of them is empty."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from schema.errors import BadCursor
from schema.graph.agency import Agency, SourceError
from schema.graph.conditions import condition
from schema.graph.directives import Audience, described, field, object_type
from schema.graph.lazy import AComplaint
from schema.graph.node import Node
from schema.graph.page import After, First, PageInfo, page_size
from schema.graph.queue import DeliveryKind


@described(
    "How far a write is. May grow.",
    QUEUED="Waits for its turn.",
    SENT="Sent, the agency has not confirmed it yet.",
    ACKNOWLEDGED="The agency has it.",
    REJECTED="The agency said no.",
    UNKNOWN="Sent, no answer: looked up before it is ever sent again.",
    DEAD="Given up; an operator must look.",
    HAND_DELIVERY="The agency takes no such write by machine: an officer hands it over.",
)
class DeliveryState(StrEnum):
    """How far a write to an agency is."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    DEAD = "DEAD"
    HAND_DELIVERY = "HAND_DELIVERY"


@object_type("A write on its way to an agency. Of one complaint, they arrive in order.", to=Audience.REPORTER)
class Delivery(Node):
    id: strawberry.ID = field("`delivery_` and 26 characters.")
    kind: DeliveryKind = field("What it does.")
    state: DeliveryState = field("How far it is.")
    complaint: AComplaint | None = field("What it is about.")
    agency: Agency = field("To whom.")
    attempts: int = field("How often it was tried.")
    queued_at: datetime = field("When it was asked for.")
    sent_at: datetime | None = field("Last attempt.")
    settled_at: datetime | None = field("When it came to its end.")
    next_attempt_at: datetime | None = field("Null when none is planned.")
    native_id: str | None = field("Key the agency gave it.")
    error: SourceError | None = field("Why the last attempt failed.")


@object_type("A delivery and its place in the queue.")
class DeliveryEdge:
    cursor: str = field("For `after`.")
    node: Delivery = field("The delivery.")


@object_type("A page of deliveries.")
class DeliveryConnection:
    edges: list[DeliveryEdge] = field("The rows with their cursors.")
    nodes: list[Delivery] = field("The rows without their cursors.")
    page_info: PageInfo = field("Where the page stands.")
    total_count: int = field("Exact, over all pages, for this viewer and filter.")


@strawberry.input(description="All conditions hold together.")
class DeliveryFilter:
    states: list[DeliveryState] | None = condition("In any of these states.")
    agencies: list[strawberry.ID] | None = condition("Slugs of the agencies they go to.")
    kinds: list[DeliveryKind] | None = condition("Of any of these kinds.")


def find_deliveries(
    filter: Annotated[DeliveryFilter | None, strawberry.argument(description="Which ones.")] = strawberry.UNSET,
    first: First = 25,
    after: After = strawberry.UNSET,
) -> DeliveryConnection:
    page_size(first, "first", default=25, most=100)
    if after:
        raise BadCursor("`after` is no cursor of a delivery.")
    nowhere = PageInfo(has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None)
    return DeliveryConnection(edges=[], nodes=[], page_info=nowhere, total_count=0)
