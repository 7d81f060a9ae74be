"""A record as the hub takes it in: without the personal identifiers that people write into texts. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from schema.complaint import Attachment, ComplaintRecord, FollowUp, IncidentLocation
from schema.redaction import redacted, suspicious


def discreet(record: ComplaintRecord) -> ComplaintRecord:
    """The record with its texts redacted; the same object where nothing looks like a personal identifier.

    Keys, numbers of complaints, addresses of pages, names of institutions and an asked-for reporter are no texts.
    """
    return _redacted(record) if suspicious("\n".join(_texts(record))) else record


def _texts(record: ComplaintRecord) -> list[str]:
    # One look at all of them: most records hold nothing, and every record of every harvest passes here.
    place = record.incident_location
    texts = [
        record.title,
        record.original_text,
        record.edited_text,
        record.status_reason,
        place.address if place is not None else None,
        *record.tags,
    ]
    if record.timeline:
        texts += [entry.note for entry in record.timeline]
    if record.attachments:
        texts += [file.filename for file in record.attachments]
    for entry in record.follow_ups:
        texts.append(entry.content)
        if entry.attachments:
            texts += [file.filename for file in entry.attachments]
    if record.dispositions:
        texts += [handed.note for handed in record.dispositions]
    if record.ratings:
        texts += [rating.comment for rating in record.ratings]
    return [text for text in texts if text]


def _redacted(record: ComplaintRecord) -> ComplaintRecord:
    timeline, place = record.timeline, record.incident_location
    return replace(
        record,
        title=_text(record.title),
        original_text=_text(record.original_text),
        edited_text=_text(record.edited_text),
        status_reason=_text(record.status_reason),
        incident_location=_located(place) if place is not None else None,
        tags=tuple(redacted(tag) for tag in record.tags),
        timeline=None if timeline is None else tuple(replace(entry, note=_text(entry.note)) for entry in timeline),
        attachments=_files(record.attachments),
        follow_ups=tuple(_follow_up(entry) for entry in record.follow_ups),
        dispositions=tuple(replace(handed, note=_text(handed.note)) for handed in record.dispositions),
        ratings=tuple(replace(rating, comment=_text(rating.comment)) for rating in record.ratings),
    )


def _text(text: str | None) -> str | None:
    return redacted(text) if text is not None else None


def _located(place: IncidentLocation) -> IncidentLocation:
    return replace(place, address=_text(place.address))


def _files(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    return tuple(replace(file, filename=_text(file.filename)) for file in files)


def _follow_up(entry: FollowUp) -> FollowUp:
    return replace(entry, content=_text(entry.content), attachments=_files(entry.attachments))
