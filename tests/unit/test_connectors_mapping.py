"""From raw records to records: what is read, what is dropped, what is refused, and that nothing else can happen."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import look_back, page_of
from connectors.manifest import parse_manifest
from connectors.mapping import Mapper, coordinates
from connectors.quarantine import reject
from connectors.values import MAX_TITLE
from schema.complaint import Channel, Classification, ComplaintRecord, FollowUpKind, RatingSource, Reporter
from schema.errors import ConfigError, RecordError
from schema.status import ActorRole, ComplaintStatus

FILE = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Makassar"
kind = "rest"
[http]
url = "http://127.0.0.1:1"
[fields]
native_id = "id"
tracking_id = "nomor"
url = "tautan"
status = "status.nama"
status_code = "status.kode"
status_reason = "alasan"
title = "judul"
original_text = "isi.awal"
edited_text = "isi.akhir"
classification = "klasifikasi"
category = "kategori.id"
native_category = "kategori.nama"
channel = "sumber"
tags = "tag"
incident_date = "kejadian"
region = "wilayah"
latitude = "lokasi[0]"
longitude = "lokasi[1]"
address = "alamat"
is_anonymous = "contains(tipe || '', 'Anonim')"
is_confidential = "rahasia"
reporter_name = "pelapor.nama"
reporter_phone = "pelapor.telp"
submitted_at = "masuk"
updated_at = "diubah"
owner_agency = "instansi.nama"
owner_agency_id = "instansi.id"
[dates]
formats = ["%d-%m-%Y %H:%M:%S", "%d %b %Y", "iso", "epoch"]
[timeline]
records = "riwayat"
status = "status"
at = "waktu"
note = "catatan"
actor = "oleh"
[follow_ups]
records = "tanggapan"
kind = "jenis"
at = "waktu"
content = "isi"
from_name = "dari"
actor = "oleh"
is_confidential = "rahasia"
[dispositions]
records = "disposisi"
at = "waktu"
to_name = "ke"
from_name = "dari"
is_not_authority = "bukan_wewenang"
[ratings]
records = "penilaian"
score = "bintang"
source = "oleh"
at = "waktu"
[attachments]
records = "lampiran"
url = "url"
filename = "nama"
byte_size = "ukuran"
[assigned_agencies]
records = "tujuan"
name = "@"
[external_references]
records = "rujukan"
system = "'sp4n-lapor'"
id = "nomor"
[status]
baru = "SUBMITTED"
diproses = "IN_FOLLOW_UP"
"ditutup oleh sistem" = "CLOSED by SYSTEM"
[status_actor]
petugas = "AGENCY"
[classification]
aspirasi = "ASPIRASI"
[category]
"928" = "infrastruktur.jalan"
[channel]
WA = "WHATSAPP"
[regions]
"kec. contoh" = "36.03.01"
[follow_up_kind]
jawaban = "FINAL_ANSWER"
[rating_source]
otomatis = "AUTO"
[agencies]
"dinas contoh" = "prov-contoh"
"""

RAW: dict[str, Any] = {
    "id": 4711,
    "nomor": "TGR-4711",
    "tautan": "https://aduan.example/4711",
    "status": {"nama": "Ditutup oleh Sistem", "kode": 9},
    "alasan": "Tanpa tanggapan",
    "judul": "Jalan  berlubang\r\ndi depan pasar\x00",
    "isi": {"awal": "Baris satu\r\nBaris dua", "akhir": None},
    "klasifikasi": "Aspirasi",
    "kategori": {"id": 928, "nama": "Infrastruktur Jalan"},
    "sumber": "wa",
    "tag": "jalan, lubang,jalan",
    "kejadian": "23 Agu 2020",
    "wilayah": "Kec.  Contoh",
    "lokasi": ["-6,2", "106.6"],
    "alamat": "Jalan Contoh 1",
    "tipe": "Rahasia",
    "rahasia": "1",
    "pelapor": {"nama": "Nama Pelapor", "telp": "0800000000"},
    "masuk": "24-08-2020 07:30:00",
    "diubah": "2020-08-26T10:00:00.1234567+07:00",
    "instansi": {"id": 12, "nama": "Dinas Contoh"},
    "riwayat": [
        {"status": "diproses", "waktu": "25-08-2020 08:00:00", "catatan": "diteruskan", "oleh": "petugas"},
        {"status": "baru", "waktu": "24-08-2020 07:30:00"},
        {"status": "ditutup oleh sistem", "waktu": "26-08-2020 00:00:00"},
    ],
    "tanggapan": [{"jenis": "jawaban", "waktu": 1598400000, "isi": "Sudah ditambal", "dari": "Dinas Contoh"}],
    "disposisi": [{"waktu": "25-08-2020 08:00:00", "ke": "Dinas Lain", "dari": "Dinas Contoh", "bukan_wewenang": 1}],
    "penilaian": [{"bintang": "5", "oleh": "otomatis", "waktu": "26-08-2020 00:00:00"}],
    "lampiran": [{"url": "https://aduan.example/a.jpg", "nama": "a.jpg", "ukuran": 12}, {"url": "javascript:x"}],
    "tujuan": ["Dinas Contoh", None, "Dinas Lain"],
    "rujukan": [{"nomor": 9001}, {"nomor": None}],
}

