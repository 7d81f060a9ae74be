"""A ledger in which whatever may be missing is missing somewhere, for comparing two ways to read it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema.agency import Agency, AgencyLevel, SourceErrorCode, SourceProblem, SourceReport, SourceState, StoreMode
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    Actor,
    AgencyReference,
    Attachment,
    Channel,
    Classification,
    Complaint,
    ContentState,
    Disposition,
    ExternalReference,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    NativeStatus,
    Rating,
    RatingSource,
    Routed,
    StatusEvent,
    complaint_id,
)
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.links import SEEN_FROM_THERE, Link, LinkKind
from schema.status import ActorRole, ComplaintStatus
from schema.writes import Action, Held, Intent, Outcome, Recorded, Written

START = datetime(2021, 1, 1, tzinfo=UTC)

AGENCIES = (
    Agency(
        id="sp4n-lapor",
        name="SP4N-LAPOR!",
        level=AgencyLevel.NATIONAL,
        time_zone="Asia/Jakarta",
        connector_kind="lapor",
    ),
    Agency(
        id="prov-bali",
        name="Provinsi Bali",
        level=AgencyLevel.PROVINCE,
        time_zone="Asia/Makassar",
        connector_kind="open311",
        region_code="51",
        website="https://bali.test/",
        writes=("SUBMIT", "FOLLOW_UP"),
    ),
    Agency(
        id="kab-badung",
        name='Kabupaten "Badung"',
        level=AgencyLevel.DISTRICT,
        time_zone="Asia/Makassar",
        connector_kind="rest",
        region_code="51.03",
        parent="prov-bali",
        store=StoreMode.STATUS,
    ),
    # Its parent was never plugged in, and nobody knows its region.
    Agency(
        id="kab-x",
        name="Kabupaten X",
        level=AgencyLevel.DISTRICT,
        time_zone="Asia/Jayapura",
        connector_kind="files",
        region_code="99.99",
        parent="prov-x",
    ),
)

_SLUGS = [agency.id for agency in AGENCIES]
_REGIONS = ("36", "36.03", "36.03.01", "36.03.01.2001", "51.03", "99.99", "51")
_CATEGORIES = ("agama", "agama.haji-dan-umroh", "infrastruktur.jalan", "nobody.knows")
TEXTS = ("Jalan rusak", 'Kata "petik" \\ miring', "é 日本 \u2028\n\t", "", "<b>&amp;</b>", "0" * 300)


def diverse(count: int, seed: int = 1) -> list[Complaint]:
    """Synthetic complaints: every optional attribute is there and absent, every enum's values turn up."""
    dice = random.Random(seed)
    return [_complaint(dice, number) for number in range(count)]


@asynccontextmanager
async def diverse_ledger(url: str, witness: Path, complaints: Sequence[Complaint]) -> AsyncIterator[LedgerReader]:
    """A ledger of AGENCIES with these complaints, one event or more for each."""
    file = Witness(witness)

    def clock() -> datetime:
        return START + timedelta(days=400)

    try:
        async with open_database(url) as database:
            with open_audit(witness.parent, Keyring(b"tests"), clock) as audit:
                async with open_writer(database, file, clock, audit) as writer:
                    await writer.register(AGENCIES)
                    for slug in _SLUGS:
                        changes = [_changes(complaint) for complaint in complaints if complaint.agency == slug]
                        await writer.change(slug, [], lambda before, changes=changes: changes)  # type: ignore[misc]  # its default
                    for report in _REPORTS:
                        await writer.report(report)
                    joined = [each for each in complaints if each.agency != "kab-x"][:120]
                    kept = await writer.write(intent(joined), joining_and_delivering)
                    assert isinstance(kept, Recorded), kept
                    await writer.empty([complaint.id for complaint in complaints if _is_erased(complaint)])
            yield LedgerReader(database)
    finally:
        file.close()


_NO_DETAIL = EventDetail()


def intent(complaints: Sequence[Complaint]) -> Intent:
    return Intent(
        action=Action.LINK_COMPLAINTS, actor="hub", complaints=tuple(complaint.id for complaint in complaints)
    )


def joining_and_delivering(held: Held) -> Written:
    """Links of every kind, chains and rings of them, and deliveries in every state."""
    dice, complaints = random.Random(3), list(held.complaints.values())
    links = [_link(dice, complaints) for _ in range(60)]
    links = list({(each.complaint_id, each.other_id): each for each in links}.values())
    deliveries = [_delivery(dice, number, dice.choice(complaints)) for number in range(60)]
    events: dict[str, list[EventDraft]] = {}
    for link in links:
        for here, there, kind in (
            (link.complaint_id, link.other_id, link.kind),
            (link.other_id, link.complaint_id, SEEN_FROM_THERE[link.kind]),
        ):
            detail = EventDetail(link=kind, other=there)
            events.setdefault(here, []).append(_draft(held.complaints[here], EventKind.LINKED, detail))
    for delivery in deliveries:
        detail = EventDetail(delivery=delivery.id, delivery_state=delivery.state)
        draft = _draft(held.complaints[delivery.complaint_id], EventKind.DELIVERY_CHANGED, detail)
        events.setdefault(delivery.complaint_id, []).append(draft)
    return Written(
        outcome=Outcome(),
        changes=tuple(
            Change(before=held.complaints[id], after=held.complaints[id], events=tuple(drafts))
            for id, drafts in events.items()
        ),
        links=tuple(links),
        deliveries=tuple(deliveries),
    )


