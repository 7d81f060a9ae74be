"""SP4N-LAPOR! rows and envelopes, with their quirks, as complaints."""

from __future__ import annotations

import csv
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import page_of
from connectors.lapor.envelope import Listed, read_list, read_one
from connectors.lapor.wire import WORDS, Reader, fill, split_note
from connectors.manifest import parse_manifest
from schema.complaint import Channel, Classification, ComplaintRecord, FollowUpKind, RatingSource, Reporter
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, RateLimited, RecordError, SourceError
from schema.status import ActorRole, ComplaintStatus

S, A = ComplaintStatus, ActorRole
EXPORT = Path(__file__).parents[2].parent / "shared" / "data" / "sp4n_lapor_export_2024_structure.csv"

FILE = """
name = "SP4N-LAPOR!"
level = "NATIONAL"
time_zone = "Asia/Jakarta"
kind = "lapor"
[http]
url = "http://127.0.0.1:1"
[agencies]
"Pemerintah Kabupaten Tangerang" = "kab-tangerang"
"""

ROW: dict[str, Any] = {
    "id": 7001,
    "tracking_id": "7001",
    "title": "Lubang di Jl. Raya",
    "content": "Lubang besar",
    "content_final": "Lubang besar di jalan raya",
    "classification_id": 2,
    "classification_name": "Pengaduan Tidak Berkadar Pengawasan",
    "category_id": "1397",
    "category_name": "Jalan Berlubang",
    "channel": "Website - pemerintah-kabupaten-tangerang",
    "status_code": 4,
    "status_name": "Terdisposisi ke Dinas Perhubungan",
    "reason": None,
    "institution_id": 15664,
    "institution_name": "Pemerintah Kabupaten Tangerang",
    "disposition_id": "13293",
    "disposition_name": "Dinas Perhubungan",
    "copy_externals": [{"id": 1, "name": "Inspektorat"}],
    "tags_raw": "#jalan #rusak",
    "location_id": "360301",
    "address": "Jl. Raya",
    "lat": "0",
    "long": "0",
    "date_of_incident": "22-09-2024",
    "is_anonymous": "true",
    "is_secret": 0,
    "user": {"id": 5, "name": "Budi Contoh", "phone": "08120000", "email": "b@c.example"},
    "rating": None,
    "attachments": [{"id": 9, "name": "foto.jpg", "type": "image/jpeg", "size": "1024"}],
    "external_ids": [{"system": "kab-tangerang", "id": 77}],
    "created_at": "23-09-2024 00:41:43",
    "updated_at": "25-09-2024 08:00:00",
    "closed_at": None,
    "url": "https://lapor.example/7001",
    "status_logs": [
        {"note": "Belum Terverifikasi", "timestamp": "23-09-2024 00:41:43"},
        {"note": "Terdisposisi ke Dinas Bina Marga", "timestamp": "24-09-2024 08:00:00"},
        {"note": "Terdisposisi ke Dinas Perhubungan - Bukan wewenang kami", "timestamp": "25-09-2024 08:00:00"},
    ],
    "data_logs": [
        {"content": "Status menjadi {{status_new}}", "data": {"status_new": "Terverifikasi"}},
        {
            "institution_from": "Pemerintah Kabupaten Tangerang",
            "institution_to": "Dinas Bina Marga",
            "content": "Laporan didisposisikan dari {{institution_from}} ke {{institution_to}}",
            "data": {"status_new": None, "not_authority": "0", "reason": None},
            "timestamp": "24-09-2024 08:00:00",
        },
        {
            "institution_from": {"id": 2, "name": "Dinas Bina Marga"},
            "institution_to": "Dinas Perhubungan",
            "content": "...",
            "data": {"not_authority": 1, "reason": "Bukan wewenang kami"},
        },
    ],
    "followups": [
        {
            "template_code": "BALASAN",
            "content": "Terima kasih",
            "institution_from": None,
            "institution_to": None,
            "is_secret": "1",
            "created_at": "25-09-2024 09:00:00",
        },
        {
            "template_code": "TL_AWAL",
            "content": "Kami periksa",
            "institution_from": {"id": 13293, "name": "Dinas Perhubungan"},
            "institution_to": None,
            "is_secret": 0,
            "created_at": "25-09-2024 08:30:00",
        },
    ],
}


