"""Kabupaten Badung ("SIDUMAS"): exports in XLSX and CSV; beside them Open311 in JSON, with habits of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import FollowUpKind
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story, story
from simulators.dialect import WITA, Dialect, number, stamp
from simulators.dialects.kab_badung_words import HOME, SERVICES, STATUSES, WORDS
from simulators.exports import Exports, Sheet, naive
from simulators.open311 import BadDate, extended, is_open, selected, span

_EXTENSIONS = ("extended_attributes", "notes")


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WITA, "%Y-%m-%d %H:%M:%S.00")


def _flag(value: bool) -> str:
    return "Ya" if value else "Tidak"


def _referrals(story: Story) -> list[dict[str, Any]]:
    givers = [HOME, *(step.unit for step in story.handed)]
    return [
        {
            "from": giver,
            "to": step.unit,
            "datetime": _date(step.at),
            "reason": step.note,
            "not_authority": _flag(step.not_authority),
        }
        for giver, step in zip(givers, story.handed, strict=False)
    ]


def _attributes(story: Story) -> dict[str, Any]:
    case, stars = story.case, story.stars
    return {
        "title": story.title,
        "ticket": tracking_id(case),
        "detailed_status": STATUSES[case.status][0],
        "classification": WORDS.classes[story.classification],
        "channel": WORDS.channel(story.channel),
        "anonim": _flag(case.is_anonymous),
        "rahasia": _flag(case.is_confidential),
        "reporter": {"name": story.name, "phone": story.phone},
        "edited": story.edited,
        "closed_datetime": _date(story.closed_at),
        "responses": [
            {
                "type": WORDS.replies[reply.kind],
                "datetime": _date(reply.at),
                "from": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or HOME,
                "text": reply.content,
                "confidential": _flag(reply.is_confidential),
            }
            for reply in story.replies
        ],
        "referrals": _referrals(story),
        "rating": stars
        and {
            "stars": stars.score,
            "by": WORDS.stars[stars.source],
            "datetime": _date(stars.at),
            "comment": stars.comment,
        },
        "sp4n": None,
    }


def _coordinate(value: float | None, salt: int) -> str | None:
    return str(value) if value is not None else ("0.0", None)[salt % 2]


def render(story: Story) -> bytes:
    case = story.case
    code, name = SERVICES[case.about.key]
    return orjson.dumps(
        {
            "service_request_id": case.number,
            "status": "Open" if is_open(case) else "Closed",
            "status_notes": story.log[-1].note,
            "service_code": code,
            "service_name": name,
            ("detail" if case.number % 20 == 0 else "description"): story.text,
            "agency_responsible": story.unit,
            "service_notice": None,
            "requested_datetime": _date(case.submitted),
            "updated_datetime": _date(case.updated),
            "expected_datetime": None,
            "address": story.address,
            "address_id": story.place.code,
            "zipcode": None,
            "lat": _coordinate(story.latitude, case.number),
            "long": _coordinate(story.longitude, case.number),
            "media_url": [{"url": f"https://sidumas.example/foto/{story.photo}"}] if story.photo else [],
            "extended_attributes": _attributes(story),
            "notes": [
                {
                    "datetime": _date(step.at),
                    "type": STATUSES[step.status][0],
                    "summary": WORDS.actors[step.actor],
                    "description": step.note,
                }
                for step in story.log
            ],
        }
    )


COLUMNS = (
    "No",
    "Nomor Tiket",
    "Tanggal Masuk",
    "Judul",
    "Uraian",
    "Uraian Suntingan",
    "Kode Layanan",
    "Layanan",
    "Status",
    "Klasifikasi",
    "Kanal",
    "Anonim",
    "Rahasia",
    "Pelapor",
    "Telepon",
    "Alamat",
    "Kode Wilayah",
    "Lintang",
    "Bujur",
    "Foto",
    "Perangkat Daerah",
    "Diperbarui",
    "Ditutup",
    "Bintang",
    "Penilai",
    "Dinilai",
    "Komentar Penilai",
)


def row(story: Story) -> Sequence[Any]:
    """A case in the export."""
    case, stars = story.case, story.stars
    code, name = SERVICES[case.about.key]
    return (
        case.number,
        tracking_id(case),
        naive(case.submitted, WITA),
        story.title,
        story.text,
        story.edited,
        code,
        name,
        STATUSES[case.status][0],
        WORDS.classes[story.classification],
        WORDS.channel(story.channel),
        _flag(case.is_anonymous),
        _flag(case.is_confidential),
        story.name,
        story.phone,
        story.address,
        story.place.code,
        story.latitude,
        story.longitude,
        f"https://sidumas.example/foto/{story.photo}" if story.photo else None,
        story.unit,
        naive(case.updated, WITA),
        naive(story.closed_at, WITA),
        stars and stars.score,
        stars and WORDS.stars[stars.source],
        naive(stars.at, WITA) if stars else None,
        stars and stars.comment,
    )


def _updates(story: Story) -> Iterator[tuple[int, dict[str, Any]]]:
    """What happened to a case: steps, referrals and answers, each with its moment in seconds since 1970."""
    for place, step in enumerate(story.log):
        more = {"type": "STATUS", "by": WORDS.actors[step.actor], "description": step.note}
        yield step.at, {"update_id": f"{story.case.number}-1{place:03d}", **more, "status": STATUSES[step.status][0]}
    for place, (step, referral) in enumerate(zip(story.handed, _referrals(story), strict=False)):
        more = {"update_id": f"{story.case.number}-2{place:03d}", "type": "RUJUKAN", "status": _word_at(story, step.at)}
        yield step.at, {**more, **{name: value for name, value in referral.items() if name != "datetime"}}
    for place, reply in enumerate(story.replies):
        yield (
            reply.at,
            {
                "update_id": f"{story.case.number}-3{place:03d}",
                "status": _word_at(story, reply.at),
                "type": "TANGGAPAN",
                "kind": WORDS.replies[reply.kind],
                "by": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or HOME,
                "confidential": _flag(reply.is_confidential),
                "description": reply.content,
            },
        )


def _word_at(story: Story, at: int) -> str:
    return STATUSES[[step.status for step in story.log if step.at <= at][-1]][0]


def _feed(agency: Agency, request: Request) -> Response:
    """`servicerequestupdates`: of all cases, the newest first."""
    try:
        start, end = span(request, WITA)
    except BadDate as error:
        return _error(400, f"date could not be read: {error}")
    found: list[tuple[int, dict[str, Any]]] = []
    for place in [] if agency.fault == "empty" else agency.newest_first(start):
        case = agency.cases[place]
        if end is not None and case.submitted > end:
            continue
        for at, update in _updates(story(case)):
            if (start is None or at >= start) and (end is None or at <= end):
                found.append((at, {"service_request_id": case.number, "updated_datetime": _date(at), **update}))
    found.sort(key=lambda each: each[0], reverse=True)
    updates = [update for _, update in found]
    if agency.fault == "malformed":
        updates.insert(len(updates) // 2, {"update_id": "?", "status": 3, "updated_datetime": "besok"})
    return Response(orjson.dumps(updates), media_type="application/json")


def exports(agency: Agency, folder: Path) -> Exports:
    """The folder of its office."""
    return Exports(agency, folder, Sheet("sidumas", "SIDUMAS: daftar pengaduan", COLUMNS, row, WITA))


def native_id(case: Case) -> str:
    return str(case.number)


def tracking_id(case: Case) -> str:
    return f"SDM/{stamp(case.submitted, WITA, '%Y')}/{case.number:06d}"


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    del row["service_request_id"]
    return orjson.dumps({**row, "status": 3, "requested_datetime": "besok", "extended_attributes": "-"})


def _told(record: bytes, whole: bool) -> object:
    if whole:
        return orjson.Fragment(record)
    return {name: value for name, value in orjson.loads(record).items() if name not in _EXTENSIONS}


def _error(status: int, text: str) -> Response:
    body = orjson.dumps([{"code": status, "description": text}])
    return Response(body, status, media_type="application/json")


def _requests(agency: Agency, request: Request) -> Response:
    page, size = number(request, "page", 1, 1, 10**6), number(request, "page_size", 50, 1, 200)
    try:
        order = selected(agency, request, WITA, SERVICES, span=None)
    except BadDate as error:
        return _error(400, f"date could not be read: {error}")
    latest_first = sorted(order, key=lambda place: agency.cases[place].updated, reverse=True)
    cut = agency.cut(latest_first, (page - 1) * size, size)
    body = orjson.dumps([_told(record, extended(request)) for record in cut.records])
    return Response(body, headers={"X-Total-Count": str(cut.total)}, media_type="application/json")


def _request(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return _error(404, "service_request_id was not found")
    return Response(orjson.dumps([_told(agency.record(place), extended(request))]), media_type="application/json")


def _services(agency: Agency, request: Request) -> Response:
    services = [{"service_code": code, "service_name": name, "metadata": False} for code, name in SERVICES.values()]
    return Response(orjson.dumps(services), media_type="application/json")


DIALECT = Dialect(
    slug="kab-badung",
    statuses=STATUSES,
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={},
    environment={},
    base="/sidumas/open311/v2",
    endpoints=(
        ("/services.json", _services),
        ("/requests.json", _requests),
        ("/requests/{id}.json", _request),
        ("/servicerequestupdates.json", _feed),
    ),
    outlet=exports,
)
