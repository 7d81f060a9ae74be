"""Provinsi Sumatera Barat: its database may be read; states in words, a table for each kind of thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story
from simulators.database import Database, Layout, Rows
from simulators.dialect import WIB, Dialect, Words, stamp

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


TABLES = {
    "pengaduan": "kunci TEXT PRIMARY KEY, nomor TEXT, perihal TEXT, isi TEXT, isi_disunting TEXT, golongan TEXT,"
    " bidang TEXT, media TEXT, keadaan TEXT, sebab TEXT, waktu_terima DATETIME, waktu_ubah DATETIME,"
    " waktu_tutup DATETIME, hari_kejadian DATE, anonim TINYINT, rahasia TINYINT, kode_wilayah TEXT, nama_wilayah TEXT,"
    " alamat TEXT, lat DOUBLE, lng DOUBLE, nama_pelapor TEXT, hp_pelapor TEXT, penanggung_jawab TEXT",
    "riwayat": "id INTEGER PRIMARY KEY, kunci TEXT, keadaan TEXT, waktu DATETIME, pelaku TEXT, ket TEXT",
    "balasan": "id INTEGER PRIMARY KEY, kunci TEXT, macam TEXT, isi TEXT, dari TEXT, waktu DATETIME, tertutup TINYINT",
    "terusan": "id INTEGER PRIMARY KEY, kunci TEXT, asal TEXT, tujuan TEXT, waktu DATETIME, pesan TEXT,"
    " bukan_kewenangan TINYINT",
    "nilai": "id INTEGER PRIMARY KEY, kunci TEXT, angka INTEGER, dari TEXT, waktu DATETIME, kata TEXT",
    "nomor_lain": "id INTEGER PRIMARY KEY, kunci TEXT, sistem TEXT, nomor TEXT",
}


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, "%Y-%m-%d %H:%M:%S")


def _main(story: Story) -> dict[str, Any]:
    case, place = story.case, story.place
    return {
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
        "waktu_tutup": _date(story.closed_at) or "0000-00-00 00:00:00",
        "hari_kejadian": story.incident.isoformat(),
        "anonim": int(case.is_anonymous),
        "rahasia": int(case.is_confidential),
        "kode_wilayah": place.code,
        "nama_wilayah": f"{place.district}, {place.regency}",
        "alamat": story.address,
        "lat": story.latitude if story.latitude is not None else 0.0,
        "lng": story.longitude if story.longitude is not None else 0.0,
        "nama_pelapor": None if case.is_anonymous else story.name,
        "hp_pelapor": None if case.is_anonymous else story.phone,
        "penanggung_jawab": story.unit,
    }


def _handed(story: Story) -> list[dict[str, Any]]:
    givers = [_HOME, *(step.unit for step in story.handed)]
    return [
        {
            "asal": giver,
            "tujuan": step.unit,
            "waktu": _date(step.at),
            "pesan": step.note,
            "bukan_kewenangan": int(step.not_authority),
        }
        for giver, step in zip(givers, story.handed, strict=False)
    ]


def _lists(story: Story) -> dict[str, list[dict[str, Any]]]:
    return {
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
                "tertutup": int(reply.is_confidential),
            }
            for reply in story.replies
        ],
        "terusan": _handed(story),
        "nilai": [
            {"angka": stars.score, "dari": WORDS.stars[stars.source], "waktu": _date(stars.at), "kata": stars.comment}
            for stars in (story.stars,)
            if stars is not None
        ],
        "nomor_lain": [],
    }


def rows(story: Story) -> Rows:
    """What stands of a case in each table."""
    key = {"kunci": native_id(story.case)}
    lists = {name: [{**key, **entry} for entry in entries] for name, entries in _lists(story).items()}
    return {"pengaduan": [{**key, **_main(story)}], **lists}


def render(story: Story) -> bytes:
    return orjson.dumps({"kunci": native_id(story.case), **_main(story), **_lists(story)})


def native_id(case: Case) -> str:
    """Looks like a random key; an odd factor keeps it unique."""
    return f"{case.number * _SCATTER & (1 << 64) - 1:016x}"


def tracking_id(case: Case) -> str:
    return f"SB.{stamp(case.submitted, WIB, '%y')}.{case.number:06d}"


def spoil(record: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(record), "kunci": None, "keadaan": None})


def _outlet(agency: Agency, folder: Path) -> Database:
    return Database(
        agency, folder, Layout(tables=TABLES, main="pengaduan", key="kunci", moment="waktu_ubah", rows=rows)
    )


DIALECT = Dialect(
    slug="prov-sumbar",
    statuses={status: (name,) for status, name in STATUSES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={},
    environment={},
    endpoints=(),
    outlet=_outlet,
)