def reader(more: str = "") -> Reader:
    return Reader(parse_manifest(FILE + more, slug="sp4n-lapor", file="sp4n-lapor.toml"))


def record(more: str = "", **changes: Any) -> ComplaintRecord:
    return reader(more).record({**ROW, **changes})


def test_a_whole_row() -> None:
    read = record()
    assert (read.native_id, read.tracking_id, read.url) == ("7001", "7001", "https://lapor.example/7001")
    assert (read.status, read.status_actor) == (S.DISPOSED, None)
    assert read.native_status is not None
    assert (read.native_status.label, read.native_status.code) == ("Terdisposisi ke Dinas Perhubungan", "4")
    assert (read.original_text, read.edited_text) == ("Lubang besar", "Lubang besar di jalan raya")
    assert read.classification is Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN
    assert (read.category, read.native_category) == ("infrastruktur.jalan-berlubang", "Jalan Berlubang")
    assert (read.channel, read.native_channel) == (Channel.WEBSITE, "Website - pemerintah-kabupaten-tangerang")
    assert read.tags == ("jalan", "rusak")
    assert read.incident_date == date(2024, 9, 22)
    assert read.incident_location is not None
    assert (read.incident_location.region_code, read.incident_location.latitude) == ("36.03.01", None)
    assert read.submitted_at == datetime(2024, 9, 22, 17, 41, 43, tzinfo=UTC)  # WIB
    assert read.owner_agency is not None
    assert read.owner_agency.agency == "kab-tangerang"
    assert [(agency.name, agency.native_id) for agency in read.assigned_agencies] == [("Dinas Perhubungan", "13293")]
    assert [agency.name for agency in read.copied_agencies] == ["Inspektorat"]
    assert [(link.system, link.id) for link in read.external_references] == [("kab-tangerang", "77")]
    (file,) = read.attachments
    assert (file.filename, file.content_type, file.byte_size, file.url) == ("foto.jpg", "image/jpeg", 1024, None)
    assert file.id.startswith("attachment_")


def test_the_status_log_is_the_timeline() -> None:
    timeline = record().timeline
    assert timeline is not None
    assert [event.to_status for event in timeline] == [S.SUBMITTED, S.DISPOSED, S.DISPOSED]
    assert [event.from_status for event in timeline] == [None, S.SUBMITTED, S.DISPOSED]
    assert [event.note for event in timeline] == [None, None, "Bukan wewenang kami"]
    assert timeline[-1].occurred_at == record().status_changed_at == datetime(2024, 9, 25, 1, tzinfo=UTC)


def test_data_logs_tell_who_handed_over_to_whom() -> None:
    first, second = record().dispositions
    assert first.from_agency is not None
    assert first.from_agency.agency == "kab-tangerang"
    assert first.note == "Laporan didisposisikan dari Pemerintah Kabupaten Tangerang ke Dinas Bina Marga"
    assert not first.is_not_authority
    assert second.from_agency is not None
    assert (second.from_agency.name, second.to_agency.name) == ("Dinas Bina Marga", "Dinas Perhubungan")
    assert (second.note, second.is_not_authority) == ("Bukan wewenang kami", True)
    assert first.occurred_at < second.occurred_at  # the second has no time: the status log has


def test_without_a_status_log_the_data_log_tells_the_states() -> None:
    logs = [
        {"content": "{{status_new}}", "data": {"status_new": "Terverifikasi"}, "timestamp": "24-09-2024 08:00:00"},
        {
            "content": "{{status_new}}",
            "data": {"status_new": "Tunda", "reason": "x"},
            "timestamp": "25-09-2024 08:00:00",
        },
    ]
    read = record(status_logs=[], data_logs=logs, status_name="Tunda")
    assert [(event.to_status, event.note) for event in read.timeline or ()] == [(S.VERIFIED, None), (S.POSTPONED, "x")]
    assert record(status_logs=None, data_logs=None).timeline is None


def test_follow_ups_oldest_first() -> None:
    first, reply = record().follow_ups
    assert (first.kind, reply.kind) == (FollowUpKind.INITIAL_RESPONSE, FollowUpKind.REPORTER_REPLY)
    assert first.actor is not None
    assert first.actor.role is A.AGENCY
    assert first.from_agency is not None
    assert first.from_agency.native_id == "13293"
    assert reply.actor is not None
    assert (reply.actor.role, reply.from_agency, reply.is_confidential) == (A.REPORTER, None, True)


