"""The desk over a real ledger, on each database: nothing twice, nothing shown to the wrong ones, nothing unaudited."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.access.viewers import Viewers
from gateway.keyring import Keyring
from gateway.ledger.reader import LedgerReader
from gateway.routing import Router, Rules
from gateway.writes.desk import Desk
from gateway.writes.sealing import unseal
from schema.agency import Agency, AgencyLevel, StoreMode
from schema.complaint import Attachment, ComplaintRecord, ContentState, ExternalReference, FollowUpKind, Reporter
from schema.delivery import Delivery, DeliveryFilter, DeliveryKind, DeliveryState
from schema.errors import SourceUnavailable
from schema.links import LinkKind
from schema.ports import Content
from schema.query import PUBLIC, Role, Viewer
from schema.status import ComplaintStatus
from schema.writes import (
    AddFollowUp,
    Changed,
    ChangeStatus,
    DeliveryMoved,
    DeliveryOutcome,
    DismissLinkSuggestion,
    FollowedUp,
    IdempotencyConflict,
    IllegalTransfer,
    InputFault,
    InputIssue,
    InvalidInput,
    LinkComplaints,
    NotFound,
    NotPermitted,
    Place,
    RateResolution,
    RetryDelivery,
    SettleDelivery,
    SubmitComplaint,
    Submitted,
    TransferComplaint,
    Transferred,
    TransferRefusal,
    VersionConflict,
    WithdrawComplaint,
)
from tests.conftest import Ledger
from tests.unit.desk_case import rules

pytestmark = pytest.mark.anyio

KEYRING = Keyring(b"desk" * 8)
START = datetime(2026, 11, 23, 2, tzinfo=UTC)
OFFICES = {
    each.agency.id: each
    for each in (
        rules("kab-uji", AgencyLevel.DISTRICT),
        rules("prov-uji", AgencyLevel.PROVINCE),
        rules("nasional", AgencyLevel.NATIONAL),
        rules("kab-bisu", AgencyLevel.DISTRICT, writes=()),
        rules("kab-rahasia", AgencyLevel.DISTRICT, store=StoreMode.STATUS),
    )
}
REGIONS = {"kab-uji": "36.03", "kab-bisu": "36.71", "kab-rahasia": "36.04", "prov-uji": "36"}
ADMIN = Viewer(role=Role.NATIONAL_ADMIN, credential="key:admin")
SYSTEM = Viewer(role=Role.INTEGRATOR, agencies=("kab-uji",), credential="key:system")
ASKED = SubmitComplaint(
    idempotency_key="q2Jx7-mPz81sLw0v",
    title="Jalan rusak",
    text="Lubang di depan sekolah.",
    incident_location=Place(region_code="36.03"),
    reporter=Reporter(name="Ani"),
)
S, D = ComplaintStatus, DeliveryState


class Shelf:
    """Files that are fetched; those that are gone are not."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    async def fetch(
        self, urls: Sequence[str], complaint_id: str
    ) -> tuple[tuple[Attachment, ...], tuple[InputIssue, ...]]:
        found = [(number, url in self.gone) for number, url in enumerate(urls)]
        files = tuple(Attachment(id=f"attachment_{number:026}") for number, gone in found if not gone)
        issues = (("attachmentUrls", str(number)) for number, gone in found if gone)
        return files, tuple(InputIssue(path, InputFault.FILE_UNREACHABLE) for path in issues)


class Phone:
    """Asks agencies for the texts that the ledger may not keep."""

    def __init__(self) -> None:
        self.told: dict[str, Content] = {}

    async def contents(self, viewer: Viewer, ids: Collection[str]) -> Mapping[str, Content]:
        return {id: self.told[id] for id in ids if id in self.told}


