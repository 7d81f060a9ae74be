"""What a complaint is made of: status moves, answers, handings-over, clocks and the like."""

from __future__ import annotations

from datetime import datetime

import strawberry

from schema import complaint as records
from schema.clocks import ClockKind
from schema.complaint import FollowUpKind, RatingSource
from schema.graph.agency import Agency, held_by
from schema.graph.directives import Audience, field, object_type
from schema.graph.node import Node
from schema.graph.region import Region, region_of
from schema.graph.scalars import URL
from schema.status import ActorRole, ComplaintStatus


@object_type("A status in the agency's words.", to=Audience.PUBLIC)
class NativeStatus:
    code: str | None = field("The agency's code for it.")
    label: str = field("The agency's word for it.")


@object_type("Where it happened; coordinates 0,0 count as absent.", to=Audience.PUBLIC)
class IncidentLocation:
    region_code: str | None = field("Kemendagri code, as deep as known.")
    region: Region | None = field("The region of that code; null for villages, which have no names here.", region_of)
    latitude: float | None = field("Degrees, WGS 84. Null together with `longitude`.")
    longitude: float | None = field("Degrees, WGS 84. Null together with `latitude`.")
    address: str | None = field("As the citizen wrote it, redacted.")


@object_type("Identity of a citizen who is not anonymous. NIK and KK are never stored.", to=Audience.IDENTITY)
class Reporter:
    name: str | None = field("Name.")
    phone: str | None = field("Telephone number.")
    email: str | None = field("E-mail address.")


@object_type("An institution as a source system names it; `agency` when it is plugged in here.", to=Audience.PUBLIC)
class AgencyReference:
    name: str = field("Its name there.")
    native_id: str | None = field("Its key there.")
    agency: Agency | None = field("The same institution here.", held_by)


@object_type("Who did something. Persons are not named.", to=Audience.PUBLIC)
class Actor:
    role: ActorRole = field("Kind of actor.")
    agency: Agency | None = field("The agency acted for.", held_by)


@object_type("A handing-over between institutions (disposisi).", to=Audience.PUBLIC)
class Disposition:
    from_agency: AgencyReference | None = field("Who handed it over.")
    to_agency: AgencyReference = field("Who must act now.")
    note: str | None = field("What was said about it.")
    is_not_authority: bool = field('"Bukan wewenang": sent on because it was not theirs.')
    occurred_at: datetime = field("By the agency's clock.")


@object_type("One move of the status (riwayat).", to=Audience.PUBLIC)
class StatusEvent:
    from_status: ComplaintStatus | None = field("Null for the first.")
    to_status: ComplaintStatus = field("The status from then on.")
    native_status: NativeStatus | None = field("The agency's own word for it.")
    actor: Actor | None = field("Who moved it; null when the agency does not say.")
    note: str | None = field("What was said about it.")
    occurred_at: datetime = field("By the agency's clock.")


@object_type("A file (lampiran).", to=Audience.PUBLIC, of=records.Attachment)
class Attachment(Node):
    id: strawberry.ID = field("`attachment_` and 26 characters.")
    filename: str | None = field("As it was sent.")
    content_type: str | None = field("As sniffed from the bytes, not as claimed.")
    byte_size: int | None = field("Bytes.")
    sha256: str | None = field("SHA-256, hex. Null for a file that only the agency has.")
    url: URL | None = field(
        "Served by the hub, which checks the viewer again; stable, and without the agency's credentials. "
        "Null until the bytes have arrived and were accepted."
    )


@object_type("An answer, a question or a reply (tindak lanjut).", to=Audience.PUBLIC)
class FollowUp:
    kind: FollowUpKind = field("What it is.")
    content: str | None = field("Null when the content is not available: see `Complaint.contentState`.")
    from_agency: AgencyReference | None = field("Institution that wrote.")
    to_agency: AgencyReference | None = field("Institution it is written to.")
    actor: Actor | None = field("Who wrote; null when the agency does not say.")
    attachments: list[Attachment] = field("Files that came with it.")
    is_confidential: bool = field("Only for handlers and the reporter.")
    occurred_at: datetime = field("By the agency's clock.")


@object_type("The citizen's judgement of how it was solved (penilaian).", to=Audience.PUBLIC)
class Rating:
    score: int = field("1 to 5.")
    source: RatingSource = field(
        "AUTO is a default the agency's system filled in for a silent citizen: leave it out of averages, "
        "as `statistics` does."
    )
    comment: str | None = field("What was said with it.")
    occurred_at: datetime = field("By the agency's clock.")


@object_type(
    "A service-level clock. Counted in working days of the agency's zone, "
    "Indonesian holidays and cuti bersama left out.",
    to=Audience.PUBLIC,
)
class SlaClock:
    kind: ClockKind = field("Which limit it watches.")
    limit_days: int = field("Working days.")
    started_at: datetime = field("When it started.")
    due_at: datetime | None = field("Null while it is paused.")
    paused_since: datetime | None = field("Start of the present pause.")
    paused_for: int = field("Seconds of pauses that have ended.")
    stopped_at: datetime | None = field("When it was met or no longer mattered.")
    breached: bool = field("It ran out; turned by an event at the due moment.")
    breached_at: datetime | None = field("When it ran out.")


@object_type("The same matter's key in another system.", to=Audience.PUBLIC)
class ExternalReference:
    system: str = field("The system's name.")
    id: str = field("The key there.")
    url: URL | None = field("Where a person can read it there.")
    synced_at: datetime | None = field("When the two were last compared.")
