"""What people write, as the graph takes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

import strawberry

from schema import complaint as records
from schema import writes
from schema.complaint import Channel, Classification, FollowUpKind
from schema.graph.conditions import condition as optional
from schema.graph.scalars import URL
from schema.links import LinkKind
from schema.status import ComplaintStatus
from schema.writes import DeliveryOutcome

T = TypeVar("T")

_KEY = "16 to 128 printable characters, chosen at random by the client; the same for the same write sent again."
_URLS = "Fetched by the hub, under its size and type limits."
_VERSION = "Refused with VersionConflict if the complaint has moved on."


def required(description: str) -> Any:
    """A field of an input that must be given."""
    return strawberry.field(description=description)


def given(value: T | None) -> T | None:
    """What was given; None for what was left out, as for null."""
    return None if value is strawberry.UNSET else value


def _all(values: Sequence[T] | None) -> tuple[T, ...]:
    return tuple(given(values) or ())


@strawberry.input(description="Give what is known.")
class IncidentLocationInput:
    region_code: str | None = optional("Kemendagri code, as deep as known.")
    latitude: float | None = optional("Degrees, WGS 84; together with `longitude`.")
    longitude: float | None = optional("Degrees, WGS 84; together with `latitude`.")
    address: str | None = optional("In the citizen's words; redacted.")

    def place(self) -> writes.Place:
        """The place as it is written."""
        return writes.Place(
            region_code=given(self.region_code),
            latitude=given(self.latitude),
            longitude=given(self.longitude),
            address=given(self.address),
        )


@strawberry.input(description="Stored only where the agency's file asks for it.")
class ReporterInput:
    name: str | None = optional("Name.")
    phone: str | None = optional("Telephone number.")
    email: str | None = optional("E-mail address.")

    def reporter(self) -> records.Reporter:
        """The identity as it is written."""
        return records.Reporter(name=given(self.name), phone=given(self.phone), email=given(self.email))


@strawberry.input(description="A key in another system.")
class ExternalReferenceInput:
    system: str = required("The system's name.")
    id: str = required("The key there.")
    url: URL | None = optional("Where a person can read it there.")

    def reference(self) -> records.ExternalReference:
        """The reference as it is written."""
        return records.ExternalReference(self.system, self.id, given(self.url))


@strawberry.input(description="A new complaint.")
class SubmitComplaintInput:
    idempotency_key: str = required(_KEY)
    title: str = required("200 characters at most.")
    text: str = required("10,000 characters at most; personal numbers in it are redacted before anything is stored.")
    classification: Classification | None = optional("Klasifikasi.")
    category: str | None = optional("Category code.")
    incident_date: date | None = optional("Day of the incident.")
    incident_location: IncidentLocationInput | None = optional("Place of the incident.")
    agency: strawberry.ID | None = optional("The door the citizen chose; a hint that routing may overrule.")
    channel: Channel = strawberry.field(default=Channel.WEBSITE, description="How it came.")
    is_anonymous: bool = strawberry.field(
        default=False, description="Hide the reporter's identity from everyone, the agency too."
    )
    is_confidential: bool = strawberry.field(default=False, description="Hide the content from the public.")
    reporter: ReporterInput | None = optional("Refused when `isAnonymous`.")
    attachments: list[strawberry.ID] | None = optional(
        "Ids of files that were uploaded; at most 10 with `attachmentUrls`."
    )
    attachment_urls: list[URL] | None = optional(_URLS)
    external_reference: ExternalReferenceInput | None = optional(
        "By integrators: the complaint's key in the system it comes from."
    )

    def asked(self) -> writes.SubmitComplaint:
        """The write that is asked for."""
        place, reporter = given(self.incident_location), given(self.reporter)
        reference = given(self.external_reference)
        return writes.SubmitComplaint(
            idempotency_key=self.idempotency_key,
            title=self.title,
            text=self.text,
            classification=given(self.classification),
            category=given(self.category),
            incident_date=given(self.incident_date),
            incident_location=place.place() if place else None,
            agency=given(self.agency),
            channel=self.channel,
            is_anonymous=self.is_anonymous,
            is_confidential=self.is_confidential,
            reporter=reporter.reporter() if reporter else None,
            attachments=_all(self.attachments),
            attachment_urls=_all(self.attachment_urls),
            external_reference=reference.reference() if reference else None,
        )


@strawberry.input(description="A follow-up.")
class AddFollowUpInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    kind: FollowUpKind = required("What it is.")
    content: str = required("10,000 characters at most; redacted.")
    is_confidential: bool = strawberry.field(default=False, description="Only for handlers and the reporter.")
    attachments: list[strawberry.ID] | None = optional("Ids of files that were uploaded.")
    attachment_urls: list[URL] | None = optional(_URLS)

    def asked(self) -> writes.AddFollowUp:
        """The write that is asked for."""
        return writes.AddFollowUp(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            kind=self.kind,
            content=self.content,
            is_confidential=self.is_confidential,
            attachments=_all(self.attachments),
            attachment_urls=_all(self.attachment_urls),
        )


@strawberry.input(description="A transfer.")
class TransferComplaintInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    expected_version: int | None = optional(_VERSION)
    to_agency: strawberry.ID = required("Slug.")
    note: str = required("Why, for whoever must act now.")
    is_not_authority: bool = strawberry.field(default=False, description='"Bukan wewenang".')

    def asked(self) -> writes.TransferComplaint:
        """The write that is asked for."""
        return writes.TransferComplaint(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            to_agency=self.to_agency,
            note=self.note,
            is_not_authority=self.is_not_authority,
            expected_version=given(self.expected_version),
        )


@strawberry.input(description="A move of the status.")
class ChangeStatusInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    expected_version: int | None = optional(_VERSION)
    to_status: ComplaintStatus = required("One of `Complaint.nextStatuses`.")
    reason: str | None = optional(
        "Required for POSTPONED, ARCHIVED, REJECTED, DUPLICATE, and for CLOSED without evidence."
    )
    evidence: list[strawberry.ID] | None = optional("Attachment ids.")

    def asked(self) -> writes.ChangeStatus:
        """The write that is asked for."""
        return writes.ChangeStatus(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            to_status=self.to_status,
            reason=given(self.reason),
            evidence=_all(self.evidence),
            expected_version=given(self.expected_version),
        )


@strawberry.input(description="A rating.")
class RateResolutionInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    score: int = required("1 to 5.")
    comment: str | None = optional("What is to be said with it.")

    def asked(self) -> writes.RateResolution:
        """The write that is asked for."""
        return writes.RateResolution(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            score=self.score,
            comment=given(self.comment),
        )


@strawberry.input(description="A withdrawal.")
class WithdrawComplaintInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    reason: str | None = optional("Why.")

    def asked(self) -> writes.WithdrawComplaint:
        """The write that is asked for."""
        return writes.WithdrawComplaint(
            idempotency_key=self.idempotency_key, complaint_id=self.complaint_id, reason=given(self.reason)
        )


@strawberry.input(description="A retry.")
class RetryDeliveryInput:
    idempotency_key: str = required(_KEY)
    delivery_id: strawberry.ID = required("As `Delivery.id`.")

    def asked(self) -> writes.RetryDelivery:
        """The write that is asked for."""
        return writes.RetryDelivery(idempotency_key=self.idempotency_key, delivery_id=self.delivery_id)


@strawberry.input(description="What became of it.")
class SettleDeliveryInput:
    idempotency_key: str = required(_KEY)
    delivery_id: strawberry.ID = required("As `Delivery.id`.")
    outcome: DeliveryOutcome = required("Whether the agency has it.")
    native_id: str | None = optional("The agency's key, if it gave one.")
    note: str = required("How it was delivered, or why not.")

    def asked(self) -> writes.SettleDelivery:
        """The write that is asked for."""
        return writes.SettleDelivery(
            idempotency_key=self.idempotency_key,
            delivery_id=self.delivery_id,
            outcome=self.outcome,
            note=self.note,
            native_id=given(self.native_id),
        )


@strawberry.input(description="Two records that belong together.")
class LinkComplaintsInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    other_complaint_id: strawberry.ID = required("As `Complaint.id`.")
    kind: LinkKind = required("SAME_AS or DUPLICATE_OF; the others come by transfer.")

    def asked(self) -> writes.LinkComplaints:
        """The write that is asked for."""
        return writes.LinkComplaints(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            other_complaint_id=self.other_complaint_id,
            kind=self.kind,
        )


@strawberry.input(description="Two records that don't belong together.")
class DismissLinkSuggestionInput:
    idempotency_key: str = required(_KEY)
    complaint_id: strawberry.ID = required("As `Complaint.id`.")
    other_complaint_id: strawberry.ID = required("As `Complaint.id`.")

    def asked(self) -> writes.DismissLinkSuggestion:
        """The write that is asked for."""
        return writes.DismissLinkSuggestion(
            idempotency_key=self.idempotency_key,
            complaint_id=self.complaint_id,
            other_complaint_id=self.other_complaint_id,
        )
