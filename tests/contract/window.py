"""An agency's window that takes writes, as a connector shows it; and an outbox that takes them there, by a clock that
stands until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.reader import LedgerReader
from gateway.outbox.letter import HUB
from gateway.outbox.outbox import Outbox
from gateway.outbox.pace import Knobs
from gateway.sync.derived import Rules
from gateway.telemetry import Metrics
from gateway.writes.moves import delivery_event
from gateway.writes.sealing import Sealed, seal
from schema.agency import Agency
from schema.complaint import (
    Complaint,
    ContentState,
    FollowUp,
    FollowUpKind,
    Reporter,
    Routed,
    Sent,
    StatusEvent,
    random_id,
)
from schema.connector import Acknowledgement, Connector, Write
from schema.content import without_content
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.errors import HttpFailure, SourceTimeout, Unreachable, WriteRejected
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import ComplaintStatus
from schema.writes import Action, Held, Intent, Outcome, Recorded, Written
from tests.conftest import BALI, Ledger

START = datetime(2026, 3, 1, tzinfo=UTC)
KEYRING = Keyring(b"k" * 64)
REPORTER = Reporter(name="Ni Luh", phone="0812")


class Window:
    """A naive agency: each write makes a record. What is planned happens to the next ones, then all is well.

    Attributes:
        records: what it holds: our reference and its key.
        down: it can't be reached.
    """

    writes = frozenset(DeliveryKind) - {DeliveryKind.RATING}
    settles_after = 60.0

    def __init__(self, agency: Agency = BALI) -> None:
        self.agency = agency
        self.finds = frozenset({DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP})
        self.records: list[tuple[str, str]] = []
        self.told: list[Write] = []
        self.sent = self.looked = 0
        self.down = False
        self.planned: list[str] = []
        self.hanging, self.answering = asyncio.Event(), asyncio.Event()

    async def send(self, write: Write) -> Acknowledgement:
        self.sent += 1
        if self.down:
            error = Unreachable("nobody is there")
            error.arrived = False  # type: ignore[misc]  # as the kit says it where nothing was sent
            raise error
        fault = self.planned.pop(0) if self.planned else ""
        if fault == "refuse":
            raise WriteRejected("no")
        if fault == "busy":
            busy = HttpFailure("busy", status=503, retry_after=90.0)
            busy.arrived = False  # type: ignore[misc]
            raise busy
        if fault == "hang":
            self.hanging.set()
            await asyncio.sleep(3600)
        if fault == "late":
            self.hanging.set()
            await self.answering.wait()
        if fault != "lose":
            self.told.append(write)
            self.records.append((write.reference, f"K-{len(self.records) + 1}"))
        if fault in ("drop", "lose"):
            raise SourceTimeout("no answer")
        return self._receipt(write.reference)

    async def find(self, write: Write) -> Acknowledgement | None:
        self.looked += 1
        if self.down:
            raise Unreachable("nobody is there")
        return self._receipt(write.reference) if write.reference in dict(self.records) else None

    def _receipt(self, reference: str) -> Acknowledgement:
        key = dict(self.records)[reference]
        return Acknowledgement(native_id=key, tracking_id=f"No. {key}")


class Office:
    """What the outbox knows of agencies: there is one."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.paused = False

    def get(self, slug: str) -> Office | None:
        return None if self.paused else self

    def rules(self, slug: str) -> Rules | None:
        return None


