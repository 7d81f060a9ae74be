"""Provinsi Bali: GeoReport v2 in XML, with extended attributes on request."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.agency import Agency
from simulators.case import DAY, Case, Filed, FiledFile, Step
from simulators.content import Story
from simulators.dialect import WITA, Dialect, Taking, Words, number, stamp, word
from simulators.forms import Form, form
from simulators.open311 import BadDate, extended, is_open, selected

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[str, ...]] = {
    S.SUBMITTED: ("received",),
    S.VERIFIED: ("acknowledged",),
    S.AWAITING_INFORMATION: ("information_requested",),
    S.DISPOSED: ("internal_referral",),
    S.IN_FOLLOW_UP: ("in_progress", "investigating", "planned"),
    S.POSTPONED: ("action_scheduled",),
    S.ANSWERED: ("answered",),
    S.CLOSED: ("closed", "fixed"),
    S.ARCHIVED: ("cancelled",),
    S.REJECTED: ("not_councils_responsibility",),
    S.DUPLICATE: ("duplicate",),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "pengaduan-pengawasan",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "pengaduan",
        Classification.ASPIRASI: "aspirasi",
        Classification.PERMINTAAN_INFORMASI: "informasi",
    },
    channels={
        Channel.WEBSITE: "web",
        Channel.MOBILE_APP: "app",
        Channel.WHATSAPP: "whatsapp",
        Channel.PHONE: "telepon",
        Channel.SOCIAL_MEDIA: "media-sosial",
        Channel.WALK_IN: "tatap-muka",
    },
    actors={
        ActorRole.REPORTER: "reporter",
        ActorRole.AGENCY: "agency",
        ActorRole.NATIONAL_ADMIN: "admin",
        ActorRole.SYSTEM: "system",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "first",
        FollowUpKind.PROGRESS: "progress",
        FollowUpKind.FINAL_ANSWER: "final",
        FollowUpKind.REPORTER_REPLY: "reply",
        FollowUpKind.INFORMATION_REQUEST: "question",
    },
    stars={RatingSource.CITIZEN: "citizen", RatingSource.AUTO: "default", RatingSource.ADMIN: "admin"},
)
SERVICES: dict[str, tuple[str, str]] = {
    "jalan": ("JLN-01", "Jalan Rusak"),
    "drainase": ("JLN-02", "Got dan Drainase"),
    "lampu": ("JLN-03", "Lampu Jalan"),
    "trotoar": ("JLN-04", "Trotoar"),
    "taman": ("LHK-02", "Pohon dan Taman"),
    "pasar": ("DAG-01", "Pasar Rakyat"),
    "sampah": ("LHK-01", "Sampah"),
    "banjir": ("BPB-01", "Banjir dan Longsor"),
    "cemar": ("LHK-03", "Pencemaran"),
    "air": ("AIR-01", "Air Minum"),
    "listrik": ("LIS-01", "Listrik"),
    "ktp": ("KEP-01", "KTP Elektronik"),
    "kk": ("KEP-02", "Kartu Keluarga"),
    "akta": ("KEP-03", "Akta"),
    "puskesmas": ("KES-01", "Puskesmas dan RSUD"),
    "bpjs": ("KES-02", "JKN/BPJS"),
    "sekolah": ("DIK-01", "Pungutan Sekolah"),
    "ppdb": ("DIK-02", "PPDB"),
    "bansos": ("SOS-01", "Bantuan Sosial"),
    "pkh": ("SOS-02", "PKH"),
    "tertib": ("POL-01", "Ketertiban"),
    "parkir": ("HUB-01", "Parkir"),
    "angkutan": ("HUB-02", "Trans Metro dan Angkutan"),
    "upah": ("NAK-01", "Upah"),
    "honorer": ("NAK-02", "Non-ASN"),
    "tanah": ("TNH-01", "Pertanahan"),
    "pajak": ("PJK-01", "Pajak"),
    "desa": ("DES-01", "Desa dan Desa Adat"),
    "pupuk": ("TAN-01", "Subak dan Pupuk"),
    "internet": ("KOM-01", "Internet"),
    "sim": ("POL-02", "Layanan Kepolisian"),
    "wisata": ("PAR-01", "Pariwisata"),
    "lain": ("UMU-01", "Lain-lain"),
}
_HOME = "Pemerintah Provinsi Bali"
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_EXTENSION = (b"<extended_attributes>", b"</extended_attributes>")


def _date(at: int | None) -> str:
    return "" if at is None else stamp(at, WITA, "%Y-%m-%dT%H:%M:%S+08:00")


def _element(name: str, value: object) -> str:
    if value is None or value == "":
        return f"<{name}/>"
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _elements(**values: object) -> str:
    return "".join(_element(name, value) for name, value in values.items())


def _many(name: str, entry: str, entries: Iterable[str]) -> str:
    inside = "".join(f"<{entry}>{one}</{entry}>" for one in entries)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def _status(case: Case, step: Step) -> str:
    return word(STATUSES, step.status, case.number + step.at)


def _referrals(story: Story) -> Iterable[str]:
    giver = _HOME
    for step in story.handed:
        yield _element("from", giver) + _elements(
            to=step.unit, datetime=_date(step.at), reason=step.note, not_authority=step.not_authority
        )
        giver = step.unit or giver


def _attributes(story: Story) -> str:
    case, stars = story.case, story.stars
    named = not case.is_anonymous
    first, _, last = story.name.partition(" ")
    log = (
        _elements(status=_status(case, step), datetime=_date(step.at), actor=WORDS.actors[step.actor], note=step.note)
        for step in story.log
    )
    responses = (
        _elements(
            type=WORDS.replies[reply.kind],
            datetime=_date(reply.at),
            agency=None if reply.kind is FollowUpKind.REPORTER_REPLY else story.unit or _HOME,
            confidential=reply.is_confidential,
            description=reply.content,
        )
        for reply in story.replies
    )
    rating = stars and _elements(
        score=stars.score, given_by=WORDS.stars[stars.source], datetime=_date(stars.at), comment=stars.comment
    )
    return (
        _elements(
            title=story.title,
            edited_description=story.edited,
            detailed_status=_status(case, story.log[-1]),
            tracking_id=tracking_id(case),
            classification=WORDS.classes[story.classification],
            channel=WORDS.channel(story.channel),
            anonymous=case.is_anonymous,
            confidential=case.is_confidential,
            first_name=first if named else None,
            last_name=last if named else None,
            phone=story.phone if named else None,
            email=story.email if named else None,
            closed_datetime=_date(story.closed_at),
            owner=_HOME,
        )
        + _many("status_log", "entry", log)
        + _many("responses", "response", responses)
        + _many("referrals", "referral", _referrals(story))
        + (f"<rating>{rating}</rating>" if rating else "<rating/>")
        + _many("external_ids", "external_id", _known_as(case))
    )


def _known_as(case: Case) -> Iterable[str]:
    if case.filed is not None and case.filed.reference is not None:
        yield _elements(system="simpul", id=case.filed.reference)


def render(story: Story) -> bytes:
    case, place = story.case, story.place
    code, name = SERVICES[case.about.key]
    nowhere = "0.0" if case.number % 9 == 0 else None
    spec = _elements(
        service_request_id=native_id(case),
        status="open" if is_open(case) else "closed",
        status_notes=story.log[-1].note,
        service_name=name,
        service_code=code,
        description=story.text,
        agency_responsible=story.unit,
        service_notice=None,
        requested_datetime=_date(case.submitted),
        updated_datetime=_date(case.updated),
        expected_datetime=_date(case.submitted + 20 * DAY),
        address=story.address,
        address_id=place.code,
        zipcode=None,
        lat=story.latitude or nowhere,
        long=story.longitude or nowhere,
        media_url=f"https://media.baliprov.example/{story.photo}" if story.photo else None,
    )
    extension = f"<extended_attributes>{_attributes(story)}</extended_attributes>"
    return f"<request>{spec}{extension}</request>".encode()


def _bare(record: bytes) -> bytes:
    head, _, rest = record.partition(_EXTENSION[0])
    return head + rest.partition(_EXTENSION[1])[2]


def native_id(case: Case) -> str:
    return f"BALI-{case.number:06d}"


def tracking_id(case: Case) -> str:
    return f"{stamp(case.submitted, WITA, '%Y%m')}{case.number:06d}"


def spoil(record: bytes) -> bytes:
    """Without an id, and with dates that are none."""
    tail = record.partition(b"</service_request_id>")[2]
    return b"<request><service_request_id/>" + tail.replace(b"+08:00<", b" kemarin<")


def _xml(inside: bytes, status: int = 200, total: int | None = None) -> Response:
    headers = None if total is None else {"X-Total-Count": str(total)}
    return Response(_HEAD.encode() + inside, status, headers=headers, media_type="application/xml; charset=utf-8")


def _error(status: int, text: str) -> Response:
    body = f"<errors><error><code>{status}</code><description>{escape(text)}</description></error></errors>"
    return _xml(body.encode(), status)


def _requests(agency: Agency, request: Request) -> Response:
    page, size = number(request, "page", 1, 1, 10**6), number(request, "page_size", 100, 1, 500)
    try:
        order = selected(agency, request, WITA, SERVICES, span=90)
    except BadDate as error:
        return _error(400, f"date could not be read: {error}")
    if reference := request.query_params.get("external_id"):
        held = set(agency.referred(reference))
        order = [place for place in order if place in held]
    cut = agency.cut(order, (page - 1) * size, size)
    records = cut.records if extended(request) else [_bare(record) for record in cut.records]
    return _xml(b"<service_requests>" + b"".join(records) + b"</service_requests>", total=cut.total)


def _request(agency: Agency, request: Request) -> Response:
    place = agency.find(request.path_params["id"])
    if place is None:
        return _error(404, "service_request_id was not found")
    record = agency.record(place)
    return _xml(b"<service_requests>" + (record if extended(request) else _bare(record)) + b"</service_requests>")


def _services(agency: Agency, request: Request) -> Response:
    entries = (
        _elements(service_code=code, service_name=name, description=None, metadata=False, type="realtime")
        for code, name in SERVICES.values()
    )
    return _xml(_many("services", "service", entries).encode())


def _discovery(agency: Agency, request: Request) -> Response:
    endpoint = _elements(
        specification="http://wiki.open311.org/GeoReport_v2",
        url=str(request.base_url) + "open311/v2/",
        type="production",
    )
    return _xml(f"<discovery>{endpoint}</discovery>".encode())


# ------------------------------------------------------------- written to


def _refused(text: str = "tidak dapat diterima") -> Response:
    return _error(400, text)


def _submit(agency: Agency, request: Request, body: bytes) -> Response:
    told = form(body)
    matter = next((key for key, (code, _) in SERVICES.items() if code == told.get("service_code")), None)
    if matter is None:
        return _refused("service_code is not known")
    if not told.get("description") or not (told.get("lat") or told.get("address_string") or told.get("address_id")):
        return _refused("description and a location are required")
    case = agency.file(_filed(told, matter))
    # Some requests are numbered later, as the specification allows.
    number = {"token": _token(case)} if case.number % 5 == 0 else {"service_request_id": native_id(case)}
    return _xml(f"<service_requests><request>{_elements(**number)}</request></service_requests>".encode(), 201)


def _filed(told: Form, matter: str) -> Filed:
    classes = {word: name for name, word in WORDS.classes.items()}
    channels = {word: name for name, word in WORDS.channels.items()}
    text = told["description"]
    return Filed(
        title=told.get("attribute[title]") or text[:60],
        text=text,
        matter=matter,
        region=told.get("address_id"),
        address=told.get("address_string"),
        latitude=told.number("lat"),
        longitude=told.number("long"),
        incident=told.day("attribute[incident_date]", "%Y-%m-%d"),
        channel=channels.get(told.get("attribute[channel]") or "", Channel.WEBSITE),
        classification=classes.get(told.get("attribute[classification]") or "", Classification.ASPIRASI),
        is_anonymous=told.get("attribute[anonymous]") == "true",
        is_confidential=told.get("attribute[confidential]") == "true",
        name=" ".join(filter(None, (told.get("first_name"), told.get("last_name")))),
        phone=told.get("phone") or "",
        email=told.get("email") or "",
        files=tuple(FiledFile(url.rpartition("/")[2]) for url in told.all("media_url")),
        reference=told.get("attribute[external_id]"),
    )


def _token(case: Case) -> str:
    return f"tok-{case.number:x}"


def _numbered(agency: Agency, request: Request) -> Response:
    token = request.path_params["token"]
    case = next((case for case in reversed(agency.cases) if _token(case) == token), None)
    if case is None:
        return _error(404, "token was not found")
    told = _elements(token=token, service_request_id=native_id(case))
    return _xml(f"<service_requests><request>{told}</request></service_requests>".encode())


def _update(agency: Agency, request: Request, body: bytes) -> Response:
    """An `update_id` that came before is answered, and nothing else is done."""
    told = form(body)
    native, id = told.get("service_request_id") or "", told.get("update_id")
    status = next((key for key, words in STATUSES.items() if told.get("status") in words), None)
    kinds = {word: kind for kind, word in WORDS.replies.items()}
    if agency.find(native) is None:
        return _error(404, "service_request_id was not found")
    if id is None or (told.get("status") and status is None):
        return _refused("update_id and a known status are required")
    if not agency.referred(id):
        actors = {word: actor for actor, word in WORDS.actors.items()}
        actor = actors.get(told.get("attribute[actor]") or "", ActorRole.AGENCY)
        kind, text = kinds.get(told.get("attribute[type]") or ""), told.get("description")
        if status is None:
            kind = kind or FollowUpKind.PROGRESS
            agency.write(native, actor=actor, follow_up=kind, content=text, reference=id)
        else:
            agency.write(native, to=status, actor=actor, note=text, reference=id)
    update = f"<request_update>{_elements(update_id=id)}</request_update>"
    return _xml(f"<service_request_updates>{update}</service_request_updates>".encode(), 201)


DIALECT = Dialect(
    slug="prov-bali",
    statuses=STATUSES,
    native_id=native_id,
    tracking_id=tracking_id,
    render=render,
    spoil=spoil,
    keys={},
    environment={},
    base="/open311/v2",
    endpoints=(
        ("/discovery.xml", _discovery),
        ("/services.xml", _services),
        ("/requests.xml", _requests),
        ("/requests/{id}.xml", _request),
        ("/tokens/{token}.xml", _numbered),
    ),
    writes=(
        Taking(path="/requests.xml", answer=_submit, refusal=_refused),
        Taking(path="/servicerequestupdates.xml", answer=_update, refusal=_refused),
    ),
)
