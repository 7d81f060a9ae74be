"""Records of one matter: joined by an officer, by a transfer, or called no duplicates."""

from __future__ import annotations

from datetime import datetime

from gateway.writes.basis import Basis, acting, seen
from schema.access import may_link
from schema.complaint import Actor, Complaint
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.links import SEEN_FROM_THERE, Link, LinkKind
from schema.query import Viewer
from schema.writes import (
    Decide,
    DismissLinkSuggestion,
    Held,
    LinkComplaints,
    NotFound,
    NotPermitted,
    Outcome,
    Problem,
    Written,
)


def link(viewer: Viewer, asked: LinkComplaints, basis: Basis) -> Decide:
    """Joins two records. Where they are joined like this already, nothing changes."""

    def decided(held: Held) -> Written | Problem:
        found = _both(viewer, asked, held)
        if not isinstance(found, tuple):
            return found
        complaint, other = found
        outcome = Outcome(complaint=complaint.id, other=other.id)
        joined = Link(complaint_id=complaint.id, other_id=other.id, kind=asked.kind, created_at=basis.now)
        if any((each.complaint_id, each.other_id, each.kind) == _ends(joined) for each in held.links):
            return Written(outcome=outcome)
        events = (
            linked(each, there, kind, acting(viewer, each), basis.now)
            for each, there, kind in (
                (complaint, other, asked.kind),
                (other, complaint, SEEN_FROM_THERE[asked.kind]),
            )
        )
        changes = (
            Change(before=each, after=each, events=(event,))
            for each, event in zip((complaint, other), events, strict=True)
        )
        return Written(outcome=outcome, changes=tuple(changes), links=(joined,))

    return decided


def dismiss(viewer: Viewer, asked: DismissLinkSuggestion) -> Decide:
    """Remembers that two records are no duplicates."""

    def decided(held: Held) -> Written | Problem:
        found = _both(viewer, asked, held)
        if not isinstance(found, tuple):
            return found
        complaint, other = found
        return Written(outcome=Outcome(complaint=complaint.id, other=other.id), dismissed=((complaint.id, other.id),))

    return decided


def linked(complaint: Complaint, other: Complaint, kind: LinkKind, actor: Actor, now: datetime) -> EventDraft:
    """The event that a complaint was joined to another one."""
    return EventDraft(
        kind=EventKind.LINKED,
        status=complaint.status,
        occurred_at=now,
        origin=EventOrigin.HUB,
        actor=actor,
        detail=EventDetail(link=kind, other=other.id),
    )


def _both(
    viewer: Viewer, asked: LinkComplaints | DismissLinkSuggestion, held: Held
) -> tuple[Complaint, Complaint] | NotFound | NotPermitted:
    """Both, if the viewer sees both and is an officer for one."""
    complaint = seen(viewer, held, asked.complaint_id)
    other = seen(viewer, held, asked.other_complaint_id)
    if isinstance(complaint, NotFound) or isinstance(other, NotFound):
        return NotFound()
    if not (may_link(viewer, complaint) or may_link(viewer, other)):
        return NotPermitted()
    return complaint, other


def _ends(link: Link) -> tuple[str, str, LinkKind]:
    return link.complaint_id, link.other_id, link.kind
