"""The complaint (laporan): as a connector reads it, and as the ledger keeps it.

All moments are aware `datetime`s in UTC; texts are already redacted when they reach the ledger.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import TypeVar

import msgspec

from schema.clocks import SlaClock
from schema.status import ActorRole, ComplaintStatus


class Classification(StrEnum):
    """Klasifikasi, as SP4N-LAPOR! has it. Sets the FINISH clock."""

    PENGADUAN_BERKADAR_PENGAWASAN = "PENGADUAN_BERKADAR_PENGAWASAN"
    PENGADUAN_TIDAK_BERKADAR_PENGAWASAN = "PENGADUAN_TIDAK_BERKADAR_PENGAWASAN"
    ASPIRASI = "ASPIRASI"
    PERMINTAAN_INFORMASI = "PERMINTAAN_INFORMASI"


class Channel(StrEnum):
    """Kanal. OTHER keeps the agency's word in `native_channel`."""

    WEBSITE = "WEBSITE"
    MOBILE_APP = "MOBILE_APP"
    WHATSAPP = "WHATSAPP"
    SMS = "SMS"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    SOCIAL_MEDIA = "SOCIAL_MEDIA"
    WALK_IN = "WALK_IN"
    LETTER = "LETTER"
    SYSTEM = "SYSTEM"
    OTHER = "OTHER"


class FollowUpKind(StrEnum):
    """Kind of tindak lanjut."""

    INITIAL_RESPONSE = "INITIAL_RESPONSE"
    PROGRESS = "PROGRESS"
    FINAL_ANSWER = "FINAL_ANSWER"
    REPORTER_REPLY = "REPORTER_REPLY"
    INFORMATION_REQUEST = "INFORMATION_REQUEST"


class RatingSource(StrEnum):
    """Who gave the stars. AUTO is a default filled in for a silent citizen."""

    CITIZEN = "CITIZEN"
    AUTO = "AUTO"
    ADMIN = "ADMIN"


class ContentState(StrEnum):
    """Why content fields are null, or that they are not."""

    AVAILABLE = "AVAILABLE"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    ERASED = "ERASED"


class NativeStatus(msgspec.Struct, frozen=True):
    """A status in the agency's words."""

    label: str
    code: str | None = None


class IncidentLocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where it happened. Coordinates are degrees, WGS 84, both or none; 0,0 counts as absent."""

    region_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None


class Reporter(msgspec.Struct, frozen=True, kw_only=True):
    """Identity of a citizen who is not anonymous. Dropped at the door unless the agency's file asks for it."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None

    def __repr__(self) -> str:
        """Nobody's name may stand in a log because something holds it."""
        return "Reporter(***)"


class AgencyReference(msgspec.Struct, frozen=True):
    """An institution as a source system names it.

    Attributes:
        agency: slug, when it is plugged in here.
    """

    name: str
    native_id: str | None = None
    agency: str | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who did something. `agency` is a slug."""

    role: ActorRole
    agency: str | None = None


class Disposition(msgspec.Struct, frozen=True, kw_only=True):
    """A handing-over between institutions. `is_not_authority`: "bukan wewenang"."""

    to_agency: AgencyReference
    occurred_at: datetime
    from_agency: AgencyReference | None = None
    note: str | None = None
    is_not_authority: bool = False


class StatusEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One move of the status (riwayat), by the agency's clock. `from_status` is None for the first."""

    to_status: ComplaintStatus
    occurred_at: datetime
    from_status: ComplaintStatus | None = None
    native_status: NativeStatus | None = None
    actor: Actor | None = None
    note: str | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file (lampiran). `byte_size` in bytes, `sha256` in hex, `id` as the graph's Node id."""

    id: str
    filename: str | None = None
    content_type: str | None = None
    byte_size: int | None = None
    sha256: str | None = None
    url: str | None = None


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, a question or a reply (tindak lanjut)."""

    kind: FollowUpKind
    occurred_at: datetime
    content: str | None = None
    from_agency: AgencyReference | None = None
    to_agency: AgencyReference | None = None
    actor: Actor | None = None
    attachments: tuple[Attachment, ...] = ()
    is_confidential: bool = False


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """The citizen's judgement (penilaian); `score` 1 to 5."""

    score: int
    source: RatingSource
    occurred_at: datetime
    comment: str | None = None