def _link(dice: random.Random, complaints: Sequence[Complaint]) -> Link:
    one, other = sorted(dice.sample(complaints, k=2), key=lambda complaint: complaint.id)
    return Link(
        complaint_id=one.id,
        other_id=other.id,
        kind=dice.choice(list(LinkKind)),
        created_at=START + timedelta(hours=dice.randrange(500)),
        confidence=dice.choice([1.0, 0.75]),
    )


def _delivery(dice: random.Random, number: int, about: Complaint) -> Delivery:
    problem = SourceProblem(SourceErrorCode.REJECTED, since=START, retry_at=None)
    return Delivery(
        id=f"delivery_{number:026}",
        complaint_id=about.id,
        agency=about.agency,
        kind=dice.choice(list(DeliveryKind)),
        state=dice.choice(list(DeliveryState)),
        queued_at=START + timedelta(minutes=number),
        attempts=dice.randrange(4),
        sent_at=dice.choice([None, START]),
        settled_at=dice.choice([None, START]),
        next_attempt_at=dice.choice([None, START]),
        native_id=dice.choice([None, "7"]),
        error=dice.choice([None, problem]),
    )


def _is_erased(complaint: Complaint) -> bool:
    return complaint.content_state is ContentState.ERASED


_REPORTS = (
    SourceReport(
        agency="prov-bali",
        state=SourceState.DOWN,
        as_of=START,
        lag_seconds=86_400,
        stale=True,
        checked_at=START + timedelta(days=1),
        error=SourceProblem(SourceErrorCode.TIMEOUT, since=START, retry_at=None),
    ),
    SourceReport(agency="kab-badung", state=SourceState.OK, as_of=START, lag_seconds=0, checked_at=START),
)


def _changes(complaint: Complaint) -> Change:
    drafts = [_draft(complaint, EventKind.SUBMITTED)]
    if complaint.timeline:
        move = complaint.timeline[-1]
        detail = EventDetail(from_status=move.from_status, to_status=move.to_status, entry=len(complaint.timeline) - 1)
        drafts.append(_draft(complaint, EventKind.STATUS_CHANGED, detail, move.actor))
    if complaint.follow_ups:
        drafts.append(_draft(complaint, EventKind.FOLLOW_UP_ADDED, EventDetail(entry=0)))
    if complaint.dispositions:
        drafts.append(_draft(complaint, EventKind.TRANSFERRED, EventDetail(entry=0)))
    if complaint.ratings:
        drafts.append(_draft(complaint, EventKind.RATED, EventDetail(entry=9)))
    if complaint.clocks:
        drafts.append(_draft(complaint, EventKind.CLOCK_BREACHED, EventDetail(clock=complaint.clocks[0].kind)))
    drafts.append(_draft(complaint, EventKind.CORRECTED, EventDetail(changed_fields=("title", "reporter"))))
    return Change(before=None, after=complaint, events=tuple(drafts))


def _draft(
    complaint: Complaint, kind: EventKind, detail: EventDetail = _NO_DETAIL, actor: Actor | None = None
) -> EventDraft:
    return EventDraft(
        kind=kind,
        status=complaint.status,
        occurred_at=complaint.submitted_at,
        origin=EventOrigin.SYNC,
        detail=detail,
        actor=actor,
    )