class Post:
    """Complaints that are filed here, and the outbox that delivers them."""

    def __init__(self, ledger: Ledger, window: Window, knobs: Knobs | None = None) -> None:
        self.now = START
        self.ledger = ledger
        self.window = window
        self.office = Office(window)  # type: ignore[arg-type]  # of a connector it has what writes need
        self.metrics = Metrics()
        self.reader = LedgerReader(ledger.database)
        self.knobs = knobs or Knobs()
        self.outbox = self.hub()

    def hub(self, *, alone: bool = False) -> Outbox:
        """A hub's outbox, as it is after a start."""
        return Outbox(
            agencies=self.office,
            reader=self.reader,
            writer=self.ledger.writer,
            keyring=KEYRING,
            clock=lambda: self.now,
            metrics=self.metrics,
            alone=alone,
            knobs=self.knobs,
            dice=lambda: 1.0,
        )

    async def step(self, seconds: float = 0.0) -> None:
        """So much later, everything that is due was tried."""
        self.now += timedelta(seconds=seconds)
        await self.outbox.look()
        await self.outbox.idle()

    async def submit(self, number: int, reporter: Reporter | None = None, *, kept: bool = True) -> Delivery:
        """A complaint is filed: its delivery. Its texts are `kept`, or sealed."""
        id = random_id("complaint")
        delivery = self._delivery(id, DeliveryKind.SUBMIT)
        first = StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=self.now)
        complaint = self.ledger.complaint(
            number,
            id=id,
            native_id=None,
            tracking_id=f"SMP-0000-0000-{number:04}",
            title=f"Judul {number}",
            timeline=(first,),
            routing=Routed(agency="prov-bali", rule="uji"),
            sent=(Sent(delivery=delivery.id, list="timeline", entry=0),),
        )
        sealed = Sealed(reporter=reporter, content=None if kept else complaint)
        if not kept:
            complaint = replace(without_content(complaint), content_state=ContentState.UNAVAILABLE)
        filed = EventDraft(
            kind=EventKind.SUBMITTED, status=complaint.status, occurred_at=self.now, origin=EventOrigin.HUB
        )
        change = Change(before=None, after=complaint, events=(filed, delivery_event(complaint, delivery, self.now)))
        blobs = {delivery.id: seal(KEYRING, delivery.id, sealed)} if sealed != Sealed() else {}
        await self._write(delivery, lambda held: (change, blobs))
        return delivery

    async def answer(self, to: Delivery) -> Delivery:
        """The reporter adds something."""
        delivery = self._delivery(to.complaint_id, DeliveryKind.FOLLOW_UP, 0)
        added = FollowUp(kind=FollowUpKind.REPORTER_REPLY, occurred_at=self.now, content="Sudah dua minggu.")

        def change(held: Held) -> tuple[Change, Mapping[str, bytes]]:
            complaint = held.complaints[to.complaint_id]
            mark = Sent(delivery=delivery.id, list="follow_ups", entry=0)
            return self._changed(complaint, delivery, follow_ups=(added,), sent=(*complaint.sent, mark)), {}

        await self._write(delivery, change)
        return delivery

    async def change(self, of: Delivery, status: ComplaintStatus) -> Delivery:
        """An officer moves its status."""
        delivery = self._delivery(of.complaint_id, DeliveryKind.STATUS_CHANGE, 1)

        def change(held: Held) -> tuple[Change, Mapping[str, bytes]]:
            complaint = held.complaints[of.complaint_id]
            move = StatusEvent(to_status=status, occurred_at=self.now, from_status=complaint.status)
            mark = Sent(delivery=delivery.id, list="timeline", entry=1)
            fields = {"timeline": (*complaint.timeline, move), "status": status, "sent": (*complaint.sent, mark)}
            return self._changed(complaint, delivery, **fields), {}

        await self._write(delivery, change)
        return delivery

    async def rate(self, of: Delivery) -> Delivery:
        delivery = self._delivery(of.complaint_id, DeliveryKind.RATING, 0)
        await self._write(delivery, lambda held: (self._changed(held.complaints[of.complaint_id], delivery), {}))
        return delivery

    async def of(self, delivery: Delivery) -> Delivery:
        """The delivery as it is now."""
        async with self.reader.snapshot(HUB) as snapshot:
            return (await snapshot.deliveries_by_ids([delivery.id]))[delivery.id]

    async def states(self, deliveries: Sequence[Delivery]) -> list[DeliveryState]:
        return [(await self.of(each)).state for each in deliveries]

    async def complaint(self, delivery: Delivery) -> Complaint:
        async with self.reader.snapshot(HUB) as snapshot:
            return (await snapshot.by_ids([delivery.complaint_id]))[delivery.complaint_id]

    async def told(self, delivery: Delivery) -> list[DeliveryState]:
        """The states that events tell of, in their order."""
        rows = await self.ledger.database.fetch(
            "SELECT detail FROM events WHERE kind = 'DELIVERY_CHANGED' AND complaint_id = $1 ORDER BY seq",
            [delivery.complaint_id],
        )
        details = [_detail(row[0]) for row in rows]
        return [each.delivery_state for each in details if each.delivery == delivery.id and each.delivery_state]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def _delivery(self, complaint: str, kind: DeliveryKind, entry: int | None = None) -> Delivery:
        return Delivery(
            id=random_id("delivery"),
            complaint_id=complaint,
            agency="prov-bali",
            kind=kind,
            queued_at=self.now,
            entry=entry,
        )

    def _changed(self, complaint: Complaint, delivery: Delivery, **fields: object) -> Change:
        after = replace(complaint, **fields)
        return Change(before=complaint, after=after, events=(delivery_event(after, delivery, self.now),))

    async def _write(self, delivery: Delivery, change: object) -> None:
        intent = Intent(
            action=Action.SUBMIT_COMPLAINT,
            actor="public",
            complaints=(delivery.complaint_id,),
            deliveries=(delivery.id,),
        )

        def decide(held: Held) -> Written:
            made, sealed = change(held)  # type: ignore[operator]
            outcome = Outcome(complaint=delivery.complaint_id, delivery=delivery.id)
            return Written(outcome=outcome, changes=(made,), deliveries=(delivery,), sealed=sealed)

        assert isinstance(await self.ledger.writer.write(intent, decide), Recorded)


def _detail(text: str) -> EventDetail:
    return msgspec.json.decode(text, type=EventDetail)
