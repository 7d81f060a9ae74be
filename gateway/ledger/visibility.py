"""What a viewer may see: the one place that says so.

Only the public exists so far, and whoever else asks is shown what the public is shown. In the conditions, `c` is the
complaint as it is now and `e` an event.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from schema.complaint import Complaint, ContentState, FollowUp
from schema.events import Event, EventKind
from schema.query import Role, Viewer

_PUBLIC_STAMPS = frozenset({"public"})


def stamps(viewer: Viewer, agency: str) -> Collection[str]:
    """The visibilities of an agency's `stamps` that count for this viewer."""
    return _PUBLIC_STAMPS


def complaints(viewer: Viewer) -> str:
    """The rows there are for this viewer: in lists, counts, statistics, by id, by number, beside events."""
    return "c.public"


def counters(viewer: Viewer) -> str:
    """Where the complaints are counted that there are for this viewer; `c` is a row of `counters`."""
    return "c.public"


def events(viewer: Viewer) -> str:
    """The events told as they are: the viewer could see the complaint right after them, and can see it now."""
    return f"(e.public_after AND {complaints(viewer)} AND e.kind <> '{EventKind.DELIVERY_CHANGED.value}')"


def withdrawals(viewer: Viewer) -> str:
    """The events that took a complaint out of the viewer's sight: told as CORRECTED, with nothing in it."""
    return "(e.public_before AND NOT e.public_after)"


def as_seen(complaint: Complaint, viewer: Viewer) -> Complaint:
    """The complaint without the parts that are not this viewer's."""
    if not any(entry.is_confidential for entry in complaint.follow_ups):
        return complaint
    shown = tuple(entry for entry in complaint.follow_ups if not entry.is_confidential)
    return msgspec.structs.replace(complaint, follow_ups=shown)


def follow_ups_as_seen(text: str, viewer: Viewer) -> str:
    """The column `follow_ups` without the entries that are not this viewer's."""
    # Inside a string the quotation marks would be escaped, so the words stand for a field wherever they are found.
    if '"is_confidential":true' not in text:
        return text
    shown = [entry for entry in _follow_ups(text) if not entry.is_confidential]
    return msgspec.json.encode(shown).decode()


_follow_ups = msgspec.json.Decoder(tuple[FollowUp, ...]).decode


def event_as_seen(event: Event, complaint: Complaint, viewer: Viewer) -> Event | None:
    """The event with what `as_seen` leaves of the complaint; None when it tells of a part that is not shown.

    `detail.entry` counts the entries that this viewer can see. An erased complaint is left out.
    """
    seen, entry = as_seen(complaint, viewer), event.detail.entry
    if seen is not complaint and event.kind is EventKind.FOLLOW_UP_ADDED and entry is not None:
        if any(follow_up.is_confidential for follow_up in complaint.follow_ups[entry : entry + 1]):
            return None
        place = sum(not follow_up.is_confidential for follow_up in complaint.follow_ups[:entry])
        event = msgspec.structs.replace(event, detail=msgspec.structs.replace(event.detail, entry=place))
    erased = complaint.content_state is ContentState.ERASED
    return msgspec.structs.replace(event, complaint=None if erased else seen)


def operates(viewer: Viewer, agency: str) -> bool:
    """Whether the viewer looks after this agency's connector: national admins, and integrators for their own."""
    return viewer.role is Role.NATIONAL_ADMIN or (viewer.role is Role.INTEGRATOR and agency in viewer.agencies)
