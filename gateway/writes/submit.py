"""A new complaint."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.writes.basis import REPORTER, Basis, dispatched
from gateway.writes.intents import tidy, worded
from gateway.writes.moves import recomputed
from schema.complaint import (
    Attachment,
    Complaint,
    ExternalReference,
    IncidentLocation,
    Reporter,
    Routed,
    StatusEvent,
)
from schema.delivery import DeliveryKind
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.status import ComplaintStatus
from schema.writes import (
    Decide,
    Held,
    InputIssue,
    InvalidInput,
    Outcome,
    Place,
    Problem,
    SubmitComplaint,
    Written,
)

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 3, 4


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an input before the ledger is asked.

    Attributes:
        id: of the complaint, if it is a new one.
        token: hash of its reporter's.
        reporter: None unless the agency's file asks for it.
        unread: what is wrong with its files.
    """

    id: str
    token: str
    routed: Routed
    reporter: Reporter | None = None
    attachments: Sequence[Attachment] = ()
    unread: tuple[InputIssue, ...] = ()


def decide(asked: SubmitComplaint, filing: Filing, basis: Basis) -> Decide:
    """Files it, and sets it out for its agency."""

    def decided(held: Held) -> Written | Problem:
        if filing.unread:
            return InvalidInput(filing.unread)
        complaint = recomputed(basis.rules(filing.routed.agency), _complaint(asked, filing, basis), basis.now)
        change = Change(before=None, after=complaint, events=(submitted(complaint),), reporter=filing.reporter)
        sent = dispatched(basis, change, DeliveryKind.SUBMIT, [("timeline", 0)], REPORTER, filing.reporter)
        return Written(
            outcome=Outcome(complaint=complaint.id, delivery=sent.delivery.id),
            changes=(sent.change,),
            deliveries=(sent.delivery,),
            tokens=((filing.token, complaint.id),),
            sealed=sent.sealed,
        )

    return decided


def submitted(complaint: Complaint) -> EventDraft:
    """The event that a complaint came into being here."""
    return EventDraft(
        kind=EventKind.SUBMITTED,
        status=complaint.status,
        occurred_at=complaint.submitted_at,
        origin=EventOrigin.HUB,
        actor=complaint.timeline[0].actor,
    )


def tracking_id() -> str:
    """A number for a citizen: `SMP-` and 60 random bits, in letters that are not taken for one another."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(("SMP", *groups))


def _complaint(asked: SubmitComplaint, filing: Filing, basis: Basis) -> Complaint:
    now = basis.now
    return Complaint(
        id=filing.id,
        agency=filing.routed.agency,
        native_id=None,
        tracking_id=tracking_id(),
        status=ComplaintStatus.SUBMITTED,
        status_changed_at=now,
        submitted_at=now,
        updated_at=now,
        title=worded(asked.title),
        original_text=worded(asked.text),
        classification=asked.classification,
        category=asked.category,
        channel=asked.channel,
        incident_date=asked.incident_date,
        incident_location=_located(asked.incident_location),
        attachments=tuple(filing.attachments),
        is_anonymous=asked.is_anonymous,
        is_confidential=asked.is_confidential,
        external_references=_reference(asked.external_reference),
        timeline=(StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=now, actor=REPORTER),),
        routing=filing.routed,
    )


def _located(place: Place | None) -> IncidentLocation | None:
    if place is None:
        return None
    coordinates = None if (place.latitude, place.longitude) == (0, 0) else (place.latitude, place.longitude)
    latitude, longitude = coordinates or (None, None)
    located = IncidentLocation(
        region_code=place.region_code, latitude=latitude, longitude=longitude, address=worded(place.address)
    )
    return None if located == IncidentLocation() else located


def _reference(reference: ExternalReference | None) -> tuple[ExternalReference, ...]:
    if reference is None:
        return ()
    return (ExternalReference(tidy(reference.system) or "", tidy(reference.id) or "", tidy(reference.url)),)