Dated = TypeVar("Dated", bound=StatusEvent | FollowUp | Disposition | Rating)


class ExternalReference(msgspec.Struct, frozen=True):
    """The same matter's key in another system."""

    system: str
    id: str
    url: str | None = None
    synced_at: datetime | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency tells of a complaint and the ledger keeps as it was told.

    Attributes:
        tracking_id: the number the citizen was given.
        status: canonical; UNMAPPED for a word that is mapped nowhere.
        category: code of the deepest category known; see `schema.categories`.
    """

    tracking_id: str
    status: ComplaintStatus
    native_status: NativeStatus | None = None
    status_actor: ActorRole | None = None
    status_reason: str | None = None
    url: str | None = None
    title: str | None = None
    original_text: str | None = None
    edited_text: str | None = None
    classification: Classification | None = None
    category: str | None = None
    native_category: str | None = None
    channel: Channel = Channel.OTHER
    native_channel: str | None = None
    tags: tuple[str, ...] = ()
    incident_date: date | None = None
    incident_location: IncidentLocation | None = None
    attachments: tuple[Attachment, ...] = ()
    is_anonymous: bool = False
    is_confidential: bool = False
    closed_at: datetime | None = None
    owner_agency: AgencyReference | None = None
    assigned_agencies: tuple[AgencyReference, ...] = ()
    copied_agencies: tuple[AgencyReference, ...] = ()
    dispositions: tuple[Disposition, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    ratings: tuple[Rating, ...] = ()
    external_references: tuple[ExternalReference, ...] = ()


class ComplaintRecord(Told, frozen=True, kw_only=True):
    """One complaint as its agency tells it: what a connector yields.

    A field the agency does not tell is None or empty. A record without title, texts and place leaves those that the
    ledger knows as they are.

    Attributes:
        native_id: the record's key in the agency's system.
        tracking_id: the connector falls back to `native_id`.
        submitted_at: moment of receipt; None where it is not told.
        updated_at: the agency's own last change; None where it is not told.
        timeline: the agency's status log, oldest first, starting with the first status. None where it keeps no log.
        follow_ups, dispositions, ratings: oldest first.
        reporter: never kept unless the agency's file asks for it.
    """

    native_id: str
    status_changed_at: datetime | None = None
    reporter: Reporter | None = None
    submitted_at: datetime | None = None
    updated_at: datetime | None = None
    timeline: tuple[StatusEvent, ...] | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that was written here and is taken to the agency.

    Attributes:
        delivery: id of the delivery that takes it.
        list: `timeline`, `follow_ups`, `dispositions` or `ratings`.
        entry: index into that list.
        told_at: the moment by which the agency tells the same entry, once it does. Until then what the agency says is
            older than the entry, unless its delivery was REJECTED and the entry undone.
        acknowledged_at: when the agency said that it has it. What was read of it just before may still come in after.
        undone: the agency said no to it, or it is the move that took such a one back: it will never be told.
    """

    delivery: str
    list: str
    entry: int
    told_at: datetime | None = None
    acknowledged_at: datetime | None = None
    undone: bool = False


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """How a complaint that was written here found its agency.

    Attributes:
        agency: slug.
        rule: name of the rule; `national` for the last door, `transfer` where an officer forwarded it.
        explanation: for the citizen, by language (`schema.query.Language`).
    """

    agency: str
    rule: str
    explanation: dict[str, str] = {}


