"""The life of one matter as steps, told by the records of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from schema.complaint import Actor, AgencyReference, Complaint, FollowUpKind, Rating, RatingSource, by_time
from schema.graph.directives import described
from schema.status import ActorRole, ComplaintStatus

#: Most records and steps of one journey.
MOST_RECORDS = 50
MOST_STEPS = 500
#: So many times "bukan wewenang" is ping-pong.
BOUNCES = 3


@described(
    "What happened. May grow.",
    SUBMITTED="A record of the matter was received.",
    STATUS_CHANGED="The status moved.",
    FOLLOW_UP_ADDED="Somebody wrote.",
    TRANSFERRED="It changed hands.",
    LINKED="Two records were joined.",
    RATED="It was rated.",
    CLOCK_BREACHED="A service-level clock ran out.",
)
class JourneyStepKind(StrEnum):
    """Kind of step. At one moment, steps stand in this order."""

    SUBMITTED = "SUBMITTED"
    STATUS_CHANGED = "STATUS_CHANGED"
    FOLLOW_UP_ADDED = "FOLLOW_UP_ADDED"
    TRANSFERRED = "TRANSFERRED"
    LINKED = "LINKED"
    RATED = "RATED"
    CLOCK_BREACHED = "CLOCK_BREACHED"


_ORDER = {kind: place for place, kind in enumerate(JourneyStepKind)}
_RATED_BY = {
    RatingSource.CITIZEN: ActorRole.REPORTER,
    RatingSource.AUTO: ActorRole.SYSTEM,
    RatingSource.ADMIN: ActorRole.NATIONAL_ADMIN,
}


class JourneyStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step, told by `complaint`."""

    kind: JourneyStepKind
    occurred_at: datetime
    complaint: Complaint
    actor: Actor | None = None
    from_status: ComplaintStatus | None = None
    to_status: ComplaintStatus | None = None
    to_agency: AgencyReference | None = None
    follow_up_kind: FollowUpKind | None = None
    note: str | None = None

    @property
    def agency(self) -> str:
        """Slug of the agency whose record tells it."""
        return self.complaint.agency


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """The whole way.

    Attributes:
        complaints: in the order they came to be; at most 50.
        steps: oldest first; the newest 500.
        hops: how often it changed hands.
        bouncing: sent on as "bukan wewenang" three times or more.
    """

    complaints: tuple[Complaint, ...]
    steps: tuple[JourneyStep, ...]
    hops: int
    bouncing: bool


def journey(complaints: Sequence[Complaint], *, confidential: bool) -> Journey:
    """Merges the records of one matter into its journey.

    Args:
        complaints: those that the viewer may see.
        confidential: whether the viewer may see confidential follow-ups.
    """
    records = sorted(complaints, key=lambda complaint: (complaint.submitted_at, complaint.id))[:MOST_RECORDS]
    steps = sorted(
        (step for record in records for step in _steps(record, confidential=confidential)),
        key=lambda step: (step.occurred_at, _ORDER[step.kind]),
    )
    dispositions = [disposition for record in records for disposition in record.dispositions]
    return Journey(
        complaints=tuple(records),
        steps=tuple(steps[-MOST_STEPS:]),
        hops=len(dispositions),
        bouncing=sum(disposition.is_not_authority for disposition in dispositions) >= BOUNCES,
    )


def _steps(complaint: Complaint, *, confidential: bool) -> Iterator[JourneyStep]:
    yield from _moves(complaint)
    for follow_up in complaint.follow_ups:
        if confidential or not follow_up.is_confidential:
            yield JourneyStep(
                kind=JourneyStepKind.FOLLOW_UP_ADDED,
                occurred_at=follow_up.occurred_at,
                complaint=complaint,
                actor=follow_up.actor,
                follow_up_kind=follow_up.kind,
            )
    for disposition in complaint.dispositions:
        yield JourneyStep(
            kind=JourneyStepKind.TRANSFERRED,
            occurred_at=disposition.occurred_at,
            complaint=complaint,
            to_agency=disposition.to_agency,
            note=disposition.note,
        )
    for rating in complaint.ratings:
        yield _rated(complaint, rating)
    for clock in complaint.clocks:
        if clock.breached_at is not None:
            yield JourneyStep(kind=JourneyStepKind.CLOCK_BREACHED, occurred_at=clock.breached_at, complaint=complaint)


def _moves(complaint: Complaint) -> Iterator[JourneyStep]:
    """The receipt, then every move. A log that begins with SUBMITTED tells the receipt itself."""
    moves = by_time(complaint.timeline)
    first = moves[0] if moves else None
    received = first if first and first.from_status is None and first.to_status is ComplaintStatus.SUBMITTED else None
    yield JourneyStep(
        kind=JourneyStepKind.SUBMITTED,
        occurred_at=complaint.submitted_at,
        complaint=complaint,
        actor=received.actor if received else None,
        note=received.note if received else None,
    )
    for move in moves[1 if received else 0 :]:
        yield JourneyStep(
            kind=JourneyStepKind.STATUS_CHANGED,
            occurred_at=move.occurred_at,
            complaint=complaint,
            actor=move.actor,
            from_status=move.from_status,
            to_status=move.to_status,
            note=move.note,
        )


def _rated(complaint: Complaint, rating: Rating) -> JourneyStep:
    return JourneyStep(
        kind=JourneyStepKind.RATED,
        occurred_at=rating.occurred_at,
        complaint=complaint,
        actor=Actor(_RATED_BY[rating.source]),
    )
