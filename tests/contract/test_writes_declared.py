"""Writes that a file describes, to a REST agency and to a graph: what goes wrong is mended, nothing is there twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from connectors.registry import load_agencies
from schema.complaint import Actor, Attachment, ExternalReference, Reporter, StatusEvent
from schema.connector import File, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import MappingFailure, WriteRejected
from schema.status import ActorRole, ComplaintStatus
from simulators.dialects.kab_tangerang_writes import honoured
from tests.contract.doors import AGENCIES, FAULTS, complaint, deliver, door, follow_up, rating, submit, transfer

SLUGS = ("kab-tangerang", "prov-diy")
each = pytest.mark.parametrize("slug", SLUGS)


def moved(native_id: str, to: ComplaintStatus, role: ActorRole, kind: DeliveryKind) -> Write:
    event = StatusEvent(to_status=to, occurred_at=datetime.now(UTC), actor=Actor(role), note="Karena begitu")
    of = complaint(native_id=native_id, timeline=(event,))
    return Write(kind=kind, reference=f"delivery_{kind.lower()}", complaint=of, native_id=native_id, status=event)


@each
async def test_a_complaint_is_filed_as_it_was_written_and_comes_back_with_our_reference(slug: str) -> None:
    async with door(slug) as (agency, connector, _):
        assert isinstance(connector, Sender)
        assert connector.writes == connector.finds == frozenset(DeliveryKind)
        photo = Attachment(id="attachment_1", filename="foto.jpg", content_type="image/jpeg")
        write = submit(complaint(), files=(File(attachment=photo, content=b"\xff\xd8\r\n--x"),))
        acknowledged = await deliver(connector, replace(write, reporter=Reporter(name="Siti", phone="0812")))
        assert agency.writings.held() == {write.reference: [acknowledged.native_id]}
        (record,) = (await connector.fetch([acknowledged.native_id])).records
        assert record.external_references == (ExternalReference("simpul", write.reference),)
        assert record.tracking_id == acknowledged.tracking_id
        assert (record.title, record.original_text) == (write.complaint.title, write.complaint.original_text)
        assert (record.category, record.classification) == (write.complaint.category, write.complaint.classification)
        assert (record.channel, record.status) == (write.complaint.channel, ComplaintStatus.SUBMITTED)
        assert record.incident_location == write.complaint.incident_location
        if slug == "kab-tangerang":
            assert record.incident_date == write.complaint.incident_date
        filed = agency.cases[-1].filed
        assert (filed.name, filed.phone) == ("Siti", "0812")
        assert [(file.name, file.type) for file in filed.files] == [("foto.jpg", "image/jpeg")]
        assert (await connector.find(write)).native_id == acknowledged.native_id
        assert await connector.find(submit(complaint(2))) is None


@each
async def test_whatever_goes_wrong_it_is_filed_once(slug: str) -> None:
    await asyncio.gather(*(_filed_once(slug, fault) for fault in FAULTS))


async def _filed_once(slug: str, fault: str) -> None:
    async with door(slug) as (agency, connector, listener):
        agency.fail(fault)
        if fault == "down":
            listener.close()
        write = submit(complaint())
        acknowledged = await deliver(connector, write, agency, listener)
        await asyncio.sleep(0.15 if fault in ("commit-late", "slow") else 0)
        assert agency.writings.held() == {write.reference: [acknowledged.native_id]}, fault


@each
async def test_what_is_written_to_a_complaint_is_there_once(slug: str) -> None:
    await asyncio.gather(*(_written_once(slug, fault) for fault in ("drop-reply", "answer-twice", "lose")))


async def _written_once(slug: str, fault: str) -> None:
    async with door(slug) as (agency, connector, listener):
        native_id = agency.dialect.native_id(agency.cases[-1])
        (before,) = (await connector.fetch([native_id])).records
        writes = [
            follow_up(native_id, "Sudah dikerjakan, terima kasih."),
            transfer(native_id, "Pemerintah Provinsi Banten", "Jalan provinsi"),
            moved(native_id, ComplaintStatus.IN_FOLLOW_UP, ActorRole.AGENCY, DeliveryKind.STATUS_CHANGE),
            rating(native_id, 2),
            moved(native_id, ComplaintStatus.ARCHIVED, ActorRole.REPORTER, DeliveryKind.WITHDRAWAL),
        ]
        for number, write in enumerate(writes):
            if fault != "lose" or number < 2:
                agency.fail(fault)
            acknowledged = await deliver(connector, write, agency, listener)
            assert write.reference in acknowledged.native_id
        assert agency.writings.held() == {write.reference: [native_id] for write in writes}, fault
        (after,) = (await connector.fetch([native_id])).records
        assert [f.content for f in after.follow_ups[len(before.follow_ups) :]] == ["Sudah dikerjakan, terima kasih."]
        handed = [(d.to_agency.name, d.is_not_authority) for d in after.dispositions[len(before.dispositions) :]]
        assert handed == [("Pemerintah Provinsi Banten", True)]
        assert after.ratings[-1].score == 2
        steps = [(step.to_status, step.actor.role) for step in after.timeline[len(before.timeline) :]]
        assert steps == [
            (ComplaintStatus.DISPOSED, ActorRole.AGENCY),
            (ComplaintStatus.IN_FOLLOW_UP, ActorRole.AGENCY),
            (ComplaintStatus.ARCHIVED, ActorRole.REPORTER),
        ]


@each
async def test_no_is_no(slug: str) -> None:
    async with door(slug) as (agency, connector, _):
        agency.fail("reject")
        with pytest.raises(WriteRejected):
            await connector.send(submit(complaint()))
        agency.heal()
        with pytest.raises(WriteRejected):
            await connector.send(follow_up("99999999", "Tidak ada"))
        native_id = agency.dialect.native_id(agency.cases[-1])
        unknown = moved(native_id, ComplaintStatus.UNMAPPED, ActorRole.AGENCY, DeliveryKind.STATUS_CHANGE)
        with pytest.raises(WriteRejected, match="no word for UNMAPPED"):
            await connector.send(unknown)
        assert agency.writings.held() == {}


async def test_a_refusal_of_what_is_there_already_is_an_acknowledgement() -> None:
    async with door("kab-tangerang") as (agency, connector, _):
        write = submit(complaint())
        first = await connector.send(write)
        agency.fail("reject")
        assert (await connector.send(write)).native_id == first.native_id


async def test_an_idempotency_key_is_sent_and_helps_where_it_is_honoured() -> None:
    async with door("kab-tangerang") as (agency, connector, _):
        writes = [submit(complaint(number)) for number in range(8)]
        for write in (*writes, *writes):
            await connector.send(write)
        times = {write.reference: len(agency.writings.of(write.reference)) for write in writes}
        assert times == {write.reference: 1 if honoured(write.reference) else 2 for write in writes}
        assert set(times.values()) == {1, 2}


async def test_a_search_that_does_not_filter_finds_nobody_elses_record() -> None:
    writes = load_agencies(AGENCIES)["kab-tangerang"].settings["writes"]
    # The agency does not know the parameter, and answers with everything.
    find = {**writes["submit"]["find"], "params": {"ref": "reference"}}
    settings = load_agencies(AGENCIES)["kab-tangerang"].settings
    settings = {**settings, "writes": {**writes, "submit": {**writes["submit"], "find": find}}}
    async with door("kab-tangerang", settings=settings) as (_, connector, __):
        with pytest.raises(MappingFailure, match="others than the one"):
            await connector.find(submit(complaint()))
