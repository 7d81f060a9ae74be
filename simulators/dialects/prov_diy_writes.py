"""What E-Lapor takes: complaints, answers, moves, handings-over, stars. It files what comes, as often as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLResolveInfo

from schema.complaint import Channel, Classification, FollowUpKind
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Filed
from simulators.dialects.prov_diy_words import CATEGORIES, STATUSES, WORDS
from simulators.written import Body, Refusal, known, turned

_MATTERS = turned(CATEGORIES)
_STATES = {code: status for status, (code, _) in STATUSES.items()}
_CLASSES, _CHANNELS = turned(WORDS.classes), turned(WORDS.channels)
_ACTORS, _REPLIES = turned(WORDS.actors), turned(WORDS.replies)
Info = GraphQLResolveInfo[Any]


class Mutations:
    """The fields of the graph's `Mutation`."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency

    def lapor(self, info: Info, masukan: Mapping[str, Any], rujukan: str | None = None) -> Any:
        case = self._agency.file(_filed(masukan, rujukan))
        place = self._agency.find(self._agency.dialect.native_id(case))
        if place is None:  # the `lose` fault: a number without a record
            return {"nomor": self._agency.dialect.native_id(case), "lacak": self._agency.dialect.tracking_id(case)}
        return orjson.loads(self._agency.record(place))

    def jawab(self, info: Info, nomor: str, masukan: Mapping[str, Any], rujukan: str | None = None) -> Any:
        kind = _meant(_REPLIES, masukan["jenis"], "jenis") or FollowUpKind.PROGRESS
        actor = ActorRole.REPORTER if kind is FollowUpKind.REPORTER_REPLY else ActorRole.AGENCY
        place = self._agency.write(
            nomor,
            follow_up=kind,
            content=masukan["isi"],
            actor=actor,
            is_confidential=masukan["rahasia"],
            reference=rujukan,
        )
        return _receipt(place, nomor, rujukan)

    def teruskan(
        self,
        info: Info,
        nomor: str,
        ke: str,
        tolak: bool = False,
        ket: str | None = None,
        rujukan: str | None = None,
    ) -> Any:
        place = self._agency.write(nomor, unit=ke, note=ket, not_authority=tolak, reference=rujukan)
        return _receipt(place, nomor, rujukan)

    def pindahTahap(
        self,
        info: Info,
        nomor: str,
        kode: str,
        oleh: str | None = None,
        ket: str | None = None,
        rujukan: str | None = None,
    ) -> Any:
        actor = _meant(_ACTORS, oleh, "oleh") or ActorRole.AGENCY
        to = _meant(_STATES, kode, "kode")
        return _receipt(self._agency.write(nomor, to=to, actor=actor, note=ket, reference=rujukan), nomor, rujukan)

    def beriBintang(
        self, info: Info, nomor: str, nilai: int, pesan: str | None = None, rujukan: str | None = None
    ) -> Any:
        if not 1 <= nilai <= 5:
            raise _refusal("nilai harus 1 sampai 5")
        place = self._agency.write(nomor, score=nilai, content=pesan, actor=ActorRole.REPORTER, reference=rujukan)
        return _receipt(place, nomor, rujukan)

    def cabut(self, info: Info, nomor: str, alasan: str | None = None, rujukan: str | None = None) -> Any:
        note = alasan or "Dicabut oleh pelapor"
        place = self._agency.write(
            nomor, to=ComplaintStatus.ARCHIVED, actor=ActorRole.REPORTER, note=note, reference=rujukan
        )
        return _receipt(place, nomor, rujukan)


def _filed(told: Mapping[str, Any], reference: str | None) -> Filed:
    try:
        body = Body(told)
        point, who = body.inner("titik"), body.inner("pengirim")
        classification = known(_CLASSES, body.text("kelas"), "kelas")
        return Filed(
            title=body.need("judul"),
            text=body.need("teks"),
            matter=known(_MATTERS, body.text("topik"), "topik") or "lain",
            region=body.text("wilayah"),
            address=body.text("jalan"),
            latitude=point.number("y"),
            longitude=point.number("x"),
            channel=_CHANNELS.get(body.text("lewat") or "", Channel.WEBSITE),
            classification=classification or Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN,
            is_anonymous=body.yes("anonim"),
            is_confidential=body.yes("rahasia"),
            name=who.text("nama") or "",
            phone=who.text("telepon") or "",
            email=who.text("surel") or "",
            tags=tuple(told.get("label") or ()),
            files=body.files("berkas"),
            reference=reference,
        )
    except Refusal as refusal:
        raise _refusal(str(refusal)) from None


def _meant(words: Mapping[str, Any], word: str | None, name: str) -> Any:
    try:
        return known(words, word, name)
    except Refusal as refusal:
        raise _refusal(str(refusal)) from None


def _receipt(place: int | None, nomor: str, reference: str | None) -> dict[str, str | None]:
    if place is None:
        raise GraphQLError("Laporan tidak ditemukan.", extensions={"code": "NOT_FOUND"})
    return {"kunci": f"{nomor}:{reference}", "rujukan": reference, "nomor": nomor}


def _refusal(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
