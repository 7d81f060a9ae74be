"""Kabupaten Sleman ("Lapor Sleman"): sends what changes; flat records, states as numbers, offset and limit."""

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
from simulators.dialect import WIB, Dialect, Words, moment, number, stamp
from simulators.push import Push

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[int, str]] = {
    S.SUBMITTED: (0, "Masuk"),
    S.VERIFIED: (1, "Diverifikasi"),
    S.AWAITING_INFORMATION: (2, "Perlu Dilengkapi"),
    S.DISPOSED: (3, "Diteruskan"),
    S.IN_FOLLOW_UP: (4, "Ditangani"),
    S.POSTPONED: (5, "Ditangguhkan"),
    S.ANSWERED: (6, "Dijawab"),
    S.CLOSED: (7, "Tuntas"),
    S.ARCHIVED: (8, "Arsip"),
    S.REJECTED: (9, "Tidak Diterima"),
    S.DUPLICATE: (10, "Rangkap"),
    S.UNMAPPED: (99, "Menunggu Rapat Koordinasi"),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "keluhan_berat",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "keluhan",
        Classification.ASPIRASI: "saran",
        Classification.PERMINTAAN_INFORMASI: "tanya",
    },
    channels={
        Channel.WEBSITE: "lapor.slemankab",
        Channel.MOBILE_APP: "aplikasi",
        Channel.WHATSAPP: "whatsapp",
        Channel.SMS: "sms",
        Channel.PHONE: "telepon",
        Channel.EMAIL: "surel",
        Channel.SOCIAL_MEDIA: "instagram",
        Channel.WALK_IN: "datang langsung",
        Channel.LETTER: "kotak saran",
    },
    actors={
        ActorRole.REPORTER: "warga",
        ActorRole.AGENCY: "opd",
        ActorRole.NATIONAL_ADMIN: "admin",
        ActorRole.SYSTEM: "sistem",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "1",
        FollowUpKind.PROGRESS: "2",
        FollowUpKind.FINAL_ANSWER: "3",
        FollowUpKind.REPORTER_REPLY: "4",
        FollowUpKind.INFORMATION_REQUEST: "5",
    },
    stars={RatingSource.CITIZEN: "warga", RatingSource.AUTO: "default", RatingSource.ADMIN: "admin"},
)
CATEGORIES: dict[str, str] = {
    "jalan": "Jalan dan Jembatan",
    "drainase": "Drainase",
    "lampu": "LPJU",
    "trotoar": "Trotoar",
    "taman": "Ruang Terbuka Hijau",
    "pasar": "Pasar Rakyat",
    "sampah": "Sampah",
    "banjir": "Kebencanaan",
    "cemar": "Pencemaran",
    "air": "PDAM Sleman",
    "listrik": "Listrik",
    "ktp": "KTP-el",
    "kk": "KK dan Domisili",
    "akta": "Akta Capil",
    "puskesmas": "Puskesmas",
    "bpjs": "Jaminan Kesehatan",
    "sekolah": "Sekolah",
    "ppdb": "PPDB",
    "bansos": "Bansos",
    "pkh": "Program Keluarga Harapan",
    "tertib": "Ketertiban Umum",
    "parkir": "Perparkiran",
    "angkutan": "Angkutan Umum",
    "upah": "Hubungan Industrial",
    "honorer": "Kepegawaian",
    "tanah": "Pertanahan",
    "pajak": "PBB dan BPHTB",
    "desa": "Pemerintahan Kalurahan",
    "pupuk": "Pertanian",
    "internet": "Internet",
    "sim": "Kepolisian",
    "wisata": "Pariwisata",
    "lain": "Lainnya",
}
_SECRET = "whsec_ZGVtby1rZXktb2Yta2FiLXNsZW1hbi0zMi1ieXRlcyE="  # noqa: S105 - a demo's
_HOME = "Pemerintah Kabupaten Sleman"


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, "%Y-%m-%dT%H:%M:%S+07:00")


