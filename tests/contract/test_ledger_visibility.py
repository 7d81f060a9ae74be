"""What each viewer sees, on both databases: against `schema.access`, complaint by complaint."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger import visibility
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema import access
from schema.agency import Agency, AgencyLevel
from schema.complaint import (
    AgencyReference,
    Complaint,
    Disposition,
    FollowUp,
    FollowUpKind,
    Routed,
    complaint_id,
    random_id,
)
from schema.delivery import Delivery, DeliveryFilter, DeliveryKind
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.query import (
    PUBLIC,
    ComplaintFilter,
    ComplaintOrder,
    ComplaintOrderField,
    EventFilter,
    OrderDirection,
    Role,
    StatisticsDimension,
    Viewer,
    Window,
)
from schema.status import ComplaintStatus
from schema.writes import Action, Intent, Outcome, Recorded, Written

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SLUGS = ("kab-sleman", "prov-bali", "kab-tangerang", "sp4n")


def made(count: int) -> list[Complaint]:
    """Complaints that concern agencies in every way; some texts look as if they did."""
    dice = random.Random(6)
    return [_complaint(dice, n) for n in range(count)]


def _complaint(dice: random.Random, n: int) -> Complaint:
    agency = dice.choice(SLUGS)

    def some(most: int) -> tuple[AgencyReference, ...]:
        named = dice.sample([*SLUGS, None], k=dice.randrange(most + 1))
        return tuple(AgencyReference('Dinas "agency":"kab-sleman"', agency=slug) for slug in named)

    moved = tuple(
        Disposition(
            to_agency=to,
            from_agency=next(iter(some(1)), None),
            occurred_at=NOW,
            note='"agency":"prov-bali"',
            is_not_authority=False,
        )
        for to in some(1)
    )
    said = tuple(
        FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content=str(k), is_confidential=dice.random() < 0.5)
        for k in range(dice.randrange(3))
    )
    return Complaint(
        id=random_id("complaint") if n % 5 == 0 else complaint_id(agency, str(n)),
        agency=agency,
        native_id=None if n % 5 == 0 else str(n),
        tracking_id=f"T{n % 30}",
        status=dice.choice(list(ComplaintStatus)),
        status_changed_at=NOW,
        submitted_at=NOW + timedelta(minutes=dice.randrange(20)),
        updated_at=NOW + timedelta(minutes=dice.randrange(20)),
        title="jalan rusak",
        is_confidential=dice.random() < 0.5,
        owner_agency=next(iter(some(1)), None),
        assigned_agencies=some(2),
        copied_agencies=some(1),
        dispositions=moved,
        follow_ups=said,
        routing=Routed(agency=agency, rule="national") if n % 5 == 0 else None,
        version=2 if n % 5 == 0 else 1,
    )


class Seen(NamedTuple):
    reader: LedgerReader
    complaints: Sequence[Complaint]
    deliveries: Sequence[Delivery]


@pytest.fixture
async def seen(database_url: str, tmp_path: Path) -> AsyncIterator[Seen]:
    complaints = made(60)
    deliveries = [
        Delivery(id=random_id("delivery"), complaint_id=c.id, agency=c.agency, kind=DeliveryKind.SUBMIT, queued_at=NOW)
        for c in complaints
        if c.native_id is None
    ]
    queued = {delivery.complaint_id: delivery for delivery in deliveries}
    changes = [Change(before=None, after=c, events=tuple(_events(c, queued.get(c.id)))) for c in complaints]
    written = Written(outcome=Outcome(), changes=tuple(changes), deliveries=tuple(deliveries))
    with open_audit(tmp_path, Keyring(b"tests"), lambda: NOW) as audit:
        async with open_database(database_url) as database:
            async with open_writer(database, Witness(tmp_path / "witness"), lambda: NOW, audit) as writer:
                await writer.register(
                    [
                        Agency(id=slug, name=slug, level=AgencyLevel.DISTRICT, time_zone="UTC", connector_kind="rest")
                        for slug in SLUGS
                    ]
                )
                done = await writer.write(Intent(action=Action.DELIVER, actor="hub"), lambda _: written)
                assert isinstance(done, Recorded)
            yield Seen(LedgerReader(database), complaints, deliveries)


def _events(complaint: Complaint, delivery: Delivery | None) -> Sequence[EventDraft]:
    details = [(EventKind.SUBMITTED, EventDetail())]
    if delivery is not None:
        details.append((EventKind.DELIVERY_CHANGED, EventDetail(delivery=delivery.id, delivery_state=delivery.state)))
    return [
        EventDraft(kind=kind, status=complaint.status, occurred_at=NOW, origin=EventOrigin.HUB, detail=detail)
        for kind, detail in details
    ]


def viewers(complaints: Sequence[Complaint]) -> list[Viewer]:
    own = tuple(complaint.id for complaint in complaints[:12])
    return [
        PUBLIC,
        Viewer(role=Role.REPORTER, complaints=own),
        Viewer(role=Role.REPORTER),
        Viewer(role=Role.PUBLIC, complaints=own, agencies=SLUGS),
        *(Viewer(role=role) for role in access.EVERYWHERE),
        *(Viewer(role=role, agencies=("kab-sleman",), complaints=own) for role in access.OFFICERS),
        Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali", "sp4n")),
        Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-lain",)),
    ]


def shown(complaint: Complaint, viewer: Viewer) -> Complaint:
    """What `schema.access` leaves of a complaint."""
    if access.is_reporter(viewer, complaint.id) or access.handles(viewer, complaint):
        return complaint
    return replace(complaint, follow_ups=tuple(f for f in complaint.follow_ups if not f.is_confidential))


async def test_every_question_shows_what_access_says(seen: Seen) -> None:
    for viewer in viewers(seen.complaints):
        visible = {c.id: shown(c, viewer) for c in seen.complaints if access.may_see(viewer, c)}
        async with seen.reader.snapshot(viewer) as now:
            assert await now.by_ids([c.id for c in seen.complaints]) == visible
            assert await now.count(ComplaintFilter()) == len(visible)
            assert await now.count(ComplaintFilter(channel=seen.complaints[0].channel)) == len(visible)
            buckets = await now.statistics(ComplaintFilter(), [StatisticsDimension.STATUS], 100)
            assert {b.status: b.count for b in buckets} == {
                status: sum(c.status is status for c in visible.values())
                for status in {c.status for c in visible.values()}
            }
            for number in ("T1", "T7"):
                found = await now.by_tracking_id(number)
                assert {c.id for c in found} == {c.id for c in visible.values() if c.tracking_id == number}
            raw = await now.rows_by_ids([c.id for c in seen.complaints], ("follow_ups", "title"))
            assert {id: msgspec.json.decode(row[0], type=tuple[FollowUp, ...]) for id, row in raw.items()} == {
                id: c.follow_ups for id, c in visible.items()
            }
            told = await now.events(EventFilter(kinds=tuple(EventKind)), 0, 500)
            mine = {c.id for c in visible.values() if access.is_reporter(viewer, c.id) or access.handles(viewer, c)}
            assert {e.complaint_id for e in told.events} == set(visible)
            assert {e.complaint_id for e in told.events if e.kind is EventKind.DELIVERY_CHANGED} == {
                d.complaint_id for d in seen.deliveries if d.complaint_id in mine
            }
            assert {e.complaint_id: e.complaint for e in told.events} == visible
            page = await now.deliveries(DeliveryFilter(), 0, 100, count=True)
            expected = [d.id for d in seen.deliveries if d.complaint_id in mine]
            assert ([d.id for d in page.deliveries], page.total) == (expected, len(expected))
            assert set(await now.deliveries_by_ids([d.id for d in seen.deliveries])) == set(expected)
            assert set(await now.latest_deliveries([c.id for c in seen.complaints])) == {
                d.complaint_id for d in seen.deliveries if d.complaint_id in mine
            }


_ORDERS = [
    ComplaintOrder(field, direction)
    for field in (ComplaintOrderField.UPDATED_AT, ComplaintOrderField.SUBMITTED_AT, ComplaintOrderField.DUE_AT)
    for direction in OrderDirection
]


async def test_lists_go_page_by_page_through_what_is_hidden_too(seen: Seen) -> None:
    filters = (ComplaintFilter(), ComplaintFilter(agencies=("prov-bali", "sp4n")), ComplaintFilter(text="jalan"))
    for viewer in viewers(seen.complaints)[1:9:2]:
        visible = [c for c in seen.complaints if access.may_see(viewer, c)]
        for filter in filters:
            meant = {c.id for c in visible if filter.agencies is None or c.agency in filter.agencies}
            for order in _ORDERS:
                async with seen.reader.snapshot(viewer) as now:
                    whole = await now.complaints(filter, order, Window(limit=100))
                    assert {c.id for c in whole.rows} == meant
                    paged: list[str] = []
                    after = None
                    while True:
                        page = await now.complaints(filter, order, Window(limit=7, after=after))
                        paged += [c.id for c in page.rows]
                        if not page.has_next:
                            break
                        after = page.keys[-1]
                    assert paged == [c.id for c in whole.rows]
                    back = await now.complaints(filter, order, Window(limit=7, backward=True))
                    assert [c.id for c in back.rows] == paged[-7:]


def test_the_publics_conditions_are_what_they_were() -> None:
    told = "(e.public_after AND c.public AND e.kind <> 'DELIVERY_CHANGED')"
    assert (visibility.complaints(PUBLIC), visibility.counters(PUBLIC)) == ("c.public", "c.public")
    assert (visibility.parts(PUBLIC), visibility.events(PUBLIC)) == (("c.public",), told)


@pytest.mark.parametrize("value", ["x' OR 1=1 --", "complaint_a')", "", "complaint_Ä", "complaint_$1"])
def test_nothing_else_gets_into_a_statement(value: str) -> None:
    for viewer in (Viewer(role=Role.REPORTER, complaints=(value,)), Viewer(role=Role.INTEGRATOR, agencies=(value,))):
        with pytest.raises(ValueError, match="not to be put"):
            visibility.complaints(viewer)
