"""A reply of the reporter, or an answer of an officer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from gateway.writes.basis import Basis, acting, dispatched, is_emptied, seen
from gateway.writes.intents import worded
from gateway.writes.moves import grown
from schema.access import is_reporter, may_follow_up
from schema.complaint import Attachment, Complaint, FollowUp, FollowUpKind
from schema.delivery import DeliveryKind
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.query import Viewer
from schema.writes import (
    AddFollowUp,
    Decide,
    Held,
    InputFault,
    InputIssue,
    InvalidInput,
    NotFound,
    NotPermitted,
    Outcome,
    Problem,
    Written,
)


def decide(
    viewer: Viewer,
    asked: AddFollowUp,
    attachments: Sequence[Attachment],
    unread: tuple[InputIssue, ...],
    basis: Basis,
) -> Decide:
    """Adds it, and sets it out for the agency.

    Args:
        unread: what is wrong with its files.
    """

    def decided(held: Held) -> Written | Problem:
        complaint = seen(viewer, held, asked.complaint_id)
        if isinstance(complaint, NotFound):
            return complaint
        if not may_follow_up(viewer, complaint) or is_emptied(complaint):
            return NotPermitted()
        by_reporter = is_reporter(viewer, complaint.id)
        if by_reporter is not (asked.kind is FollowUpKind.REPORTER_REPLY):
            return InvalidInput((InputIssue(("kind",), InputFault.WRONG_KIND), *unread))
        if unread:
            return InvalidInput(unread)
        follow_up = _follow_up(viewer, asked, attachments, complaint, basis)
        sent = dispatched(
            basis,
            _added(complaint, follow_up, basis),
            DeliveryKind.FOLLOW_UP,
            [("follow_ups", len(complaint.follow_ups))],
            acting(viewer, complaint),
        )
        return Written(
            outcome=Outcome(complaint=complaint.id, delivery=sent.delivery.id, entry=len(complaint.follow_ups)),
            changes=(sent.change,),
            deliveries=(sent.delivery,),
            sealed=sent.sealed,
        )

    return decided


def _follow_up(
    viewer: Viewer, asked: AddFollowUp, attachments: Sequence[Attachment], complaint: Complaint, basis: Basis
) -> FollowUp:
    actor = acting(viewer, complaint)
    return FollowUp(
        kind=asked.kind,
        occurred_at=basis.now,
        content=worded(asked.content),
        from_agency=basis.named(actor.agency) if actor.agency is not None else None,
        actor=actor,
        attachments=tuple(attachments),
        is_confidential=asked.is_confidential,
    )


def _added(complaint: Complaint, follow_up: FollowUp, basis: Basis) -> Change:
    longer = replace(complaint, follow_ups=(*complaint.follow_ups, follow_up))
    event = EventDraft(
        kind=EventKind.FOLLOW_UP_ADDED,
        status=complaint.status,
        occurred_at=follow_up.occurred_at,
        origin=EventOrigin.HUB,
        actor=follow_up.actor,
        detail=EventDetail(entry=len(complaint.follow_ups)),
    )
    after = grown(basis.rules(complaint.agency), longer, basis.now)
    return Change(before=complaint, after=after, events=(event,))
