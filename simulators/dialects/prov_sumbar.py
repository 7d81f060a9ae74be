"""Provinsi Sumatera Barat: keys and attributes apart, states in words, a cursor."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
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

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, str] = {
    S.SUBMITTED: "Menunggu Verifikasi",
    S.VERIFIED: "Terverifikasi",
    S.AWAITING_INFORMATION: "Butuh Data Tambahan",
    S.DISPOSED: "Diteruskan ke OPD",
    S.IN_FOLLOW_UP: "Dalam Penanganan",
    S.POSTPONED: "Ditunda",
    S.ANSWERED: "Sudah Ditanggapi",
    S.CLOSED: "Selesai",
    S.ARCHIVED: "Diarsipkan",
    S.REJECTED: "Ditolak",
    S.DUPLICATE: "Laporan Ganda",
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "Pengaduan Pengawasan",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "Pengaduan Pelayanan",
        Classification.ASPIRASI: "Aspirasi",
        Classification.PERMINTAAN_INFORMASI: "Informasi",
    },
    channels={
        Channel.WEBSITE: "Portal",
        Channel.MOBILE_APP: "Sumbar Madani Mobile",
        Channel.WHATSAPP: "WhatsApp",
        Channel.SMS: "SMS",
        Channel.PHONE: "Telepon",
        Channel.EMAIL: "Email",
        Channel.SOCIAL_MEDIA: "Facebook",
        Channel.WALK_IN: "Tatap Muka",
        Channel.LETTER: "Surat",
    },
    actors={
        ActorRole.REPORTER: "Pelapor",
        ActorRole.AGENCY: "OPD",
        ActorRole.NATIONAL_ADMIN: "Admin",
        ActorRole.SYSTEM: "Sistem",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "awal",
        FollowUpKind.PROGRESS: "proses",
        FollowUpKind.FINAL_ANSWER: "akhir",
        FollowUpKind.REPORTER_REPLY: "jawaban pelapor",
        FollowUpKind.INFORMATION_REQUEST: "permintaan data",
    },
    stars={RatingSource.CITIZEN: "Pelapor", RatingSource.AUTO: "Otomatis", RatingSource.ADMIN: "Admin"},
)
CATEGORIES: dict[str, str] = {
    "jalan": "Jalan Provinsi dan Kabupaten",
    "drainase": "Saluran dan Bandar",
    "lampu": "Lampu Jalan",
    "trotoar": "Pedestrian",
    "taman": "Taman",
    "pasar": "Pasa dan Perdagangan",
    "sampah": "Kebersihan",
    "banjir": "Galodo dan Banjir",
    "cemar": "Pencemaran",
    "air": "Air Minum",
    "listrik": "Kelistrikan",
    "ktp": "KTP",
    "kk": "Kartu Keluarga",
    "akta": "Akta Kelahiran",
    "puskesmas": "Layanan Kesehatan",
    "bpjs": "BPJS",
    "sekolah": "Pendidikan Dasar",
    "ppdb": "Penerimaan Murid Baru",
    "bansos": "Bantuan Sosial",
    "pkh": "PKH",
    "tertib": "Trantibum",
    "parkir": "Parkir",
    "angkutan": "Transportasi",
    "upah": "Ketenagakerjaan",
    "honorer": "Honorer",
    "tanah": "Tanah Ulayat dan Sertifikat",
    "pajak": "Pajak Kendaraan dan Daerah",
    "desa": "Dana Nagari",
    "pupuk": "Pupuk",
    "internet": "Jaringan Internet",
    "sim": "Kepolisian",
    "wisata": "Wisata",
    "lain": "Lain-lain",
}
_HOME = "Pemerintah Provinsi Sumatera Barat"
_SCATTER = 0x9E3779B97F4A7C15


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, "%d %b %Y %H:%M:%S").lstrip("0")


def _day(story: Story) -> str:
    return story.incident.strftime("%d %b %Y").lstrip("0")


def _handed(story: Story) -> list[dict[str, Any]]:
    givers = [_HOME, *(step.unit for step in story.handed)]
    return [
        {
            "asal": giver,
            "tujuan": step.unit,
            "waktu": _date(step.at),
            "pesan": step.note,
            "bukan_kewenangan": step.not_authority,
        }
        for giver, step in zip(givers, story.handed, strict=False)
    ]


def _relations(story: Story) -> dict[str, Any]:
    return {
        "penanggung_jawab": story.unit,
        "terusan": _handed(story),
        "riwayat": [
            {
                "keadaan": STATUSES[step.status],
                "waktu": _date(step.at),
                "pelaku": WORDS.actors[step.actor],
                "ket": step.note or "",
            }
            for step in story.log
        ],
        "balasan": [
            {
                "macam": WORDS.replies[reply.kind],
                "isi": reply.content,
                "dari": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
                "waktu": _date(reply.at),
                "tertutup": reply.is_confidential,
            }
            for reply in story.replies
        ],
        "nilai": [
            {
                "angka": str(stars.score),
                "dari": WORDS.stars[stars.source],
                "waktu": _date(stars.at),
                "kata": stars.comment,
            }
            for stars in (story.stars,)
            if stars is not None
        ],
        "nomor_lain": [],
    }


def render(story: Story) -> bytes:
    case, place = story.case, story.place
    attributes = {
        "nomor": tracking_id(case),
        "perihal": story.title,
        "isi": story.text,
        "isi_disunting": story.edited or "",
        "golongan": WORDS.classes[story.classification],
        "bidang": CATEGORIES[case.about.key],
        "media": WORDS.channel(story.channel),
        "keadaan": STATUSES[case.status],
        "sebab": story.log[-1].note or "",
        "waktu_terima": _date(case.submitted),
        "waktu_ubah": _date(case.updated),
        "waktu_tutup": _date(story.closed_at) or "",
        "hari_kejadian": _day(story),
    }
    where = {
        "kode": place.code,
        "nama": f"{place.district}, {place.regency}",
        "alamat": story.address,
        "lat": story.latitude if story.latitude is not None else 0.0,
        "lng": story.longitude if story.longitude is not None else 0.0,
    }
    return orjson.dumps(
        {
            "kunci": native_id(case),
            "atribut": attributes,
            "bendera": {"anonim": case.is_anonymous, "rahasia": case.is_confidential},
            "tempat": where,
            "pelapor": None if case.is_anonymous else {"nama": story.name, "hp": story.phone},
            "relasi": _relations(story),
        }
    )


def native_id(case: Case) -> str:
    """Looks like a random key; an odd factor keeps it unique."""
    return f"{case.number * _SCATTER & (1 << 64) - 1:016x}"


def tracking_id(case: Case) -> str:
    return f"SB.{stamp(case.submitted, WIB, '%y')}.{case.number:06d}"


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    del row["kunci"]
    return orjson.dumps({**row, "atribut": "rusak", "relasi": {"riwayat": {"keadaan": 1}}})


def _read(cursor: str) -> tuple[int, int]:
    """The stamp and place after which to go on.

    Raises:
        ValueError: not a cursor of this API.
    """
    at, place = urlsafe_b64decode(cursor.encode()).decode().split(".")
    return int(at), int(place)


def _list(agency: Agency, request: Request) -> Response:
    size = number(request, "batas", 50, 1, 200)
    since = moment(request.query_params.get("perubahan_setelah", ""), WIB, "%Y%m%d%H%M%S")
    order = [(agency.cases[place].updated, place) for place in agency.newest_first(since)]
    order.sort()
    cursor = request.query_params.get("setelah", "")
    try:
        start = bisect_right(order, _read(cursor)) if cursor else 0
    except ValueError:
        return Response(b'{"kesalahan":"penanda tidak sah"}', 400, media_type="application/json")
    cut = agency.cut([place for _, place in order], start, size, keyed=True)
    meta = {"jumlah": cut.total, "berikutnya": _next(order, cut.end) if cut.more else None}
    body = {"meta": meta, "pengaduan": [orjson.Fragment(record) for record in cut.records]}
    return Response(orjson.dumps(body), media_type="application/json")


def _next(order: list[tuple[int, int]], end: int) -> str:
    """The key of a page's last row; of an empty page that loops, a key before all."""
    at, place = order[end - 1] if end else (0, 0)
    return urlsafe_b64encode(f"{at}.{place}".encode()).decode()


def _one(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return Response(b'{"kesalahan":"tidak ada"}', 404, media_type="application/json")
    body = orjson.dumps({"pengaduan": orjson.Fragment(agency.record(place))})
    return Response(body, media_type="application/json")


DIALECT = Dialect(
    slug="prov-sumbar",
    statuses={status: (name,) for status, name in STATUSES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={"authorization": "Token demo-sumbar-token"},
    environment={"SIMPUL_PROV_SUMBAR_TOKEN": "demo-sumbar-token"},
    endpoints=(("/v2/pengaduan", _list), ("/v2/pengaduan/{id}", _one)),
)
