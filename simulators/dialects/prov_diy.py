"""Daerah Istimewa Yogyakarta ("E-Lapor"): a graph with deep nesting, flags as a list, and Relay's pages."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story
from simulators.dialect import WIB, Dialect, Words, moment, stamp

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[str, str]] = {
    S.SUBMITTED: ("S0", "Diterima"),
    S.VERIFIED: ("S1", "Lolos Verifikasi"),
    S.AWAITING_INFORMATION: ("S1K", "Kurang Lengkap"),
    S.DISPOSED: ("S2", "Didisposisi"),
    S.IN_FOLLOW_UP: ("S3", "Dikerjakan"),
    S.POSTPONED: ("S3T", "Dijeda"),
    S.ANSWERED: ("S4", "Terjawab"),
    S.CLOSED: ("S5", "Rampung"),
    S.ARCHIVED: ("S6", "Masuk Arsip"),
    S.REJECTED: ("S7", "Dikembalikan"),
    S.DUPLICATE: ("S8", "Kembar"),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "PGW",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "PGD",
        Classification.ASPIRASI: "ASP",
        Classification.PERMINTAAN_INFORMASI: "INF",
    },
    channels={
        Channel.WEBSITE: "web",
        Channel.MOBILE_APP: "Jogja Istimewa",
        Channel.WHATSAPP: "wa",
        Channel.SMS: "sms",
        Channel.PHONE: "telp",
        Channel.EMAIL: "surel",
        Channel.SOCIAL_MEDIA: "x/ig",
        Channel.WALK_IN: "pendopo",
        Channel.LETTER: "surat",
    },
    actors={
        ActorRole.REPORTER: "P",
        ActorRole.AGENCY: "I",
        ActorRole.NATIONAL_ADMIN: "A",
        ActorRole.SYSTEM: "S",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "J1",
        FollowUpKind.PROGRESS: "J2",
        FollowUpKind.FINAL_ANSWER: "J3",
        FollowUpKind.REPORTER_REPLY: "JP",
        FollowUpKind.INFORMATION_REQUEST: "JT",
    },
    stars={RatingSource.CITIZEN: "P", RatingSource.AUTO: "S", RatingSource.ADMIN: "A"},
)
CATEGORIES: dict[str, str] = {
    "jalan": "PU/Jalan",
    "drainase": "PU/Drainase",
    "lampu": "PU/Penerangan",
    "trotoar": "PU/Trotoar",
    "taman": "LH/Taman",
    "pasar": "Ekonomi/Pasar",
    "sampah": "LH/Sampah",
    "banjir": "Bencana/Banjir",
    "cemar": "LH/Pencemaran",
    "air": "Utilitas/Air",
    "listrik": "Utilitas/Listrik",
    "ktp": "Dukcapil/KTP",
    "kk": "Dukcapil/KK",
    "akta": "Dukcapil/Akta",
    "puskesmas": "Kesehatan/Puskesmas",
    "bpjs": "Kesehatan/BPJS",
    "sekolah": "Pendidikan/Biaya",
    "ppdb": "Pendidikan/PPDB",
    "bansos": "Sosial/Bansos",
    "pkh": "Sosial/PKH",
    "tertib": "Trantib",
    "parkir": "Perhubungan/Parkir",
    "angkutan": "Perhubungan/Angkutan",
    "upah": "Naker/Upah",
    "honorer": "Naker/Honorer",
    "tanah": "Pertanahan",
    "pajak": "Ekonomi/Pajak",
    "desa": "Kalurahan",
    "pupuk": "Pertanian/Pupuk",
    "internet": "Kominfo",
    "sim": "Kepolisian",
    "wisata": "Pariwisata",
    "lain": "Umum",
}
_HOME = "Pemerintah Daerah DIY"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _date(at: int | None) -> str | None:
    return None if at is None else stamp(at, WIB, "%Y-%m-%d %H:%M:%S WIB")


def _tracks(story: Story) -> dict[str, Any]:
    givers = [_HOME, *(step.unit for step in story.handed)]
    return {
        "tahap": [
            {
                "kode": STATUSES[step.status][0],
                "nama": STATUSES[step.status][1],
                "pada": _date(step.at),
                "oleh": WORDS.actors[step.actor],
                "ket": step.note,
            }
            for step in story.log
        ],
        "terusan": [
            {"dari": giver, "ke": step.unit, "pada": _date(step.at), "ket": step.note, "tolak": step.not_authority}
            for giver, step in zip(givers, story.handed, strict=False)
        ],
        "jawaban": [
            {
                "jenis": WORDS.replies[reply.kind],
                "isi": reply.content,
                "dari": None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
                "ke": _HOME if reply.kind is FollowUpKind.REPORTER_REPLY else None,
                "pada": _date(reply.at),
                "rahasia": reply.is_confidential,
            }
            for reply in story.replies
        ],
        "bintang": [
            {
                "nilai": stars.score,
                "sumber": WORDS.stars[stars.source],
                "pada": _date(stars.at),
                "pesan": stars.comment,
            }
            for stars in (story.stars,)
            if stars is not None
        ],
    }


def _place(story: Story) -> dict[str, Any]:
    point = None if story.latitude is None else {"y": story.latitude, "x": story.longitude}
    return {"wilayah": story.place.code, "nama": story.place.district, "jalan": story.address, "titik": point}


def render(story: Story) -> bytes:
    case, last = story.case, story.log[-1]
    code, name = STATUSES[case.status]
    flags = {"anonim": case.is_anonymous, "rahasia": case.is_confidential}
    return orjson.dumps(
        {
            "nomor": native_id(case),
            "lacak": tracking_id(case),
            "pokok": {
                "judul": story.title,
                "teks": story.text,
                "teks_sunting": story.edited,
                "kelas": WORDS.classes[story.classification],
                "topik": CATEGORIES[case.about.key],
                "lewat": WORDS.channel(story.channel),
                "label": list(story.tags),
            },
            "tahap": {
                "kode": code,
                "nama": name,
                "sejak": _date(last.at),
                "oleh": WORDS.actors[last.actor],
                "alasan": last.note,
            },
            "sifat": [flag for flag, up in flags.items() if up],
            "pengirim": {"nama": story.name, "surel": story.email, "telepon": story.phone},
            "letak": _place(story),
            "instansi": {
                "induk": _HOME,
                "pelaksana": [story.unit] if story.unit else [],
                "tembusan": ["Inspektorat DIY"] if case.number % 23 == 0 else [],
            },
            "jejak": _tracks(story),
            "rujukan": [],
            "masuk": _date(case.submitted),
            "ubah": _date(case.updated),
            "tuntas": _date(story.closed_at),
        }
    )


def native_id(case: Case) -> str:
    return f"DIY-{case.number:07d}"


def tracking_id(case: Case) -> str:
    """Six characters; the factor is odd, so no two numbers share one."""
    scattered = case.number * 387_420_489 % (1 << 30)
    return "".join(_ALPHABET[scattered >> shift & 31] for shift in range(0, 30, 5))


def spoil(record: bytes) -> bytes:
    row = orjson.loads(record)
    return orjson.dumps({**row, "nomor": {"$oid": 7}, "tahap": None, "masuk": "31 Februari", "pokok": []})


GRAPH = build_schema("""
type Query {
  "Yang terakhir diubah lebih dulu. Paling banyak 200 sekali minta."
  laporan(first: Int = 50, after: String, diubahSejak: String): DaftarLaporan!
  satuLaporan(nomor: ID!): Laporan
}
type DaftarLaporan { totalCount: Int!  nodes: [Laporan]!  pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean!  endCursor: String }
type Laporan {
  nomor: ID!  lacak: String!  masuk: String!  ubah: String!  tuntas: String  sifat: [Sifat!]!  pokok: Pokok!
  tahap: Tahap!  pengirim: Pengirim!  letak: Letak!  instansi: Instansi!  jejak: Jejak!  rujukan: [Rujukan!]!
}
enum Sifat { anonim rahasia }
type Pokok {
  judul: String!  teks: String!  teks_sunting: String  kelas: String!  topik: String!  lewat: String!  label: [String!]!
}
type Tahap { kode: String!  nama: String!  sejak: String!  oleh: String!  alasan: String }
type Pengirim { nama: String  surel: String  telepon: String }
type Letak { wilayah: String!  nama: String!  jalan: String  titik: Titik }
type Titik { y: Float!  x: Float! }
type Instansi { induk: String!  pelaksana: [String!]!  tembusan: [String!]! }
type Jejak { tahap: [Langkah!]!  terusan: [Terusan!]!  jawaban: [Jawaban!]!  bintang: [Bintang!]! }
type Langkah { kode: String!  nama: String!  pada: String!  oleh: String!  ket: String }
type Terusan { dari: String!  ke: String!  pada: String!  ket: String  tolak: Boolean! }
type Jawaban { jenis: String!  isi: String!  dari: String  ke: String  pada: String!  rahasia: Boolean! }
type Bintang { nilai: Int!  sumber: String!  pada: String!  pesan: String }
type Rujukan { sistem: String!  nomor: String! }
""")
_MOST = 200


class _Query:
    """The root of one answer."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency

    def laporan(
        self, info: GraphQLResolveInfo[Any], first: int, after: str | None = None, diubahSejak: str | None = None
    ) -> dict[str, Any]:
        agency, size = self._agency, min(max(first, 1), _MOST)
        cut = agency.cut(agency.newest_first(moment(diubahSejak or "", WIB)), _opened(after), size, keyed=True)
        return {
            "totalCount": cut.total,
            "nodes": [orjson.loads(record) for record in cut.records],
            "pageInfo": {"hasNextPage": cut.more, "endCursor": _sealed(cut.end) if cut.records else None},
        }

    def satuLaporan(self, info: GraphQLResolveInfo[Any], nomor: str) -> Any:
        place = self._agency.find(nomor)
        return None if place is None else orjson.loads(self._agency.record(place))


