"""GeoReport v2 records -> complaints.

The specification knows `open` and `closed` only; what servers add (`detailed_status`, third statuses, a status in the
first words of `status_notes`) is taken where it refines that, never where it contradicts it. Everything a server keeps
beyond the specification is reached by the JMESPath tables of the agency's file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from connectors.fields import AttachmentFields, Fields, FollowUpFields, InstitutionFields, TimelineFields
from connectors.manifest import Manifest
from connectors.mapping import Mapper
from connectors.open311.payload import Unreadable
from connectors.settings import DateSettings
from connectors.values import kind_of
from connectors.words import StatusMeaning, Words, fold
from schema.complaint import Channel, ComplaintRecord
from schema.errors import RecordError
from schema.status import TERMINAL, ComplaintStatus

Raw = Mapping[str, Any]

_S = ComplaintStatus

#: GeoReport's two statuses, FixMyStreet's extended ones and those of CitySDK (Helsinki, Rostock).
STATUSES: dict[str, ComplaintStatus] = {
    "open": _S.SUBMITTED,
    "opened": _S.SUBMITTED,
    "new": _S.SUBMITTED,
    "submitted": _S.SUBMITTED,
    "received": _S.SUBMITTED,
    "pending": _S.SUBMITTED,
    "internal_referral": _S.DISPOSED,
    "in_progress": _S.IN_FOLLOW_UP,
    "in_process": _S.IN_FOLLOW_UP,
    "investigating": _S.IN_FOLLOW_UP,
    "planned": _S.IN_FOLLOW_UP,
    "closed": _S.CLOSED,
    "fixed": _S.CLOSED,
    "processed": _S.CLOSED,
    "cancelled": _S.ARCHIVED,
    "canceled": _S.ARCHIVED,
    "rejected": _S.REJECTED,
    "not_councils_responsibility": _S.REJECTED,
    "duplicate": _S.DUPLICATE,
}

CHANNELS: dict[str, Channel] = {
    "web": Channel.WEBSITE,
    "website": Channel.WEBSITE,
    "web interface": Channel.WEBSITE,
    "app": Channel.MOBILE_APP,
    "mobile": Channel.MOBILE_APP,
    "android": Channel.MOBILE_APP,
    "iphone": Channel.MOBILE_APP,
    "ios": Channel.MOBILE_APP,
    "whatsapp": Channel.WHATSAPP,
    "sms": Channel.SMS,
    "text message": Channel.SMS,
    "phone": Channel.PHONE,
    "email": Channel.EMAIL,
    "e-mail": Channel.EMAIL,
    "twitter": Channel.SOCIAL_MEDIA,
    "facebook": Channel.SOCIAL_MEDIA,
    "walk-in": Channel.WALK_IN,
    "walkin": Channel.WALK_IN,
    "mail": Channel.LETTER,
    "letter": Channel.LETTER,
}

#: What the kind knows by itself; the agency's file goes before it. Underscores, hyphens and blanks are the same.
WORDS = Words(
    statuses={
        spelling: StatusMeaning(status)
        for word, status in STATUSES.items()
        for spelling in (word, word.replace("_", " "), word.replace("_", "-"))
    },
    channels=CHANNELS,
)

#: Where `tidy` puts what the specification names.
FIELDS = Fields(
    native_id="service_request_id",
    tracking_id="tracking_id",
    status="status",
    status_code="status_code",
    status_reason="status_notes",
    title="title",
    original_text="description",
    category="service_code",
    native_category="service_name",
    channel="channel",
    latitude="lat",
    longitude="long",
    address="address",
    is_anonymous="is_anonymous",
    is_confidential="is_confidential",
    submitted_at="requested_datetime",
    updated_at="updated_datetime",
    closed_at="closed_datetime",
)
TIMELINE = TimelineFields(records="moves", status="type", at="datetime", note="note")
FOLLOW_UPS = FollowUpFields(records="activities", at="datetime", content="note")
ATTACHMENTS = AttachmentFields(records="media", url="url", filename="title")
ASSIGNED = InstitutionFields(records="responsible", name="name")

#: Tried after the formats of the agency's file; no format in which day and month could be confused.
DATE_FORMATS = (
    "iso",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%dT%H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S",
    "epoch",
    "epoch_ms",
)

_IDS = ("service_request_id", "request_id", "id")
_DETAILS = ("detailed_status", "extended_status", "status_detail", "status_details", "substatus", "sub_status")
_CONFIDENTIAL = ("is_confidential", "confidential", "non_public", "is_private", "rahasia")
_ANONYMOUS = ("is_anonymous", "anonymous", "anonim")
_ZONE = re.compile(r"\s*\b(?:UTC|GMT)\s*$")
_NOTHING = frozenset({"", "null", "none", "nil", "n/a", "na", "-", "undefined"})
#: The first words of a note, up to the end of a sentence or a dash: "In progress - The request has been scheduled."
_OPENING = re.compile(r"\s*([^\s.:;,!(][^.:;,!(]{0,39}?)(?:\s+request)?\s*(?:[.:;,!(]|\s[-–—]\s|$)")


class Reader:
    """Reads the records of one agency.

    Args:
        manifest: the agency's file; its maps, tables and date formats go before what the kind knows.

    Attributes:
        service_names: by service code, for records that carry no name; filled by the connector.
        dates: reads the agency's moments.

    Raises:
        ConfigError: the file doesn't fit.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._mapper = Mapper(_with_defaults(manifest), fields=FIELDS, words=WORDS)
        self.dates = self._mapper.dates
        self.service_names: dict[str, str] = {}

    def record(self, raw: object) -> ComplaintRecord:
        """One record of `payload.read_requests`.

        Raises:
            RecordError: what can't be read, and where.
        """
        if isinstance(raw, Unreadable):
            raise RecordError(raw.reason)
        if not isinstance(raw, dict):
            raise RecordError(f"is {kind_of(raw)} where an object was expected")
        return self._mapper.record(tidy(self._updated(raw), self._mapper.words, self.service_names))

    def _updated(self, raw: Raw) -> Raw:
        """The record as its newest update has it, where that is newer than the record itself."""
        updates = raw.get("updates")
        newest = updates[-1] if isinstance(updates, list) and updates else None
        if not isinstance(newest, dict):
            return raw
        try:
            told, own = self.dates.moment(newest.get("updated_datetime")), self.dates.moment(_moment(_changed(raw)))
        except RecordError:
            return raw  # the mapper will say what is wrong with it
        if told is None or (own is not None and told < own):
            return raw
        status = _present(newest.get("status"))
        return {**raw, "updated_datetime": newest["updated_datetime"], **({"status": status} if status else {})}

    def native_id(self, raw: object) -> str | None:
        """A record's key, if that much can be read."""
        return self._mapper.native_id({"service_request_id": _first(raw, _IDS)}) if isinstance(raw, dict) else None