class _Dice:
    """Chooses what stands in a complaint."""

    def __init__(self, dice: random.Random, start: datetime) -> None:
        self._dice = dice
        self._start = start

    def maybe(self, value: Any) -> Any:
        return value if self._dice.random() < 0.6 else None

    def one(self, values: Sequence[Any]) -> Any:
        return self._dice.choice(list(values))

    def some(self, make: Any, most: int = 3) -> tuple[Any, ...]:
        return tuple(make() for _ in range(self._dice.randrange(most + 1)))

    def text(self) -> str:
        return str(self.one(TEXTS))

    def moment(self) -> datetime:
        return self._start + timedelta(milliseconds=self._dice.randrange(10**9))

    def flag(self) -> bool:
        return self._dice.random() < 0.4

    def number(self) -> float:
        return float(self.one((0.0, -8.5, 115.25, 106.0)))

    def reference(self) -> AgencyReference:
        return AgencyReference(self.text(), self.maybe("7"), self.maybe(self.one([*_SLUGS, "gone"])))

    def actor(self) -> Actor:
        return Actor(self.one(ActorRole), self.maybe(self.one(_SLUGS)))

    def native(self) -> NativeStatus:
        return NativeStatus(self.text(), self.maybe("5"))

    def move(self) -> StatusEvent:
        return StatusEvent(
            to_status=self.one(ComplaintStatus),
            occurred_at=self.moment(),
            from_status=self.maybe(self.one(ComplaintStatus)),
            native_status=self.maybe(self.native()),
            actor=self.maybe(self.actor()),
            note=self.maybe(self.text()),
        )

    def attachment(self) -> Attachment:
        return Attachment(
            id=f"attachment_{self._dice.randrange(10**6)}",
            filename=self.maybe(self.text()),
            content_type=self.maybe("image/png"),
            byte_size=self.maybe(2**31 - 1),
            sha256=self.maybe("00" * 32),
            url=self.maybe("https://files.test/1"),
        )

    def follow_up(self) -> FollowUp:
        return FollowUp(
            kind=self.one(FollowUpKind),
            occurred_at=self.moment(),
            content=self.maybe(self.text()),
            from_agency=self.maybe(self.reference()),
            to_agency=self.maybe(self.reference()),
            actor=self.maybe(self.actor()),
            attachments=self.some(self.attachment, 1),
            is_confidential=self.flag(),
        )

    def disposition(self) -> Disposition:
        return Disposition(
            to_agency=self.reference(),
            occurred_at=self.moment(),
            from_agency=self.maybe(self.reference()),
            note=self.maybe(self.text()),
            is_not_authority=self.flag(),
        )

    def rating(self) -> Rating:
        return Rating(
            score=self._dice.randint(1, 5),
            source=self.one(RatingSource),
            occurred_at=self.moment(),
            comment=self.maybe(self.text()),
        )

    def clock(self) -> SlaClock:
        return SlaClock(
            kind=self.one(ClockKind),
            limit_days=5,
            started_at=self.moment(),
            due_at=self.maybe(self.moment()),
            paused_since=self.maybe(self.moment()),
            paused_for=self._dice.randrange(10**6),
            stopped_at=self.maybe(self.moment()),
            breached=self.flag(),
            breached_at=self.maybe(self.moment()),
        )

    def place(self) -> IncidentLocation:
        return IncidentLocation(
            region_code=self.maybe(self.one(_REGIONS)),
            latitude=self.maybe(self.number()),
            longitude=self.maybe(self.number()),
            address=self.maybe(self.text()),
        )

    def external(self) -> ExternalReference:
        return ExternalReference(self.text(), "9", self.maybe("https://elsewhere.test/9"), self.maybe(self.moment()))


def _complaint(dice: random.Random, number: int) -> Complaint:
    agency = _SLUGS[number % len(_SLUGS)]
    made = _Dice(dice, START + timedelta(days=dice.randrange(30)))
    return Complaint(
        id=complaint_id(agency, str(number)),
        agency=agency,
        native_id=str(number),
        # An agency uses most of its numbers again; one number is used by two agencies.
        tracking_id="same" if number in (100, 101) else str(number % 88),
        status=made.one(ComplaintStatus),
        status_changed_at=made.moment(),
        submitted_at=made.moment(),
        updated_at=made.moment(),
        native_status=made.maybe(made.native()),
        status_actor=made.maybe(made.one(ActorRole)),
        status_reason=made.maybe(made.text()),
        url=made.maybe("https://agency.test/laporan/1"),
        content_state=made.one(ContentState),
        title=made.maybe(made.text()),
        original_text=made.maybe(made.text()),
        edited_text=made.maybe(made.text()),
        classification=made.maybe(made.one(Classification)),
        category=made.maybe(made.one(_CATEGORIES)),
        native_category=made.maybe(made.text()),
        channel=made.one(Channel),
        native_channel=made.maybe(made.text()),
        tags=made.some(made.text),
        incident_date=made.maybe(date(2021, 2, 28)),
        incident_location=made.maybe(made.place()),
        attachments=made.some(made.attachment),
        is_anonymous=made.flag(),
        is_confidential=dice.random() < 0.1,
        closed_at=made.maybe(made.moment()),
        synced_at=made.maybe(made.moment()),
        owner_agency=made.maybe(made.reference()),
        assigned_agencies=made.some(made.reference),
        copied_agencies=made.some(made.reference),
        dispositions=made.some(made.disposition, 4),
        timeline=made.some(made.move, 4),
        follow_ups=made.some(made.follow_up, 4),
        ratings=made.some(made.rating),
        clocks=made.some(made.clock),
        external_references=made.some(made.external),
        days_to_first_follow_up=made.maybe(2.5),
        days_to_close=made.maybe(0.0),
        routing=made.maybe(Routed(agency=agency, rule="jalan", explanation={"ID": made.text(), "EN": "A rule."})),
    )