@pytest.mark.parametrize(
    ("rating", "score", "source"),
    [
        ({"value": "5", "is_auto": 1, "created_at": "26-09-2024 08:00:00"}, 5, RatingSource.AUTO),
        ({"value": 2, "is_auto": "false", "comment": "lama", "created_at": None}, 2, RatingSource.CITIZEN),
    ],
)
def test_invented_stars_are_told_from_citizens(rating: dict[str, Any], score: int, source: RatingSource) -> None:
    (read,) = record(rating=rating).ratings
    assert (read.score, read.source) == (score, source)
    assert record(rating={"value": None}).ratings == ()


@pytest.mark.parametrize("yes", [1, "1", True, "true", "True", 1.0])
@pytest.mark.parametrize("no", [0, "0", False, "false", None, ""])
def test_booleans_in_all_their_spellings(yes: object, no: object) -> None:
    read = record(is_anonymous=yes, is_secret=no)
    assert (read.is_anonymous, read.is_confidential) == (True, False)
    read = record(is_anonymous=no, is_secret=yes)
    assert (read.is_anonymous, read.is_confidential) == (False, True)


@pytest.mark.parametrize(
    ("told", "flags"),
    [("Anonim", (True, False)), ("Rahasia", (False, True)), ("Anonim|Rahasia", (True, True)), ("", (False, False))],
)
def test_the_exports_type_column_sets_two_independent_flags(told: str, flags: tuple[bool, bool]) -> None:
    for name in ("tipe_laporan", "Tipe Laporan (Anonim/Rahasia)"):
        read = record(is_anonymous=None, is_secret=None, **{name: told})
        assert (read.is_anonymous, read.is_confidential) == flags


def test_an_anonymous_reporter_is_dropped_although_the_row_carries_the_name() -> None:
    asked = "[privacy]\nreporter_identity = true\n"
    for more in ("", asked):
        assert record(more).reporter is None
        assert "Budi" not in repr(record(more))
    assert record(is_anonymous=0).reporter is None
    assert record(asked, is_anonymous=0).reporter == Reporter(name="Budi Contoh", phone="08120000", email="b@c.example")


