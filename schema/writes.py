"""What people write: what they ask, what they are answered, and what the ledger is asked to keep of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeAlias

import msgspec

from schema.complaint import Channel, Classification, Complaint, ExternalReference, FollowUp, FollowUpKind, Reporter
from schema.delivery import Delivery, DeliveryState
from schema.events import Change, Position
from schema.links import Link, LinkKind
from schema.query import Viewer
from schema.status import ComplaintStatus


class Action(StrEnum):
    """What somebody does, as the audit names it."""

    SUBMIT_COMPLAINT = "SUBMIT_COMPLAINT"
    ADD_FOLLOW_UP = "ADD_FOLLOW_UP"
    TRANSFER_COMPLAINT = "TRANSFER_COMPLAINT"
    CHANGE_STATUS = "CHANGE_STATUS"
    RATE_RESOLUTION = "RATE_RESOLUTION"
    WITHDRAW_COMPLAINT = "WITHDRAW_COMPLAINT"
    RETRY_DELIVERY = "RETRY_DELIVERY"
    SETTLE_DELIVERY = "SETTLE_DELIVERY"
    LINK_COMPLAINTS = "LINK_COMPLAINTS"
    DISMISS_LINK_SUGGESTION = "DISMISS_LINK_SUGGESTION"
    #: The outbox: how an attempt ended.
    DELIVER = "DELIVER"
    CREATE_KEY = "CREATE_KEY"
    REVOKE_KEY = "REVOKE_KEY"
    #: Somebody was shown what the public is not: a hidden complaint, what only handlers see of another, its reporter.
    SEE_COMPLAINT = "SEE_COMPLAINT"
    SEE_PART = "SEE_PART"
    SEE_REPORTER = "SEE_REPORTER"
    #: What somebody asked for whose data it is.
    EXPORT_SUBJECT = "EXPORT_SUBJECT"
    ERASE_SUBJECT = "ERASE_SUBJECT"
    RESTRICT_SUBJECT = "RESTRICT_SUBJECT"
    LIFT_RESTRICTION = "LIFT_RESTRICTION"
    #: What was no longer to be kept.
    EXPIRE_CONTENT = "EXPIRE_CONTENT"
    EXPIRE_REPORTER = "EXPIRE_REPORTER"


# ---------------------------------------------------------------- asked


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What every write says. `idempotency_key`: 16 to 128 printable characters, chosen at random by the client."""

    idempotency_key: str


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of where it happened."""

    region_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None


class SubmitComplaint(Asked, frozen=True, kw_only=True):
    """A new complaint. `agency` is the door the citizen chose: a hint."""

    title: str
    text: str
    classification: Classification | None = None
    category: str | None = None
    incident_date: date | None = None
    incident_location: Place | None = None
    agency: str | None = None
    channel: Channel = Channel.WEBSITE
    is_anonymous: bool = False
    is_confidential: bool = False
    reporter: Reporter | None = None
    attachments: tuple[str, ...] = ()
    attachment_urls: tuple[str, ...] = ()
    external_reference: ExternalReference | None = None


class AddFollowUp(Asked, frozen=True, kw_only=True):
    complaint_id: str
    kind: FollowUpKind
    content: str
    is_confidential: bool = False
    attachments: tuple[str, ...] = ()
    attachment_urls: tuple[str, ...] = ()


class TransferComplaint(Asked, frozen=True, kw_only=True):
    complaint_id: str
    to_agency: str
    note: str
    is_not_authority: bool = False
    expected_version: int | None = None


class ChangeStatus(Asked, frozen=True, kw_only=True):
    complaint_id: str
    to_status: ComplaintStatus
    reason: str | None = None
    evidence: tuple[str, ...] = ()
    expected_version: int | None = None


class RateResolution(Asked, frozen=True, kw_only=True):
    complaint_id: str
    score: int
    comment: str | None = None


class WithdrawComplaint(Asked, frozen=True, kw_only=True):
    complaint_id: str
    reason: str | None = None


class RetryDelivery(Asked, frozen=True, kw_only=True):
    delivery_id: str


class DeliveryOutcome(StrEnum):
    """Outcome told by an officer: DELIVERED becomes ACKNOWLEDGED, REFUSED becomes REJECTED."""

    DELIVERED = "DELIVERED"
    REFUSED = "REFUSED"


class SettleDelivery(Asked, frozen=True, kw_only=True):
    delivery_id: str
    outcome: DeliveryOutcome
    note: str
    native_id: str | None = None


class LinkComplaints(Asked, frozen=True, kw_only=True):
    complaint_id: str
    other_complaint_id: str
    kind: LinkKind


class DismissLinkSuggestion(Asked, frozen=True, kw_only=True):
    complaint_id: str
    other_complaint_id: str


# ---------------------------------------------------------------- answered: problems


class ProblemCode(StrEnum):
    """Why a write was refused."""

    INVALID_INPUT = "INVALID_INPUT"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    NOT_PERMITTED = "NOT_PERMITTED"
    NOT_FOUND = "NOT_FOUND"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    ILLEGAL_STATUS_MOVE = "ILLEGAL_STATUS_MOVE"
    ILLEGAL_TRANSFER = "ILLEGAL_TRANSFER"
    ILLEGAL_DELIVERY_MOVE = "ILLEGAL_DELIVERY_MOVE"


class InputFault(StrEnum):
    """A rule that types can't say; `schema.messages` has it in words."""

    KEY_LENGTH = "KEY_LENGTH"
    KEY_NOT_RANDOM = "KEY_NOT_RANDOM"
    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    TOO_MANY = "TOO_MANY"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NOT_A_REGION = "NOT_A_REGION"
    NOT_A_CATEGORY = "NOT_A_CATEGORY"
    NOT_AN_AGENCY = "NOT_AN_AGENCY"
    NOT_AN_ATTACHMENT = "NOT_AN_ATTACHMENT"
    NOT_A_DATE = "NOT_A_DATE"
    ANONYMOUS_WITH_REPORTER = "ANONYMOUS_WITH_REPORTER"
    REASON_REQUIRED = "REASON_REQUIRED"
    WRONG_KIND = "WRONG_KIND"
    SAME_COMPLAINT = "SAME_COMPLAINT"
    FILE_UNREACHABLE = "FILE_UNREACHABLE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    FILE_TYPE = "FILE_TYPE"