MANIFEST = parse_manifest(FILE, slug="kab-contoh", file="kab-contoh.toml")
MAPPER = Mapper(MANIFEST)


def mapped(**changes: Any) -> ComplaintRecord:
    return MAPPER.record({**RAW, **changes})


def refused(**changes: Any) -> RecordError:
    with pytest.raises(RecordError) as caught:
        mapped(**changes)
    return caught.value


def test_a_whole_record() -> None:
    record = mapped()
    assert (record.native_id, record.tracking_id) == ("4711", "TGR-4711")
    assert (record.status, record.status_actor) == (ComplaintStatus.CLOSED, ActorRole.SYSTEM)
    assert record.native_status is not None
    assert (record.native_status.label, record.native_status.code) == ("Ditutup oleh Sistem", "9")
    assert record.title == "Jalan berlubang di depan pasar"
    assert (record.original_text, record.edited_text) == ("Baris satu\nBaris dua", None)
    assert record.classification is Classification.ASPIRASI
    assert (record.category, record.native_category) == ("infrastruktur.jalan", "Infrastruktur Jalan")
    assert (record.channel, record.native_channel) == (Channel.WHATSAPP, "wa")
    assert record.tags == ("jalan", "lubang")
    assert record.incident_date == date(2020, 8, 23)
    assert record.incident_location is not None
    assert (record.incident_location.region_code, record.incident_location.latitude) == ("36.03.01", -6.2)
    assert record.is_confidential
    assert record.submitted_at == datetime(2020, 8, 23, 23, 30, tzinfo=UTC)
    assert record.updated_at == datetime(2020, 8, 26, 3, 0, 0, 123456, tzinfo=UTC)
    assert record.owner_agency is not None
    assert (record.owner_agency.agency, record.owner_agency.native_id) == ("prov-contoh", "12")


def test_lists_inside_a_record() -> None:
    record = mapped()
    assert record.timeline is not None
    moves = [(event.from_status, event.to_status) for event in record.timeline]
    submitted, followed, closed = ComplaintStatus.SUBMITTED, ComplaintStatus.IN_FOLLOW_UP, ComplaintStatus.CLOSED
    assert moves == [(None, submitted), (submitted, followed), (followed, closed)]
    assert record.timeline[1].actor is not None
    assert (record.timeline[1].actor.role, record.timeline[1].actor.agency) == (ActorRole.AGENCY, "kab-contoh")
    assert record.status_changed_at == record.timeline[-1].occurred_at
    assert [(entry.kind, entry.content) for entry in record.follow_ups] == [
        (FollowUpKind.FINAL_ANSWER, "Sudah ditambal")
    ]
    assert record.dispositions[0].is_not_authority
    assert record.dispositions[0].to_agency.name == "Dinas Lain"
    assert [(rating.score, rating.source) for rating in record.ratings] == [(5, RatingSource.AUTO)]
    assert [(file.filename, file.byte_size) for file in record.attachments] == [("a.jpg", 12)]
    assert record.attachments[0].id == mapped().attachments[0].id
    assert [reference.agency for reference in record.assigned_agencies] == ["prov-contoh", None]
    assert [(other.system, other.id) for other in record.external_references] == [("sp4n-lapor", "9001")]


def test_no_log_is_none() -> None:
    assert mapped(riwayat=None).timeline is None
    assert mapped(riwayat=[]).timeline is None


def test_what_is_unknown_is_kept_in_the_agencys_words() -> None:
    record = mapped(
        status={"nama": "Entah"}, sumber="Radio", kategori={"nama": "Lain"}, klasifikasi="Lain", wilayah="X"
    )
    assert record.status is ComplaintStatus.UNMAPPED
    assert record.native_status is not None
    assert record.native_status.label == "Entah"
    assert (record.channel, record.native_channel) == (Channel.OTHER, "Radio")
    assert (record.category, record.native_category, record.classification) == (None, "Lain", None)
    assert record.incident_location is not None
    assert record.incident_location.region_code is None


def test_an_anonymous_reporter_does_not_get_in() -> None:
    asked = parse_manifest(FILE + "[privacy]\nreporter_identity = true\n", slug="kab-contoh", file="f")
    mapper = Mapper(asked)
    assert mapper.record(RAW).reporter == Reporter(name="Nama Pelapor", phone="0800000000")
    anonymous = mapper.record({**RAW, "tipe": "Anonim|Rahasia"})
    assert anonymous.is_anonymous
    assert anonymous.reporter is None
    assert "Nama Pelapor" not in repr(anonymous)


