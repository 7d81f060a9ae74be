"""The journey of one matter, as the graph shows it."""

from __future__ import annotations

from datetime import datetime

from schema.complaint import FollowUpKind
from schema.graph.agency import Agency, held_by
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.entries import Actor, AgencyReference
from schema.graph.lazy import AComplaint
from schema.graph.steps import JourneyStepKind
from schema.status import ComplaintStatus


@object_type("One step of a journey.", to=Audience.PUBLIC)
class JourneyStep:
    kind: JourneyStepKind = field("What happened.")
    occurred_at: datetime = field("By the agency's clock.")
    agency: Agency = field("Where it happened.", held_by)
    actor: Actor | None = field("Who did it; null when the agency does not say.")
    complaint: AComplaint = field("Record the step was told by.")
    from_status: ComplaintStatus | None = field("Set for STATUS_CHANGED, but for the first status of a record.")
    to_status: ComplaintStatus | None = field("Set for STATUS_CHANGED.")
    to_agency: AgencyReference | None = field("Set for TRANSFERRED.")
    follow_up_kind: FollowUpKind | None = field("Set for FOLLOW_UP_ADDED.")
    note: str | None = field("What was said about the move or the handing-over.")


@object_type("The life of one matter over all the systems it went through.", to=Audience.PUBLIC)
class Journey:
    complaints: list[AComplaint] = field(
        "The visible records, in the order they came to be; at most 50.", size=sized(5)
    )
    steps: list[JourneyStep] = field(
        "Oldest first, at most 500 (the newest). What an agency told and what the hub had sent it count as one step.",
        size=sized(50),
    )
    hops: int = field("How often it changed hands.")
    bouncing: bool = field('It was sent on as "bukan wewenang" three times or more.')
