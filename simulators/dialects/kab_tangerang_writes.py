"""What Kabupaten Tangerang takes: complaints, answers, moves, handings-over, stars.

It files whatever comes, as often as it comes. `Idempotency-Key` it knows since its last release, but only one of its
two servers has that one: half of the keys are honoured, the same ones each time. It keeps `referensi`, and finds by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from zlib import crc32

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import Channel, Classification, FollowUpKind
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import Case, Filed
from simulators.dialect import Taking
from simulators.dialects.kab_tangerang_words import CATEGORIES, STATUSES, WORDS
from simulators.written import Body, Refusal, known, turned

_MATTERS = {code: matter for matter, (code, _) in CATEGORIES.items()}
_STATES = {code: status for status, (code, _) in STATUSES.items()}
_CLASSES, _CHANNELS = turned(WORDS.classes), turned(WORDS.channels)
_ACTORS, _REPLIES = turned(WORDS.actors), turned(WORDS.replies)

#: Does what a body says to the case with an id, under a key of elsewhere; its place, or None if there is no such case.
Act = Callable[[Agency, str, Body, str | None], int | None]


def answered(data: object, status: int = 200) -> Response:
    return Response(orjson.dumps({"status": "sukses", "data": data}), status, media_type="application/json")


def refused(reason: str, status: int = 422) -> Response:
    return Response(orjson.dumps({"status": "gagal", "pesan": reason}), status, media_type="application/json")


def honoured(key: str) -> bool:
    """Whether the server that a key leads to knows of such keys."""
    return crc32(key.encode()) % 2 == 0


def _file(agency: Agency, request: Request, content: bytes) -> Response:
    key = request.headers.get("idempotency-key", "")
    try:
        filed = _filed(Body.read(content))
    except Refusal as refusal:
        return refused(str(refusal))
    if key and honoured(key) and (held := agency.referred(key)):
        return _receipt(agency, agency.cases[held[0]], 200)
    return _receipt(agency, agency.file(filed), 201)


def _receipt(agency: Agency, case: Case, status: int) -> Response:
    return answered({"aduan": {"id": case.number, "nomor": agency.dialect.tracking_id(case)}}, status)


def _filed(body: Body) -> Filed:
    place, who = body.inner("lokasi"), body.inner("pelapor")
    classification = known(_CLASSES, body.text("klasifikasi"), "klasifikasi")
    return Filed(
        title=body.need("judul"),
        text=body.need("isi"),
        matter=known(_MATTERS, body.text("kategori"), "kategori") or "lain",
        region=place.text("kode"),
        address=place.text("alamat"),
        latitude=place.number("lintang"),
        longitude=place.number("bujur"),
        incident=_day(body.text("tanggal_kejadian")),
        channel=_CHANNELS.get(body.text("kanal") or "", Channel.WEBSITE),
        classification=classification or Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN,
        is_anonymous=who.yes("anonim"),
        is_confidential=body.yes("rahasia"),
        name=who.text("nama") or "",
        phone=who.text("telepon") or "",
        files=body.files("lampiran"),
        reference=body.text("referensi"),
    )


def _day(text: str | None) -> date | None:
    try:
        return datetime.strptime(text, "%d/%m/%Y").date() if text else None  # noqa: DTZ007  (a day has no zone)
    except ValueError:
        raise Refusal("tanggal_kejadian bukan tanggal") from None


def _answer(agency: Agency, native_id: str, body: Body, reference: str | None) -> int | None:
    kind = known(_REPLIES, body.need("jenis"), "jenis") or FollowUpKind.PROGRESS
    citizen = kind is FollowUpKind.REPORTER_REPLY
    return agency.write(
        native_id,
        follow_up=kind,
        content=body.need("isi"),
        actor=ActorRole.REPORTER if citizen else ActorRole.AGENCY,
        is_confidential=body.yes("rahasia"),
        reference=reference,
    )


def _move(agency: Agency, native_id: str, body: Body, reference: str | None) -> int | None:
    to = known(_STATES, body.need("kode"), "kode")
    actor = known(_ACTORS, body.text("oleh"), "oleh") or ActorRole.AGENCY
    return agency.write(native_id, to=to, actor=actor, note=body.text("catatan"), reference=reference)


def _hand_on(agency: Agency, native_id: str, body: Body, reference: str | None) -> int | None:
    wrong = body.yes("bukan_wewenang")
    unit, note = body.need("ke"), body.text("catatan")
    return agency.write(native_id, unit=unit, note=note, not_authority=wrong, reference=reference)


def _rate(agency: Agency, native_id: str, body: Body, reference: str | None) -> int | None:
    score, comment = body.stars("bintang"), body.text("komentar")
    return agency.write(native_id, score=score, content=comment, actor=ActorRole.REPORTER, reference=reference)


def _withdraw(agency: Agency, native_id: str, body: Body, reference: str | None) -> int | None:
    note = body.text("alasan") or "Dicabut oleh pelapor"
    return agency.write(
        native_id, to=ComplaintStatus.ARCHIVED, actor=ActorRole.REPORTER, note=note, reference=reference
    )


def _done(act: Act) -> Callable[[Agency, Request, bytes], Response]:
    def answer(agency: Agency, request: Request, content: bytes) -> Response:
        native_id = request.path_params["id"]
        try:
            body = Body.read(content)
            reference = body.text("referensi")
            place = act(agency, native_id, body, reference)
        except Refusal as refusal:
            return refused(str(refusal))
        if place is None:
            return refused("Aduan tidak ditemukan", 404)
        return answered({"kunci": f"{native_id}/{reference}", "aduan": int(native_id)}, 201)

    return answer


def _reject() -> Response:
    return refused("Ditolak: data tidak memenuhi syarat")


_ACTS: Mapping[str, Act] = {
    "tanggapan": _answer,
    "status": _move,
    "teruskan": _hand_on,
    "penilaian": _rate,
    "cabut": _withdraw,
}

WRITES = (
    Taking(path="/api/v1/aduan", answer=_file, refusal=_reject),
    *(Taking(path=f"/api/v1/aduan/{{id}}/{name}", answer=_done(act), refusal=_reject) for name, act in _ACTS.items()),
)
