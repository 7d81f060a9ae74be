"""What is recorded of an agency has nobody in it, and is read as the agency itself is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from connectors.base import Kind, Means
from connectors.contract.bench import Bench, Subject
from connectors.contract.harvest import Harvest
from connectors.contract.recording import load, record
from connectors.contract.scrub import Scrubber
from connectors.contract.wire import Answer
from connectors.manifest import Manifest
from connectors.open311.connector import Open311Connector, Open311Settings
from connectors.testing import ConnectorTier, Verdict, certify, recorded, tier_of
from schema.complaint import ComplaintRecord
from schema.connector import Connector
from schema.errors import ConfigError, SourceFailure
from simulators.dialects import DIALECTS
from tests.contract.pilots import OUTSIDE, pilot

OVER_HTTP = sorted(set(DIALECTS) - OUTSIDE - {"kab-badung"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recording"


async def harvest(subject: Subject) -> Harvest:
    async with Bench(subject) as bench:
        return await bench.harvest()


def everything_in(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.iterdir()))


def texts(record: ComplaintRecord) -> Iterator[str]:
    """What people wrote."""
    notes = [step.note for step in record.timeline or ()]
    replies = [reply.content for reply in record.follow_ups]
    comments = [rating.comment for rating in record.ratings]
    address = record.incident_location.address if record.incident_location else None
    for text in (record.title, record.original_text, record.edited_text, address, *notes, *replies, *comments):
        if text and len(text.split()) > 2:
            yield text


def facts(record: ComplaintRecord) -> object:
    """What a recording must not change."""
    place = record.incident_location
    return (
        record.native_id,
        record.tracking_id,
        (record.status, record.native_status, record.status_actor, record.classification),
        (record.category, record.native_category, record.channel, record.native_channel, record.tags),
        (record.submitted_at, record.updated_at, record.closed_at, record.incident_date),
        (record.is_anonymous, record.is_confidential, record.reporter),
        place.region_code if place else None,
        (record.owner_agency, record.assigned_agencies, record.external_references),
        [msgspec.structs.replace(step, note=None) for step in record.timeline or ()],
        [msgspec.structs.replace(reply, content=None) for reply in record.follow_ups],
        [msgspec.structs.replace(hand, note=None) for hand in record.dispositions],
        [msgspec.structs.replace(rating, comment=None) for rating in record.ratings],
        len(record.attachments),
    )


@pytest.mark.parametrize("slug", OVER_HTTP)
async def test_a_pilots_recording(slug: str, folder: Path, tmp_path: Path) -> None:
    with pilot(slug, tmp_path, count=45) as subject:
        index = await record(subject, folder)
        live = (await harvest(subject)).records
    assert index.records == len(live)
    again = (await harvest(recorded(subject.manifest, folder))).records
    assert [facts(again[key]) for key in live] == [facts(live[key]) for key in live]
    kept = everything_in(folder)
    assert [text for one in live.values() for text in texts(one) if text in kept] == []

    outcomes = await certify(recorded(subject.manifest, folder))
    assert [o for o in outcomes if o.verdict in (Verdict.FAILED, Verdict.UNTRIED)] == []
    assert tier_of(outcomes) is ConnectorTier.GOLD


async def test_a_recording_that_begins_later(folder: Path, tmp_path: Path) -> None:
    with pilot("kab-tangerang", tmp_path) as subject:
        newest = (await harvest(subject)).resume()
        assert newest is not None
        index = await record(msgspec.structs.replace(subject, since=newest - timedelta(days=400)), folder)
    assert 2 < index.records < 60
    outcomes = await certify(recorded(subject.manifest, folder))
    assert tier_of(outcomes) is ConnectorTier.GOLD, outcomes


async def test_a_recording_holds_at_another_address_and_on_another_day(folder: Path, tmp_path: Path) -> None:
    """What is asked for by today's date differs from what was recorded in moments alone."""
    with pilot("prov-bali", tmp_path, count=45) as subject:
        await record(subject, folder)
        live = (await harvest(subject)).records

    def later(manifest: Manifest, means: Means) -> Connector:
        return Open311Connector(manifest, means.http, now=lambda: datetime.now(UTC) + timedelta(days=100))

    moved = recorded(subject.manifest.at("https://lain.example/api/v9"), folder)
    moved = msgspec.structs.replace(moved, kind=Kind(settings=Open311Settings, connect=later))
    again = (await harvest(moved)).records
    assert {key: facts(again[key]) for key in again} == {key: facts(live[key]) for key in live}
    assert tier_of(await certify(moved)) is ConnectorTier.GOLD


