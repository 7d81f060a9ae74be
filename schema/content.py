"""What of a complaint is content: an agency that allows no copies (`store = "status"`) is asked for it each time. Pure.

What is kept of such a complaint is its id, status, category, region, channel and times, and what events and clocks are
made of: moves, answers, handings-over and judgements, each without its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from schema.complaint import (
    Complaint,
    ComplaintRecord,
    ContentState,
    Disposition,
    FollowUp,
    IncidentLocation,
    Rating,
    StatusEvent,
    keyed,
)

T = TypeVar("T", ComplaintRecord, Complaint)
Entry = TypeVar("Entry", bound=StatusEvent | FollowUp | Disposition | Rating)

#: Fields that are content and nothing else, and what is kept in their place.
CONTENT: Mapping[str, Any] = {
    "url": None,
    "title": None,
    "original_text": None,
    "edited_text": None,
    "status_reason": None,
    "tags": (),
    "incident_date": None,
    "attachments": (),
    "external_references": (),
}
#: What of the entries of a list is content.
_OF_ENTRIES: Mapping[str, Mapping[str, Any]] = {
    "timeline": {"note": None},
    "dispositions": {"note": None},
    "follow_ups": {"content": None, "attachments": ()},
    "ratings": {"comment": None},
}


def without_content(complaint: T) -> T:
    """What may be kept of a complaint of an agency that allows no copies."""
    entries = {name: filled(name, getattr(complaint, name), ()) for name in _OF_ENTRIES if getattr(complaint, name)}
    return replace(complaint, **CONTENT, **entries, incident_location=region_of(complaint.incident_location))


def with_content(complaint: Complaint, record: ComplaintRecord, state: ContentState) -> Complaint:
    """A complaint that was kept without content, with what its agency tells of it now."""
    return replace(
        complaint,
        content_state=state,
        **{name: getattr(record, name) for name in CONTENT},
        incident_location=place(complaint.incident_location, record.incident_location),
        **{name: filled(name, getattr(complaint, name), getattr(record, name)) for name in _OF_ENTRIES},
    )


def filled(name: str, kept: Sequence[Entry], told: Sequence[Entry] | None) -> tuple[Entry, ...]:
    """Entries that were kept, each with the content of the same one among those that are told, or without any.

    Args:
        name: of the list: `timeline`, `dispositions`, `follow_ups` or `ratings`.
    """
    parts, known = _OF_ENTRIES[name], dict(keyed(told or ()))
    return tuple(_filled(entry, known.get(key), parts) for key, entry in keyed(kept))


def _filled(kept: Entry, told: Entry | None, parts: Mapping[str, Any]) -> Entry:
    became_confidential = (
        isinstance(told, FollowUp) and told.is_confidential and not getattr(kept, "is_confidential", 0)
    )
    if told is None or became_confidential:
        return replace(kept, **parts)
    return replace(kept, **{part: getattr(told, part) for part in parts})


def place(kept: IncidentLocation | None, told: IncidentLocation | None) -> IncidentLocation | None:
    """The place as it is told now, in the region that was kept: lists are made by that one."""
    if told is None:
        return region_of(kept)
    found = replace(told, region_code=kept.region_code if kept else None)
    return None if found == IncidentLocation() else found


def region_of(location: IncidentLocation | None) -> IncidentLocation | None:
    """A place without anything but its region."""
    return IncidentLocation(region_code=location.region_code) if location and location.region_code else None


def concealed(complaint: Complaint) -> Complaint:
    """The complaint as it may be shown: the same one, or without content if its state says so.

    The ledger holds no content of these; this is the second lock on the door.
    """
    if complaint.content_state is ContentState.UNAVAILABLE:
        return without_content(complaint)
    if complaint.content_state is not ContentState.ERASED:
        return complaint
    return replace(
        complaint,
        title=None,
        original_text=None,
        edited_text=None,
        incident_location=None,
        attachments=(),
        follow_ups=tuple(replace(each, content=None, attachments=()) for each in complaint.follow_ups),
    )
