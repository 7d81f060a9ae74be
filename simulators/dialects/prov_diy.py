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
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import FollowUpKind
from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story
from simulators.dialect import WIB, Dialect, Taking, moment, stamp
from simulators.dialects.prov_diy_words import CATEGORIES, GRAPH, STATUSES, WORDS
from simulators.dialects.prov_diy_writes import Mutations

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


def _ours(case: Case) -> list[dict[str, str]]:
    """Its key in the system that wrote it."""
    if case.filed is None or case.filed.reference is None:
        return []
    return [{"sistem": "simpul", "nomor": case.filed.reference}]


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
            "rujukan": _ours(case),
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


_MOST = 200


class _Root(Mutations):
    """The root of one answer."""

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

    def kiriman(self, info: GraphQLResolveInfo[Any], rujukan: str) -> list[dict[str, str]]:
        ids = [] if self._agency.fault == "empty" else self._agency.writings.of(rujukan)
        return [{"kunci": f"{id}:{rujukan}", "rujukan": rujukan, "nomor": id} for id in ids]


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


def _writes(body: bytes) -> bool:
    """Whether a request holds a mutation. What can't be read changes nothing."""
    try:
        return get_operation_ast(_valid(orjson.loads(body)["query"])).operation is OperationType.MUTATION  # type: ignore[union-attr]  # one that is None ends like one that can't be read
    except (orjson.JSONDecodeError, GraphQLError, KeyError, TypeError, AttributeError):
        return False


def _refused() -> Response:
    error = {"message": "Laporan ditolak: tidak memenuhi syarat.", "extensions": {"code": "BAD_USER_INPUT"}}
    return _json({"data": None, "errors": [error]})


def _graph(agency: Agency, request: Request, body: bytes) -> Response:
    try:
        asked = orjson.loads(body)
        query, variables = asked["query"], asked.get("variables")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return _json({"errors": [{"message": 'Kirim {"query": ...} sebagai JSON.'}]}, 400)
    try:
        answer = execute_sync(GRAPH, _valid(query), _Root(agency), variable_values=variables)
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
    writes=(Taking(path="/e-lapor/graphql", answer=_graph, refusal=_refused, writes=_writes),),
)
