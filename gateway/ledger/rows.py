"""Complaints as rows of the table `complaints`, and back.

Moments are text of one width (`2021-03-23T05:12:00.000Z`), so they compare as they read. A microsecond is lost there;
whoever compares a stored complaint with a new one compares milliseconds (`to_milliseconds`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from schema.agency import AgencyLevel
from schema.clocks import SlaClock
from schema.complaint import (
    AgencyReference,
    Attachment,
    Channel,
    Classification,
    Complaint,
    ContentState,
    Disposition,
    ExternalReference,
    FollowUp,
    IncidentLocation,
    NativeStatus,
    Rating,
    RatingSource,
    Routed,
    Sent,
    StatusEvent,
)
from schema.errors import LedgerCorrupt
from schema.status import ActorRole, ComplaintStatus

#: Every column of `complaints`, in the order of `complaint_values` and of what `complaint_from_row` takes.
COLUMNS = (
    "id", "agency", "level", "native_id", "generation", "tracking_id", "version", "seq", "public", "url",
    "content_state", "status", "native_status_code", "native_status_label", "status_actor", "status_reason",
    "status_changed_at", "title", "original_text", "edited_text", "classification", "category", "top_category",
    "native_category", "channel", "native_channel", "incident_date", "region_code", "province", "regency",
    "latitude", "longitude", "address", "is_anonymous", "submitted_at", "submitted_month", "updated_at", "closed_at",
    "synced_at", "due_at", "next_breach_at", "breached", "days_to_first_follow_up", "days_to_close", "rating_score",
    "tags", "owner_agency", "assigned_agencies", "copied_agencies", "dispositions", "timeline", "follow_ups",
    "ratings", "clocks", "attachments", "external_references", "routing", "sent",
)  # fmt: skip

#: Bits of the column `breached`.
CLOCK_BITS = {"VERIFY": 1, "FIRST_FOLLOW_UP": 2, "AUTO_CLOSE": 4, "FINISH": 8}

_WIB = timedelta(hours=7)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_E = TypeVar("_E", bound=StrEnum)


def moment_text(moment: datetime) -> str:
    """An aware moment as the ledger writes it."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def moment(text: str) -> datetime:
    """The moment that `moment_text` wrote; aware, UTC."""
    return datetime.fromisoformat(text)


def to_milliseconds(moment: datetime) -> datetime:
    """What is left of a moment after a stay in the ledger."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def clean(text: str) -> str:
    """The text without what PostgreSQL or UTF-8 can't hold: NUL goes, a lone surrogate becomes U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\0" else "\ufffd", text)


def stored_text(text: str | None) -> str | None:
    """`clean`, for a text that may be absent."""
    return None if text is None else clean(text)


def encoded(records: object) -> str:
    """Records as JSON text, cleaned like any text."""
    try:
        text = msgspec.json.encode(records)
    except UnicodeEncodeError:
        return msgspec.json.encode(_cleaned(msgspec.to_builtins(records))).decode()
    if b"\\u0000" in text:
        return msgspec.json.encode(_cleaned(msgspec.json.decode(text))).decode()
    return text.decode()


def complaint_values(c: Complaint, level: AgencyLevel, seq: int) -> tuple[Any, ...]:
    """The row of a complaint, in the order of COLUMNS.

    Args:
        level: of the agency that holds it.
        seq: of the newest event that touched it.
    """
    native = c.native_status
    place = c.incident_location or _NOWHERE
    region = stored_text(place.region_code)
    rating = c.rating if c.ratings else None
    return (
        c.id,
        c.agency,
        level.value,
        stored_text(c.native_id),
        c.generation,
        clean(c.tracking_id),
        c.version,
        seq,
        not c.is_confidential,
        stored_text(c.url),
        c.content_state.value,
        c.status.value,
        stored_text(native.code) if native else None,
        clean(native.label) if native else None,
        c.status_actor.value if c.status_actor else None,
        stored_text(c.status_reason),
        moment_text(c.status_changed_at),
        stored_text(c.title),
        stored_text(c.original_text),
        stored_text(c.edited_text),
        c.classification.value if c.classification else None,
        stored_text(c.category),
        top_category(c.category),
        stored_text(c.native_category),
        c.channel.value,
        stored_text(c.native_channel),
        c.incident_date.isoformat() if c.incident_date else None,
        region,
        *regions(region),
        place.latitude,
        place.longitude,
        stored_text(place.address),
        c.is_anonymous,
        moment_text(c.submitted_at),
        (c.submitted_at.astimezone(UTC) + _WIB).date().replace(day=1).isoformat(),
        moment_text(c.updated_at),
        _moment_text(c.closed_at),
        _moment_text(c.synced_at),
        _moment_text(c.due_at) if c.clocks else None,
        _moment_text(next_breach(c.clocks)) if c.clocks else None,
        breached_bits(c.clocks) if c.clocks else 0,
        c.days_to_first_follow_up,
        c.days_to_close,
        rating.score if rating and rating.source is not RatingSource.AUTO else None,
        _list(c.tags),
        encoded(c.owner_agency) if c.owner_agency else None,
        _list(c.assigned_agencies),
        _list(c.copied_agencies),
        _list(c.dispositions),
        _list(c.timeline),
        _list(c.follow_ups),
        _list(c.ratings),
        _list(c.clocks),
        _list(c.attachments),
        _list(c.external_references),
        encoded(c.routing) if c.routing else None,
        _list(c.sent),
    )


def complaint_from_row(row: Sequence[Any]) -> Complaint:
    """The complaint of a row that was selected in the order of COLUMNS (longer rows may follow with their own).

    Raises:
        LedgerCorrupt: the row does not hold what the hub writes.
    """
    try:
        return _complaint(row)
    except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
        raise LedgerCorrupt(f"complaint {row[0]} can't be read: {type(error).__name__}") from error