def test_the_assigned_institution_is_also_read_from_the_status_or_the_id() -> None:
    nameless: dict[str, Any] = {"disposition_name": None, "institution_name": None}
    assert [a.name for a in record(**nameless).assigned_agencies] == ["Dinas Perhubungan"]
    assert record(**nameless, status_name="Tunda").assigned_agencies == ()
    known = reader()
    known.institutions.update({"13293": "Dinas Perhubungan", "15664": "Pemerintah Kabupaten Tangerang", "3": "KSP"})
    read = known.record({**ROW, **nameless, "status_name": "Tunda", "copy_externals": [3, 4]})
    assert [a.name for a in read.assigned_agencies] == ["Dinas Perhubungan"]
    assert read.owner_agency is not None
    assert read.owner_agency.agency == "kab-tangerang"
    assert [a.name for a in read.copied_agencies] == ["KSP", "#4"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": None}, "id: is missing"),
        ({"id": "", "complaint_id": " "}, "id: is missing"),
        ({"status_name": None, "status_code": None}, "status"),
        ({"created_at": "2024"}, "created_at"),
        ({"created_at": "31-02-2024 00:00:00"}, "created_at"),
        ({"is_secret": "perhaps"}, "is_secret"),
        ({"status_logs": [{"note": "Tunda", "timestamp": "kemarin"}]}, "status_logs.0.timestamp"),
        ({"rating": {"value": 9, "created_at": "26-09-2024 08:00:00"}}, "ratings.0.value"),
    ],
)
def test_a_row_that_cannot_be_read_says_where(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(RecordError, match=place) as caught:
        record(**changes)
    assert "kemarin" not in str(caught.value)
    assert "perhaps" not in str(caught.value)


def test_complaint_id_stands_for_id() -> None:
    assert record(id=None, complaint_id=7002).native_id == "7002"


def test_an_unknown_status_is_kept_and_unmapped() -> None:
    read = record(status_name="Menunggu Rapat", status_code=99)
    assert read.status is S.UNMAPPED
    assert read.native_status is not None
    assert read.native_status.label == "Menunggu Rapat"
    assert record('[status]\n"menunggu rapat" = "POSTPONED"\n', status_name="Menunggu Rapat").status is S.POSTPONED


def test_templates_are_filled_once_and_never_shown() -> None:
    values = {"a": "{{b}}", "b": "x", "institution": {"id": 1, "name": "Dinas"}}
    assert fill("Dari {{ a }} ke {{institution}}: {{missing}}", values) == "Dari {{b}} ke Dinas: …"
    assert fill(None, {}) is None


def test_a_note_is_a_status_and_a_remark() -> None:
    assert split_note("Tunda - Menunggu anggaran - 2025", WORDS) == ("Tunda", "Menunggu anggaran - 2025")
    assert split_note("Ditutup oleh Sistem", WORDS) == ("Ditutup oleh Sistem", None)
    assert split_note("", WORDS) == ("", None)


# --- the envelope


def test_lists_and_single_rows_stand_under_results() -> None:
    assert read_list({"results": {"data": [ROW], "total": "6000"}}) == Listed([ROW], 6000)
    assert read_list({"results": {"data": None}}) == Listed([], None)
    beside = {"results": {"data": {"id": 1}, "data_logs": [{"content": "x"}]}}
    assert read_one(beside) == {"id": 1, "data_logs": [{"content": "x"}]}
    assert read_one({"results": {"data": [{"id": 1}]}}) == {"id": 1}


@pytest.mark.parametrize(
    "body",
    [
        {"status": 404, "message": "Data tidak ditemukan", "results": {"data": None}},
        {"status": "404"},
        {"status": 200, "results": {"data": None}},
        {"results": {"data": []}},
        {"results": {"data": {}}},
    ],
)
def test_what_does_not_exist_is_told_with_200(body: object) -> None:
    assert read_one(body) is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": 401, "message": "Token salah"}, AuthenticationFailed),
        ({"status": "403", "results": {"data": None}}, AuthenticationFailed),
        ({"status": 429}, RateLimited),
        ({"status": 500, "results": {}}, HttpFailure),
        ({"status": 200}, BadPayload),
        ({"results": []}, BadPayload),
        ({"results": {"data": "x"}}, BadPayload),
        ([], BadPayload),
        (None, BadPayload),
    ],
)
def test_refusals_with_200_are_typed_errors(body: object, error: type[SourceError]) -> None:
    for read in (read_list, read_one):
        with pytest.raises(error):
            read(body)


# --- nothing else can happen

JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12) | st.just("{{x}} - "),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "note", "data"]), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*ROW, "complaint_id", "tipe_laporan"]), JUNK, max_size=4))
def test_any_row_is_a_complaint_or_a_record_error(changes: dict[str, Any]) -> None:
    with suppress(RecordError):
        read = record(**changes)
        assert read.native_id
        assert not read.is_anonymous or "Budi" not in repr(read)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["status_logs", "data_logs", "followups"]), st.dictionaries(st.text(max_size=9), JUNK))
def test_any_log_entry_is_read_or_refused(log: str, entry: dict[str, Any]) -> None:
    found = page_of([ROW, {**ROW, log: [{**ROW[log][-1], **entry}]}, entry], reader().record)
    assert len(found.records) >= 1
    assert len(found.records) + len(found.rejected) == 3


@settings(deadline=None, max_examples=100)
@given(JUNK | st.fixed_dictionaries({"results": JUNK}, optional={"status": JUNK}))
def test_any_body_is_rows_or_a_typed_error(body: object) -> None:
    for read in (read_list, read_one):
        with suppress(SourceError):
            read(body)


@pytest.mark.skipif(not EXPORT.is_file(), reason="the recorded export is not here")
def test_every_word_of_a_real_export_is_known() -> None:
    with EXPORT.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 240
    for row in rows:
        read = record(
            status_name=row["Status Laporan"],
            classification_name=row["Klasifikasi Laporan"],
            channel=row["Sumber Laporan"],
            tipe_laporan=row["Tipe Laporan (Anonim/Rahasia)"],
            is_anonymous=None,
            is_secret=None,
        )
        assert read.status is not S.UNMAPPED
        assert (read.classification is None) == (row["Klasifikasi Laporan"] == "")
        assert read.channel is not Channel.OTHER
