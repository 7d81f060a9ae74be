"""Events as a viewer is told of them, and the other facts of a snapshot, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.log import SCANNED
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import LedgerWriter, open_writer
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.complaint import (
    Actor,
    Complaint,
    ContentState,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    Rejected,
    complaint_id,
)
from schema.errors import BadUserInput
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.query import PUBLIC, ComplaintFilter, ComplaintOrder, EventFilter, Role, Viewer, Window
from schema.status import ActorRole, ComplaintStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = EventFilter(kinds=tuple(EventKind))
K = EventKind


class Hub:
    """A ledger to write to and read from."""

    def __init__(self, writer: LedgerWriter, reader: LedgerReader) -> None:
        self.writer = writer
        self.reader = reader

    async def put(self, before: Complaint | None, after: Complaint, *kinds: K, **detail: Any) -> Complaint:
        """Stores a complaint with one event of each kind."""
        drafts = tuple(draft(kind, after.status, **detail) for kind in kinds)
        change = Change(before=before, after=after, events=drafts)
        await self.writer.change(after.agency, [after.native_id or ""], lambda _: [change])
        return replace(after, version=(before.version if before else 0) + len(kinds))

    async def told(self, filter: EventFilter = EVERY, after: int = 0, viewer: Viewer = PUBLIC) -> Any:
        async with self.reader.snapshot(viewer) as snapshot:
            return await snapshot.events(filter, after, 500)


def draft(kind: K, status: ComplaintStatus, **detail: Any) -> EventDraft:
    return EventDraft(
        kind=kind,
        status=status,
        occurred_at=NOW,
        origin=EventOrigin.SYNC,
        actor=Actor(ActorRole.AGENCY, "kab-sleman"),
        detail=EventDetail(**detail),
    )


def complaint(number: int, agency: str = "kab-sleman", **fields: Any) -> Complaint:
    return Complaint(
        id=complaint_id(agency, str(number)),
        agency=agency,
        native_id=str(number),
        tracking_id=str(number),
        status=ComplaintStatus.SUBMITTED,
        status_changed_at=NOW,
        submitted_at=NOW,
        updated_at=NOW,
        title="Jalan rusak",
        **fields,
    )


AGENCIES = [
    Agency(id="kab-sleman", name="Sleman", level=AgencyLevel.DISTRICT, time_zone="Asia/Jakarta", connector_kind="rest"),
    Agency(id="prov-bali", name="Bali", level=AgencyLevel.PROVINCE, time_zone="Asia/Makassar", connector_kind="rest"),
]


@pytest.fixture
async def hub(database_url: str, tmp_path: Path) -> AsyncIterator[Hub]:
    with open_audit(tmp_path, Keyring(b"tests"), lambda: NOW) as audit:
        async with (
            open_database(database_url) as database,
            open_writer(database, Witness(tmp_path / "witness"), lambda: NOW, audit) as writer,
        ):
            await writer.register(AGENCIES)
            yield Hub(writer, LedgerReader(database))


def kinds(page: Any) -> Sequence[tuple[int, K]]:
    return [(event.seq, event.kind) for event in page.events]


async def test_an_event_comes_with_the_complaint_as_it_is_now(hub: Hub) -> None:
    first = await hub.put(None, complaint(1), K.SUBMITTED)
    now = await hub.put(first, replace(first, title="Jembatan rusak"), K.CORRECTED, changed_fields=("title",))
    page = await hub.told()
    assert kinds(page) == [(1, K.SUBMITTED), (2, K.CORRECTED)]
    assert [event.complaint for event in page.events] == [now, now]
    assert page.events[1].detail == EventDetail(changed_fields=("title",))
    assert page.events[1].actor == Actor(ActorRole.AGENCY, "kab-sleman")
    assert (page.end, page.has_more) == (2, False)
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.events(EVERY, 0, 1)
        assert (kinds(page), page.end, page.has_more) == ([(1, K.SUBMITTED)], 1, True)
        page = await snapshot.events(EVERY, 2, 10)
        assert (page.events, page.end, page.has_more) == ((), 2, False)
        page = await snapshot.events(EVERY, 99, 10)
        assert (page.events, page.end, page.has_more) == ((), 99, False)


_STRANGERS = (
    PUBLIC,
    Viewer(role=Role.REPORTER, complaints=(complaint_id("prov-bali", "9"),)),
    Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-lain",)),
    Viewer(role=Role.INTEGRATOR),
)


@pytest.mark.parametrize("viewer", _STRANGERS, ids=lambda viewer: viewer.role)
async def test_what_is_confidential_leaves_no_trace_but_its_withdrawal(hub: Hub, viewer: Viewer) -> None:
    hidden = await hub.put(None, complaint(1, is_confidential=True), K.SUBMITTED)  # 1
    await hub.put(hidden, replace(hidden, status=ComplaintStatus.VERIFIED), K.STATUS_CHANGED)  # 2
    open_ = await hub.put(None, complaint(2), K.SUBMITTED)  # 3
    gone = replace(open_, is_confidential=True, title="Rahasia")
    gone = await hub.put(open_, gone, K.STATUS_CHANGED, K.CORRECTED, changed_fields=("title",))  # 4, 5
    page = await hub.told(viewer=viewer)
    [event] = page.events
    assert (event.seq, event.kind, event.complaint_id, event.complaint) == (4, K.CORRECTED, open_.id, None)
    assert (event.detail, event.actor) == (EventDetail(changed_fields=("isConfidential",)), None)
    assert page.end == 5
    assert not (await hub.told(EventFilter(kinds=(K.STATUS_CHANGED,)), viewer=viewer)).events
    async with hub.reader.snapshot(viewer) as snapshot:
        assert (await snapshot.stamp()).seq == (4 if viewer is PUBLIC else 5)
        assert (await snapshot.head()).seq == 5
        assert await snapshot.count(ComplaintFilter()) == 0

    await hub.put(gone, replace(gone, is_confidential=False), K.SUBMITTED)  # 6
    assert kinds(await hub.told(viewer=viewer)) == [(3, K.SUBMITTED), (4, K.CORRECTED), (6, K.SUBMITTED)]


async def test_an_erased_complaint_keeps_its_events_and_nothing_else(hub: Hub) -> None:
    entries = (FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="x"),)
    first = await hub.put(None, complaint(1, follow_ups=entries), K.SUBMITTED, K.FOLLOW_UP_ADDED)
    before = kinds(await hub.told())
    await hub.writer.empty([first.id])
    page = await hub.told()
    assert kinds(page)[:2] == before
    assert {event.complaint for event in page.events} == {None}
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        assert (await snapshot.by_ids([first.id]))[first.id].content_state is ContentState.ERASED
        assert await snapshot.count(ComplaintFilter(text="jalan")) == 0


async def test_confidential_follow_ups_are_left_out_and_the_others_counted_anew(hub: Hub) -> None:
    entries = tuple(
        FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content=str(n), is_confidential=n in (0, 2))
        for n in range(4)
    )
    first = await hub.put(None, complaint(1), K.SUBMITTED)
    for n in range(4):
        first = await hub.put(first, replace(first, follow_ups=entries[: n + 1]), K.FOLLOW_UP_ADDED, entry=n)
    page = await hub.told()
    assert [(event.seq, event.detail.entry) for event in page.events] == [(1, None), (3, 0), (5, 1)]
    shown = (entries[1], entries[3])
    assert {event.complaint.follow_ups for event in page.events} == {shown}
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        assert (await snapshot.by_ids([first.id]))[first.id].follow_ups == shown
        [numbered] = await snapshot.by_tracking_id("1")
        listed = await snapshot.complaints(ComplaintFilter(), ComplaintOrder(), Window(limit=1))
        assert numbered.follow_ups == listed.rows[0].follow_ups == shown


async def test_filters_match_the_complaint_right_after_the_event(hub: Hub) -> None:
    place = IncidentLocation(region_code="34.04.01")
    first = await hub.put(None, complaint(1, incident_location=place, category="jalan.rusak"), K.SUBMITTED)  # 1
    moved = replace(first, status=ComplaintStatus.VERIFIED, category="air")
    await hub.put(first, moved, K.STATUS_CHANGED)  # 2
    await hub.put(None, complaint(1, "prov-bali"), K.SUBMITTED, K.RATED, K.DELIVERY_CHANGED)  # 3, 4, 5
    asked: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [1, 2, 3]),
        ({"kinds": (K.RATED, K.DELIVERY_CHANGED)}, [4]),
        ({"kinds": ()}, []),
        ({"agencies": ("prov-bali",)}, [3]),
        ({"agencies": ()}, []),
        ({"levels": (AgencyLevel.DISTRICT,)}, [1, 2]),
        ({"levels": (AgencyLevel.DISTRICT,), "agencies": ("prov-bali",)}, []),
        ({"region_code": "34.04"}, [1, 2]),
        ({"region_code": "51"}, []),
        ({"statuses": (ComplaintStatus.SUBMITTED,)}, [1, 3]),
        ({"statuses": (ComplaintStatus.VERIFIED,)}, [2]),
        ({"classifications": ()}, []),
        ({"category": "jalan"}, [1]),
        ({"category": "air"}, [2]),
        ({"ids": (first.id, "\0")}, [1, 2]),
    ]
    for fields, seqs in asked:
        page = await hub.told(EventFilter(**fields))
        assert ([event.seq for event in page.events], page.end) == (seqs, 5), fields
    for wrong in (EventFilter(region_code="3"), EventFilter(agencies=("x",) * 101), EventFilter(ids=("x",) * 101)):
        with pytest.raises(BadUserInput):
            await hub.told(wrong)


async def test_a_filter_that_matches_nothing_moves_on_by_bounded_steps(hub: Hub) -> None:
    await hub.put(None, complaint(1), *[K.CORRECTED] * (SCANNED + 10))
    nothing = EventFilter(agencies=("prov-bali",))
    page = await hub.told(nothing)
    assert (page.events, page.end, page.has_more) == ((), SCANNED, True)
    page = await hub.told(nothing, after=page.end)
    assert (page.events, page.end, page.has_more) == ((), SCANNED + 10, False)


async def test_an_agencys_state_is_no_event_of_a_complaint(hub: Hub) -> None:
    report = SourceReport(agency="prov-bali", state=SourceState.DOWN, checked_at=NOW)
    await hub.writer.report(report)
    await hub.put(None, complaint(1), K.SUBMITTED)
    page = await hub.told()
    assert (kinds(page), page.end) == ([(2, K.SUBMITTED)], 2)
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        assert await snapshot.agencies() == {agency.id: agency for agency in AGENCIES}
        assert await snapshot.sources() == {"kab-sleman": SourceReport(agency="kab-sleman"), "prov-bali": report}
        assert (await snapshot.stamp()).seq == (await snapshot.stamp(["kab-sleman"])).seq == 2
        assert (await snapshot.stamp(["prov-bali"])).seq == (await snapshot.stamp([])).seq == 0


async def test_an_empty_ledger(hub: Hub) -> None:
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        assert ((await snapshot.head()).seq, await snapshot.oldest(), (await snapshot.stamp()).seq) == (0, 1, 0)
        assert (await snapshot.events(EVERY, 0, 10)).end == 0
        page = await snapshot.complaints(ComplaintFilter(), ComplaintOrder(), Window(limit=10))
        assert (page.rows, page.has_next, page.has_previous) == ((), False, False)


async def test_a_snapshot_stays_at_its_moment_whoever_asks(hub: Hub) -> None:
    await hub.put(None, complaint(1), K.SUBMITTED)
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        assert (await snapshot.head()).seq == 1
        await hub.put(None, complaint(2), K.SUBMITTED)
        counts = await asyncio.gather(*(snapshot.count(ComplaintFilter()) for _ in range(5)))
        events, stamp = await asyncio.gather(snapshot.events(EVERY, 0, 10), snapshot.stamp())
    assert (counts, len(events.events), events.end, stamp.seq) == ([1] * 5, 1, 1, 1)


async def test_the_quarantine_is_for_operators(hub: Hub) -> None:
    rejected = Rejected(reason="no status", digest="d", native_id="7")
    await hub.writer.change("kab-sleman", [], lambda _: [], [rejected])
    integrator = Viewer(role=Role.INTEGRATOR, agencies=("kab-sleman",))
    for viewer, agency, found in (
        (PUBLIC, "kab-sleman", 0),
        (integrator, "kab-sleman", 1),
        (integrator, "prov-bali", 0),
        (Viewer(role=Role.NATIONAL_ADMIN), "kab-sleman", 1),
    ):
        async with hub.reader.snapshot(viewer) as snapshot:
            rows = await snapshot.quarantine(agency, 10)
            assert [(row.native_id, row.reason, row.first_seen_at) for row in rows] == [("7", "no status", NOW)] * found
