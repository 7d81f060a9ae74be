"""Kabupaten Tangerang: pages by number, nested records, dates as they are written on paper.

What is written to it, `kab_tangerang_writes` takes.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import FollowUpKind
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story
from simulators.dialect import WIB, Dialect, moment, number, stamp
from simulators.dialects.kab_tangerang_words import CATEGORIES, CLASS_NAMES, DATE, STATUSES, WORDS
from simulators.dialects.kab_tangerang_writes import WRITES, answered, refused
from simulators.matters import BY_AUTHORITY
from simulators.population import COPIES_FROM

_HOME = "Pemerintah Kabupaten Tangerang"


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, DATE)


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
            "klasifikasi": {"kode": kind, "nama": CLASS_NAMES[kind]},
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
            "referensi": case.filed.reference if case.filed else None,
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


def _list(agency: Agency, request: Request) -> Response:
    page, size = number(request, "halaman", 1, 1, 10**6), number(request, "per_halaman", 25, 1, 200)
    since = moment(request.query_params.get("sejak", ""), WIB, "%Y-%m-%d %H:%M:%S", DATE)
    reference = request.query_params.get("referensi")
    order = agency.newest_first(since) if reference is None else agency.referred(reference)
    cut = agency.cut(order, (page - 1) * size, size)
    items = [orjson.Fragment(record) for record in cut.records]
    pages = -(-cut.total // size)
    data = {"items": items, "halaman": page, "per_halaman": size, "total": cut.total, "total_halaman": pages}
    return answered(data)


def _one(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return refused("Aduan tidak ditemukan", 404)
    return answered({"aduan": orjson.Fragment(agency.record(place))})


def _written(agency: Agency, request: Request) -> Response:
    """What another system wrote, by its own key: complaints, answers, moves and stars alike."""
    reference = request.query_params.get("referensi", "")
    ids = [] if agency.fault == "empty" else agency.writings.of(reference)
    items = [{"referensi": reference, "kunci": f"{id}/{reference}", "aduan": int(id)} for id in ids]
    return answered({"items": items})


DIALECT = Dialect(
    slug="kab-tangerang",
    statuses={status: (code,) for status, (code, _) in STATUSES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={"x-api-key": "demo-tangerang-key"},
    environment={"SIMPUL_KAB_TANGERANG_KEY": "demo-tangerang-key"},
    endpoints=(("/api/v1/aduan", _list), ("/api/v1/aduan/{id}", _one), ("/api/v1/kiriman", _written)),
    writes=WRITES,
)