async def test_what_was_not_recorded_is_not_made_up(folder: Path, tmp_path: Path) -> None:
    with pilot("kab-tangerang", tmp_path) as subject:
        await record(subject, folder)
    settings = {**subject.manifest.settings, "list": "/api/v2/aduan"}
    with pytest.raises(SourceFailure, match=r"nothing is recorded for GET /api/v2/aduan; record the agency again"):
        await harvest(recorded(msgspec.structs.replace(subject.manifest, settings=settings), folder))
    with pytest.raises(ConfigError, match="record it again"):
        recorded(msgspec.structs.replace(subject.manifest, kind="graphql"), folder)


async def test_too_many_records_are_refused_before_anything_is_kept(folder: Path, tmp_path: Path) -> None:
    told = "more than 30 records; take a shorter stretch with --since"
    with pilot("kab-tangerang", tmp_path) as subject, pytest.raises(ConfigError, match=told):
        await record(msgspec.structs.replace(subject, most=30), folder)
    with pytest.raises(ConfigError, match="simpul agency record"):
        load(folder)


def test_people_go_and_what_the_file_knows_stays() -> None:
    scrubber = Scrubber({"Selesai", "terdisposisi ke *", "Dinas Perhubungan"}, {"kunci-rahasia-1"})
    same = scrubber.text("Budi Santoso", "nama")
    assert same == scrubber.text("Budi Santoso", "teks")
    assert (same != "Budi Santoso", same.istitle(), len(same)) == (True, True, len("Budi Santoso"))
    for kept in (
        "Selesai",
        "selesai",
        "Dinas Perhubungan",
        "2026-05-01T08:00:00+07:00",
        "17-03-2026 10:00:00",
        "Y",
        "42",
    ):
        assert scrubber.text(kept) == kept
    assert scrubber.text("Terdisposisi ke Budi").startswith("Terdisposisi ke ")
    assert "Budi" not in scrubber.text("Terdisposisi ke Budi")
    for gone in ("081234567890", "+62 812-3456-7890", "budi@contoh.example", "3603012345670009"):
        assert scrubber.text(gone) != gone
        assert len(scrubber.text(gone)) == len(gone)
    assert scrubber.text("kunci-rahasia-1") == "***"
    assert scrubber.text("https://a.example/foto/ktp-budi.jpg") != "https://a.example/foto/ktp-budi.jpg"
    assert scrubber.value("nik", 3603012345670009) != 3603012345670009
    assert scrubber.value("y", -6.012345) == -6.01
    assert (scrubber.value("n", 17), scrubber.value("f", True), scrubber.value("f", None)) == (17, True, None)


@pytest.mark.parametrize(
    "content",
    [
        b'{"nama": "Budi Santoso"}',
        b"<a><nama>Budi Santoso</nama></a>",
        b"<a><!-- Budi Santoso --><b oleh='Budi Santoso'/>Budi Santoso</a>",
        b"id;nama\r\n1;Budi Santoso\r\n",
        b"<a><nama>Budi Santoso</nama>",
        b'{"nama": "Budi Santoso"',
        b"Budi Santoso",
    ],
)
def test_a_reply_in_any_form_is_scrubbed(content: bytes) -> None:
    scrubbed = Scrubber(()).answer(Answer(content=content)).content
    assert b"Budi" not in scrubbed
    assert b"Santoso" not in scrubbed
