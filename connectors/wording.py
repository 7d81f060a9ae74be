"""What is written to an agency, by name and in the agency's words: what expressions in its file may use."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.dates import written
from connectors.manifest import Manifest
from connectors.native import NativeWords
from connectors.template import Names
from schema.complaint import Complaint, IncidentLocation
from schema.connector import File, Write
from schema.delivery import DeliveryKind

_ONE: Final[Names] = {}


def _plain(*names: str) -> Names:
    return dict.fromkeys(names, _ONE)


_EVERY: Final[Names] = {
    **_plain("reference", "at", "tracking_id", "title", "text", "category", "category_code", "classification"),
    **_plain("channel", "region", "region_code", "address", "latitude", "longitude", "incident_date", "tags"),
    **_plain("is_anonymous", "is_confidential"),
    "reporter": _plain("name", "phone", "email"),
}
_FILES: Final = _plain("files")
_STATUS: Final = _plain("status", "canonical_status", "actor", "note")

#: Names by kind of write. A file in `files` has `name`, `content_type`, `byte_size`, `sha256`, `url` and `base64`.
NAMES: Final[Mapping[DeliveryKind, Names]] = {
    DeliveryKind.SUBMIT: {**_EVERY, **_FILES},
    DeliveryKind.FOLLOW_UP: {**_EVERY, **_FILES, **_plain("native_id", "kind", "content", "actor")},
    DeliveryKind.TRANSFER: {**_EVERY, **_plain("native_id", "to", "to_name", "note", "is_not_authority")},
    DeliveryKind.STATUS_CHANGE: {**_EVERY, **_STATUS, **_plain("native_id")},
    DeliveryKind.RATING: {**_EVERY, **_plain("native_id", "score", "comment", "source")},
    DeliveryKind.WITHDRAWAL: {**_EVERY, **_STATUS, **_plain("native_id")},
}


class Wording:
    """Puts writes into one agency's words.

    Args:
        manifest: the agency's file.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._words = NativeWords(manifest.words)
        self._zone = ZoneInfo(manifest.time_zone)
        self._moments = manifest.dates.formats[0]
        self._days = next((form for form in manifest.dates.formats if _is_day(form)), "iso")

    def names(self, write: Write, *, files: bool = True) -> dict[str, Any]:
        """By the names of NAMES for its kind; None where there is nothing, or the agency has no word for it.

        Args:
            files: with the bytes of files.
        """
        complaint = write.complaint
        moment, own = self._own(write)
        return {
            **self._complaint(complaint),
            "reference": write.reference,
            "native_id": write.native_id,
            "at": written(moment.astimezone(self._zone), self._moments),
            "reporter": _reporter(write),
            "files": [_file(file) for file in write.files] if files else [],
            **own,
        }

    def _complaint(self, complaint: Complaint) -> dict[str, Any]:
        place = complaint.incident_location or IncidentLocation()
        return {
            "tracking_id": complaint.tracking_id,
            "title": complaint.title,
            "text": complaint.text,
            "category": self._words.category(complaint.category),
            "category_code": complaint.category,
            "classification": self._words.classification(complaint.classification),
            "channel": self._words.channel(complaint.channel),
            "region": self._words.region(place.region_code),
            "region_code": place.region_code,
            "address": place.address,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "incident_date": self._day(complaint.incident_date),
            "tags": list(complaint.tags),
            "is_anonymous": complaint.is_anonymous,
            "is_confidential": complaint.is_confidential,
        }

    def _own(self, write: Write) -> tuple[datetime, dict[str, Any]]:
        """The moment of what is written, and the names that its kind alone has."""
        if (status := write.status) is not None:
            role = status.actor.role if status.actor else None
            word = self._words.status(status.to_status, role)
            told = {"status": word, "canonical_status": status.to_status.value, "note": status.note}
            return status.occurred_at, {**told, "actor": self._words.actor(role)}
        if (answer := write.follow_up) is not None:
            actor = self._words.actor(answer.actor.role if answer.actor else None)
            told = {"kind": self._words.follow_up_kind(answer.kind), "content": answer.content, "actor": actor}
            confidential = write.complaint.is_confidential or answer.is_confidential
            return answer.occurred_at, {**told, "is_confidential": confidential}
        if (handed := write.disposition) is not None:
            told = {"to": self._words.institution(handed.to_agency), "to_name": handed.to_agency.name}
            return handed.occurred_at, {**told, "note": handed.note, "is_not_authority": handed.is_not_authority}
        if (stars := write.rating) is not None:
            told = {"score": stars.score, "comment": stars.comment}  # type: ignore[dict-item]
            return stars.occurred_at, {**told, "source": self._words.rating_source(stars.source)}
        return write.complaint.submitted_at, {}

    def _day(self, day: date | None) -> str | None:
        if day is None:
            return None
        return day.isoformat() if self._days == "iso" else day.strftime(self._days)


def _is_day(form: str) -> bool:
    """A format without a time of day; `iso` knows both."""
    return form == "iso" or ("%d" in form and not any(part in form for part in ("%H", "%I", "%M", "%S", "%T", "%X")))


def _reporter(write: Write) -> dict[str, str | None]:
    who = write.reporter
    return {"name": who.name, "phone": who.phone, "email": who.email} if who else {}


def _file(file: File) -> dict[str, Any]:
    kept = file.attachment
    return {
        "name": kept.filename,
        "content_type": kept.content_type,
        "byte_size": len(file.content),
        "sha256": kept.sha256,
        "url": kept.url,
        "base64": b64encode(file.content).decode(),
    }
