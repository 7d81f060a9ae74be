"""How records of one matter belong together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schema.complaint import Complaint


class LinkKind(StrEnum):
    """How two records belong together."""

    FORWARDED_TO = "FORWARDED_TO"
    FORWARDED_FROM = "FORWARDED_FROM"
    SAME_AS = "SAME_AS"
    DUPLICATE_OF = "DUPLICATE_OF"


#: How a link reads from its other end. That of a duplicate repeats nothing itself, but tells of the same matter.
SEEN_FROM_THERE = {
    LinkKind.FORWARDED_TO: LinkKind.FORWARDED_FROM,
    LinkKind.FORWARDED_FROM: LinkKind.FORWARDED_TO,
    LinkKind.SAME_AS: LinkKind.SAME_AS,
    LinkKind.DUPLICATE_OF: LinkKind.SAME_AS,
}


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`complaint_id` is FORWARDED_TO (…) `other_id`. `confidence`: 1 if a system stated or an officer confirmed it."""

    complaint_id: str
    other_id: str
    kind: LinkKind
    created_at: datetime
    confidence: float = 1.0


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Likely the same matter: `score` from 0 to 1."""

    complaint: Complaint
    kind: LinkKind
    score: float
