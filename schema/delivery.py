"""Writes on their way to agencies: what is taken where, and how far it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from schema.agency import SourceProblem
from schema.complaint import Attachment, Complaint, Disposition, FollowUp, Rating, Reporter, StatusEvent


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


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a complaint with its bytes."""

    attachment: Attachment
    content: bytes


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency is to be told. `status`, `follow_up`, `disposition` or `rating` is set by kind.

    Attributes:
        reference: ours, the same at every attempt: `complaint.tracking_id` for SUBMIT, else the delivery's id. The
            agency keeps it if it can; then `find` finds it again, and records it tells carry it as an
            `ExternalReference` of the system OUR_SYSTEM.
        complaint: as the ledger has it now, texts included.
        native_id: key of the record at the agency; None for SUBMIT alone.
        reporter: where the agency's file asks for it and the complaint is not anonymous.
        status: for STATUS_CHANGE and WITHDRAWAL.
        to_native: key or name of the institution it is handed on to, in the agency's words, for TRANSFER.
        files: of a SUBMIT or FOLLOW_UP.
    """

    kind: DeliveryKind
    reference: str
    complaint: Complaint
    native_id: str | None = None
    reporter: Reporter | None = None
    status: StatusEvent | None = None
    follow_up: FollowUp | None = None
    disposition: Disposition | None = None
    to_native: str | None = None
    rating: Rating | None = None
    files: tuple[File, ...] = ()


#: How the hub is called in agencies' records (`ExternalReference.system`).
OUR_SYSTEM = "simpul"


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """The agency has it.

    Attributes:
        native_id: key of the complaint's record there (for SUBMIT), else of what was written, if it has one.
        tracking_id: the agency's own number for the citizen, if it told one.
    """

    native_id: str | None = None
    tracking_id: str | None = None


@runtime_checkable
class Sender(Protocol):
    """A connector whose agency takes writes.

    Attributes:
        writes: the kinds it takes by machine; the others are delivered by hand.
        finds: the kinds that `find` can find. Of the others, what has an unknown outcome waits for a person.
        settles_after: seconds after which a write that was sent, and that `find` does not find, did not arrive.
    """

    writes: frozenset[DeliveryKind]
    finds: frozenset[DeliveryKind]
    settles_after: float

    async def send(self, write: Write) -> Acknowledgement:
        """Tells the agency, once: it is never repeated behind the caller's back.

        Raises:
            WriteRejected: the agency said no; saying it again would not help.
            SourceError: `error.arrived` False: it certainly did not arrive, and may be sent again; else unknown.
        """

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for what was sent under `write.reference`; None if the agency does not have it (yet).

        Raises:
            SourceError: it could not be looked up.
        """
