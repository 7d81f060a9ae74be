"""GeoReport records as real servers write them, as complaints."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import page_of
from connectors.manifest import Manifest, parse_manifest
from connectors.open311.payload import read_requests, read_services
from connectors.open311.wire import Reader
from schema.complaint import Channel, ComplaintRecord
from schema.connector import Page
from schema.errors import RecordError, SourceError
from schema.status import ComplaintStatus

S = ComplaintStatus
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "open311"

FILE = """
name = "Pemerintah Provinsi Contoh"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
kind = "open311"
[http]
url = "http://127.0.0.1:1"
"""


def manifest(more: str = "") -> Manifest:
    return parse_manifest(FILE + more, slug="prov-contoh", file="prov-contoh.toml")


def record(more: str = "", **fields: Any) -> ComplaintRecord:
    raw = {"service_request_id": "A-1", "status": "open", **fields}
    return Reader(manifest(more)).record(raw)


def page(body: bytes) -> Page:
    reader = Reader(manifest())
    return page_of(read_requests(body), reader.record, native_id=reader.native_id)


def test_a_whole_record() -> None:
    read = record(
        service_request_id=638344,
        status="Closed",
        status_notes="Diperbaiki 3 Mei.",
        service_name="Jalan Rusak",
        service_code="JLN:01",
        description="Lubang besar\n",
        agency_responsible="Dinas PU",
        requested_datetime="2024-05-01 23:57:23.97",
        updated_datetime="2024-05-03T10:00:00Z",
        address=" Jl. Gajah Mada ",
        lat="-8.65",
        long=115.21667,
        media_url="https://media.example/1.jpg ",
    )
    assert (read.native_id, read.tracking_id) == ("638344", "638344")
    assert (read.status, read.native_status and read.native_status.label) == (S.CLOSED, "Closed")
    assert read.status_reason == "Diperbaiki 3 Mei."
    assert (read.title, read.original_text, read.native_category) == ("Jalan Rusak", "Lubang besar", "Jalan Rusak")
    assert read.submitted_at == datetime(2024, 5, 1, 15, 57, 23, 970000, tzinfo=UTC)  # WITA
    assert read.updated_at == read.closed_at == datetime(2024, 5, 3, 10, tzinfo=UTC)
    assert read.incident_location is not None
    assert (read.incident_location.latitude, read.incident_location.longitude) == (-8.65, 115.21667)
    assert read.incident_location.address == "Jl. Gajah Mada"
    assert [agency.name for agency in read.assigned_agencies] == ["Dinas PU"]
    assert [file.url for file in read.attachments] == ["https://media.example/1.jpg"]
    assert read.timeline is None


@pytest.mark.parametrize(
    ("fields", "status", "label"),
    [
        ({"status": "open"}, S.SUBMITTED, "open"),
        ({"status": "Closed"}, S.CLOSED, "Closed"),
        ({"status": "submitted"}, S.SUBMITTED, "submitted"),
        ({"status": "In Progress"}, S.IN_FOLLOW_UP, "In Progress"),
        ({"status": "wont_fix"}, S.UNMAPPED, "wont_fix"),
        ({"status": "open", "extended_attributes": {"detailed_status": "IN_PROCESS"}}, S.IN_FOLLOW_UP, "IN_PROCESS"),
        ({"status": "open", "extended_attributes": {"detailed_status": "RECEIVED"}}, S.SUBMITTED, "RECEIVED"),
        ({"status": "open", "detailed_status": "internal_referral"}, S.DISPOSED, "internal_referral"),
        ({"status": "closed", "extended_status": "not_councils_responsibility"}, S.REJECTED, None),
        ({"status": "closed", "extended_attributes": {"detailed_status": "cancelled"}}, S.ARCHIVED, "cancelled"),
        ({"status": "closed", "extended_attributes": {"detailed_status": "in_progress"}}, S.CLOSED, "closed"),
        ({"status": "open", "extended_attributes": {"detailed_status": "fixed"}}, S.SUBMITTED, "open"),
        ({"status": "open", "extended_attributes": {"detailed_status": "who_knows"}}, S.SUBMITTED, "open"),
        ({"status": "assigned", "detailed_status": "in_progress"}, S.IN_FOLLOW_UP, "in_progress"),
        ({"status": "closed", "status_notes": "Duplicate request."}, S.DUPLICATE, "Duplicate"),
        ({"status": "open", "status_notes": "In progress - The request has been scheduled."}, S.IN_FOLLOW_UP, None),
        ({"status": "open", "status_notes": "Planned in your street next week"}, S.SUBMITTED, "open"),
        ({"status": "open", "status_notes": "Locked"}, S.SUBMITTED, "open"),
        ({"status": "closed", "status_notes": "Open data were checked."}, S.CLOSED, "closed"),
    ],
)
def test_a_further_word_refines_the_status_and_never_contradicts_it(
    fields: dict[str, Any], status: ComplaintStatus, label: str | None
) -> None:
    read = record(**fields)
    assert read.status is status
    assert read.native_status is not None
    assert read.native_status.code == fields["status"]
    assert label is None or read.native_status.label == label


def test_the_agencys_status_map_goes_first() -> None:
    more = '[status]\nopen = "VERIFIED"\nacknowledged = "VERIFIED"\nprocessed = "ANSWERED"\n'
    assert record(more).status is S.VERIFIED
    assert record(more, detailed_status="acknowledged").status is S.VERIFIED
    assert record(more, detailed_status="PROCESSED").status is S.ANSWERED


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"service_request_id": None}, "service_request_id"),
        ({"service_request_id": "", "token": "abc"}, "token"),
        ({"service_request_id": ["A"]}, "service_request_id"),
        ({"status": None}, "status"),
        ({"status": {"a": 1}}, "status"),
        ({"requested_datetime": "kemarin"}, "requested_datetime"),
        ({"updated_datetime": "31/31/2024"}, "updated_datetime"),
        ({"extended_attributes": {"confidential": "perhaps"}}, "is_confidential"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_without_its_value(
    fields: dict[str, Any], place: str
) -> None:
    with pytest.raises(RecordError, match=place) as caught:
        record(**fields)
    assert "kemarin" not in str(caught.value)
    assert "perhaps" not in str(caught.value)


@pytest.mark.parametrize(
    "moment",
    [
        "2024-05-01T08:00:00+08:00",
        "2024-05-01T00:00:00Z",
        "2024-05-01T00:00:00.000000000Z",
        "2024-05-01T08:00:00",
        "2024-05-01 08:00:00.00",
        "2024-05-01 08:00",
        "2024-04-30T20:00:00-0400",
        "2024-04-30 20:00:00 -0400",
        "2024-05-01 00:00:00 UTC",
        "2024/05/01 08:00:00",
        "Wed, 01 May 2024 00:00:00 GMT",
        "Wed, 01 May 2024 08:00:00 +0800",
        1714521600,
        1714521600000,
    ],
)
def test_dates_in_the_ways_servers_write_them(moment: object) -> None:
    assert record(requested_datetime=moment).submitted_at == datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("nothing", [None, "", " ", "N/A", "null", "0000-00-00 00:00:00"])
def test_many_ways_of_writing_nothing(nothing: object) -> None:
    read = record(requested_datetime=nothing, updated_datetime=nothing, media_url=nothing, lat=nothing, long=nothing)
    assert (read.submitted_at, read.updated_at, read.attachments, read.incident_location) == (None, None, (), None)


@pytest.mark.parametrize(
    "media",
    [
        "https://m.example/1.jpg",
        ["https://m.example/1.jpg", "https://m.example/1.jpg", "", None, "javascript:alert(1)"],
        [{"url": "https://m.example/1.jpg"}],
        [{"media_url": "https://m.example/1.jpg", "title": "Foto"}],
        {"media_url": ["https://m.example/1.jpg"]},
    ],
)
def test_media_in_its_many_shapes(media: object) -> None:
    for read in (record(media_url=media), record(extended_attributes={"photos": media})):
        assert [file.url for file in read.attachments] == ["https://m.example/1.jpg"]


def test_coordinates_are_both_or_none() -> None:
    for lat, long in (("0.0", "0.0"), (0, 0), ("-8,65", None), (95, 10), ("x", "y"), (float("nan"), 1.0)):
        assert record(lat=lat, long=long).incident_location is None
    place = record(lat="-8,65", lng="115,2").incident_location
    assert place is not None
    assert (place.latitude, place.longitude) == (-8.65, 115.2)
    equator = record(lat=0.0, long=109.3).incident_location  # Pontianak lies on it
    assert equator is not None
    assert equator.latitude == 0.0


def test_notes_are_a_status_log_and_follow_ups() -> None:
    read = record(
        status="closed",
        notes=[
            {"datetime": "2024-05-02T00:00:00Z", "type": "activity", "summary": "Tim berangkat"},
            {"datetime": "2024-05-01T00:00:00Z", "type": "opened", "summary": "Dibuka"},
            {"datetime": "2024-05-03T00:00:00Z", "type": "closed", "description": "Selesai"},
            {"type": "undated"},
            "a text",
        ],
    )
    assert [event.to_status for event in read.timeline or ()] == [S.SUBMITTED, S.CLOSED]
    assert [event.note for event in read.timeline or ()] == ["Dibuka", "Selesai"]
    assert [answer.content for answer in read.follow_ups] == ["Tim berangkat"]
    assert read.status_changed_at == datetime(2024, 5, 3, tzinfo=UTC)


def test_detail_stands_for_description_and_the_service_for_a_title() -> None:
    read = record(detail="Got mampet", service_name="Drainase", extended_attributes={"channel": "web"})
    assert (read.original_text, read.title) == ("Got mampet", "Drainase")
    assert (read.channel, read.native_channel) == (Channel.WEBSITE, "web")
    assert record(title="Got", service_name="Drainase").title == "Got"
    assert record(description={"a": 1}, address=["Jl. A", "Denpasar"]).original_text is None


def test_a_reporters_identity_is_not_read() -> None:
    named = {"first_name": "Budi", "last_name": "Contoh", "phone": "0812", "email": "b@c.example"}
    read = record(**named, extended_attributes={**named, "anonymous": "true", "confidential": "false"})
    assert read.reporter is None
    assert read.is_anonymous
    assert not read.is_confidential
    assert "Budi" not in repr(read)


def test_confidential_is_confidential_wherever_it_stands() -> None:
    assert record(non_public=1).is_confidential
    assert record(extended_attributes={"confidential": "true"}).is_confidential


def test_the_files_tables_reach_what_a_server_keeps_beyond_the_specification() -> None:
    more = """