def _handed(story: Story) -> list[dict[str, Any]]:
    givers = [_HOME, *(step.unit for step in story.handed)]
    return [
        {
            "dari": giver,
            "kepada": step.unit,
            "pada": _date(step.at),
            "pesan": step.note,
            "salah_alamat": int(step.not_authority),
        }
        for giver, step in zip(givers, story.handed, strict=False)
    ]


def _point(story: Story) -> dict[str, Any] | None:
    if story.latitude is None:
        return None
    return {"type": "Point", "coordinates": [story.longitude, story.latitude]}


def _course(story: Story) -> dict[str, Any]:
    """Status log, answers, stars."""
    return {
        "log_status": [
            {
                "status_id": STATUSES[step.status][0],
                "status_label": STATUSES[step.status][1],
                "pada": _date(step.at),
                "aktor": WORDS.actors[step.actor],
                "keterangan": step.note,
            }
            for step in story.log
        ],
        "tindak_lanjut": [
            {
                "tipe": int(WORDS.replies[reply.kind]),
                "isi": reply.content,
                "oleh": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
                "pada": _date(reply.at),
                "tertutup": int(reply.is_confidential),
            }
            for reply in story.replies
        ],
        "rating": [
            {
                "nilai": stars.score,
                "asal": WORDS.stars[stars.source],
                "pada": _date(stars.at),
                "ulasan": stars.comment,
            }
            for stars in (story.stars,)
            if stars is not None
        ],
    }


def render(story: Story) -> bytes:
    case = story.case
    status_id, label = STATUSES[case.status]
    return orjson.dumps(
        {
            "tiket": native_id(case),
            "judul": story.title,
            "uraian": story.text,
            "uraian_suntingan": story.edited,
            "jenis": WORDS.classes[story.classification],
            "topik": CATEGORIES[case.about.key],
            "kanal": WORDS.channel(story.channel),
            "status_id": status_id,
            "status_label": label,
            "keterangan_status": story.log[-1].note,
            "nama_pelapor": None if case.is_anonymous else story.name,
            "is_anonim": int(case.is_anonymous),
            "is_rahasia": int(case.is_confidential),
            "kapanewon": story.place.district,
            "kode_wilayah": story.place.code,
            "alamat": story.address,
            "koordinat": _point(story),
            "kejadian": story.incident.isoformat(),
            "perangkat_daerah": story.unit,
            "disposisi": _handed(story),
            **_course(story),
            "id_lapor": None,
            "diterima": _date(case.submitted),
            "diubah": _date(case.updated),
            "selesai": _date(story.closed_at),
        }
    )


def native_id(case: Case) -> str:
    return f"SLM-{case.number:06d}"


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    return orjson.dumps({**row, "tiket": None, "status_id": {}, "diterima": "2024-99-99", "diubah": []})


def _list(agency: Agency, request: Request) -> Response:
    start, size = number(request, "offset", 0, 0, 10**6), number(request, "limit", 50, 1, 250)
    since = moment(request.query_params.get("diubah_sejak", ""), WIB)
    order = agency.received() if since is None else sorted(agency.newest_first(since))
    cut = agency.cut(order, start, size)
    results = [orjson.Fragment(record) for record in cut.records]
    body = {"count": cut.total, "offset": start, "limit": size, "results": results}
    return Response(orjson.dumps(body), media_type="application/json")


def _one(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return Response(b'{"detail":"tidak ditemukan"}', 404, media_type="application/json")
    return Response(agency.record(place), media_type="application/json")


DIALECT = Dialect(
    slug="kab-sleman",
    statuses={status: (str(code),) for status, (code, _) in STATUSES.items()},
    native_id=native_id,
    tracking_id=native_id,
    render=render,
    spoil=spoil,
    keys={"authorization": "Basic ZGVtbzpzbGVtYW4="},
    environment={"SIMPUL_KAB_SLEMAN_BASIC": "ZGVtbzpzbGVtYW4=", "SIMPUL_KAB_SLEMAN_WEBHOOK": _SECRET},
    endpoints=(("/lapor/api/laporan", _list), ("/lapor/api/laporan/{id}", _one)),
    outlet=lambda agency, folder: Push(agency, _SECRET, records="laporan", cursor="sampai"),
)
