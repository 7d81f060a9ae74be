"""SP4N-LAPOR!: REST with two keys, `results.data`, dates without zone, booleans of three kinds, and no change feed."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Case, Step
from simulators.content import Stars, Story
from simulators.dialect import WIB, Dialect, number, stamp
from simulators.dialects.sp4n_lapor_words import (
    BY,
    CATEGORIES,
    CLASSES,
    CODES,
    GOVERNMENTS,
    PHONES,
    TEMPLATES,
    UNITS,
    tracking_id,
    unit_id,
)
from simulators.dialects.sp4n_lapor_writes import WRITES, answer, missing

S = ComplaintStatus
A = ActorRole

_DATE = "%d-%m-%Y %H:%M:%S"
_LOGS = ("status_logs", "data_logs", "followups")


def _institution(name: str | None) -> dict[str, Any] | None:
    return None if name is None else {"id": unit_id(name), "name": name}


def _government(story: Story) -> str:
    return f"Pemerintah {story.place.regency or story.place.province or 'Pusat'}"


def _code(step: Step) -> int:
    code = BY.get((step.status, step.actor), CODES[step.status])[0]
    return code + 1 if code == 5 and step.at % 2 else code


def _name(step: Step, unit: str | None) -> str:
    if step.status is S.DISPOSED:
        return f"Terdisposisi ke {step.unit or unit}"
    if _code(step) == 6:
        return "Ditindaklanjuti"
    return BY.get((step.status, step.actor), CODES[step.status])[1]


def _truth(value: bool, salt: int) -> int | str:
    """Booleans as this API has them."""
    return ((0, 1), ("0", "1"), ("false", "true"))[salt % 3][value]


def _channel(story: Story) -> str:
    words = PHONES.get(story.channel)
    if words:
        return words[story.case.number % len(words)]
    slug = _government(story).lower().replace(" ", "-")
    return f"Website - {slug}" if story.case.number % 5 == 0 else "Website"


def _status_logs(story: Story) -> list[dict[str, Any]]:
    return [
        {
            "note": _name(step, story.unit or story.case.about.unit) + (f" - {step.note}" if step.note else ""),
            "timestamp": stamp(step.at, WIB, _DATE),
        }
        for step in story.log
    ]


def _data_logs(story: Story) -> list[dict[str, Any]]:
    found = []
    holder = _government(story)
    for step in story.log:
        at = stamp(step.at, WIB, _DATE)
        if step.unit:
            content = "Laporan didisposisikan dari {{institution_from}} ke {{institution_to}}"
            found.append(_data_log(content, holder, step.unit, None, step, at))
            holder = step.unit
        found.append(_data_log("Status menjadi {{status_new}}", holder, None, _name(step, holder), step, at))
    return found


def _data_log(content: str, giver: str, taker: str | None, status: str | None, step: Step, at: str) -> dict[str, Any]:
    data = {
        "institution_from": giver,
        "institution_to": taker,
        "status_new": status,
        "not_authority": int(step.not_authority and taker is not None),
        "reason": step.note if taker else None,
    }
    return {"institution_from": giver, "institution_to": taker, "content": content, "data": data, "timestamp": at}


def _followups(story: Story) -> list[dict[str, Any]]:
    giver = _institution(story.unit or _government(story))
    return [
        {
            "id": story.case.number * 100 + place,
            "template_code": TEMPLATES[reply.kind],
            "content": reply.content,
            "institution_from": None if reply.kind is FollowUpKind.REPORTER_REPLY else giver,
            "institution_to": giver if reply.kind is FollowUpKind.REPORTER_REPLY else None,
            "is_secret": _truth(reply.is_confidential, story.case.number),
            "rating": None,
            "created_at": stamp(reply.at, WIB, _DATE),
        }
        for place, reply in enumerate(story.replies)
    ]


def _rating(stars: Stars | None) -> dict[str, Any] | None:
    if stars is None or stars.source is RatingSource.ADMIN:
        return None  # this API has no word for it
    return {
        "value": str(stars.score),
        "is_auto": int(stars.source is RatingSource.AUTO),
        "comment": stars.comment,
        "created_at": stamp(stars.at, WIB, _DATE),
    }


def _reason(story: Story) -> str | None:
    last = story.log[-1]
    return last.note if last.status in (S.POSTPONED, S.ARCHIVED, S.AWAITING_INFORMATION) else None


def _row(story: Story) -> dict[str, Any]:
    case, place, last = story.case, story.place, story.log[-1]
    class_id, class_name = CLASSES[story.classification]
    category_id, category = CATEGORIES[case.about.key]
    exact = case.number % 8 != 0 and len(place.code) == 8
    return {
        "id": str(case.number) if case.number % 7 == 0 else case.number,
        "tracking_id": tracking_id(case),
        "title": story.title,
        "content": story.text,
        "content_final": story.edited,
        "classification_id": class_id,
        "classification_name": class_name,
        "category_id": category_id,
        "category_name": category,
        "channel": _channel(story),
        "status_code": _code(last),
        "status_name": _name(last, story.unit or case.about.unit),
        "reason": _reason(story),
        "institution_id": 12_000 + int(place.code[:2] or 0) * 100 + int(place.code[3:5] or 0),
        "institution_name": _government(story),
        "disposition_id": unit_id(story.unit) if story.unit else None,
        "disposition_name": story.unit,
        "copy_externals": [{"id": 131_398, "name": "Inspektorat Daerah"}] if case.number % 19 == 0 else [],
        "tags_raw": " ".join(f"#{tag}" for tag in story.tags) or None,
        "location_id": (place.code if exact else place.code[:5]).replace(".", "") or None,
        "province": place.province,
        "city": place.regency,
        "district": place.district.upper() if exact else None,
        "address": story.address,
        "lat": str(story.latitude) if story.latitude is not None else ("0", None)[case.number % 2],
        "long": str(story.longitude) if story.longitude is not None else ("0", None)[case.number % 2],
        "date_of_incident": story.incident.strftime("%d-%m-%Y"),
        "is_anonymous": _truth(case.is_anonymous, case.number),
        "is_secret": _truth(case.is_confidential, case.number + 1),
        "user": {"id": case.seed % 900_000, "name": story.name, "phone": story.phone, "email": story.email},
        "rating": _rating(story.stars),
        "attachments": [{"id": case.number * 10, "name": story.photo, "type": "image/jpeg", "size": 184_320}]
        if story.photo
        else [],
        "external_ids": [] if case.origin is None else [{"system": "kab-tangerang", "id": str(case.origin)}],
        "created_at": stamp(case.submitted, WIB, _DATE),
        "updated_at": stamp(case.updated, WIB, _DATE),
        "closed_at": stamp(story.closed_at, WIB, _DATE) if story.closed_at else None,
        "url": f"https://lapor.example/laporan/{tracking_id(case)}",
    }


def render(story: Story) -> bytes:
    row = _row(story)
    row["status_logs"] = _status_logs(story)
    row["data_logs"] = _data_logs(story)
    row["followups"] = _followups(story)
    return orjson.dumps(row)


def native_id(case: Case) -> str:
    return str(case.number)


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    del row["id"]
    return orjson.dumps({**row, "status_code": ["?"], "created_at": "31-31-2024", "updated_at": True})


def _list(agency: Agency, request: Request) -> Response:
    page, size = number(request, "page", 1, 1, 10**6), number(request, "page_size", 20, 1, 200)
    order = agency.newest_first()
    if mark := request.query_params.get("tag"):
        held = set(agency.referred(mark.removeprefix("simpul:")))
        order = [place for place in order if place in held]
    cut = agency.cut(order, (page - 1) * size, size)
    wanted = request.query_params.get("expand", "").split(",")
    dropped = [name for name in _LOGS if name not in wanted]
    rows = [_without(record, dropped) for record in cut.records]
    return answer(rows, total=cut.total, page=page, page_size=size)


def _without(record: bytes, names: list[str]) -> object:
    if not names:
        return orjson.Fragment(record)
    row = orjson.loads(record)
    return {name: value for name, value in row.items() if name not in names}


def _one(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    return missing() if place is None else answer(orjson.Fragment(agency.record(place)))


def _course(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return missing()
    row = orjson.loads(agency.record(place))
    names = ("status_code", "status_name", "disposition_id", "disposition_name", "status_logs")
    data = {"complaint_id": row["id"], **{name: row[name] for name in names}}
    return answer(data, data_logs=row["data_logs"])


def _answers(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    return missing() if place is None else answer(orjson.loads(agency.record(place))["followups"])


def _institutions(agency: Agency, request: Request) -> Response:
    size = number(request, "page_size", 20, 1, 1000)
    return answer([{"id": id, "name": name} for name, id in {**GOVERNMENTS, **UNITS}.items()][:size])


DIALECT = Dialect(
    slug="sp4n-lapor",
    statuses={status: (name,) for status, (_, name) in CODES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={"authorization": "Bearer demo-lapor-bearer", "token": "demo-lapor-token"},
    environment={"SIMPUL_SP4N_LAPOR_BEARER": "demo-lapor-bearer", "SIMPUL_SP4N_LAPOR_TOKEN": "demo-lapor-token"},
    endpoints=(
        ("/masters/institutions/external", _institutions),
        ("/complaints", _list),
        ("/complaints/{id}", _one),
        ("/complaints/{id}/complaint", _course),
        ("/complaints/{id}/followups", _answers),
    ),
    writes=WRITES,
)
