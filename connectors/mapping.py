"""From a raw record to a `ComplaintRecord`, as the agency's file says.

Pure: no I/O, no clock. Whatever a record holds, the outcome is a record or a RecordError with the place and the reason,
never the value. An anonymous reporter's identity does not get past this module; others' only if the file asks for it.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from connectors.dates import Dates
from connectors.fields import Fields, Section
from connectors.manifest import Manifest
from connectors.paths import Path
from connectors.settings import LISTS
from connectors.values import MAX_TITLE, flag, key, kind_of, number, text, word
from connectors.words import Words
from schema.complaint import (
    Actor,
    AgencyReference,
    Attachment,
    ComplaintRecord,
    Disposition,
    ExternalReference,
    FollowUp,
    IncidentLocation,
    NativeStatus,
    Rating,
    Reporter,
    StatusEvent,
)
from schema.connector import OUR_SYSTEM
from schema.errors import RecordError
from schema.status import ActorRole, ComplaintStatus

MAX_ENTRIES: Final = 1_000
Value = TypeVar("Value")


class Table:
    """A section of JMESPath expressions, compiled."""

    def __init__(self, section: Section) -> None:
        expressions = msgspec.structs.asdict(section)
        self.paths = {name: Path(expression) for name, expression in expressions.items() if expression is not None}


class Entry:
    """One object of the raw data, read through a table. `place` is where it stands in the record."""

    def __init__(self, raw: object, table: Table, place: tuple[str, ...] = ()) -> None:
        self._raw, self._table, self._place = raw, table, place

    def read(self, name: str, reader: Callable[[object], Value | None]) -> Value | None:
        """A field through a reader; None if the table doesn't have it.

        Raises:
            RecordError: the reader's, with the place added.
        """
        path = self._table.paths.get(name)
        if path is None:
            return None
        try:
            return reader(path.find(self._raw))
        except RecordError as error:
            raise RecordError(error.reason, path=(*self._place, *path.place)) from None

    def need(self, name: str, reader: Callable[[object], Value | None]) -> Value:
        """A field that must be there.

        Raises:
            RecordError: it is null, blank or unreadable.
        """
        found = self.read(name, reader)
        if found is None:
            path = self._table.paths.get(name)
            raise RecordError("is missing", path=(*self._place, *(path.place if path else (name,))))
        return found

    def yes(self, name: str) -> bool:
        return self.read(name, flag) or False

    def entries(self) -> Iterator[Entry]:
        """The entries of the list at `records`; none if there is no list.

        Raises:
            RecordError: it is no list, or has more than 1,000 entries.
        """
        path = self._table.paths["records"]
        found = path.find(self._raw)
        if found is not None and not isinstance(found, list):
            raise RecordError(f"is {kind_of(found)} where a list was expected", path=path.place)
        if found and len(found) > MAX_ENTRIES:
            raise RecordError(f"has more than {MAX_ENTRIES:,} entries", path=path.place)
        for index, raw in enumerate(found or ()):
            if raw is not None:
                yield Entry(raw, self._table, (*path.place, str(index)))


class Mapper:
    """Reads the records of one agency.

    Args:
        manifest: the agency's file.
        fields, words: what the kind knows by itself; the agency's file goes before it.

    Raises:
        ConfigError: nothing says where `native_id` or `status` stand.
    """

    def __init__(self, manifest: Manifest, *, fields: Fields | None = None, words: Words | None = None) -> None:
        own = {name: path for name, path in msgspec.structs.asdict(manifest.fields).items() if path is not None}
        merged = msgspec.structs.replace(fields or Fields(), **own)
        for name in ("native_id", "status"):
            if getattr(merged, name) is None:
                raise manifest.error("is missing", f"fields.{name}")
        self.words = manifest.words.over(words or Words())
        self.dates = Dates(manifest.dates.formats, ZoneInfo(manifest.time_zone))
        self._slug = manifest.slug
        self._reporters = manifest.privacy.reporter_identity
        self._fields = Table(merged)
        self._lists = {name: Table(section) for name in LISTS if (section := getattr(manifest, name))}

    def native_id(self, raw: object) -> str | None:
        """A record's key, if that much can be read."""
        try:
            return Entry(raw, self._fields).read("native_id", key)
        except RecordError:
            return None

    def record(self, raw: object) -> ComplaintRecord:
        """One record.

        Raises:
            RecordError: what can't be read, and where.
        """
        if not isinstance(raw, dict | list):
            raise RecordError(f"is {kind_of(raw)} where an object was expected")
        entry = Entry(raw, self._fields)
        native_id = entry.need("native_id", key)
        anonymous = entry.yes("is_anonymous")
        native, actor, status = self._status(entry)
        channel = entry.read("channel", word)
        category, category_name = entry.read("category", word), entry.read("native_category", word)
        timeline = self._timeline(raw)
        changed_at = entry.read("status_changed_at", self.dates.moment)
        if changed_at is None and timeline and timeline[-1].to_status is status:
            changed_at = timeline[-1].occurred_at
        return ComplaintRecord(
            native_id=native_id,
            tracking_id=entry.read("tracking_id", key) or native_id,
            status=status,
            native_status=native,
            status_actor=actor,
            status_reason=entry.read("status_reason", text),
            status_changed_at=changed_at,
            url=entry.read("url", web_address),
            title=entry.read("title", title),
            original_text=entry.read("original_text", text),
            edited_text=entry.read("edited_text", text),
            classification=self.words.classification(entry.read("classification", word)),
            category=self.words.category(category, category_name),
            native_category=category_name or category,
            channel=self.words.channel(channel),
            native_channel=entry.read("native_channel", word) or channel,
            tags=entry.read("tags", tags) or (),
            incident_date=entry.read("incident_date", self.dates.day),
            incident_location=self._location(entry),
            attachments=self._attachments(raw, native_id),
            is_anonymous=anonymous,
            is_confidential=entry.yes("is_confidential"),
            reporter=None if anonymous or not self._reporters else _reporter(entry),
            submitted_at=entry.read("submitted_at", self.dates.moment),
            updated_at=entry.read("updated_at", self.dates.moment),
            closed_at=entry.read("closed_at", self.dates.moment),
            owner_agency=self._institution(entry, "owner_agency", "owner_agency_id"),
            assigned_agencies=self._institutions(raw, "assigned_agencies"),
            copied_agencies=self._institutions(raw, "copied_agencies"),
            dispositions=self._dispositions(raw),
            timeline=timeline,
            follow_ups=self._follow_ups(raw),
            ratings=self._ratings(raw),
            external_references=(*_ours(entry), *self._references(raw)),
        )

    def _status(self, entry: Entry) -> tuple[NativeStatus, ActorRole | None, ComplaintStatus]:
        status = entry.read("status", word)
        code, label = entry.read("status_code", word), entry.read("status_label", word)
        shown = label or status or code
        if shown is None:
            raise RecordError("is missing", path=self._fields.paths["status"].place)
        meaning = self.words.status(status, code, label)
        actor = self.words.actor(entry.read("status_actor", word)) or meaning.actor
        return NativeStatus(label=shown, code=code), actor, meaning.status

    def _location(self, entry: Entry) -> IncidentLocation | None:
        region = self.words.region(entry.read("region", word))
        latitude, longitude = coordinates(entry.read("latitude", number), entry.read("longitude", number))
        address = entry.read("address", text)
        if region is None and latitude is None and address is None:
            return None
        return IncidentLocation(region_code=region, latitude=latitude, longitude=longitude, address=address)

    def _institution(self, entry: Entry, name: str, native_id: str) -> AgencyReference | None:
        return self.words.institution(entry.read(name, word), entry.read(native_id, key))

    def _each(self, raw: object, section: str) -> Iterator[Entry]:
        table = self._lists.get(section)
        return Entry(raw, table).entries() if table else iter(())

    def _institutions(self, raw: object, section: str) -> tuple[AgencyReference, ...]:
        found = (self._institution(entry, "name", "id") for entry in self._each(raw, section))
        return tuple(institution for institution in found if institution)

    def _actor(self, entry: Entry, *, agency: str | None, role: ActorRole | None = None) -> Actor | None:
        found = self.words.actor(entry.read("actor", word)) or role
        return Actor(role=found, agency=agency if found is ActorRole.AGENCY else None) if found else None

    def _timeline(self, raw: object) -> tuple[StatusEvent, ...] | None:
        events = [self._status_event(entry) for entry in self._each(raw, "timeline")]
        events.sort(key=lambda event: event.occurred_at)
        before: ComplaintStatus | None = None
        for index, event in enumerate(events):
            events[index] = msgspec.structs.replace(event, from_status=before)
            before = event.to_status
        return tuple(events) or None

    def _status_event(self, entry: Entry) -> StatusEvent:
        status, code, label = entry.need("status", word), entry.read("code", word), entry.read("label", word)
        meaning = self.words.status(status, code, label)
        return StatusEvent(
            to_status=meaning.status,
            occurred_at=entry.need("at", self.dates.moment),
            native_status=NativeStatus(label=label or status, code=code),
            actor=self._actor(entry, agency=self._slug, role=meaning.actor),
            note=entry.read("note", text),
        )

    def _follow_ups(self, raw: object) -> tuple[FollowUp, ...]:
        return _oldest_first(self._follow_up(entry) for entry in self._each(raw, "follow_ups"))

    def _follow_up(self, entry: Entry) -> FollowUp:
        sender = self._institution(entry, "from_name", "from_id")
        return FollowUp(
            kind=self.words.follow_up_kind(entry.read("kind", word)),
            occurred_at=entry.need("at", self.dates.moment),
            content=entry.read("content", text),
            from_agency=sender,
            to_agency=self._institution(entry, "to_name", "to_id"),
            actor=self._actor(entry, agency=sender.agency if sender else self._slug),
            is_confidential=entry.yes("is_confidential"),
        )

    def _dispositions(self, raw: object) -> tuple[Disposition, ...]:
        return _oldest_first(self._disposition(entry) for entry in self._each(raw, "dispositions"))

    def _disposition(self, entry: Entry) -> Disposition:
        name = entry.need("to_name", word)
        return Disposition(
            to_agency=self.words.institution(name, entry.read("to_id", key)) or AgencyReference(name),
            from_agency=self._institution(entry, "from_name", "from_id"),
            occurred_at=entry.need("at", self.dates.moment),
            note=entry.read("note", text),
            is_not_authority=entry.yes("is_not_authority"),
        )

    def _ratings(self, raw: object) -> tuple[Rating, ...]:
        rated = (entry for entry in self._each(raw, "ratings") if entry.read("score", word) is not None)
        return _oldest_first(self._rating(entry) for entry in rated)

    def _rating(self, entry: Entry) -> Rating:
        return Rating(
            score=entry.need("score", stars),
            source=self.words.rating_source(entry.read("source", word)),
            occurred_at=entry.need("at", self.dates.moment),
            comment=entry.read("comment", text),
        )

    def _attachments(self, raw: object, native_id: str) -> tuple[Attachment, ...]:
        found = (self._attachment(entry, native_id) for entry in self._each(raw, "attachments"))
        return tuple(attachment for attachment in found if attachment)

    def _attachment(self, entry: Entry, native_id: str) -> Attachment | None:
        url, size = entry.read("url", web_address), entry.read("byte_size", number)
        if url is None:
            return None
        return Attachment(
            id=attachment_id(self._slug, native_id, url),
            url=url,
            filename=entry.read("filename", word),
            content_type=entry.read("content_type", word),
            byte_size=int(size) if size is not None and size >= 0 else None,
        )

    def _references(self, raw: object) -> tuple[ExternalReference, ...]:
        found = (self._reference(entry) for entry in self._each(raw, "external_references"))
        return tuple(reference for reference in found if reference)

    def _reference(self, entry: Entry) -> ExternalReference | None:
        native_id = entry.read("id", key)
        if native_id is None:
            return None
        return ExternalReference(
            system=entry.need("system", word),
            id=native_id,
            url=entry.read("url", web_address),
            synced_at=entry.read("synced_at", self.dates.moment),
        )


