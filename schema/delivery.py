"""Writes on their way to agencies: what is taken where, and how far it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schema.agency import SourceProblem


class DeliveryKind(StrEnum):
    """What a write to an agency does."""

    SUBMIT = "SUBMIT"
    FOLLOW_UP = "FOLLOW_UP"
    TRANSFER = "TRANSFER"
    STATUS_CHANGE = "STATUS_CHANGE"
    RATING = "RATING"
    WITHDRAWAL = "WITHDRAWAL"


class DeliveryState(StrEnum):
    """How far a write to an agency is."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    DEAD = "DEAD"
    HAND_DELIVERY = "HAND_DELIVERY"


#: States in which the hub itself goes on.
WAITING = frozenset({DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.UNKNOWN})
#: States in which it has come to its end.
SETTLED = frozenset({DeliveryState.ACKNOWLEDGED, DeliveryState.REJECTED})


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One write on its way to an agency, as the ledger keeps it. What it says stands in the complaint.

    Attributes:
        id: `delivery_` + 26 characters; random.
        agency: slug of the agency it goes to.
        seq: of the event that queued it: deliveries go in this order. 0 until the ledger has it.
        entry: index into the complaint's `timeline` (STATUS_CHANGE, WITHDRAWAL), `follow_ups`, `dispositions`
            (TRANSFER) or `ratings`; None for SUBMIT.
        attempts: how often it was sent; also fences: whoever settles an attempt names its number.
        sent_at: last attempt.
        settled_at: when it came to its end.
        next_attempt_at: when it is sent or looked up next; None when nothing is planned.
        native_id: key that the agency gave it.
        error: why the last attempt failed.
        owner: hub that is sending it now.
        leased_until: from then on that hub counts as dead.
    """

    id: str
    complaint_id: str
    agency: str
    kind: DeliveryKind
    queued_at: datetime
    state: DeliveryState = DeliveryState.QUEUED
    seq: int = 0
    entry: int | None = None
    attempts: int = 0
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    next_attempt_at: datetime | None = None
    native_id: str | None = None
    error: SourceProblem | None = None
    owner: str | None = None
    leased_until: datetime | None = None


class DeliveryQueue(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one agency: states WAITING, and how many are DEAD. `oldest_queued_at` is None if nothing waits."""

    waiting: int = 0
    oldest_queued_at: datetime | None = None
    dead: int = 0


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All conditions hold together; None does not restrict; an empty list matches nothing."""

    states: tuple[DeliveryState, ...] | None = None
    agencies: tuple[str, ...] | None = None
    kinds: tuple[DeliveryKind, ...] | None = None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, oldest first (by `seq`). `total` over all pages; None unless it was asked for."""

    deliveries: tuple[Delivery, ...]
    has_next: bool = False
    total: int | None = None