def top_category(category: str | None) -> str | None:
    """The topmost ancestor of a category: the column of that name."""
    return clean(category).partition(".")[0] or None if category else None


def regions(code: str | None) -> tuple[str | None, str | None]:
    """The province and the regency of a region: the columns of these names. They cover what a filter's code covers."""
    code = clean(code) if code else ""
    if len(code) < 2 or code[2:3] not in ("", "."):
        return None, None
    return code[:2], code[:5] if len(code) >= 5 and code[5:6] in ("", ".") else None


def next_breach(clocks: Sequence[SlaClock]) -> datetime | None:
    """When the next clock that runs and is not breached falls due."""
    due = [k.due_at for k in clocks if k.due_at is not None and k.stopped_at is None and not k.breached]
    return min(due, default=None)


def breached_bits(clocks: Sequence[SlaClock]) -> int:
    """CLOCK_BITS of the clocks that are breached and have not stopped."""
    bits = 0
    for clock in clocks:
        if clock.breached and clock.stopped_at is None:
            bits |= CLOCK_BITS[clock.kind.value]
    return bits


_NOWHERE = IncidentLocation()


def _moment_text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def _list(records: Sequence[object]) -> str:
    return encoded(records) if records else "[]"


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value


def _named(kind: type[_E]) -> Mapping[str, _E]:
    # A look-up costs a tenth of calling the Enum.
    return {member.value: member for member in kind}


_STATUS = _named(ComplaintStatus)
_ACTOR = _named(ActorRole)
_CLASSIFICATION = _named(Classification)
_CHANNEL = _named(Channel)
_CONTENT = _named(ContentState)


def _decoder(kind: Any) -> Callable[[str], Any]:
    decode = msgspec.json.Decoder(kind).decode
    return lambda text: () if text == "[]" else decode(text)


_TAGS = _decoder(tuple[str, ...])
_REFERENCE = msgspec.json.Decoder(AgencyReference).decode
_REFERENCES = _decoder(tuple[AgencyReference, ...])
_DISPOSITIONS = _decoder(tuple[Disposition, ...])
_TIMELINE = _decoder(tuple[StatusEvent, ...])
_FOLLOW_UPS = _decoder(tuple[FollowUp, ...])
_RATINGS = _decoder(tuple[Rating, ...])
_CLOCKS = _decoder(tuple[SlaClock, ...])
_ATTACHMENTS = _decoder(tuple[Attachment, ...])
_EXTERNAL = _decoder(tuple[ExternalReference, ...])
_ROUTING = msgspec.json.Decoder(Routed).decode
_SENT = _decoder(tuple[Sent, ...])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _place(region: str | None, latitude: float | None, longitude: float | None, address: str | None) -> Any:
    if region is None and latitude is None and longitude is None and address is None:
        return None
    return IncidentLocation(region_code=region, latitude=latitude, longitude=longitude, address=address)


def _complaint(row: Sequence[Any]) -> Complaint:
    (
        id, agency, _level, native_id, generation, tracking_id, version, _seq, public, url,
        content_state, status, native_status_code, native_status_label, status_actor, status_reason,
        status_changed_at, title, original_text, edited_text, classification, category, _top_category,
        native_category, channel, native_channel, incident_date, region_code, _province, _regency,
        latitude, longitude, address, is_anonymous, submitted_at, _submitted_month, updated_at, closed_at,
        synced_at, _due_at, _next_breach_at, _breached, days_to_first_follow_up, days_to_close, _rating_score,
        tags, owner_agency, assigned_agencies, copied_agencies, dispositions, timeline, follow_ups,
        ratings, clocks, attachments, external_references, routing, sent,
    ) = row[:_WIDTH]  # fmt: skip
    return Complaint(
        id=id,
        agency=agency,
        native_id=native_id,
        tracking_id=tracking_id,
        status=_STATUS[status],
        status_changed_at=moment(status_changed_at),
        submitted_at=moment(submitted_at),
        updated_at=moment(updated_at),
        version=version,
        generation=generation,
        native_status=None if native_status_label is None else NativeStatus(native_status_label, native_status_code),
        status_actor=None if status_actor is None else _ACTOR[status_actor],
        status_reason=status_reason,
        url=url,
        content_state=_CONTENT[content_state],
        title=title,
        original_text=original_text,
        edited_text=edited_text,
        classification=None if classification is None else _CLASSIFICATION[classification],
        category=category,
        native_category=native_category,
        channel=_CHANNEL[channel],
        native_channel=native_channel,
        tags=_TAGS(tags),
        incident_date=None if incident_date is None else date.fromisoformat(incident_date),
        incident_location=_place(region_code, latitude, longitude, address),
        attachments=_ATTACHMENTS(attachments),
        is_anonymous=bool(is_anonymous),
        is_confidential=not public,
        closed_at=_moment(closed_at),
        synced_at=_moment(synced_at),
        owner_agency=None if owner_agency is None else _REFERENCE(owner_agency),
        assigned_agencies=_REFERENCES(assigned_agencies),
        copied_agencies=_REFERENCES(copied_agencies),
        dispositions=_DISPOSITIONS(dispositions),
        timeline=_TIMELINE(timeline),
        follow_ups=_FOLLOW_UPS(follow_ups),
        ratings=_RATINGS(ratings),
        clocks=_CLOCKS(clocks),
        external_references=_EXTERNAL(external_references),
        days_to_first_follow_up=days_to_first_follow_up,
        days_to_close=days_to_close,
        routing=None if routing is None else _ROUTING(routing),
        sent=_SENT(sent),
    )


_WIDTH = len(COLUMNS)
