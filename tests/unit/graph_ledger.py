"""A ledger that is a list in memory, and how the graph's tests ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from gateway.cursor import SealedCursors
from gateway.ledger.rows import COLUMNS, complaint_values
from schema.agency import Agency, AgencyLevel, SourceReport
from schema.complaint import (
    Complaint,
    Reporter,
    complaint_id,
)
from schema.delivery import Delivery, DeliveryFilter, DeliveryPage, DeliveryQueue
from schema.events import Event, EventKind, EventOrigin, Position
from schema.graph.context import Context
from schema.graph.fresh import FreshReads
from schema.graph.schema import build
from schema.links import SEEN_FROM_THERE, Link
from schema.ports import Dependencies, Quarantined, Rows, Versions
from schema.query import (
    PUBLIC,
    ComplaintFilter,
    ComplaintOrder,
    ComplaintPage,
    EventFilter,
    EventPage,
    Measure,
    OrderDirection,
    RowKey,
    StatisticsBucket,
    StatisticsDimension,
    Viewer,
    Window,
)
from schema.status import ComplaintStatus

NOW = datetime(2021, 3, 23, 5, 12, tzinfo=UTC)
CURSORS = SealedCursors(bytes(range(64)))

AGENCIES = {
    agency.id: agency
    for agency in (
        Agency(
            id="kab-tangerang",
            name="Kabupaten Tangerang",
            level=AgencyLevel.DISTRICT,
            time_zone="Asia/Jakarta",
            connector_kind="rest",
            region_code="36.03",
        ),
        Agency(
            id="prov-bali",
            name="Provinsi Bali",
            level=AgencyLevel.PROVINCE,
            time_zone="Asia/Makassar",
            connector_kind="open311",
            region_code="51",
        ),
        Agency(
            id="sp4n-lapor",
            name="SP4N-LAPOR!",
            level=AgencyLevel.NATIONAL,
            time_zone="Asia/Jakarta",
            connector_kind="lapor",
        ),
    )
}


def complaint(number: int, agency: str = "kab-tangerang", **fields: Any) -> Complaint:
    moment = NOW - timedelta(days=number)
    known: dict[str, Any] = {
        "id": complaint_id(agency, str(number)),
        "agency": agency,
        "native_id": str(number),
        "tracking_id": f"T-{number}",
        "status": ComplaintStatus.SUBMITTED,
        "status_changed_at": moment,
        "submitted_at": moment,
        "updated_at": moment,
        "title": f"Jalan berlubang {number}",
        "original_text": "Mohon diperbaiki.",
        "version": 1,
    }
    return Complaint(**(known | fields))


class Memory:
    """A `Snapshot`, and the `Reader` of it, over records in memory; it applies `agencies` and leaves other filters."""

    def __init__(
        self,
        complaints: Sequence[Complaint] = (),
        events: Sequence[Event] = (),
        sources: Mapping[str, SourceReport] | None = None,
        *,
        oldest: int = 1,
    ) -> None:
        self.viewer: Viewer = PUBLIC
        self.dependencies = Dependencies()
        self.kept, self.told, self.reports, self.first = list(complaints), list(events), dict(sources or {}), oldest
        self.asked: list[tuple[Any, ...]] = []
        self.open = 0
        self.epoch = "now"
        self.deliveries_kept: list[Delivery] = []
        self.links_kept: list[Link] = []

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Memory]:
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def head(self) -> Position:
        return Position(self.epoch, self.told[-1].seq if self.told else 0)

    async def oldest(self) -> int:
        return self.first

    async def stamp(self, agencies: Collection[str] | None = None) -> Position:
        self.asked.append(("stamp", agencies))
        return Position(
            self.epoch, max((e.seq for e in self.told if agencies is None or e.agency in agencies), default=0)
        )

    async def versions(self) -> Versions:
        newest = {e.agency: e.seq for e in self.told}
        return Versions(epoch="now", agencies=newest, health=0, facts=0, derived=0)

    async def agencies(self) -> Mapping[str, Agency]:
        self.asked.append(("agencies",))
        return AGENCIES

    async def sources(self) -> Mapping[str, SourceReport]:
        self.asked.append(("sources",))
        return self.reports

    async def complaints(self, filter: ComplaintFilter, order: ComplaintOrder, window: Window) -> ComplaintPage:
        self.asked.append(("complaints", filter, order, window))
        descending = order.direction is OrderDirection.DESC
        rows = sorted(
            (row for row in self.kept if filter.agencies is None or row.agency in filter.agencies),
            key=lambda row: (row.updated_at, row.id),
            reverse=descending,
        )
        ids = [row.id for row in rows]
        start = ids.index(window.after.id) + 1 if window.after else 0
        end = ids.index(window.before.id) if window.before else len(rows)
        within = rows[start:end]
        chosen = within[-window.limit :] if window.backward else within[: window.limit]
        return ComplaintPage(
            rows=tuple(chosen),
            keys=tuple(RowKey((row.updated_at.timestamp(),), row.id) for row in chosen),
            has_next=bool(chosen) and chosen[-1] is not rows[-1],
            has_previous=bool(chosen) and chosen[0] is not rows[0],
        )

    async def rows(
        self,
        filter: ComplaintFilter,
        order: ComplaintOrder,
        window: Window,
        columns: tuple[str, ...],
        *,
        count: bool = False,
    ) -> Rows:
        page = await self.complaints(filter, order, window)
        keys = {key.id: key for key in page.keys}
        return Rows(
            rows=[(*_values(row, columns), row.id) for row in page.rows],
            key=lambda row: keys[row[-1]],
            has_next=page.has_next,
            has_previous=page.has_previous,
            total=await self.count(filter) if count else None,
        )

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        return {id: _values(row, columns) for id, row in (await self.by_ids(ids)).items()}

    async def rows_by_tracking_id(
        self, tracking_id: str, agency: str | None, columns: tuple[str, ...]
    ) -> Sequence[Sequence[Any]]:
        return [_values(row, columns) for row in await self.by_tracking_id(tracking_id, agency)]

    async def count(self, filter: ComplaintFilter) -> int:
        self.asked.append(("count", filter))
        return len(self.kept)

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Complaint]:
        self.asked.append(("by_ids", tuple(ids)))
        return {row.id: row for row in self.kept if row.id in ids}

    async def by_tracking_id(self, tracking_id: str, agency: str | None = None) -> Sequence[Complaint]:
        return [row for row in self.kept if row.tracking_id == tracking_id and agency in (None, row.agency)]

    async def statistics(
        self,
        filter: ComplaintFilter,
        group_by: Sequence[StatisticsDimension],
        first: int,
        measures: Collection[Measure] = (),
    ) -> Sequence[StatisticsBucket]:
        self.asked.append(("statistics", tuple(group_by), first, frozenset(measures)))
        return [StatisticsBucket(count=len(self.kept), agency="prov-bali", region="51", category="agama")]

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        self.asked.append(("events", filter, after, first))
        later = [event for event in self.told if event.seq > after]
        end = later[first - 1].seq if len(later) > first else (await self.head()).seq
        return EventPage(events=tuple(later[:first]), end=end, has_more=len(later) > first)

    async def deliveries(self, filter: DeliveryFilter, after: int, first: int, *, count: bool = False) -> DeliveryPage:
        self.asked.append(("deliveries", filter, after, first, count))
        later = [each for each in self.deliveries_kept if each.seq > after]
        total = len(self.deliveries_kept) if count else None
        return DeliveryPage(deliveries=tuple(later[:first]), has_next=len(later) > first, total=total)

    async def deliveries_by_ids(self, ids: Sequence[str]) -> Mapping[str, Delivery]:
        self.asked.append(("deliveries_by_ids", tuple(ids)))
        return {each.id: each for each in self.deliveries_kept if each.id in ids}

    async def reporters(self, complaints: Sequence[str]) -> Mapping[str, Reporter]:
        self.asked.append(("reporters", tuple(complaints)))
        return {}

    async def latest_deliveries(self, complaints: Sequence[str]) -> Mapping[str, Delivery]:
        self.asked.append(("latest_deliveries", tuple(complaints)))
        return {each.complaint_id: each for each in self.deliveries_kept if each.complaint_id in complaints}

    async def queues(self) -> Mapping[str, DeliveryQueue]:
        self.asked.append(("queues",))
        return {"prov-bali": DeliveryQueue(waiting=2, oldest_queued_at=NOW, dead=1)}

    async def links(self, complaints: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        self.asked.append(("links", tuple(complaints)))
        ends = [*self.links_kept, *map(_turned, self.links_kept)]
        return {id: [link for link in ends if link.complaint_id == id] for id in complaints}

    async def linked(self, complaint: str, most: int) -> Sequence[Complaint]:
        raise AssertionError("a page asks for the links of all its rows")

    async def neighbours(self, complaint: Complaint, days: int, most: int) -> Sequence[Complaint]:
        return []

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        return []


def _turned(link: Link) -> Link:
    """The link as it is seen from its other end."""
    return replace(link, complaint_id=link.other_id, other_id=link.complaint_id, kind=SEEN_FROM_THERE[link.kind])


def _values(row: Complaint, columns: Sequence[str]) -> tuple[Any, ...]:
    """What the table would hold of a complaint."""
    stored = dict(zip(COLUMNS, complaint_values(row, AGENCIES[row.agency].level, 1), strict=True))
    return tuple(stored[column] for column in columns)


class LiveList:
    """A `Feed` of what it is given; it ends there."""

    def __init__(self, frames: Sequence[Event | int] = (), changes: Sequence[str] = ()) -> None:
        self.frames, self.changes = frames, changes
        self.followed: list[tuple[Any, ...]] = []
        self.closed = False

    async def follow(self, viewer: Viewer, filter: EventFilter, after: Position) -> AsyncIterator[Event | int]:
        self.followed.append((filter, after.seq))
        try:
            for frame in self.frames:
                yield frame
        finally:
            self.closed = True

    async def follow_sources(self, viewer: Viewer, agencies: Collection[str] | None) -> AsyncIterator[str]:
        self.followed.append((agencies,))
        for slug in self.changes:
            yield slug

    def revision(self, viewer: Viewer) -> int:
        return 0

    def facts(self) -> tuple[None, None]:
        return None, None


def event(seq: int, kind: EventKind = EventKind.SUBMITTED, about: Complaint | None = None, **fields: Any) -> Event:
    known: dict[str, Any] = {
        "seq": seq,
        "kind": kind,
        "complaint_id": about.id if about else complaint_id("kab-tangerang", "1"),
        "agency": about.agency if about else "kab-tangerang",
        "version": 1,
        "origin": EventOrigin.SYNC,
        "occurred_at": NOW,
        "recorded_at": NOW,
        "complaint": about,
    }
    return Event(**(known | fields))


def cursor(seq: int, epoch: str = "now") -> str:
    return CURSORS.seal_event(Position(epoch, seq))


def context(ledger: Memory, feed: LiveList | None = None) -> Context:
    snapshot = FreshReads(ledger, PUBLIC) if feed else ledger
    return Context(viewer=PUBLIC, snapshot=snapshot, cursors=CURSORS, clock=lambda: NOW, feed=feed)


async def ask(ledger: Memory, document: str, **variables: Any) -> dict[str, Any]:
    result = await build().execute(document, variable_values=variables, context_value=context(ledger))
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


async def refusal(ledger: Memory, document: str, **variables: Any) -> Any:
    result = await build().execute(document, variable_values=variables, context_value=context(ledger))
    assert result.errors, result.data
    error: Any = result.errors[0].original_error
    return error


async def follow(
    ledger: Memory, feed: LiveList, document: str, asking: Context | None = None, **variables: Any
) -> list[dict[str, Any]]:
    asking = asking or context(ledger, feed)
    stream: Any = await build().subscribe(document, variable_values=variables, context_value=asking)
    frames = []
    async for result in stream:
        assert result.errors is None, result.errors
        frames.append(next(iter(result.data.values())))
    return frames