class InputIssue(msgspec.Struct, frozen=True):
    """One broken rule. `path` is the way into the input, as the graph spells it: `("attachmentUrls", "0")`."""

    path: tuple[str, ...]
    fault: InputFault


class InvalidInput(msgspec.Struct, frozen=True):
    issues: tuple[InputIssue, ...]


class IdempotencyConflict(msgspec.Struct, frozen=True):
    """The key was used with another input."""


class NotPermitted(msgspec.Struct, frozen=True):
    """The viewer sees the complaint but may not do this."""


class NotFound(msgspec.Struct, frozen=True):
    """There is none, or the viewer may not see it."""


class VersionConflict(msgspec.Struct, frozen=True):
    """`current` is the complaint as it is now."""

    current: Complaint


class IllegalStatusMove(msgspec.Struct, frozen=True):
    from_status: ComplaintStatus
    allowed: tuple[ComplaintStatus, ...] = ()


class TransferRefusal(StrEnum):
    """Why it can't be sent there."""

    UNKNOWN_AGENCY = "UNKNOWN_AGENCY"
    SAME_AGENCY = "SAME_AGENCY"
    COMPLAINT_ENDED = "COMPLAINT_ENDED"
    BOUNCE_LIMIT = "BOUNCE_LIMIT"


class IllegalTransfer(msgspec.Struct, frozen=True):
    cause: TransferRefusal


class IllegalDeliveryMove(msgspec.Struct, frozen=True):
    state: DeliveryState


Problem: TypeAlias = (
    InvalidInput
    | IdempotencyConflict
    | NotPermitted
    | NotFound
    | VersionConflict
    | IllegalStatusMove
    | IllegalTransfer
    | IllegalDeliveryMove
)

#: The code of each problem.
CODES: Mapping[type, ProblemCode] = {
    InvalidInput: ProblemCode.INVALID_INPUT,
    IdempotencyConflict: ProblemCode.IDEMPOTENCY_CONFLICT,
    NotPermitted: ProblemCode.NOT_PERMITTED,
    NotFound: ProblemCode.NOT_FOUND,
    VersionConflict: ProblemCode.VERSION_CONFLICT,
    IllegalStatusMove: ProblemCode.ILLEGAL_STATUS_MOVE,
    IllegalTransfer: ProblemCode.ILLEGAL_TRANSFER,
    IllegalDeliveryMove: ProblemCode.ILLEGAL_DELIVERY_MOVE,
}