class Complaint(Told, frozen=True, kw_only=True):
    """One complaint as the ledger keeps it: the graph's `Complaint`, field by field.

    Attributes:
        id: `complaint_` + 26 characters; see `complaint_id`.
        agency: slug of the agency whose system holds the record.
        native_id: None until a complaint that was submitted here is acknowledged.
        generation: counts how often the agency used `native_id` for another matter.
        version: counts the changes of this record from 1.
        timeline: never None here: without a log, the moves that two polls saw.
        timeline, follow_ups, dispositions, ratings: in the order the hub learned of them, since events point into them
            by index; `by_time` gives the order of things.
        clocks: in the order they started.
        synced_at: when the hub last saw it at the agency; None until then.
        routing: None for records that were not written here. One that was keeps its number, its moment of receipt and
            its flags, whatever the agency tells of them.
        sent: entries that were written here, oldest first.
        days_to_first_follow_up, days_to_close: working days from receipt; None until it happened.
    """

    id: str
    agency: str
    native_id: str | None
    status_changed_at: datetime
    submitted_at: datetime
    updated_at: datetime
    version: int = 0
    generation: int = 0
    content_state: ContentState = ContentState.AVAILABLE
    synced_at: datetime | None = None
    timeline: tuple[StatusEvent, ...] = ()
    clocks: tuple[SlaClock, ...] = ()
    days_to_first_follow_up: float | None = None
    days_to_close: float | None = None
    routing: Routed | None = None
    sent: tuple[Sent, ...] = ()

    @property
    def text(self) -> str | None:
        """What to show: the edited text, else the original."""
        return self.edited_text if self.edited_text is not None else self.original_text

    @property
    def rating(self) -> Rating | None:
        """The latest by a citizen, else the latest."""
        by_citizen = [rating for rating in self.ratings if rating.source is RatingSource.CITIZEN]
        return max(by_citizen or self.ratings, key=lambda rating: rating.occurred_at, default=None)

    @property
    def overdue(self) -> bool:
        """A running or paused clock is breached."""
        return any(clock.breached and clock.stopped_at is None for clock in self.clocks)

    @property
    def due_at(self) -> datetime | None:
        """The earliest `due_at` of the running clocks; None when none runs."""
        due = [clock.due_at for clock in self.clocks if clock.stopped_at is None and clock.due_at is not None]
        return min(due, default=None)


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be read: what the quarantine keeps of it.

    Attributes:
        native_id: its key, if that much could be read.
        reason: what was wrong and where, without the value.
        shape: keys, types and lengths of the record, no values.
        digest: SHA-256 over the raw record, hex; the same bad record is one row.
    """

    reason: str
    digest: str
    native_id: str | None = None
    shape: str = ""


_occurred_at = attrgetter("occurred_at")


def by_time(entries: Sequence[Dated]) -> list[Dated]:
    """Entries of a history, oldest first by the agency's clock."""
    return sorted(entries, key=_occurred_at)


def keyed(entries: Iterable[Dated]) -> Iterator[tuple[Hashable, Dated]]:
    """Each entry of a history with a key that is unique in it.

    Entries are the same by moment and kind, not by text: an agency may correct what it wrote. Equal ones are numbered.
    """
    seen: Counter[Hashable] = Counter()
    for entry in entries:
        key = _key(entry)
        seen[key] += 1
        yield (key, seen[key]), entry


def _key(entry: StatusEvent | FollowUp | Disposition | Rating) -> Hashable:
    if isinstance(entry, StatusEvent):
        return entry.occurred_at, entry.to_status
    if isinstance(entry, FollowUp):
        return entry.occurred_at, entry.kind
    if isinstance(entry, Disposition):
        return entry.occurred_at, entry.to_agency.name
    return entry.occurred_at, entry.source


def random_id(kind: str) -> str:
    """A new id of a node: `kind`, an underscore and 26 lower-case base32 characters of 128 random bits."""
    return f"{kind}_" + b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def complaint_id(agency: str, native_id: str, generation: int = 0) -> str:
    """The graph's id of a record read from an agency: the same in every hub that reads it.

    First 128 bits of SHA-256 over agency, native id and generation, as 26 lower-case base32 characters.
    """
    name = f"{agency}\x1f{native_id}\x1f{generation}".encode()
    return "complaint_" + b32encode(hashlib.sha256(name).digest()[:16]).decode().rstrip("=").lower()
