"""What waits for an agency."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from schema.graph.directives import described, field, object_type


@described(
    "What a write does. May grow.",
    SUBMIT="Files a complaint.",
    FOLLOW_UP="Adds a follow-up.",
    TRANSFER="Hands a complaint on.",
    STATUS_CHANGE="Moves the status.",
    RATING="Rates the resolution.",
    WITHDRAWAL="Withdraws a complaint.",
)
class DeliveryKind(StrEnum):
    """What a write to an agency does."""

    SUBMIT = "SUBMIT"
    FOLLOW_UP = "FOLLOW_UP"
    TRANSFER = "TRANSFER"
    STATUS_CHANGE = "STATUS_CHANGE"
    RATING = "RATING"
    WITHDRAWAL = "WITHDRAWAL"


@object_type("Writes waiting for one agency.")
class DeliveryQueue:
    waiting: int = field("How many are on their way.")
    oldest_queued_at: datetime | None = field("Null when nothing waits.")
    dead: int = field("How many were given up.")