class Office:
    """A desk, its ledger, and a clock that is moved by hand."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now = START
        self.shelf, self.phone = Shelf(), Phone()
        self.reader = LedgerReader(ledger.database)
        self.keys = 0
        self.desk = Desk(
            reader=self.reader,
            writer=ledger.writer,
            keyring=KEYRING,
            clock=lambda: self.now,
            rules=OFFICES.get,
            router=Router(Rules()),
            attachments=self.shelf,
            keeps_identity=lambda slug: slug == "kab-uji",
            live=self.phone,  # type: ignore[arg-type]  # what is asked of it here
        )

    def key(self) -> str:
        self.keys += 1
        return f"kunci-acak-{self.keys:08}"

    async def submitted(self, viewer: Viewer = PUBLIC, **fields: Any) -> Submitted:
        self.now += timedelta(minutes=1)
        result = await self.desk.submit(viewer, replace(ASKED, idempotency_key=self.key(), **fields))
        assert isinstance(result, Submitted), result
        return result

    async def changed(self, viewer: Viewer, complaint: str, to: ComplaintStatus, **fields: Any) -> Any:
        self.now += timedelta(minutes=1)
        asked = ChangeStatus(idempotency_key=self.key(), complaint_id=complaint, to_status=to, reason="-", **fields)
        return await self.desk.change_status(viewer, asked)

    async def sent_on(self, viewer: Viewer, complaint: str, to: str, **fields: Any) -> Any:
        self.now += timedelta(minutes=1)
        fields = {"note": "Bukan wewenang kami.", "is_not_authority": True, **fields}
        asked = TransferComplaint(idempotency_key=self.key(), complaint_id=complaint, to_agency=to, **fields)
        return await self.desk.transfer(viewer, asked)

    async def count(self, table: str, where: str = "1 = 1") -> int:
        rows = await self.ledger.database.fetch(f"SELECT count(*) FROM {table} WHERE {where}", [])
        return int(rows[0][0])

    async def deliveries(self, *complaints: str) -> list[Delivery]:
        async with self.reader.snapshot(ADMIN) as snapshot:
            page = await snapshot.deliveries(DeliveryFilter(), 0, 100)
        return [each for each in page.deliveries if each.complaint_id in complaints]


@pytest.fixture
async def office(ledger: Ledger) -> Office:
    def agency(slug: str) -> Agency:
        return replace(OFFICES[slug].agency, region_code=REGIONS.get(slug))

    await ledger.writer.register([agency(slug) for slug in OFFICES])
    return Office(ledger)


def officer(agency: str) -> Viewer:
    return Viewer(role=Role.LIAISON_OFFICER, agencies=(agency,), credential=f"key:{agency}")


async def test_what_is_sent_again_is_answered_again_and_done_once(office: Office) -> None:
    asked = replace(ASKED, is_confidential=True, attachment_urls=("https://contoh.id/1.jpg",))
    both = await asyncio.gather(*(office.desk.submit(PUBLIC, asked) for _ in range(5)))
    first = both[0]
    assert isinstance(first, Submitted)
    assert all(each == first for each in both)
    assert (first.complaint.agency, first.complaint.version, len(first.complaint.attachments)) == ("kab-uji", 2, 1)
    assert first.complaint.routing is not None
    assert first.complaint.routing.rule == "regency"
    assert first.viewer.complaints == (first.complaint.id,)
    assert [await office.count(table) for table in ("complaints", "deliveries", "reporters")] == [1, 1, 1]
    assert await office.count("events", "complaint_id IS NOT NULL") == 2
    assert await office.count("audit", "outcome = 'DONE'") == 1

    office.shelf.gone.add("https://contoh.id/1.jpg")
    office.now += timedelta(hours=23)
    assert await office.desk.submit(PUBLIC, asked) == first, "its file is gone, but it was taken"
    assert await office.desk.submit(PUBLIC, replace(asked, text="Lain.")) == IdempotencyConflict()
    fresh = replace(asked, idempotency_key=office.key())
    assert await office.desk.submit(PUBLIC, fresh) == InvalidInput(
        (InputIssue(("attachmentUrls", "0"), InputFault.FILE_UNREACHABLE),)
    )
    assert await office.count("complaints") == 1
    assert await office.count("audit", "outcome IN ('IDEMPOTENCY_CONFLICT', 'INVALID_INPUT')") == 2


async def test_an_identity_is_sealed_where_the_agency_asks_and_nowhere_else(office: Office) -> None:
    first = await office.submitted()
    [delivery] = await office.deliveries(first.complaint.id)
    blob = await office.ledger.writer.sealed(delivery.id)
    assert blob is not None
    assert unseal(KEYRING, delivery.id, blob).reporter == Reporter(name="Ani")
    elsewhere = await office.submitted(incident_location=Place(region_code="51"))
    assert elsewhere.complaint.agency == "nasional"
    anonymous = await office.submitted(reporter=None, is_anonymous=True)
    for each in (elsewhere, anonymous):
        [delivery] = await office.deliveries(each.complaint.id)
        assert await office.ledger.writer.sealed(delivery.id) is None
    rows = await office.ledger.database.fetch("SELECT * FROM complaints", [])
    assert "Ani" not in str([tuple(row) for row in rows])


async def test_systems_say_where_it_comes_from_and_nobody_else_does(office: Office) -> None:
    reference = ExternalReference("JAKI", "J-1")
    taken = await office.submitted(SYSTEM, external_reference=reference)
    assert taken.complaint.external_references == (reference,)
    for viewer, asked in ((PUBLIC, replace(ASKED, external_reference=reference)), (_OVERSIGHT, ASKED)):
        assert await office.desk.submit(viewer, asked) == NotPermitted()
    assert await office.count("audit", "outcome = 'NOT_PERMITTED'") == 2


async def test_two_officers_at_once_are_one_success_and_one_version_conflict(office: Office) -> None:
    complaint = (await office.submitted()).complaint
    results = await asyncio.gather(
        *(
            office.changed(viewer, complaint.id, to, expected_version=complaint.version)
            for viewer, to in ((officer("kab-uji"), S.VERIFIED), (ADMIN, S.REJECTED))
        )
    )
    [done] = [each for each in results if isinstance(each, Changed)]
    [lost] = [each for each in results if isinstance(each, VersionConflict)]
    assert (lost.current.status, lost.current.version) == (done.complaint.status, done.complaint.version)
    assert await office.count("audit", "outcome = 'VERSION_CONFLICT'") == 1


async def test_a_reporter_answers_rates_and_withdraws(office: Office) -> None:
    filed = await office.submitted(is_confidential=True, is_anonymous=True, reporter=None)
    id, reporter, ours = filed.complaint.id, filed.viewer, officer("kab-uji")
    asked = AddFollowUp(
        idempotency_key=office.key(),
        complaint_id=id,
        kind=FollowUpKind.REPORTER_REPLY,
        content="Masih rusak.",
        is_confidential=True,
    )
    replied = await office.desk.follow_up(reporter, asked)
    assert isinstance(replied, FollowedUp)
    assert replied.follow_up.content == "Masih rusak."
    assert await office.desk.follow_up(reporter, asked) == replied
    rating = RateResolution(idempotency_key=office.key(), complaint_id=id, score=4)
    assert await office.desk.rate(PUBLIC, rating) == NotFound()
    for to in (S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED):
        assert isinstance(await office.changed(ours, id, to), Changed)
    rated = await office.desk.rate(reporter, rating)
    assert isinstance(rated, Changed)
    assert [each.score for each in rated.complaint.ratings] == [4]
    gone = await office.desk.withdraw(reporter, WithdrawComplaint(idempotency_key=office.key(), complaint_id=id))
    assert isinstance(gone, Changed)
    assert (gone.complaint.status, gone.complaint.status_actor) == (S.ARCHIVED, "REPORTER")
    assert [each.kind for each in await office.deliveries(id)] == [
        DeliveryKind.SUBMIT,
        DeliveryKind.FOLLOW_UP,
        *[DeliveryKind.STATUS_CHANGE] * 3,
        DeliveryKind.RATING,
        DeliveryKind.WITHDRAWAL,
    ]
    assert await office.count("events", "kind = 'DELIVERY_CHANGED'") == 7


async def test_the_third_that_it_does_not_belong_to_sends_it_to_the_national_one(office: Office) -> None:
    filed = await office.submitted(is_confidential=True)
    first = await office.sent_on(officer("kab-uji"), filed.complaint.id, "prov-uji")
    assert isinstance(first, Transferred)
    assert first.complaint.status is S.DISPOSED
    assert first.forwarded_to.title == "Jalan rusak", "confidential at the province, and shown to who sent it there"
    second = await office.sent_on(officer("prov-uji"), first.forwarded_to.id, "kab-bisu")
    third = await office.sent_on(officer("kab-bisu"), second.forwarded_to.id, "kab-uji")
    assert isinstance(third, Transferred)
    assert third.forwarded_to.agency == "nasional"
    assert third.forwarded_to.routing is not None
    assert third.forwarded_to.routing.rule == "bounce"
    assert "1. Kab-Uji ke Prov-Uji" in (third.complaint.dispositions[-1].note or "")
    last = third.forwarded_to.id
    refused = await office.sent_on(officer("nasional"), last, "kab-uji", is_not_authority=False)
    assert refused == IllegalTransfer(TransferRefusal.BOUNCE_LIMIT)
    assert isinstance(await office.sent_on(ADMIN, last, "kab-uji", is_not_authority=False), Transferred)

    reporter = await Viewers(office.ledger.database, KEYRING, lambda: office.now).of(f"Bearer {filed.reporter_token}")
    assert reporter.credential == filed.viewer.credential
    async with office.reader.snapshot(reporter) as snapshot:
        journey = await snapshot.linked(filed.complaint.id, 50)
    assert [each.agency for each in sorted(journey, key=lambda each: each.submitted_at)] == [
        "kab-uji",
        "prov-uji",
        "kab-bisu",
        "nasional",
        "kab-uji",
    ]
    assert await office.count("reporters") == 5
    assert await office.count("links", "kind = 'FORWARDED_TO'") == 4
    assert await office.count("links") == 8
    states = {each.agency: each.state for each in await office.deliveries(second.forwarded_to.id)}
    assert states == {"kab-bisu": D.HAND_DELIVERY}


async def test_texts_that_the_ledger_may_not_keep_go_sealed_and_are_asked_for_where_they_go_on(office: Office) -> None:
    filed = (await office.submitted(incident_location=Place(region_code="36.04"))).complaint
    assert (filed.agency, filed.title, filed.content_state) == ("kab-rahasia", None, ContentState.UNAVAILABLE)
    [delivery] = await office.deliveries(filed.id)
    sealed = await office.ledger.writer.sealed(delivery.id)
    assert sealed is not None
    content = unseal(KEYRING, delivery.id, sealed).content
    assert content is not None
    assert (content.title, content.original_text) == ("Jalan rusak", "Lubang di depan sekolah.")
    rows = await office.ledger.database.fetch("SELECT * FROM complaints", [])
    assert "Lubang" not in str([tuple(row) for row in rows])

    with pytest.raises(SourceUnavailable):
        await office.sent_on(officer("kab-rahasia"), filed.id, "prov-uji")
    assert await office.sent_on(officer("prov-uji"), filed.id, "prov-uji") == NotPermitted()
    record = ComplaintRecord(native_id="9", tracking_id="R-9", status=S.SUBMITTED, original_text="Lubang.")
    office.phone.told[filed.id] = Content(agency="kab-rahasia", state=ContentState.AVAILABLE, record=record)
    sent = await office.sent_on(officer("kab-rahasia"), filed.id, "prov-uji")
    assert isinstance(sent, Transferred)
    assert (sent.forwarded_to.original_text, sent.complaint.original_text) == ("Lubang.", None)


async def test_officers_join_and_part_what_both_ends_show_them(office: Office) -> None:
    one, other = [(await office.submitted()).complaint.id for _ in range(2)]
    joined = LinkComplaints(
        idempotency_key=office.key(), complaint_id=one, other_complaint_id=other, kind=LinkKind.DUPLICATE_OF
    )
    assert await office.desk.link(PUBLIC, joined) == NotPermitted()
    assert isinstance(await office.desk.link(officer("kab-uji"), joined), Changed)
    again = replace(joined, idempotency_key=office.key())
    assert isinstance(await office.desk.link(officer("kab-uji"), again), Changed)
    assert await office.count("links") == 2
    parted = DismissLinkSuggestion(idempotency_key=office.key(), complaint_id=one, other_complaint_id=other)
    assert isinstance(await office.desk.dismiss(ADMIN, parted), Changed)
    missing = replace(parted, other_complaint_id="complaint_\0")
    assert await office.desk.dismiss(ADMIN, replace(missing, idempotency_key=office.key())) == NotFound()


async def test_a_delivery_by_hand_is_settled_and_one_that_is_done_is_not_sent_again(office: Office) -> None:
    filed = await office.submitted(incident_location=Place(region_code="36.71"))
    [delivery] = await office.deliveries(filed.complaint.id)
    assert delivery.state is D.HAND_DELIVERY
    asked = SettleDelivery(
        idempotency_key=office.key(),
        delivery_id=delivery.id,
        outcome=DeliveryOutcome.DELIVERED,
        note="Diantar ke loket.",
        native_id="LOKET-7",
    )
    assert await office.desk.settle(PUBLIC, asked) == NotPermitted()
    settled = await office.desk.settle(officer("kab-bisu"), asked)
    assert isinstance(settled, DeliveryMoved)
    assert (settled.delivery.state, settled.delivery.native_id) == (D.ACKNOWLEDGED, "LOKET-7")
    async with office.reader.snapshot(PUBLIC) as snapshot:
        found = await snapshot.by_ids([filed.complaint.id])
    assert found[filed.complaint.id].native_id == "LOKET-7"
    again = RetryDelivery(idempotency_key=office.key(), delivery_id=delivery.id)
    assert type(await office.desk.retry(ADMIN, again)).__name__ == "IllegalDeliveryMove"
    assert await office.desk.retry(ADMIN, replace(again, delivery_id="delivery_" + "z" * 26)) == NotFound()


_OVERSIGHT = Viewer(role=Role.OVERSIGHT, credential="key:oversight")