Dated = TypeVar("Dated", FollowUp, Disposition, Rating)


def _oldest_first(found: Iterable[Dated]) -> tuple[Dated, ...]:
    return tuple(sorted(found, key=lambda entry: entry.occurred_at))


def _ours(entry: Entry) -> Iterator[ExternalReference]:
    if reference := entry.read("reference", key):
        yield ExternalReference(OUR_SYSTEM, reference)


def _reporter(entry: Entry) -> Reporter | None:
    name, phone, email = (entry.read(f"reporter_{part}", word) for part in ("name", "phone", "email"))
    return Reporter(name=name, phone=phone, email=email) if name or phone or email else None


def title(value: object) -> str | None:
    """A title in one line, at most 1,000 characters."""
    read = text(value, MAX_TITLE)
    return " ".join(read.split()) if read else None


def web_address(value: object) -> str | None:
    """An http or https address; None for anything else: `javascript:` is no address to show."""
    read = key(value) if isinstance(value, str) and len(value) <= 2_000 else None
    return read if read and read.startswith(("http://", "https://")) and " " not in read else None


def tags(value: object) -> tuple[str, ...] | None:
    """A list of words, or words with commas between them."""
    words = value.split(",") if isinstance(value, str) else value
    if words is None:
        return None
    if not isinstance(words, list) or len(words) > MAX_ENTRIES:
        raise RecordError("is not a list of words")
    return tuple(dict.fromkeys(found for entry in words if (found := word(entry))))


def stars(value: object) -> int | None:
    """A score from 1 to 5."""
    read = number(value)
    if read is None or not read.is_integer() or not 1 <= read <= 5:
        raise RecordError("is not a score from 1 to 5")
    return int(read)


def coordinates(latitude: float | None, longitude: float | None) -> tuple[float, float] | tuple[None, None]:
    """Degrees, both or none. 0,0 means that nobody filled them in; impossible ones are dropped like it.

    A wrong pin is no reason to lose a complaint.
    """
    if latitude is None or longitude is None or (abs(latitude) < 1e-6 and abs(longitude) < 1e-6):
        return None, None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)


def attachment_id(agency: str, native_id: str, url: str) -> str:
    """The graph's id of a file that an agency holds: the same at every reading, made like `complaint_id`."""
    name = f"{agency}\x1f{native_id}\x1f{url}".encode()
    return "attachment_" + b32encode(hashlib.sha256(name).digest()[:16]).decode().rstrip("=").lower()
