"""Kabupaten Tangerang: pages by number, nested records, dates as they are written on paper."""

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
from simulators.matters import BY_AUTHORITY
from simulators.population import COPIES_FROM

S = ComplaintStatus

_DATE = "%d/%m/%Y %H:%M:%S"
STATUSES: dict[ComplaintStatus, tuple[str, str]] = {
    S.SUBMITTED: ("BARU", "Laporan Baru"),
    S.VERIFIED: ("VERIFIKASI", "Sudah Diverifikasi"),
    S.AWAITING_INFORMATION: ("KURANG_DATA", "Menunggu Kelengkapan Data"),
    S.DISPOSED: ("DISPOSISI", "Didisposisikan ke OPD"),
    S.IN_FOLLOW_UP: ("PROSES", "Sedang Diproses"),
    S.POSTPONED: ("TUNDA", "Ditunda"),
    S.ANSWERED: ("DIJAWAB", "Sudah Dijawab"),
    S.CLOSED: ("SELESAI", "Selesai"),
    S.ARCHIVED: ("ARSIP", "Diarsipkan"),
    S.REJECTED: ("TOLAK", "Ditolak"),
    S.DUPLICATE: ("GANDA", "Laporan Ganda"),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "P1",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "P2",
        Classification.ASPIRASI: "A",
        Classification.PERMINTAAN_INFORMASI: "I",
    },
    channels={
        Channel.WEBSITE: "situs web",
        Channel.MOBILE_APP: "aplikasi Tangerang Gemilang",
        Channel.WHATSAPP: "WA center",
        Channel.SMS: "SMS gateway",
        Channel.PHONE: "call center 112",
        Channel.SOCIAL_MEDIA: "medsos",
        Channel.WALK_IN: "loket",
        Channel.LETTER: "surat",
    },
    actors={
        ActorRole.REPORTER: "PELAPOR",
        ActorRole.AGENCY: "OPD",
        ActorRole.NATIONAL_ADMIN: "ADMIN",
        ActorRole.SYSTEM: "SISTEM",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "AWAL",
        FollowUpKind.PROGRESS: "LANJUTAN",
        FollowUpKind.FINAL_ANSWER: "AKHIR",
        FollowUpKind.REPORTER_REPLY: "BALASAN",
        FollowUpKind.INFORMATION_REQUEST: "PERTANYAAN",
    },
    stars={RatingSource.CITIZEN: "WARGA", RatingSource.AUTO: "OTOMATIS", RatingSource.ADMIN: "ADMIN"},
)
_CLASS_NAMES = {"P1": "Pengaduan berkadar", "P2": "Pengaduan biasa", "A": "Aspirasi", "I": "Informasi"}
CATEGORIES: dict[str, tuple[str, str]] = {
    "jalan": ("INF-01", "Jalan Rusak"),
    "drainase": ("INF-02", "Saluran Air"),
    "lampu": ("INF-03", "PJU"),
    "trotoar": ("INF-04", "Trotoar"),
    "taman": ("LH-03", "Taman dan Pohon"),
    "pasar": ("EKO-01", "Pasar"),
    "sampah": ("LH-01", "Persampahan"),
    "banjir": ("BNC-01", "Banjir"),
    "cemar": ("LH-02", "Pencemaran"),
    "air": ("UTL-01", "Air Bersih"),
    "listrik": ("PST-01", "Kelistrikan (PLN)"),
    "ktp": ("ADM-01", "KTP"),
    "kk": ("ADM-02", "Kartu Keluarga"),
    "akta": ("ADM-03", "Akta"),
    "puskesmas": ("KES-01", "Puskesmas"),
    "bpjs": ("PST-02", "BPJS Kesehatan"),
    "sekolah": ("PDK-01", "Sekolah"),
    "ppdb": ("PRV-01", "PPDB SMA/SMK"),
    "bansos": ("SOS-01", "Bantuan Sosial"),
    "pkh": ("PST-03", "PKH"),
    "tertib": ("TRT-01", "Ketertiban"),
    "parkir": ("HUB-01", "Parkir"),
    "angkutan": ("PRV-02", "Angkutan Antarkota"),
    "upah": ("PRV-03", "Pengupahan"),
    "honorer": ("ADM-04", "Tenaga Honorer"),
    "tanah": ("PST-04", "Pertanahan (BPN)"),
    "pajak": ("EKO-02", "Pajak Daerah"),
    "desa": ("DES-01", "Dana Desa"),
    "pupuk": ("TAN-01", "Pupuk"),
    "internet": ("KOM-01", "Internet"),
    "sim": ("PST-05", "Layanan Kepolisian"),
    "wisata": ("WIS-01", "Wisata"),
    "lain": ("LLN-00", "Lain-lain"),
}
_HOME = "Pemerintah Kabupaten Tangerang"


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, _DATE)


def _office(name: str) -> dict[str, str]:
    return {"kode": "".join(part[0] for part in name.split()).upper(), "nama": name}


