"""SP4N-LAPOR! rows -> complaints: its words, its flags, its logs.

The dialect as seen in public clients: dates `d-m-Y H:i:s` without zone, booleans as 0/1 or texts, templates in
`data_logs`. The envelope around the rows is `envelope.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from connectors.fields import (
    DispositionFields,
    Fields,
    FollowUpFields,
    InstitutionFields,
    RatingFields,
    ReferenceFields,
    TimelineFields,
)
from connectors.lapor.writing import our_reference
from connectors.manifest import Manifest
from connectors.mapping import Mapper, attachment_id, web_address
from connectors.settings import DateSettings
from connectors.values import kind_of, number, word
from connectors.words import StatusMeaning, Words, fold
from schema.categories import by_lapor_id
from schema.complaint import Attachment, Channel, Classification, ComplaintRecord, FollowUpKind
from schema.errors import RecordError
from schema.status import ActorRole, ComplaintStatus

Raw = Mapping[str, Any]

_S, _A = ComplaintStatus, ActorRole

#: `status_name` in small letters; what ends in `*` is a beginning ("Terdisposisi ke Dinas Perhubungan").
STATUSES: dict[str, StatusMeaning] = {
    "belum terverifikasi": StatusMeaning(_S.SUBMITTED),
    "terverifikasi": StatusMeaning(_S.VERIFIED),
    "menunggu kelengkapan informasi": StatusMeaning(_S.AWAITING_INFORMATION),
    "terdisposisi": StatusMeaning(_S.DISPOSED),
    "terdisposisi ke *": StatusMeaning(_S.DISPOSED),
    "dalam proses": StatusMeaning(_S.IN_FOLLOW_UP),
    "ditindaklanjuti": StatusMeaning(_S.IN_FOLLOW_UP),
    "tunda": StatusMeaning(_S.POSTPONED),
    "selesai otomatis dalam 10 hari": StatusMeaning(_S.ANSWERED),
    "selesai": StatusMeaning(_S.CLOSED),
    "ditutup oleh sistem": StatusMeaning(_S.CLOSED, _A.SYSTEM),
    "ditutup oleh pelapor": StatusMeaning(_S.CLOSED, _A.REPORTER),
    "ditutup oleh admin": StatusMeaning(_S.CLOSED, _A.NATIONAL_ADMIN),
    "diarsipkan oleh sistem": StatusMeaning(_S.ARCHIVED, _A.SYSTEM),
    "diarsipkan oleh pelapor": StatusMeaning(_S.ARCHIVED, _A.REPORTER),
    "diarsipkan oleh admin": StatusMeaning(_S.ARCHIVED, _A.NATIONAL_ADMIN),
    "ditolak": StatusMeaning(_S.REJECTED),
}

#: What the kind knows by itself; the agency's file goes before it.
WORDS = Words(
    statuses=STATUSES,
    classifications={
        "pengaduan berkadar pengawasan": Classification.PENGADUAN_BERKADAR_PENGAWASAN,
        "pengaduan tidak berkadar pengawasan": Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN,
        "aspirasi": Classification.ASPIRASI,
        "permintaan informasi": Classification.PERMINTAAN_INFORMASI,
    },
    channels={
        "website": Channel.WEBSITE,
        "android": Channel.MOBILE_APP,
        "ios": Channel.MOBILE_APP,
        "whatsapp": Channel.WHATSAPP,
        "sms": Channel.SMS,
        "sms 1708": Channel.SMS,
        "twitter": Channel.SOCIAL_MEDIA,
        "facebook": Channel.SOCIAL_MEDIA,
        "instagram": Channel.SOCIAL_MEDIA,
        "email": Channel.EMAIL,
        "telepon": Channel.PHONE,
        "surat": Channel.LETTER,
        "tatap muka": Channel.WALK_IN,
    },
    follow_up_kinds={
        "tl_awal": FollowUpKind.INITIAL_RESPONSE,
        "tl_proses": FollowUpKind.PROGRESS,
        "tl_selesai": FollowUpKind.FINAL_ANSWER,
        "balasan": FollowUpKind.REPORTER_REPLY,
        "minta_info": FollowUpKind.INFORMATION_REQUEST,
    },
)

#: Where `tidy` puts things.
FIELDS = Fields(
    native_id="id",
    tracking_id="tracking_id",
    url="url",
    status="status_name",
    status_code="status_code",
    status_label="status_name",
    status_reason="reason",
    title="title",
    original_text="content",
    edited_text="content_final",
    classification="classification_name",
    category="category_id",
    native_category="category_name",
    channel="channel_kind",
    native_channel="channel",
    tags="tags",
    incident_date="date_of_incident",
    region="location_id",
    latitude="lat",
    longitude="long",
    address="address",
    is_anonymous="is_anonymous",
    is_confidential="is_secret",
    reporter_name="user.name",
    reporter_phone="user.phone",
    reporter_email="user.email",
    submitted_at="created_at",
    updated_at="updated_at",
    closed_at="closed_at",
    owner_agency="institution_name",
    owner_agency_id="institution_id",
)
TIMELINE = TimelineFields(records="status_logs", status="status", at="timestamp", note="remark")
FOLLOW_UPS = FollowUpFields(
    records="followups",
    at="created_at",
    content="content",
    kind="template_code",
    actor="actor",
    from_name="institution_from.name",
    from_id="institution_from.id",
    to_name="institution_to.name",
    to_id="institution_to.id",
    is_confidential="is_secret",
)
DISPOSITIONS = DispositionFields(
    records="dispositions",
    at="timestamp",
    to_name="institution_to",
    from_name="institution_from",
    note="note",
    is_not_authority="not_authority",
)
RATINGS = RatingFields(records="ratings", score="value", at="created_at", source="source", comment="comment")
ASSIGNED = InstitutionFields(records="assigned", name="name", id="id")
COPIED = InstitutionFields(records="copy_externals", name="name", id="id")
REFERENCES = ReferenceFields(records="external_ids", system="system", id="id")

DATE_FORMATS = ("%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "iso")

_DISPOSED_TO = re.compile(r"\s*terdisposisi\s+ke\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_TEMPLATE = re.compile(r"\{\{\s*(\w{1,60})\s*\}\}")
_HASHTAG = re.compile(r"#?([^\s#,]+)")


# --- one row


class Reader:
    """Reads the rows of one agency.

    Args:
        manifest: the agency's file; its maps, tables and date formats go before what the kind knows.

    Attributes:
        dates: reads the agency's moments.
        words: the agency's, over the kind's own.
        institutions: names by id, for rows that carry an id alone; filled by the connector.

    Raises:
        ConfigError: the file doesn't fit.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._mapper = Mapper(_with_defaults(manifest), fields=FIELDS, words=WORDS)
        self._slug = manifest.slug
        self.dates = self._mapper.dates
        self.words = self._mapper.words
        self.institutions: dict[str, str] = {}

    def record(self, raw: object) -> ComplaintRecord:
        """One row, with or without `status_logs`, `data_logs` and `followups` in it.

        Raises:
            RecordError: what can't be read, and where.
        """
        if not isinstance(raw, dict):
            raise RecordError(f"is {kind_of(raw)} where an object was expected")
        record = self._mapper.record(tidy(raw, self._mapper.words, self.institutions))
        return msgspec.structs.replace(
            record,
            category=record.category or _category(raw.get("category_id")),
            attachments=record.attachments or self._attachments(raw, record.native_id),
            tags=tuple(tag for tag in record.tags if our_reference(tag) is None),
            external_references=(*record.external_references, *filter(None, map(our_reference, record.tags))),
        )

    def native_id(self, raw: object) -> str | None:
        """A row's key, if that much can be read."""
        return self._mapper.native_id(raw)

    def _attachments(self, raw: Raw, native_id: str) -> tuple[Attachment, ...]:
        """Files are listed by id and name; only some servers tell an address."""
        found: list[Attachment] = []
        for file in _dicts(raw.get("attachments")):
            size = number(file.get("size"))
            key = str(file.get("id") or file.get("url") or file.get("name"))
            found.append(
                Attachment(
                    id=attachment_id(self._slug, native_id, key),
                    filename=_or_none(file.get("name")),
                    content_type=_or_none(file.get("type")),
                    byte_size=int(size) if size is not None and size >= 0 else None,
                    url=web_address(file.get("url")),
                )
            )
        return tuple(found)