def _with_defaults(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest,
        dates=DateSettings(formats=tuple(dict.fromkeys((*manifest.dates.formats, *DATE_FORMATS)))),
        timeline=manifest.timeline or TIMELINE,
        follow_ups=manifest.follow_ups or FOLLOW_UPS,
        attachments=manifest.attachments or ATTACHMENTS,
        assigned_agencies=manifest.assigned_agencies or ASSIGNED,
    )


def tidy(raw: Raw, words: Words, service_names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The record with what the specification names in its place and in one shape; everything else as it came.

    Args:
        words: to know a status word when it sees one.

    Raises:
        RecordError: a receipt (a token, no id), or neither a status nor anything in its place.
    """
    code = _scalar(raw.get("service_code"))
    name = _scalar(raw.get("service_name")) or (service_names or {}).get(str(code))
    status, base = _status(raw, words)
    moves, activities = _notes(raw, words)
    return {
        **raw,
        "service_request_id": _id(raw),
        "status": status,
        "status_code": base,
        "status_notes": _scalar(raw.get("status_notes")),
        "service_code": code,
        "service_name": name,
        "tracking_id": _scalar(_extra(raw, "tracking_id")),
        "title": _scalar(_extra(raw, "title") or _extra(raw, "subject")) or name,
        "description": _scalar(_first(raw, ("description", "detail", "details"))),
        "channel": _scalar(_extra(raw, "channel") or _extra(raw, "interface_used") or _extra(raw, "source")),
        "address": _scalar(_first(raw, ("address", "address_string"))),
        "lat": _first(raw, ("lat", "latitude")),
        "long": _first(raw, ("long", "lng", "lon", "longitude")),
        "is_anonymous": _flag(raw, _ANONYMOUS),
        "is_confidential": _flag(raw, _CONFIDENTIAL),
        "requested_datetime": _moment(raw.get("requested_datetime")),
        "updated_datetime": _moment(raw.get("updated_datetime")),
        "closed_datetime": _closed_at(raw, words),
        "media": _media(raw),
        "responsible": _responsible(raw.get("agency_responsible")),
        "moves": moves,
        "activities": activities,
    }


def _changed(raw: Raw) -> object:
    return _present(raw.get("updated_datetime")) or raw.get("requested_datetime")


def _id(raw: Raw) -> object:
    found = _first(raw, _IDS)
    if found is None and _present(raw.get("token")) is not None:
        raise RecordError("is missing: the server gave a token so far, no id", path=("service_request_id",))
    return found


# --- status


def _status(raw: Raw, words: Words) -> tuple[object, object]:
    """The word that decides, and the record's own `status`."""
    base = _scalar(_present(raw.get("status")))
    known = _meaning(base, words)
    for detail in _details(raw, words):
        refined = _meaning(detail, words)
        if refined is not None and (known is None or (known in TERMINAL) == (refined in TERMINAL)):
            return detail, base
    return base, base


def _details(raw: Raw, words: Words) -> Iterable[str]:
    """Words that may say more than `status`, the most telling first."""
    found = [str(word) for name in _DETAILS if (word := _scalar(_present(_extra(raw, name))))]
    notes = raw.get("status_notes")
    opening = _OPENING.match(notes) if isinstance(notes, str) else None
    return [*found, opening[1]] if opening and fold(opening[1]) in words.statuses else found


def _meaning(word: object, words: Words) -> ComplaintStatus | None:
    found = words.status(str(word)).status if word is not None else _S.UNMAPPED
    return None if found is _S.UNMAPPED else found


def _closed_at(raw: Raw, words: Words) -> object:
    """The specification lets `updated_datetime` be the moment of closing, once a request is closed."""
    told = _moment(_extra(raw, "closed_datetime") or _extra(raw, "closed_date"))
    over = _meaning(_scalar(raw.get("status")), words) in TERMINAL
    return told or (_moment(raw.get("updated_datetime")) if over else None)


def _notes(raw: Raw, words: Words) -> tuple[list[Raw], list[Raw]]:
    """The `notes` extension and the updates: what tells of the status, and what tells of the work."""
    moves, activities = _updates(raw, words)
    for note in _list(raw.get("notes")):
        if isinstance(note, dict) and _present(note.get("datetime")) is not None:
            kind = note.get("type")
            is_move = isinstance(kind, str) and _meaning(kind, words) is not None
            text = _scalar(_first(note, ("description", "summary")))
            (moves if is_move else activities).append({"type": kind, "datetime": note["datetime"], "note": text})
    return moves, activities


def _updates(raw: Raw, words: Words) -> tuple[list[Raw], list[Raw]]:
    """Each update says the status; only where that is another one than before it is a move."""
    moves: list[Raw] = []
    activities: list[Raw] = []
    before = None
    for update in _list(raw.get("updates")):
        if not isinstance(update, dict) or _present(update.get("updated_datetime")) is None:
            continue
        status = _scalar(_present(update.get("status")))
        told = {"type": status, "datetime": update["updated_datetime"], "note": _scalar(update.get("description"))}
        if _meaning(status, words) is not None and status != before:
            moves.append(told)
            before = status
        elif told["note"]:
            activities.append({**told, "type": None})
    return moves, activities


# --- values in their many shapes


def _present(value: object) -> Any:
    """The value, or None for the many ways of writing nothing."""
    return None if value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING) else value


