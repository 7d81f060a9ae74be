"""The ledger's reading half: snapshots, each for one viewer and one operation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TypeVar

import msgspec

from gateway.ledger import listing, log, statistics, visibility
from gateway.ledger.database import Database, Dialect, Row, Session
from gateway.ledger.rows import clean, complaint_from_row, moment
from gateway.ledger.statement import Statement
from schema.agency import Agency, SourceReport
from schema.complaint import Complaint
from schema.errors import LedgerCorrupt, LedgerError
from schema.events import Event, Position
from schema.ports import Quarantined
from schema.query import (
    ComplaintFilter,
    ComplaintOrder,
    ComplaintPage,
    EventFilter,
    EventPage,
    Measure,
    StatisticsBucket,
    StatisticsDimension,
    Viewer,
    Window,
)

T = TypeVar("T")

#: Ids that one statement asks for.
_IDS_AT_ONCE = 512

_HEAD = Statement("SELECT epoch, seq, (SELECT min(seq) FROM events) FROM head")
_AGENCIES = Statement("SELECT id, facts, report FROM agencies ORDER BY id")
_STAMPS = Statement("SELECT agency, seq FROM stamps WHERE visibility = $1", (visibility.PUBLIC_STAMPS,))
_QUARANTINE = (
    "SELECT native_id, reason, first_seen_at FROM quarantine WHERE agency = $1"
    " ORDER BY last_seen_at DESC, id DESC LIMIT $2"
)


class LedgerReader:
    """Opens snapshots of one database. See `schema.ports.Reader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer) -> AsyncIterator[LedgerSnapshot]:
        """One consistent read; the database is not touched before the first question."""
        async with self._database.session() as session:
            snapshot = LedgerSnapshot(session, self._database.dialect, viewer)
            try:
                yield snapshot
            finally:
                snapshot.close()

    async def source_changes(self, after: int) -> tuple[Sequence[str], int]:
        """Slugs of the agencies whose state changed after `after`, in order, and the seq to go on after."""
        async with self._database.session() as session:
            [[_, head, _]] = await session.fetch(*_HEAD[:2])
            if head <= after:
                return (), after
            end = min(head, after + log.SCANNED)
            rows = await session.fetch(*log.source_changes(after, end)[:2])
        return tuple(dict.fromkeys(row[0] for row in rows)), end


class LedgerSnapshot:
    """The ledger at one moment, as one viewer may see it. See `schema.ports.Snapshot`."""

    def __init__(self, session: Session, dialect: Dialect, viewer: Viewer) -> None:
        self.viewer = viewer
        self._session = session
        self._dialect = dialect
        # A session is one task's at a time, and an operation's fields may be resolved by many.
        self._turn = asyncio.Lock()
        self._answered: dict[str, Sequence[Row]] = {}
        self._closed = False

    def close(self) -> None:
        """Refuses further questions: they would begin another snapshot, which nobody would end."""
        self._closed = True

    async def head(self) -> Position:
        epoch, seq, _ = await self._head()
        return Position(epoch, seq)

    async def oldest(self) -> int:
        _, head, oldest = await self._head()
        seq: int = head + 1 if oldest is None else oldest
        return seq

    async def stamp(self, agencies: Collection[str] | None = None) -> Position:
        epoch, _, _ = await self._head()
        stamps = [seq for agency, seq in await self._once(_STAMPS) if agencies is None or agency in agencies]
        return Position(epoch, max(stamps, default=0))

    async def agencies(self) -> Mapping[str, Agency]:
        return {slug: _agency(facts) for slug, facts, _ in await self._once(_AGENCIES)}

    async def sources(self) -> Mapping[str, SourceReport]:
        return {slug: _report(slug, report) for slug, _, report in await self._once(_AGENCIES)}

    async def complaints(self, filter: ComplaintFilter, order: ComplaintOrder, window: Window) -> ComplaintPage:
        rows = await self._ask(listing.page(filter, order, window, self.viewer, self._dialect))
        more = len(rows) > window.limit
        page = rows[: window.limit]
        if window.backward:
            page = page[::-1]
        return ComplaintPage(
            rows=tuple(self._complaint(row) for row in page),
            keys=tuple(listing.key(order, row) for row in page),
            has_next=window.before is not None if window.backward else more,
            has_previous=more if window.backward else window.after is not None,
        )

    async def count(self, filter: ComplaintFilter) -> int:
        rows = await self._ask(listing.count(filter, self.viewer, self._dialect))
        count: int = rows[0][0]
        return count

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Complaint]:
        stored = await self._stored(ids)
        return {id: visibility.as_seen(complaint, self.viewer) for id, complaint in stored.items()}

    async def by_tracking_id(self, tracking_id: str, agency: str | None = None) -> Sequence[Complaint]:
        rows = await self._ask(listing.by_tracking_id(tracking_id, agency, self.viewer))
        return [self._complaint(row) for row in rows]

    async def statistics(
        self,
        filter: ComplaintFilter,
        group_by: Sequence[StatisticsDimension],
        first: int,
        measures: Collection[Measure] = (),
    ) -> Sequence[StatisticsBucket]:
        rows = await self._ask(statistics.statement(filter, group_by, first, measures, self.viewer, self._dialect))
        return [statistics.bucket(group_by, measures, row) for row in rows]

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        _, head, _ = await self._head()
        start = max(after, await self.oldest() - 1)
        until = min(start + log.SCANNED, head)
        if until <= start:
            return EventPage(events=(), end=max(after, until), has_more=False)
        agencies = await self._agencies_meant(filter)
        rows = await self._ask(log.page(filter, self.viewer, agencies, start, until, first + 1))
        told = await self._told(rows[:first])
        if len(rows) <= first:
            return EventPage(events=told, end=until, has_more=until < head)
        return EventPage(events=told, end=rows[first][0] - 1, has_more=True)

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        if not visibility.operates(self.viewer, agency):
            return []
        rows = await self._ask(Statement(_QUARANTINE, (clean(agency), first)))
        return [Quarantined(native_id=id, reason=reason, first_seen_at=moment(seen)) for id, reason, seen in rows]

    async def _agencies_meant(self, filter: EventFilter) -> Collection[str] | None:
        if filter.levels is None:
            return filter.agencies
        levels = [slug for slug, agency in (await self.agencies()).items() if agency.level in filter.levels]
        return levels if filter.agencies is None else [slug for slug in levels if slug in filter.agencies]

    async def _told(self, rows: Sequence[Row]) -> tuple[Event, ...]:
        complaints = await self._stored({row[2] for row in rows if not log.is_withdrawal(row)})
        told = (self._event(row, complaints) for row in rows)
        return tuple(event for event in told if event is not None)

    def _event(self, row: Row, complaints: Mapping[str, Complaint]) -> Event | None:
        event = log.event(row)
        complaint = complaints.get(event.complaint_id)
        if log.is_withdrawal(row) or complaint is None:
            return event
        return visibility.event_as_seen(event, complaint, self.viewer)

    def _complaint(self, row: Row) -> Complaint:
        return visibility.as_seen(complaint_from_row(row), self.viewer)

    async def _stored(self, ids: Collection[str]) -> dict[str, Complaint]:
        """Visible complaints as they are stored, parts that are not the viewer's included."""
        asked = list(dict.fromkeys(ids))
        found: dict[str, Complaint] = {}
        for start in range(0, len(asked), _IDS_AT_ONCE):
            rows = await self._ask(listing.by_ids(asked[start : start + _IDS_AT_ONCE], self.viewer))
            found.update((row[0], complaint_from_row(row)) for row in rows)
        return found

    async def _head(self) -> Row:
        [row] = await self._once(_HEAD)
        return row

    async def _once(self, statement: Statement) -> Sequence[Row]:
        """Asks what has one answer in a snapshot, the first time."""
        if statement.sql not in self._answered:
            self._answered[statement.sql] = await self._ask(statement)
        return self._answered[statement.sql]

    async def _ask(self, statement: Statement) -> Sequence[Row]:
        async with self._turn:
            if self._closed:
                raise LedgerError("the snapshot is closed")
            return await self._session.fetch(statement.sql, statement.params, heavy=statement.heavy)


# Decoded once per text, not per snapshot.
@lru_cache(maxsize=2048)
def _agency(facts: str) -> Agency:
    return _decoded(facts, Agency)


@lru_cache(maxsize=2048)
def _report(slug: str, report: str | None) -> SourceReport:
    return SourceReport(agency=slug) if report is None else _decoded(report, SourceReport)


def _decoded(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise LedgerCorrupt(f"an agency's {kind.__name__} can't be read") from error