def _with_defaults(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest,
        dates=DateSettings(formats=tuple(dict.fromkeys((*manifest.dates.formats, *DATE_FORMATS)))),
        timeline=manifest.timeline or TIMELINE,
        follow_ups=manifest.follow_ups or FOLLOW_UPS,
        dispositions=manifest.dispositions or DISPOSITIONS,
        ratings=manifest.ratings or RATINGS,
        assigned_agencies=manifest.assigned_agencies or ASSIGNED,
        copied_agencies=manifest.copied_agencies or COPIED,
        external_references=manifest.external_references or REFERENCES,
    )


def tidy(raw: Raw, words: Words, institutions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The row with its oddities resolved: logs read, templates filled, flags in one place; everything else as it came.

    Args:
        words: to know a status when a log names one.
        institutions: names by id.
    """
    names = institutions or {}
    moves = list(_moves(raw, words))
    channel = _or_none(raw.get("channel"))
    anonymous, secret = _kinds(raw)
    return {
        **raw,
        "id": raw.get("id") if _told(raw.get("id")) else raw.get("complaint_id"),
        "is_anonymous": raw["is_anonymous"] if _told(raw.get("is_anonymous")) else anonymous,
        "is_secret": raw["is_secret"] if _told(raw.get("is_secret")) else secret,
        # "Website - pemerintah-kota-x": the embedded form of an agency
        "channel_kind": channel.partition(" - ")[0] if channel else None,
        "tags": _HASHTAG.findall(raw["tags_raw"]) if isinstance(raw.get("tags_raw"), str) else raw.get("tags"),
        "institution_name": _or_none(raw.get("institution_name")) or names.get(str(raw.get("institution_id"))),
        "assigned": _assigned(raw, names),
        "copy_externals": [_copied(entry, names) for entry in _list(raw.get("copy_externals"))],
        "status_logs": moves,
        "dispositions": list(_dispositions(raw, moves, words)),
        "followups": [_follow_up(entry) for entry in _dicts(raw.get("followups"))],
        "ratings": [_rating(raw["rating"], raw)] if isinstance(raw.get("rating"), dict) else [],
    }


def _kinds(raw: Raw) -> tuple[bool, bool]:
    """The admin export's column "Tipe Laporan (Anonim/Rahasia)": `Anonim`, `Rahasia`, `Anonim|Rahasia` or empty."""
    names = ("type_name", "tipe_laporan", "Tipe Laporan (Anonim/Rahasia)")
    told = next((raw[name] for name in names if isinstance(raw.get(name), str)), "")
    kinds = {fold(kind) for kind in told.split("|")}
    return "anonim" in kinds, "rahasia" in kinds


def _assigned(raw: Raw, names: Mapping[str, str]) -> list[Raw]:
    """Instansi terdisposisi; where only the status or the id tells it, from there."""
    key, status = raw.get("disposition_id") or None, _or_none(raw.get("status_name"))
    found = _DISPOSED_TO.match(status) if status else None
    name = _or_none(raw.get("disposition_name")) or names.get(str(key)) or (found[1].strip() if found else None)
    return [{"id": key, "name": name}] if name else []


def _copied(entry: object, names: Mapping[str, str]) -> object:
    """Tembusan: an object, or its id alone."""
    if isinstance(entry, dict):
        return entry
    return {"id": entry, "name": names.get(str(entry))} if isinstance(entry, str | int) else None


def nameless(raw: object) -> bool:
    """Whether a row names an institution by its id alone."""
    if not isinstance(raw, dict):
        return False
    alone = (raw.get(f"{kind}_id") and not raw.get(f"{kind}_name") for kind in ("disposition", "institution"))
    return any(alone) or any(isinstance(entry, str | int) for entry in _list(raw.get("copy_externals")))


# --- its logs


def _moves(raw: Raw, words: Words) -> Iterator[dict[str, Any]]:
    """`status_logs`: a status, and after a dash sometimes a remark. Without that log, the states `data_logs` tells."""
    if _dicts(raw.get("status_logs")):
        for entry in _dicts(raw.get("status_logs")):
            status, remark = split_note(_or_none(entry.get("note")) or "", words)
            yield {**entry, "status": status, "remark": remark}
        return
    for entry in _dicts(raw.get("data_logs")):
        data = _data(entry)
        if _told(data.get("status_new")) and _told(entry.get("timestamp")):
            yield {"status": data["status_new"], "remark": data.get("reason"), "timestamp": entry["timestamp"]}


def split_note(note: str, words: Words) -> tuple[str, str | None]:
    """A log's note as status and remark: "Tunda - Menunggu anggaran".

    Args:
        words: a status that is known with its dash is not cut.
    """
    if fold(note) in words.statuses:
        return note, None
    status, _, remark = note.partition(" - ")
    return status.strip(), remark.strip() or None


def _dispositions(raw: Raw, moves: Iterable[Raw], words: Words) -> Iterator[dict[str, Any]]:
    """The entries of `data_logs` that hand over; one without a time has the time of its status log's entry."""
    disposed = (move for move in moves if words.status(str(move["status"])).status is _S.DISPOSED)
    for entry in _dicts(raw.get("data_logs")):
        data = _data(entry)
        target = _name(entry.get("institution_to") or data.get("institution_to"))
        if _told(data.get("status_new")) or target is None:
            continue
        beside = next(disposed, {})
        moments = (entry.get("timestamp"), data.get("timestamp"), beside.get("timestamp"), raw.get("updated_at"))
        yield {
            "timestamp": next(filter(_told, moments), None),
            "institution_from": _name(entry.get("institution_from") or data.get("institution_from")),
            "institution_to": target,
            "note": _or_none(data.get("reason")) or fill(_or_none(entry.get("content")), {**entry, **data}),
            "not_authority": data.get("not_authority", entry.get("not_authority")),
        }


def fill(template: str | None, values: Raw) -> str | None:
    """A template such as `Dari {{institution_from}} ke {{institution_to}}` with its names replaced, once.

    What has no value becomes "…": braces are never shown.
    """
    if template is None:
        return None
    return _TEMPLATE.sub(lambda found: _name(values.get(found[1])) or "…", template)


def _follow_up(entry: Raw) -> dict[str, Any]:
    """Who spoke: the reporter in a reply, else the institution it came from."""
    kind = WORDS.follow_up_kinds.get(fold(str(entry.get("template_code"))))
    sender, target = entry.get("institution_from"), entry.get("institution_to")
    role = _A.REPORTER if kind is FollowUpKind.REPORTER_REPLY else _A.AGENCY if _told(sender) else None
    return {**entry, "institution_from": _party(sender), "institution_to": _party(target), "actor": role}


def _rating(rating: Raw, raw: Raw) -> dict[str, Any]:
    """`is_auto` marks the five stars that the system gives for a silent citizen."""
    automatic = fold(str(rating.get("is_auto"))) in {"1", "true", "1.0"}
    moments = (rating.get("created_at"), raw.get("closed_at"), raw.get("updated_at"), raw.get("created_at"))
    source = "AUTO" if automatic else "CITIZEN"
    return {**rating, "created_at": next(filter(_told, moments), None), "source": source}


# --- values


def _told(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _or_none(value: object) -> str | None:
    return word(value) if isinstance(value, str | int) else None


def _name(value: object) -> str | None:
    return _or_none(value.get("name")) if isinstance(value, dict) else _or_none(value)


def _party(value: object) -> object:
    """An institution, also where only its name is given."""
    return value if isinstance(value, dict) or not _told(value) else {"name": value}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    """The objects of a list. A log that holds anything else is still worth its other entries."""
    return [entry for entry in _list(value) if isinstance(entry, dict)]


def _data(entry: Raw) -> Raw:
    data = entry.get("data")
    return data if isinstance(data, dict) else {}


def _category(native: object) -> str | None:
    known = number(native)
    category = by_lapor_id(int(known)) if known is not None and known.is_integer() else None
    return category.code if category else None