def _elsewhere(case: Case) -> list[dict[str, str]]:
    if not case.forwarded:
        return []
    if case.matter in BY_AUTHORITY["NATIONAL"]:
        return [{"sistem": "SP4N-LAPOR!", "nomor": str(COPIES_FROM + case.number)}]
    return [{"sistem": "Provinsi Banten", "nomor": f"BTN/{case.number:05d}"}]


def _handed(story: Story) -> list[dict[str, Any]]:
    givers = [_HOME, *(step.unit for step in story.handed)]
    return [
        {
            "dari": giver,
            "ke": step.unit,
            "tanggal": _date(step.at),
            "catatan": step.note,
            "bukan_wewenang": step.not_authority,
        }
        for giver, step in zip(givers, story.handed, strict=False)
    ]


def _course(story: Story) -> dict[str, Any]:
    """Status log, answers, stars."""
    return {
        "riwayat": [
            {
                "kode": STATUSES[step.status][0],
                "nama": STATUSES[step.status][1],
                "waktu": _date(step.at),
                "oleh": WORDS.actors[step.actor],
                "catatan": step.note,
            }
            for step in story.log
        ],
        "tanggapan": [
            {
                "jenis": WORDS.replies[reply.kind],
                "isi": reply.content,
                "dari": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
                "waktu": _date(reply.at),
                "rahasia": reply.is_confidential,
            }
            for reply in story.replies
        ],
        "penilaian": [
            {
                "bintang": stars.score,
                "sumber": WORDS.stars[stars.source],
                "waktu": _date(stars.at),
                "komentar": stars.comment,
            }
            for stars in (story.stars,)
            if stars is not None
        ],
    }


def render(story: Story) -> bytes:
    case, place = story.case, story.place
    category = CATEGORIES[case.about.key]
    kind = WORDS.classes[story.classification]
    return orjson.dumps(
        {
            "id": case.number,
            "nomor": tracking_id(case),
            "judul": story.title,
            "isi_awal": story.text,
            "isi_akhir": story.edited,
            "klasifikasi": {"kode": kind, "nama": _CLASS_NAMES[kind]},
            "kategori": {"kode": category[0], "nama": category[1]},
            "kanal": WORDS.channel(story.channel),
            "status": dict(zip(("kode", "nama"), STATUSES[case.status], strict=True)),
            "alasan": story.log[-1].note,
            "pelapor": {"nama": story.name, "telepon": story.phone, "anonim": case.is_anonymous},
            "rahasia": case.is_confidential,
            "lokasi": {
                "kecamatan": place.district,
                "kode_kecamatan": place.code,
                "alamat": story.address,
                "lintang": story.latitude,
                "bujur": story.longitude,
            },
            "tanggal_kejadian": story.incident.strftime("%d/%m/%Y"),
            "opd": _office(_HOME),
            "perangkat_terkait": [_office(story.unit)] if story.unit else [],
            "diteruskan": _handed(story),
            **_course(story),
            "sistem_lain": _elsewhere(case),
            "tautan": f"https://aduan.tangerangkab.example/{case.number}",
            "dibuat": _date(case.submitted),
            "diubah": _date(case.updated),
            "ditutup": _date(story.closed_at),
        }
    )


def native_id(case: Case) -> str:
    return str(case.number)


def tracking_id(case: Case) -> str:
    return f"TNG-{stamp(case.submitted, WIB, '%Y')}-{case.number:06d}"


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    return orjson.dumps({**row, "id": None, "status": [], "dibuat": "kemarin", "diubah": 12.5})


def _answer(data: object) -> Response:
    return Response(orjson.dumps({"status": "sukses", "data": data}), media_type="application/json")


def _list(agency: Agency, request: Request) -> Response:
    page, size = number(request, "halaman", 1, 1, 10**6), number(request, "per_halaman", 25, 1, 200)
    since = moment(request.query_params.get("sejak", ""), WIB, "%Y-%m-%d %H:%M:%S", _DATE)
    cut = agency.cut(agency.newest_first(since), (page - 1) * size, size)
    items = [orjson.Fragment(record) for record in cut.records]
    pages = -(-cut.total // size)
    data = {"items": items, "halaman": page, "per_halaman": size, "total": cut.total, "total_halaman": pages}
    return _answer(data)


def _one(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        body = orjson.dumps({"status": "gagal", "pesan": "Aduan tidak ditemukan"})
        return Response(body, 404, media_type="application/json")
    return _answer({"aduan": orjson.Fragment(agency.record(place))})


DIALECT = Dialect(
    slug="kab-tangerang",
    statuses={status: (code,) for status, (code, _) in STATUSES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={"x-api-key": "demo-tangerang-key"},
    environment={"SIMPUL_KAB_TANGERANG_KEY": "demo-tangerang-key"},
    endpoints=(("/api/v1/aduan", _list), ("/api/v1/aduan/{id}", _one)),
)
