"""What can be followed."""

from __future__ import annotations

from schema.graph.agency import Agency
from schema.graph.directives import Audience, field, object_type
from schema.graph.stream import EventFrame, follow_agencies, follow_events


@object_type("Over graphql-transport-ws, graphql-sse (distinct connections) and multipart.", to=Audience.PUBLIC)
class Subscription:
    complaint_events: EventFrame = field(
        "First one StreamPosition, then every event after the cursor, then live; no hole and no repeat "
        "between. Without `after`: live only. Access is checked per event, on replay as on live. On SSE `id:` is the "
        "cursor, and Last-Event-ID takes the place of `after`.",
        follow_events,
        live=True,
        scoped=True,
    )
    agency_health_changed: Agency = field(
        "First each agency once as it is now, then each whose `source` changes.",
        follow_agencies,
        live=True,
    )