def _sealed(end: int) -> str:
    return urlsafe_b64encode(f"laporan:{end}".encode()).decode()


def _opened(cursor: str | None) -> int:
    try:
        return int(urlsafe_b64decode((cursor or _sealed(0)).encode()).decode().removeprefix("laporan:"))
    except ValueError:
        raise GraphQLError("Penanda halaman tidak sah.", extensions={"code": "BAD_USER_INPUT"}) from None


@lru_cache(maxsize=100)
def _valid(query: str) -> DocumentNode:
    document = parse(query)
    if errors := validate(GRAPH, document):
        raise errors[0]
    return document


def _graph(agency: Agency, body: bytes) -> Response:
    try:
        asked = orjson.loads(body)
        query, variables = asked["query"], asked.get("variables")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _json({"errors": [{"message": 'Kirim {"query": ...} sebagai JSON.'}]}, 400)
    try:
        answer = execute_sync(GRAPH, _valid(query), _Query(agency), variable_values=variables)
    except GraphQLError as error:
        return _json({"errors": [error.formatted]}, 400)
    return _json(answer.formatted)


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


def _help(agency: Agency, request: Request) -> Response:
    return Response("E-Lapor: kirim kueri GraphQL dengan POST.", media_type="text/plain")


DIALECT = Dialect(
    slug="prov-diy",
    statuses={status: (code,) for status, (code, _) in STATUSES.items()},
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={"authorization": "Bearer demo-diy-bearer"},
    environment={"SIMPUL_PROV_DIY_BEARER": "demo-diy-bearer"},
    endpoints=(("/e-lapor/graphql", _help),),
    posts=(("/e-lapor/graphql", _graph),),
)