# ---------------------------------------------------------------- answered: successes


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """`viewer` is the reporter that the token makes: the complaint is shown as he sees it."""

    complaint: Complaint
    reporter_token: str
    viewer: Viewer
    position: Position


class FollowedUp(msgspec.Struct, frozen=True, kw_only=True):
    complaint: Complaint
    follow_up: FollowUp
    position: Position


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    complaint: Complaint
    forwarded_to: Complaint
    position: Position


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A status was moved, a resolution rated, a complaint withdrawn, linked, or a suggestion dismissed."""

    complaint: Complaint
    position: Position


class DeliveryMoved(msgspec.Struct, frozen=True, kw_only=True):
    delivery: Delivery
    position: Position


class Desk(Protocol):
    """Where people's writes are taken. Each is durable when it is answered; none is done twice.

    Raises:
        LedgerError: nothing was accepted, or it is not known; to be sent again with the same key.
    """

    async def submit(self, viewer: Viewer, asked: SubmitComplaint) -> Submitted | Problem: ...

    async def follow_up(self, viewer: Viewer, asked: AddFollowUp) -> FollowedUp | Problem: ...

    async def transfer(self, viewer: Viewer, asked: TransferComplaint) -> Transferred | Problem: ...

    async def change_status(self, viewer: Viewer, asked: ChangeStatus) -> Changed | Problem: ...

    async def rate(self, viewer: Viewer, asked: RateResolution) -> Changed | Problem: ...

    async def withdraw(self, viewer: Viewer, asked: WithdrawComplaint) -> Changed | Problem: ...

    async def retry(self, viewer: Viewer, asked: RetryDelivery) -> DeliveryMoved | Problem: ...

    async def settle(self, viewer: Viewer, asked: SettleDelivery) -> DeliveryMoved | Problem: ...

    async def link(self, viewer: Viewer, asked: LinkComplaints) -> Changed | Problem: ...

    async def dismiss(self, viewer: Viewer, asked: DismissLinkSuggestion) -> Changed | Problem: ...


# ---------------------------------------------------------------- kept


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be written, before anything was read: what the ledger locks and reads for it.

    Attributes:
        actor: who, for the audit and for idempotency: `Viewer.credential`, or "hub".
        key: keyed hash of actor and idempotency key; None: not remembered (the hub's own).
        body: keyed hash of the input.
        complaints, deliveries: ids that `decide` is shown.
        linked: also every complaint that is linked to these, over any number of links, at most 50.
    """

    action: Action
    actor: str
    key: str | None = None
    body: str | None = None
    complaints: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()
    linked: bool = False


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of an intent's ids, under the lock. `links` among and from `complaints`, as seen from each."""

    complaints: Mapping[str, Complaint]
    deliveries: Mapping[str, Delivery]
    links: tuple[Link, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, by ids: all that idempotency and the audit keep of it.

    Attributes:
        other: the complaint forwarded to, or linked.
        entry: index of the entry written.
    """

    complaint: str | None = None
    other: str | None = None
    delivery: str | None = None
    entry: int | None = None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept, all of it or nothing.

    Attributes:
        outcome: for whoever sends the same key again.
        deliveries: new ones, and moved ones (by id); each also has a DELIVERY_CHANGED event in `changes`.
        links: as seen from one end; the other is added. Each end has its LINKED event in `changes`.
        dismissed: pairs of complaints that are no duplicates.
        tokens: hashes of reporters' tokens, with the complaint that each opens.
        inherits: pairs (from, to): whoever reported the first may see the second.
        sealed: by delivery id, what it needs and the snapshot must not keep, encrypted. It goes when the delivery is
            settled.
    """

    outcome: Outcome
    changes: tuple[Change, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    links: tuple[Link, ...] = ()
    dismissed: tuple[tuple[str, str], ...] = ()
    tokens: tuple[tuple[str, str], ...] = ()
    inherits: tuple[tuple[str, str], ...] = ()
    sealed: Mapping[str, bytes] = {}


#: Pure and quick: runs under the lock. A Problem refuses: nothing is kept but the audit of the refusal.
Decide: TypeAlias = Callable[[Held], Written | Problem]


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A write that is in the ledger. `again`: it had been before, and nothing was done now."""

    outcome: Outcome
    position: Position
    again: bool = False
