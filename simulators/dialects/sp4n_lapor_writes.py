"""How SP4N-LAPOR! answers, and what it takes: forms, and an envelope in which HTTP 200 means little."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import Classification, FollowUpKind
from schema.status import ActorRole
from simulators.agency import Agency
from simulators.case import Filed, FiledFile
from simulators.dialect import Taking
from simulators.dialects.sp4n_lapor_words import CATEGORIES, CLASSES, GOVERNMENTS, TEMPLATES, UNITS, tracking_id
from simulators.forms import Form, form, region_of, uploaded

A = ActorRole


def answer(data: object, **more: object) -> Response:
    body = {"status": 200, "message": "Berhasil", "results": {"data": data, **more}}
    return Response(orjson.dumps(body), media_type="application/json")


def missing() -> Response:
    body = {"status": 404, "message": "Data tidak ditemukan", "results": {"data": None}}
    return Response(orjson.dumps(body), media_type="application/json")


def _refused(message: str = "Laporan ditolak: tidak memenuhi ketentuan") -> Response:
    """With HTTP 200, as so much here."""
    return Response(orjson.dumps({"status": 422, "message": message, "results": None}), media_type="application/json")


def _submit(agency: Agency, request: Request, body: bytes) -> Response:
    told = form(body)
    if not told.get("title") or not told.get("content") or not told.get("user_id"):
        return _refused("title, content dan user_id wajib diisi")
    case = agency.file(_filed(told))
    data = {"complaint_id": case.number, "tracking_id": tracking_id(case)}
    # This system at times forgets to say which one it is.
    return answer({name: value for name, value in data.items() if name != "complaint_id" or case.number % 11})


def _filed(told: Form) -> Filed:
    matters = {str(number): key for key, (number, _) in CATEGORIES.items()}
    classes = {str(number): name for name, (number, _) in CLASSES.items()}
    words = (told.get("tags_raw") or "").split()
    marks = [word for word in words if word.startswith("simpul:")]
    return Filed(
        title=told["title"],
        text=told["content"],
        matter=matters.get(told.get("category_id") or "", "lain"),
        region=region_of(told.get("location_id")),
        address=told.get("address"),
        latitude=told.number("lat"),
        longitude=told.number("long"),
        incident=told.day("date_of_incident", "%d-%m-%Y"),
        classification=classes.get(told.get("classification_id") or "", Classification.ASPIRASI),
        is_anonymous=told.get("is_anonymous") == "1",
        is_confidential=told.get("is_secret") == "1",
        tags=tuple(word.lstrip("#") for word in words),
        files=tuple(FiledFile(f"lampiran-{id}") for id in told.all("attachments[]")),
        reference=marks[0].removeprefix("simpul:") if marks else None,
    )


def _upload(agency: Agency, request: Request, body: bytes) -> Response:
    files = uploaded(request, body)
    docs = [{"id": 9_000 + len(file.name) + place, "name": file.name} for place, file in enumerate(files)]
    return _refused("attachments[] wajib diisi") if not files else _done({"docs": docs})


def _say(agency: Agency, request: Request, body: bytes) -> Response:
    told = form(body)
    kinds = {template: kind for kind, template in TEMPLATES.items()}
    kind = kinds.get(told.get("template_code") or "", FollowUpKind.PROGRESS)
    stars = told.number("rating")
    native = told.get("complaint_id") or ""
    place = agency.write(
        native,
        actor=A.REPORTER if kind is FollowUpKind.REPORTER_REPLY else A.AGENCY,
        follow_up=kind if told.get("content") else None,
        content=told.get("content"),
        is_confidential=told.get("is_secret") == "1",
        score=None if stars is None else int(stars),
    )
    return missing() if place is None else _done({"complaint_id": int(native)})


def _reject(agency: Agency, request: Request, body: bytes) -> Response:
    told = form(body)
    names = {str(id): name for name, id in {**UNITS, **GOVERNMENTS}.items()}
    target = names.get(told.get("reason") or "")
    if target is None or told.get("not_authority") != "1":
        return _refused("reason harus instansi tujuan, not_authority harus 1")
    native = request.path_params["id"]
    place = agency.write(native, unit=target, note=told.get("reason_description"), not_authority=True)
    return missing() if place is None else _done({"complaint_id": int(native)})


def _done(results: object) -> Response:
    body = {"status": 200, "message": "Berhasil", "results": results}
    return Response(orjson.dumps(body), media_type="application/json")


WRITES = (
    Taking(path="/complaints/complaint/file", answer=_upload, refusal=_refused),
    Taking(path="/complaints/complaint-{integrator}", answer=_submit, refusal=_refused),
    Taking(path="/complaints/followup/add", answer=_say, refusal=_refused),
    Taking(path="/complaints/process/{id}/reject", answer=_reject, refusal=_refused),
)
