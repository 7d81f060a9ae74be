"""What is left of a complaint whose content was erased."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from schema.complaint import Complaint, ContentState, Disposition, FollowUp, Rating, StatusEvent
from schema.events import EventDetail, EventDraft, EventKind, EventOrigin

#: Fields of the graph's Complaint that erasing empties.
_EMPTIED = {
    "title": "title",
    "text": "text",
    "original_text": "originalText",
    "edited_text": "editedText",
    "incident_location": "incidentLocation",
    "attachments": "attachments",
    "tags": "tags",
    "url": "url",
    "status_reason": "statusReason",
}


def emptied(complaint: Complaint) -> Complaint:
    """The complaint without any text, name or place. Its lists keep their lengths: events count on them."""
    return replace(
        complaint,
        content_state=ContentState.ERASED,
        url=None,
        title=None,
        original_text=None,
        edited_text=None,
        status_reason=None,
        tags=(),
        incident_location=None,
        attachments=(),
        dispositions=tuple(map(_disposition, complaint.dispositions)),
        timeline=tuple(map(_move, complaint.timeline)),
        follow_ups=tuple(map(_follow_up, complaint.follow_ups)),
        ratings=tuple(map(_rating, complaint.ratings)),
    )


def correction(complaint: Complaint, now: datetime) -> EventDraft:
    """The event that says a complaint was emptied."""
    changed = [name for field, name in _EMPTIED.items() if getattr(complaint, field)]
    return EventDraft(
        kind=EventKind.CORRECTED,
        status=complaint.status,
        occurred_at=now,
        origin=EventOrigin.HUB,
        detail=EventDetail(changed_fields=("contentState", *changed)),
    )


def _disposition(disposition: Disposition) -> Disposition:
    return replace(disposition, note=None)


def _move(move: StatusEvent) -> StatusEvent:
    return replace(move, note=None)


def _follow_up(follow_up: FollowUp) -> FollowUp:
    return replace(follow_up, content=None, attachments=())


def _rating(rating: Rating) -> Rating:
    return replace(rating, comment=None)
