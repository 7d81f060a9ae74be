"""Facts of the ledger. An event holds ids, field names and non-personal values, never text."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schema.clocks import ClockKind
from schema.complaint import Actor, Complaint, Reporter
from schema.delivery import DeliveryState
from schema.links import LinkKind
from schema.status import ComplaintStatus


class EventKind(StrEnum):
    """What happened to a complaint."""

    SUBMITTED = "SUBMITTED"
    STATUS_CHANGED = "STATUS_CHANGED"
    FOLLOW_UP_ADDED = "FOLLOW_UP_ADDED"
    TRANSFERRED = "TRANSFERRED"
    CORRECTED = "CORRECTED"
    LINKED = "LINKED"
    RATED = "RATED"
    CLOCK_BREACHED = "CLOCK_BREACHED"
    DELIVERY_CHANGED = "DELIVERY_CHANGED"


class EventOrigin(StrEnum):
    """How the hub learned of it."""

    SYNC = "SYNC"
    WEBHOOK = "WEBHOOK"
    HUB = "HUB"


class Position(msgspec.Struct, frozen=True):
    """A place in the ledger. `seq` 0 is before the first event; sealed, it is an event cursor."""

    epoch: str
    seq: int


class EventDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an event says beside its common fields. Texts are joined from the snapshot by `entry`.

    Attributes:
        from_status, to_status: for STATUS_CHANGED.
        entry: index into the complaint's `timeline`, `follow_ups`, `dispositions` or `ratings`, by kind.
        clock: for CLOCK_BREACHED.
        changed_fields: for CORRECTED: names of the graph's fields of Complaint, camelCase.
        link, other: for LINKED: how this complaint belongs to which other one.
        delivery, delivery_state: for DELIVERY_CHANGED: its id, and its state right after the event.
    """

    from_status: ComplaintStatus | None = None
    to_status: ComplaintStatus | None = None
    entry: int | None = None
    clock: ClockKind | None = None
    changed_fields: tuple[str, ...] = ()
    link: LinkKind | None = None
    other: str | None = None
    delivery: str | None = None
    delivery_state: DeliveryState | None = None


class EventDraft(msgspec.Struct, frozen=True, kw_only=True):
    """An event before it is appended: the ledger adds seq, version and recorded_at.

    Attributes:
        status: the complaint's status right after this event (what filters match).
        occurred_at: by the agency's clock.
    """

    kind: EventKind
    status: ComplaintStatus
    occurred_at: datetime
    origin: EventOrigin
    actor: Actor | None = None
    detail: EventDetail = EventDetail()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a viewer may see it.

    Attributes:
        complaint: as it is now; None when it is erased or no longer this viewer's to see.
        status, region_code, classification, category: the complaint's right after the event, as the ledger noted them:
            what filters match.
    """

    seq: int
    kind: EventKind
    complaint_id: str
    agency: str
    version: int
    origin: EventOrigin
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor | None = None
    detail: EventDetail = EventDetail()
    complaint: Complaint | None = None
    status: str | None = None
    region_code: str | None = None
    classification: str | None = None
    category: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one record's arrival does to the ledger.

    Attributes:
        before: the snapshot that was read under the lock; None for a new complaint.
        after: the new snapshot; its `version` is set by the ledger (before's + number of events).
        events: in order; empty when only `synced_at` or derived columns moved.
        reporter: to be kept apart, encrypted; None unless the agency's file asks for it. Never of an anonymous one.
    """

    before: Complaint | None
    after: Complaint
    events: tuple[EventDraft, ...]
    reporter: Reporter | None = None
