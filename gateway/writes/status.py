"""Moves of the status: by an officer, or by the reporter who takes the complaint back; and the reporter's rating."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from gateway.writes.basis import REPORTER, Basis, acting, dispatched, is_emptied, seen
from gateway.writes.intents import worded
from gateway.writes.moves import grown, moved, then
from schema.access import holds, is_reporter, may_rate, may_withdraw, next_statuses
from schema.complaint import Actor, Complaint, Rating, RatingSource, StatusEvent
from schema.delivery import DeliveryKind
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.query import Viewer
from schema.status import ComplaintStatus, is_legal
from schema.writes import (
    ChangeStatus,
    Decide,
    Held,
    IllegalStatusMove,
    InputFault,
    InputIssue,
    InvalidInput,
    NotFound,
    NotPermitted,
    Outcome,
    Problem,
    RateResolution,
    VersionConflict,
    WithdrawComplaint,
    Written,
)


def change(viewer: Viewer, asked: ChangeStatus, basis: Basis) -> Decide:
    """Moves the status, if the move is legal, and sets it out for the agency."""

    def decided(held: Held) -> Written | Problem:
        complaint = seen(viewer, held, asked.complaint_id)
        if isinstance(complaint, NotFound):
            return complaint
        if not holds(viewer, complaint) or is_emptied(complaint):
            return NotPermitted()
        if asked.expected_version not in (None, complaint.version):
            return VersionConflict(complaint)
        if not is_legal(complaint.status, asked.to_status):
            return IllegalStatusMove(complaint.status, next_statuses(viewer, complaint))
        if issues := tuple(_no_evidence(complaint, asked)):
            return InvalidInput(issues)
        return _moved(
            complaint, asked.to_status, asked.reason, acting(viewer, complaint), DeliveryKind.STATUS_CHANGE, basis
        )

    return decided


def withdraw(viewer: Viewer, asked: WithdrawComplaint, basis: Basis) -> Decide:
    """Archives it for its reporter."""

    def decided(held: Held) -> Written | Problem:
        complaint = seen(viewer, held, asked.complaint_id)
        if isinstance(complaint, NotFound):
            return complaint
        if not is_reporter(viewer, complaint.id):
            return NotPermitted()
        if not may_withdraw(viewer, complaint):
            return IllegalStatusMove(complaint.status)
        archived = ComplaintStatus.ARCHIVED
        return _moved(complaint, archived, asked.reason, REPORTER, DeliveryKind.WITHDRAWAL, basis)

    return decided


def rate(viewer: Viewer, asked: RateResolution, basis: Basis) -> Decide:
    """Adds the reporter's rating of an answered or closed complaint."""

    def decided(held: Held) -> Written | Problem:
        complaint = seen(viewer, held, asked.complaint_id)
        if isinstance(complaint, NotFound):
            return complaint
        if not is_reporter(viewer, complaint.id) or is_emptied(complaint):
            return NotPermitted()
        if not may_rate(viewer, complaint):
            return IllegalStatusMove(complaint.status)
        entry = len(complaint.ratings)
        rating = Rating(
            score=asked.score, source=RatingSource.CITIZEN, occurred_at=basis.now, comment=worded(asked.comment)
        )
        sent = dispatched(basis, _rated(complaint, rating, basis), DeliveryKind.RATING, [("ratings", entry)], REPORTER)
        return Written(
            outcome=Outcome(complaint=complaint.id, delivery=sent.delivery.id, entry=entry),
            changes=(sent.change,),
            deliveries=(sent.delivery,),
            sealed=sent.sealed,
        )

    return decided


def _moved(
    complaint: Complaint,
    status: ComplaintStatus,
    reason: str | None,
    actor: Actor,
    kind: DeliveryKind,
    basis: Basis,
) -> Written:
    entry = StatusEvent(to_status=status, occurred_at=basis.now, actor=actor, note=worded(reason))
    after, event = moved(complaint, entry, basis.rules(complaint.agency), basis.now)
    written = then(Change(before=complaint, after=complaint, events=()), after, event)
    place = len(complaint.timeline)
    sent = dispatched(basis, written, kind, [("timeline", place)], actor)
    return Written(
        outcome=Outcome(complaint=complaint.id, delivery=sent.delivery.id, entry=place),
        changes=(sent.change,),
        deliveries=(sent.delivery,),
        sealed=sent.sealed,
    )


def _rated(complaint: Complaint, rating: Rating, basis: Basis) -> Change:
    event = EventDraft(
        kind=EventKind.RATED,
        status=complaint.status,
        occurred_at=rating.occurred_at,
        origin=EventOrigin.HUB,
        actor=REPORTER,
        detail=EventDetail(entry=len(complaint.ratings)),
    )
    longer = replace(complaint, ratings=(*complaint.ratings, rating))
    after = grown(basis.rules(complaint.agency), longer, basis.now)
    return Change(before=complaint, after=after, events=(event,))


def _no_evidence(complaint: Complaint, asked: ChangeStatus) -> Iterator[InputIssue]:
    files = {file.id for file in complaint.attachments}
    files.update(file.id for follow_up in complaint.follow_ups for file in follow_up.attachments)
    for place, id in enumerate(asked.evidence):
        if id not in files:
            yield InputIssue(("evidence", str(place)), InputFault.NOT_AN_ATTACHMENT)
