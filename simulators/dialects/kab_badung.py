"""Kabupaten Badung ("SIDUMAS"): Open311 in JSON, with habits of its own."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story
from simulators.dialect import WITA, Dialect, Words, number, stamp
from simulators.open311 import BadDate, extended, is_open, selected

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[str, ...]] = {
    S.SUBMITTED: ("RECEIVED",),
    S.VERIFIED: ("VERIFIED",),
    S.AWAITING_INFORMATION: ("INCOMPLETE",),
    S.DISPOSED: ("REFERRED",),
    S.IN_FOLLOW_UP: ("IN_PROCESS",),
    S.POSTPONED: ("ON_HOLD",),
    S.ANSWERED: ("PROCESSED",),
    S.CLOSED: ("CLOSED",),
    S.ARCHIVED: ("ARCHIVED",),
    S.REJECTED: ("REJECTED",),
    S.DUPLICATE: ("DOUBLE",),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "PENGAWASAN",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "UMUM",
        Classification.ASPIRASI: "ASPIRASI",
        Classification.PERMINTAAN_INFORMASI: "INFORMASI",
    },
    channels={
        Channel.WEBSITE: "SIDUMAS Web",
        Channel.MOBILE_APP: "SIDUMAS Android",
        Channel.WHATSAPP: "WhatsApp",
        Channel.PHONE: "112",
        Channel.SOCIAL_MEDIA: "Instagram",
        Channel.WALK_IN: "Mal Pelayanan Publik",
        Channel.EMAIL: "E-mail",
    },
    actors={
        ActorRole.REPORTER: "Pelapor",
        ActorRole.AGENCY: "Petugas",
        ActorRole.NATIONAL_ADMIN: "Admin",
        ActorRole.SYSTEM: "Sistem",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "AWAL",
        FollowUpKind.PROGRESS: "PROSES",
        FollowUpKind.FINAL_ANSWER: "AKHIR",
        FollowUpKind.REPORTER_REPLY: "BALASAN",
        FollowUpKind.INFORMATION_REQUEST: "TANYA",
    },
    stars={RatingSource.CITIZEN: "WARGA", RatingSource.AUTO: "OTOMATIS", RatingSource.ADMIN: "ADMIN"},
)
SERVICES: dict[str, tuple[str, str]] = {
    "jalan": ("PUPR:Jalan:Rusak", "Jalan rusak"),
    "drainase": ("PUPR:Jalan:Got", "Got tersumbat"),
    "lampu": ("HUB:Jalan:Lampu", "Lampu jalan padam"),
    "trotoar": ("PUPR:Jalan:Trotoar", "Trotoar"),
    "taman": ("LHK:Taman", "Taman dan telajakan"),
    "pasar": ("DAG:Pasar", "Pasar"),
    "sampah": ("LHK:Sampah", "Sampah"),
    "banjir": ("BPBD:Banjir", "Banjir"),
    "cemar": ("LHK:Pencemaran", "Pencemaran lingkungan"),
    "air": ("PDAM:Air", "Air PDAM"),
    "listrik": ("LUAR:Listrik", "Listrik"),
    "ktp": ("CAPIL:KTP", "KTP"),
    "kk": ("CAPIL:KK", "Kartu keluarga"),
    "akta": ("CAPIL:Akta", "Akta"),
    "puskesmas": ("KES:Puskesmas", "Puskesmas"),
    "bpjs": ("LUAR:BPJS", "BPJS"),
    "sekolah": ("DIK:Sekolah", "Sekolah"),
    "ppdb": ("DIK:PPDB", "PPDB"),
    "bansos": ("SOS:Bansos", "Bantuan sosial"),
    "pkh": ("LUAR:PKH", "PKH"),
    "tertib": ("POLPP:Tertib", "Gangguan ketertiban"),
    "parkir": ("HUB:Parkir", "Parkir liar"),
    "angkutan": ("HUB:Angkutan", "Angkutan dan taksi"),
    "upah": ("NAKER:Upah", "Upah pekerja"),
    "honorer": ("BKPSDM:Honorer", "Pegawai kontrak"),
    "tanah": ("LUAR:BPN", "Sertifikat tanah"),
    "pajak": ("BAPENDA:Pajak", "Pajak hotel dan restoran"),
    "desa": ("DPMD:Desa", "Dana desa"),
    "pupuk": ("TANI:Pupuk", "Pupuk dan subak"),
    "internet": ("KOMINFO:Wifi", "Wifi gratis"),
    "sim": ("LUAR:Polri", "Layanan Polri"),
    "wisata": ("PAR:Wisata", "Daya tarik wisata"),
    "lain": ("UMUM", "Lain-lain"),
}
_HOME = "Pemerintah Kabupaten Badung"
_EXTENSIONS = ("extended_attributes", "notes")


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WITA, "%Y-%m-%d %H:%M:%S.00")


def _flag(value: bool) -> str:
    return "Ya" if value else "Tidak"


def _referrals(story: Story) -> list[dict[str, Any]]:
    givers = [_HOME, *(step.unit for step in story.handed)]
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
                "from": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
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
    ),
)
