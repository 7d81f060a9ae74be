"""What waits for an agency."""

from __future__ import annotations

from datetime import datetime

from schema.graph.directives import Audience, field, object_type


@object_type("Writes waiting for one agency.", to=Audience.PUBLIC)
class DeliveryQueue:
    waiting: int = field("How many are on their way.")
    oldest_queued_at: datetime | None = field("Null when nothing waits.")
    dead: int = field("How many were given up.")
