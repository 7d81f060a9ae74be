"""What writers are answered: success, or a problem."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias, Union

import strawberry

from schema import complaint as complaints
from schema import delivery as deliveries
from schema import writes
from schema.graph.complaint import Complaint
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.delivery import Delivery
from schema.graph.directives import Audience, field, object_type
from schema.graph.entries import FollowUp
from schema.graph.problems import (
    IdempotencyConflict,
    IllegalDeliveryMove,
    IllegalStatusMove,
    IllegalTransfer,
    InvalidInput,
    NotFound,
    NotPermitted,
    VersionConflict,
)

_AboutOne: TypeAlias = writes.Submitted | writes.FollowedUp | writes.Transferred | writes.Changed

_DONE = "Done, and in the ledger."
_SEEN = "Reads that carry it see this write, on every replica."


def _as_of(root: _AboutOne | writes.DeliveryMoved, info: Info) -> str:
    return info.context.cursors.seal_event(root.position)


def _complaint(root: _AboutOne, info: Info) -> complaints.Complaint:
    return shown(root.complaint, info)


def _forwarded_to(root: writes.Transferred, info: Info) -> complaints.Complaint:
    return shown(root.forwarded_to, info)


def _delivery(root: writes.DeliveryMoved) -> deliveries.Delivery:
    return root.delivery


@object_type(
    "Accepted: durable in the ledger, the audit and the outbox. The agency hears of it later: "
    "see `complaint.delivery`.",
    to=Audience.PUBLIC,
    of=writes.Submitted,
)
class SubmitComplaintSuccess:
    complaint: Complaint = field("As its reporter sees it.", _complaint)
    reporter_token: str = field(
        "Secret, given only here: sent as a bearer token it makes the viewer this complaint's REPORTER, "
        "anonymous or not."
    )
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, to=Audience.PUBLIC, of=writes.FollowedUp)
class AddFollowUpSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    follow_up: FollowUp = field("What was written.")
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, to=Audience.PUBLIC, of=writes.Transferred)
class TransferComplaintSuccess:
    complaint: Complaint = field("The record left behind, now linked FORWARDED_TO `forwardedTo`.", _complaint)
    forwarded_to: Complaint = field("The record at the agency that must act now.", _forwarded_to)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, to=Audience.PUBLIC, of=writes.Changed)
class ChangeStatusSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, to=Audience.PUBLIC, of=writes.Changed)
class RateResolutionSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, to=Audience.PUBLIC, of=writes.Changed)
class WithdrawComplaintSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, of=writes.DeliveryMoved, to=Audience.OPERATOR)
class RetryDeliverySuccess:
    delivery: Delivery | None = field("As it is now.", _delivery)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, of=writes.DeliveryMoved, to=Audience.HANDLER)
class SettleDeliverySuccess:
    delivery: Delivery | None = field("As it is now.", _delivery)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, of=writes.Changed, to=Audience.HANDLER)
class LinkComplaintsSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    as_of: str = field(_SEEN, _as_of)


@object_type(_DONE, of=writes.Changed, to=Audience.HANDLER)
class DismissLinkSuggestionSuccess:
    complaint: Complaint = field("As it is now.", _complaint)
    as_of: str = field(_SEEN, _as_of)


def _payload(name: str) -> Any:
    return strawberry.union(name, description="Success, or a Problem.")


# Strawberry needs names on unions, so `X | Y` won't do.
SubmitComplaintPayload = Annotated[
    Union[SubmitComplaintSuccess, InvalidInput, IdempotencyConflict, NotPermitted],  # noqa: UP007
    _payload("SubmitComplaintPayload"),
]
AddFollowUpPayload = Annotated[
    Union[AddFollowUpSuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound],  # noqa: UP007
    _payload("AddFollowUpPayload"),
]
TransferComplaintPayload = Annotated[
    Union[  # noqa: UP007
        TransferComplaintSuccess,
        InvalidInput,
        IdempotencyConflict,
        NotPermitted,
        NotFound,
        VersionConflict,
        IllegalTransfer,
    ],
    _payload("TransferComplaintPayload"),
]
ChangeStatusPayload = Annotated[
    Union[  # noqa: UP007
        ChangeStatusSuccess,
        InvalidInput,
        IdempotencyConflict,
        NotPermitted,
        NotFound,
        VersionConflict,
        IllegalStatusMove,
    ],
    _payload("ChangeStatusPayload"),
]
RateResolutionPayload = Annotated[
    Union[  # noqa: UP007
        RateResolutionSuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound, IllegalStatusMove
    ],
    _payload("RateResolutionPayload"),
]
WithdrawComplaintPayload = Annotated[
    Union[  # noqa: UP007
        WithdrawComplaintSuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound, IllegalStatusMove
    ],
    _payload("WithdrawComplaintPayload"),
]
RetryDeliveryPayload = Annotated[
    Union[  # noqa: UP007
        RetryDeliverySuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound, IllegalDeliveryMove
    ],
    _payload("RetryDeliveryPayload"),
]
SettleDeliveryPayload = Annotated[
    Union[  # noqa: UP007
        SettleDeliverySuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound, IllegalDeliveryMove
    ],
    _payload("SettleDeliveryPayload"),
]
LinkComplaintsPayload = Annotated[
    Union[LinkComplaintsSuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound],  # noqa: UP007
    _payload("LinkComplaintsPayload"),
]
DismissLinkSuggestionPayload = Annotated[
    Union[DismissLinkSuggestionSuccess, InvalidInput, IdempotencyConflict, NotPermitted, NotFound],  # noqa: UP007
    _payload("DismissLinkSuggestionPayload"),
]
