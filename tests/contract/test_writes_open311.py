"""Writes to GeoReport v2 servers: whatever goes wrong, what was written is there once, and its key is known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from schema.complaint import Actor, Complaint, ExternalReference, IncidentLocation, Reporter, StatusEvent
from schema.connector import Write
from schema.delivery import DeliveryKind
from schema.errors import SourceError, WriteRejected
from schema.status import ActorRole, ComplaintStatus
from tests.contract.doors import FAULTS, complaint, deliver, door, filed_once, follow_up, submit

SLUG = "prov-bali"


def balinese(number: int = 1) -> Complaint:
    place = IncidentLocation(region_code="51.03.01", latitude=-8.65, longitude=115.2, address="Jl. Raya Kuta")
    return complaint(number, incident_location=place)


def move(native_id: str, to: ComplaintStatus) -> Write:
    event = StatusEvent(
        to_status=to, occurred_at=datetime.now(UTC), actor=Actor(ActorRole.AGENCY, SLUG), note="Sudah diperiksa"
    )
    of = complaint(native_id=native_id, timeline=(event,))
    return Write(
        kind=DeliveryKind.STATUS_CHANGE, reference="delivery_s", complaint=of, native_id=native_id, status=event
    )


async def test_a_request_is_filed_as_it_was_written_and_comes_back_with_our_reference() -> None:
    async with door(SLUG) as (agency, connector, _):
        assert connector.agency.writes == ("SUBMIT", "FOLLOW_UP", "STATUS_CHANGE", "WITHDRAWAL")
        for number in range(5):  # one of them is answered with a token
            write = submit(balinese(number), reporter=Reporter(name="Ni Made Sari Dewi", email="sari@warga.example"))
            acknowledged = await deliver(connector, write)
            assert agency.writings.of(write.reference) == [acknowledged.native_id]
        (record,) = (await connector.fetch([acknowledged.native_id])).records
        assert record.external_references == (ExternalReference("simpul", write.reference),)
        assert (record.title, record.original_text) == (write.complaint.title, write.complaint.original_text)
        assert (record.category, record.classification) == (write.complaint.category, write.complaint.classification)
        assert record.incident_location == write.complaint.incident_location
        assert agency.cases[-1].filed.name == "Ni Made Sari Dewi"
        assert (await connector.find(write)).native_id == acknowledged.native_id
        assert await connector.find(submit(balinese(99))) is None


async def test_whatever_goes_wrong_it_is_filed_once() -> None:
    async with asyncio.TaskGroup() as group:
        for fault in FAULTS:
            group.create_task(filed_once(SLUG, fault, submit(balinese())))


async def test_updates_are_written_once() -> None:
    async with door(SLUG) as (agency, connector, listener):
        native_id = agency.dialect.native_id(agency.cases[-1])
        (before,) = (await connector.fetch([native_id])).records
        first = follow_up(native_id, "Foto sudah saya kirim", before=before.follow_ups)
        for fault, write in (("lose", first), ("drop-reply", move(native_id, ComplaintStatus.POSTPONED))):
            agency.fail(fault)
            await deliver(connector, write, agency, listener)
            await connector.send(write)  # known by its update_id
        (after,) = (await connector.fetch([native_id])).records
        assert [f.content for f in after.follow_ups[len(before.follow_ups) :]] == ["Foto sudah saya kirim"]
        assert [s.to_status for s in after.timeline[len(before.timeline) :]] == [ComplaintStatus.POSTPONED]


async def test_no_is_no() -> None:
    async with door(SLUG) as (agency, connector, _):
        agency.fail("reject")
        with pytest.raises(WriteRejected, match="400"):
            await connector.send(submit(balinese()))
        agency.heal()
        with pytest.raises(WriteRejected, match="404"):
            await connector.send(follow_up("BALI-999999", "Tidak ada"))
        with pytest.raises(WriteRejected, match="no word"):
            await connector.send(move("BALI-000001", ComplaintStatus.UNMAPPED))
        assert agency.writings.held() == {}


async def test_without_a_filter_the_requests_since_then_are_read() -> None:
    own = {"page_size": 3, "format": "xml", "params": {"extensions": True}, "writes": {"reference": "external_id"}}
    async with door(SLUG, settings=own) as (agency, connector, _):
        found = []
        writes = [submit(balinese(number)) for number in range(4)]
        for write in writes:
            agency.fail("drop-reply")
            with pytest.raises(SourceError):
                await connector.send(write)
            found.append((await connector.find(write)).native_id)
        assert agency.writings.held() == {write.reference: [id] for write, id in zip(writes, found, strict=True)}
        assert (await connector.find(writes[0])).native_id == found[0]