[fields]
tracking_id = "extended_attributes.ticket"
region = "address_id"
is_confidential = "extended_attributes.rahasia == 'Y'"
[timeline]
records = "extended_attributes.status_log"
status = "status"
at = "datetime"
[status]
acknowledged = "VERIFIED"
"""
    body = b"""<requests><request><service_request_id>1</service_request_id><status>open</status>
      <address_id>51.71</address_id><extended_attributes><ticket>T-9</ticket><rahasia>Y</rahasia>
      <detailed_status>acknowledged</detailed_status><status_log><entry><status>acknowledged</status>
      <datetime>2024-05-01T00:00:00Z</datetime></entry></status_log></extended_attributes></request></requests>"""
    read = Reader(manifest(more)).record(read_requests(body)[0])
    assert (read.tracking_id, read.status, read.is_confidential) == ("T-9", S.VERIFIED, True)
    assert read.incident_location is not None
    assert read.incident_location.region_code == "51.71"
    assert [event.to_status for event in read.timeline or ()] == [S.VERIFIED]


def test_the_specifications_own_json_sample_with_numbers_that_are_none() -> None:
    body = b"""[{"service_request_id":638344,"status":"closed","status_notes":"Duplicate request.",
      "service_name":"Sidewalk","service_code":006,"description":null,"requested_datetime":"2010-04-14T06:37:38-08:00",
      "address_id":545483,"zipcode":94122,"lat":37.762221815,"long":-122.4651145,"media_url":"http://a.example/1 "},]"""
    (read,) = page(body).records
    assert (read.native_id, read.status) == ("638344", S.DUPLICATE)
    assert read.incident_location is not None
    assert read.incident_location.region_code is None  # address_id is no region unless the file says so


RAW = {
    "service_request_id": "A-1",
    "status": "open",
    "status_notes": "In progress - yes",
    "service_code": "1",
    "requested_datetime": "2024-05-01T00:00:00Z",
    "lat": "1.5",
    "long": "2.5",
    "media_url": [{"url": "https://m.example/1"}],
    "notes": [{"datetime": "2024-05-01T00:00:00Z", "type": "opened", "summary": "x"}],
    "extended_attributes": {"detailed_status": "fixed", "photos": [], "title": "x"},
    "agency_responsible": {"recipient": ["A", "B"]},
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from([*RAW, "token", "id", "title", "channel", "photos"]), JUNK, max_size=4))
def test_any_record_is_a_complaint_or_a_record_error(changes: dict[str, Any]) -> None:
    reader = Reader(manifest())
    with suppress(RecordError):
        assert reader.record({**RAW, **changes}).native_id


@settings(deadline=None, max_examples=50)
@given(JUNK)
def test_whatever_stands_in_the_list_harms_nobody_else(junk: Any) -> None:
    reader = Reader(manifest())
    found = page_of([RAW, junk, RAW], reader.record, native_id=reader.native_id)
    assert len(found.records) >= 2
    assert len(found.records) + len(found.rejected) == 3


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the recorded replies are not here")


def recorded(name: str) -> bytes:
    """The body of a recorded reply; some were recorded with their HTTP head."""
    body = (DATA / name).read_bytes()
    return re.split(rb"\r?\n\r?\n", body, maxsplit=1)[1] if body.startswith(b"HTTP/") else body


@needs_data
def test_every_recorded_reply_of_real_servers_goes_through() -> None:
    files = [path for path in sorted(DATA.rglob("*")) if path.is_file()]
    assert len(files) > 40
    for path in files:
        for reader in (page, read_services):
            with suppress(SourceError):
                reader(recorded(str(path.relative_to(DATA))))


@needs_data
@pytest.mark.parametrize(
    ("name", "good", "bad", "statuses"),
    [
        ("6aika-reference-server/04_requests.json.http", 4, 0, {S.SUBMITTED: 2, S.CLOSED: 2}),
        ("6aika-reference-server/06_requests.xml_page_size_2_extensions_true.http", 2, 0, {S.SUBMITTED: 2}),
        ("6aika-reference-server/07_requests.json_status_bogus.http", 0, 0, {}),
        ("boston/request_2026.json", 1, 0, {S.SUBMITTED: 1}),
        ("boston/post_token.xml", 0, 1, {}),
        ("chicago/request_extended_closed_2013.json", 1, 0, {S.CLOSED: 1}),
        ("chicago/requests_2014.json", 2, 0, {S.SUBMITTED: 2}),
        ("chicago/requests_extended_2012.json", 43, 7, {S.SUBMITTED: 27, S.CLOSED: 16}),
        ("san-francisco/requests_2012.xml", 56, 0, {S.SUBMITTED: 52, S.CLOSED: 4}),
        ("san-francisco/requests_extended_attributes_2015.json", 1, 0, {S.SUBMITTED: 1}),
        ("spec-examples/service_requests.xml", 2, 0, {S.DUPLICATE: 1, S.SUBMITTED: 1}),
        ("spec-examples/post_service_request.xml", 0, 1, {}),
        ("tampere/example_response_3.json.txt", 1, 0, {S.CLOSED: 1}),
        ("toronto/requests_many_2018.xml", 2, 0, {S.IN_FOLLOW_UP: 2}),
    ],
)
def test_recorded_replies_have_the_right_counts(
    name: str, good: int, bad: int, statuses: dict[ComplaintStatus, int]
) -> None:
    found = page(recorded(name))
    assert (len(found.records), len(found.rejected)) == (good, bad)
    counted = [read.status for read in found.records]
    assert {status: counted.count(status) for status in set(counted)} == statuses


@needs_data
def test_recorded_fragments_are_read() -> None:
    fragments = re.findall(rb"<request>.*?</request>", recorded("san-francisco/request_fragments_2011.txt"), re.DOTALL)
    assert [page(fragment).records[0].status for fragment in fragments] == [S.SUBMITTED, S.CLOSED]


@needs_data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("boston/services_salesforce_2018.json", 118),
        ("chicago/services_2023.json", 191),
        ("giessen/services.xml", 8),
        ("san-francisco/services_2010_soap_ns.xml", 36),
        ("spec-examples/services.json", 3),
        ("washington-dc/services.xml", 86),
    ],
)
def test_recorded_service_lists(name: str, count: int) -> None:
    assert len(read_services(recorded(name))) == count


def test_a_record_survives_json() -> None:
    reader = Reader(manifest())
    assert reader.record(json.loads(json.dumps(RAW))) == reader.record(RAW)