def test_identity_is_not_even_read_unless_asked_for() -> None:
    record = mapped(pelapor={"nama": {"not": "a text"}})
    assert record.reporter is None


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"id": None}, ("id",), "is missing"),
        ({"id": "  "}, ("id",), "is missing"),
        ({"id": {"$oid": "1"}}, ("id",), "is an object where a text was expected"),
        ({"id": 1e300}, ("id",), "is a number too large to be exact"),
        ({"id": "x" * 501}, ("id",), "is too long for a key"),
        ({"status": {}}, ("status", "nama"), "is missing"),
        ({"status": None}, ("status", "nama"), "is missing"),
        ({"judul": ["a"]}, ("judul",), "is a list where a text was expected"),
        ({"rahasia": "mungkin"}, ("rahasia",), "is neither yes nor no"),
        ({"masuk": "kemarin"}, ("masuk",), "is not a moment in any format of [dates]"),
        ({"masuk": "01-01-1970 00:00:00"}, ("masuk",), "lies in a year that can't be right"),
        ({"masuk": True}, ("masuk",), "is not a moment, a number or a text"),
        ({"riwayat": {"a": 1}}, ("riwayat",), "is an object where a list was expected"),
        ({"riwayat": [{"status": "baru"}]}, ("riwayat", "0", "waktu"), "is missing"),
        ({"riwayat": ["x"]}, ("riwayat", "0", "status"), "is missing"),
        ({"riwayat": [{}] * 1001}, ("riwayat",), "has more than 1,000 entries"),
        ({"penilaian": [{"bintang": 9}]}, ("penilaian", "0", "bintang"), "is not a score from 1 to 5"),
        ({"tipe": 7}, ("contains(tipe || '', 'Anonim')",), "does not fit the expression"),
    ],
)
def test_a_bad_record_is_refused_with_place_and_reason(
    changes: dict[str, Any], path: tuple[str, ...], reason: str
) -> None:
    error = refused(**changes)
    assert (error.path, error.reason) == (path, reason)


def test_zero_and_impossible_coordinates_are_absent() -> None:
    assert coordinates(0.0, 0.0) == (None, None)
    assert coordinates(106.6, -6.2) == (None, None)
    assert coordinates(-6.2, None) == (None, None)
    assert coordinates(0.0, 106.6) == (0.0, 106.6)
    assert coordinates(-6.2, 181.0) == (None, None)


def test_texts_are_cut_and_cleaned() -> None:
    record = mapped(judul="x" * 5_000, isi={"awal": "a\x00b\ud800c\td"})
    assert record.title is not None
    assert len(record.title) == MAX_TITLE
    assert record.original_text == "abc\td"


def test_zero_dates_are_absent() -> None:
    record = mapped(masuk="0000-00-00 00:00:00", diubah="")
    assert (record.submitted_at, record.updated_at) == (None, None)


def test_fields_without_an_id_or_status_are_a_fault_of_the_file() -> None:
    for line in ('native_id = "id"\n', 'status = "status.nama"\n'):
        with pytest.raises(ConfigError, match="fields"):
            Mapper(parse_manifest(FILE.replace(line, ""), slug="kab-contoh", file="f"))


def test_one_bad_record_harms_no_other() -> None:
    raws = [{**RAW, "id": number} for number in range(500)]
    raws[250]["masuk"] = "kemarin canary"
    page = page_of(raws, MAPPER.record, 500, MAPPER.native_id)
    assert (len(page.records), page.total) == (499, 500)
    (rejected,) = page.rejected
    assert (rejected.native_id, rejected.reason) == ("250", "masuk: is not a moment in any format of [dates]")
    assert "masuk: text(14)" in rejected.shape
    assert "canary" not in repr(rejected)
    assert "Pelapor" not in repr(rejected)
    assert rejected.digest == page_of(raws, MAPPER.record).rejected[0].digest


def test_look_back() -> None:
    moment = datetime(2021, 1, 1, 0, 10, tzinfo=UTC)
    assert look_back(moment, 600) == datetime(2021, 1, 1, tzinfo=UTC)
    assert look_back(None, 600) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("0000-00-00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, part in inner for place in places(part, (*path, name)))]


PLACES = [place for place in places(RAW) if place]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ANYTHING), min_size=1, max_size=3))
def test_mutated_records_are_mapped_or_refused(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    raw = copy.deepcopy(RAW)
    for (*way, last), value in changes:
        target: Any = raw
        for step in way:
            target = target[step] if isinstance(target, dict | list) and _has(target, step) else None
        if isinstance(target, dict) or (isinstance(target, list) and _has(target, last)):
            target[last] = value
    outcome = page_of([raw, RAW], MAPPER.record, None, MAPPER.native_id)
    assert len(outcome.records) + len(outcome.rejected) == 2
    assert outcome.records[-1].native_id == "4711"
    for record in outcome.records:
        assert record.submitted_at is None or record.submitted_at.tzinfo is UTC


def _has(target: Any, step: Any) -> bool:
    return step in target if isinstance(target, dict) else isinstance(step, int) and step < len(target)


@settings(deadline=None, max_examples=100)
@given(ANYTHING)
def test_anything_at_all_is_mapped_or_refused(raw: Any) -> None:
    try:
        MAPPER.record(raw)
    except RecordError as error:
        rejected = reject(raw, error, MAPPER.native_id(raw))
        assert len(rejected.digest) == 64
