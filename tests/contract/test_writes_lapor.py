"""Writes to SP4N-LAPOR!: whatever goes wrong, what was written is there once, and its key is known."""

from __future__ import annotations

import asyncio

import pytest

from schema.complaint import Attachment, ExternalReference
from schema.connector import File
from schema.delivery import DeliveryKind
from schema.errors import SourceError, WriteRejected
from tests.contract.doors import FAULTS, complaint, deliver, door, filed_once, follow_up, rating, submit, transfer

SLUG = "sp4n-lapor"


async def test_a_complaint_is_filed_as_it_was_written_and_comes_back_with_our_reference() -> None:
    async with door(SLUG) as (agency, connector, _):
        assert connector.agency.writes == ("SUBMIT", "FOLLOW_UP", "TRANSFER", "RATING")
        photo = Attachment(id="attachment_1", filename='foto "jalan".jpg', content_type="image/jpeg")
        write = submit(
            complaint(tags=("jalan",), is_anonymous=True), files=(File(attachment=photo, content=b"\xff\xd8\r\n--x"),)
        )
        acknowledged = await deliver(connector, write)
        assert agency.writings.held() == {write.reference: [acknowledged.native_id]}
        (record,) = (await connector.fetch([acknowledged.native_id])).records
        assert record.external_references == (ExternalReference("simpul", write.reference),)
        assert (record.tags, record.tracking_id) == (("jalan",), acknowledged.tracking_id)
        assert (record.title, record.original_text) == (write.complaint.title, write.complaint.original_text)
        assert (record.category, record.classification) == (write.complaint.category, write.complaint.classification)
        assert record.incident_location == write.complaint.incident_location
        assert record.incident_date == write.complaint.incident_date
        assert (record.is_anonymous, record.is_confidential, len(record.attachments)) == (True, False, 1)
        assert (await connector.find(write)).native_id == acknowledged.native_id
        assert await connector.find(submit(complaint(2))) is None


async def test_whatever_goes_wrong_it_is_filed_once() -> None:
    async with asyncio.TaskGroup() as group:
        for fault in FAULTS:
            group.create_task(filed_once(SLUG, fault, submit(complaint())))


async def test_what_is_written_to_a_complaint_is_there_once() -> None:
    async with door(SLUG) as (agency, connector, listener):
        native_id = agency.dialect.native_id(agency.cases[-1])
        (before,) = (await connector.fetch([native_id])).records
        first = follow_up(native_id, "Sudah dikerjakan, terima kasih.", before=before.follow_ups)
        second = follow_up(native_id, "Sudah dikerjakan, terima kasih.", before=first.complaint.follow_ups, number=2)
        handed = transfer(native_id, "Pemerintah Provinsi Bali", "Jalan provinsi")
        for fault, write in (
            ("drop-reply", first),
            ("drop-reply", second),
            ("lose", rating(native_id, 2)),
            ("drop-reply", handed),
        ):
            agency.fail(fault)
            await deliver(connector, write, agency, listener)
        (after,) = (await connector.fetch([native_id])).records
        assert [f.content for f in after.follow_ups[len(before.follow_ups) :]][:2] == [first.follow_up.content] * 2
        assert after.ratings[-1].score == 2
        assert [d.to_agency.agency for d in after.dispositions[len(before.dispositions) :]] == ["prov-bali"]


async def test_no_is_no() -> None:
    async with door(SLUG) as (agency, connector, _):
        agency.fail("reject")
        with pytest.raises(WriteRejected, match="422"):
            await connector.send(submit(complaint()))
        agency.heal()
        with pytest.raises(WriteRejected):
            await connector.send(follow_up("99", "Tidak ada"))
        with pytest.raises(SourceError, match="no institution") as raised:
            await connector.send(transfer("7300001", "Pemerintah Kota Nun Jauh", "Bukan wewenang"))
        assert not raised.value.arrived
        assert agency.writings.held() == {}


async def test_without_a_filter_the_list_is_read_back_to_when_it_was_written() -> None:
    async with door(
        SLUG, settings={"page_size": 3, "writes": {"integrator": "s", "user_id": 1, "channel": 1}}
    ) as opened:
        agency, connector, _ = opened
        agency.fail("drop-reply")
        writes = [submit(complaint(number)) for number in range(5)]
        found = []
        for write in writes:
            with pytest.raises(SourceError):
                await connector.send(write)
            found.append((await connector.find(write)).native_id)
        assert agency.writings.held() == {write.reference: [id] for write, id in zip(writes, found, strict=True)}
        assert (await connector.find(writes[0])).native_id == found[0]
        assert await connector.find(submit(complaint(99))) is None
        assert DeliveryKind.SUBMIT in connector.finds