def _moment(value: object) -> Any:
    """A date as it came, only that a zone's name becomes its offset: strptime would take `UTC` and forget it."""
    named = isinstance(value, str) and len(value) < 60 and _present(value) is not None
    return _ZONE.sub(" +0000", str(value)) if named else _present(value)


def _first(raw: Raw, names: Iterable[str]) -> Any:
    return next((raw[name] for name in names if _present(raw.get(name)) is not None), None)


def _extra(raw: Raw, name: str) -> Any:
    """A value that servers put beside the specification's or into `extended_attributes`."""
    extended = raw.get("extended_attributes")
    inside = extended.get(name) if isinstance(extended, dict) else None
    return inside if _present(inside) is not None else raw.get(name)


def _scalar(value: object) -> Any:
    """A text or number; several of them with commas. What is no text is no reason to lose the record."""
    if isinstance(value, list):
        return ", ".join(str(part) for part in value if isinstance(part, str | int | float)) or None
    return value if isinstance(value, str | int | float) else None


def _list(value: object) -> list[Any]:
    """A list; also when XML or a careless server gave its only entry, or wrapped it once more."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), list):
        return inner
    return value if isinstance(value, list) else [] if value is None else [value]


def _flag(raw: Raw, names: Iterable[str]) -> object:
    return next((value for name in names if (value := _present(_extra(raw, name))) is not None), None)


def _media(raw: Raw) -> list[Raw]:
    """Addresses of files: a text, a list of texts or of objects, at the top and in `extended_attributes`."""
    found: dict[str, Raw] = {}
    for name in ("media_url", "media_urls", "photos", "media"):
        for entry in (*_list(raw.get(name)), *_list(_extra(raw, name))):
            told = entry if isinstance(entry, dict) else {"url": entry}
            url = _first(told, ("url", "media_url", "href", "src"))
            if isinstance(url, str) and url.strip():
                found.setdefault(url.strip(), {"url": url.strip(), "title": _scalar(told.get("title"))})
    return list(found.values())


def _responsible(value: object) -> list[Raw]:
    return [{"name": name} for entry in _list(value) if (name := _scalar(_present(_named(entry))))]


def _named(entry: object) -> object:
    return _first(entry, ("name", "recipient", "title")) if isinstance(entry, dict) else entry
