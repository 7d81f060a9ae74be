"""What may be shown of a complaint's content. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from schema.complaint import Complaint, ContentState

_HIDDEN = frozenset({ContentState.ERASED, ContentState.UNAVAILABLE})


def shown(complaint: Complaint) -> Complaint:
    """The complaint as it may be shown: the same one, or without title, texts, place and files if its state says so.

    The ledger empties what is erased; this is the second lock on the door.
    """
    if complaint.content_state not in _HIDDEN:
        return complaint
    return replace(
        complaint,
        title=None,
        original_text=None,
        edited_text=None,
        incident_location=None,
        attachments=(),
        follow_ups=tuple(replace(follow_up, content=None, attachments=()) for follow_up in complaint.follow_ups),
    )
