"""The ledger's reading half: snapshots, each for one viewer and one operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from gateway.ledger import deliveries, identities, journeys, links, listing, log, statistics, visibility
from gateway.ledger.asking import Asking
from gateway.ledger.database import Database, Row
from gateway.ledger.filters import agencies_meant
from gateway.ledger.rows import COLUMNS, clean, complaint_from_row, moment
from gateway.ledger.state import Remembered
from gateway.ledger.statement import Statement
from schema.agency import Agency, SourceReport
from schema.complaint import Complaint, Reporter
from schema.delivery import Delivery, DeliveryFilter, DeliveryPage, DeliveryQueue
from schema.events import Event, EventKind, Position
from schema.links import Link
from schema.ports import Dependencies, Quarantined, Rows, Shown, Versions
from schema.query import (
    ComplaintFilter,
    ComplaintOrder,
    ComplaintPage,
    EventFilter,
    EventPage,
    Measure,
    Role,
    StatisticsBucket,
    StatisticsDimension,
    Viewer,
    Window,
)
from schema.writes import Action

#: Told of a viewer, and of what he is shown that the public is not.
Saw = Callable[[Viewer, Collection[Shown]], None]

#: Opens what is kept of who reported a complaint, by its id.
Open = Callable[[str, bytes], Reporter | None]

#: Ids that one statement asks for.
_IDS_AT_ONCE = 512

_QUARANTINE = (
    "SELECT native_id, reason, first_seen_at FROM quarantine WHERE agency = $1"
    " ORDER BY last_seen_at DESC, id DESC LIMIT $2"
)


class LedgerReader:
    """Opens snapshots of one database. See `schema.ports.Reader`.

    Args:
        open: opens what is kept of who reported a complaint, by its id.
        saw: told, at the end of a snapshot, of what it showed its viewer that the public is not shown.
    """

    def __init__(
        self, database: Database, saw: Saw = lambda viewer, shown: None, open: Open = lambda id, content: None
    ) -> None:
        self._database = database
        self._open = open
        self._saw = saw
        self._remembered = Remembered()

    def snapshot(self, viewer: Viewer, *, lone: bool = False) -> LedgerSnapshot:
        """One consistent read; the database is not touched before the first question."""
        return LedgerSnapshot(self._database, viewer, self._remembered, self._saw, self._open, lone=lone)


class LedgerSnapshot(Asking):
    """The ledger at one moment, as one viewer may see it. See `schema.ports.Snapshot`."""

    def __init__(
        self,
        database: Database,
        viewer: Viewer,
        remembered: Remembered,
        saw: Saw,
        open: Open,
        *,
        lone: bool = False,
    ) -> None:
        super().__init__(database, remembered, lone=lone)
        self.viewer = viewer
        self.dependencies = Dependencies()
        self._saw = saw
        self._open = open
        self._noted = viewer.role is not Role.PUBLIC and visibility.is_noted(viewer)

    async def __aexit__(self, *_: object) -> None:
        if self.dependencies.shown:
            self._saw(self.viewer, self.dependencies.shown)
        await super().__aexit__()

    async def head(self) -> Position:
        self.dependencies.head = True
        return (await self._head()).position

    async def oldest(self) -> int:
        self.dependencies.head = True
        return (await self._head()).oldest

    async def stamp(self, agencies: Collection[str] | None = None) -> Position:
        self._depends(agencies)
        now = await self.versions()
        seen = now.agencies
        seqs = seen.values() if agencies is None else [seen[slug] for slug in agencies if slug in seen]
        return Position(now.epoch, max(seqs, default=0))

    async def versions(self) -> Versions:
        head = self._known or await self._head()
        return self._remembered.versions(head, await self._stamps(head), self.viewer)

    async def agencies(self) -> Mapping[str, Agency]:
        self.dependencies.facts = True
        return self._remembered.agencies(await self._agencies())

    async def sources(self) -> Mapping[str, SourceReport]:
        self.dependencies.health = True
        return self._remembered.sources(await self._agencies())

    async def rows(
        self,
        filter: ComplaintFilter,
        order: ComplaintOrder,
        window: Window,
        columns: tuple[str, ...],
        *,
        count: bool = False,
    ) -> Rows:
        self._depends_on_rows(filter.agencies, columns)
        asked = self._asked_of(columns)
        statement = listing.page(filter, order, window, self.viewer, self._dialect, asked)
        found, total = await self._with_count(statement, filter) if count else (await self._ask(statement), None)
        more = len(found) > window.limit
        page = self._as_seen(found[: window.limit], columns)
        return Rows(
            rows=page[::-1] if window.backward else page,
            key=lambda row: listing.key(order, row, asked),
            has_next=window.before is not None if window.backward else more,
            has_previous=more if window.backward else window.after is not None,
            total=total,
        )

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        self._depends_on_rows((), columns)
        asked = self._asked_of(columns)
        found = self._as_seen(await self._by_ids(ids, asked), columns)
        at = len(asked)
        rows = {row[at]: row for row in found}
        for id, row in rows.items():
            self.dependencies.complaints[id] = row[at + 1]
        if len(rows) < len(ids) and any(id not in rows for id in ids):
            self._depends()
        return rows

    async def rows_by_tracking_id(
        self, tracking_id: str, agency: str | None, columns: tuple[str, ...]
    ) -> Sequence[Sequence[Any]]:
        self._depends_on_rows(None if agency is None else (agency,), columns)
        asked = self._asked_of(columns)
        found = await self._ask(listing.by_tracking_id(tracking_id, agency, self.viewer, self._dialect, asked))
        return self._as_seen(found, columns)

    async def complaints(self, filter: ComplaintFilter, order: ComplaintOrder, window: Window) -> ComplaintPage:
        self._depends_on_rows(filter.agencies, COLUMNS)
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
        self._depends(filter.agencies)
        rows = await self._ask(listing.count(filter, self.viewer, self._dialect))
        count: int = rows[0][0]
        return count

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Complaint]:
        rows = await self.rows_by_ids(ids, COLUMNS)
        return {id: self._complaint(row) for id, row in rows.items()}

    async def by_tracking_id(self, tracking_id: str, agency: str | None = None) -> Sequence[Complaint]:
        self._depends_on_rows(None if agency is None else (agency,), COLUMNS)
        rows = await self._ask(listing.by_tracking_id(tracking_id, agency, self.viewer, self._dialect))
        return [self._complaint(row) for row in rows]

    async def statistics(
        self,
        filter: ComplaintFilter,
        group_by: Sequence[StatisticsDimension],
        first: int,
        measures: Collection[Measure] = (),
    ) -> Sequence[StatisticsBucket]:
        self._depends(filter.agencies)
        rows = await self._ask(statistics.statement(filter, group_by, first, measures, self.viewer, self._dialect))
        return statistics.buckets(group_by, measures, rows)

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        self._depends_on_rows(None, COLUMNS)
        self.dependencies.head = True
        head = await self._head()
        start = max(after, head.oldest - 1)
        until = min(start + log.SCANNED, head.seq)
        if until <= start:
            return EventPage(events=(), end=max(after, until), has_more=False)
        agencies = agencies_meant(filter, {} if filter.levels is None else await self.agencies())
        rows = await self._ask(log.page(filter, self.viewer, agencies, start, until, first + 1))
        told = await self._told(rows[:first])
        if len(rows) <= first:
            return EventPage(events=told, end=until, has_more=until < head.seq)
        return EventPage(events=told, end=rows[first][0] - 1, has_more=True)

    async def deliveries(self, filter: DeliveryFilter, after: int, first: int, *, count: bool = False) -> DeliveryPage:
        self._depends_on_deliveries()
        mine = visibility.mine(self.viewer)
        if visibility.has_none(self.viewer):
            return DeliveryPage(deliveries=(), total=0 if count else None)
        counting = [deliveries.count(filter, mine)] if count else []
        rows, totals = await self._ask_all(deliveries.page(filter, mine, after, first + 1), *counting)
        return DeliveryPage(
            deliveries=tuple(deliveries.from_row(row) for row in rows[:first]),
            has_next=len(rows) > first,
            total=totals[0] if count else None,
        )

    async def deliveries_by_ids(self, ids: Sequence[str]) -> Mapping[str, Delivery]:
        self._depends_on_deliveries()
        if not ids or visibility.has_none(self.viewer):
            return {}
        asked = [clean(id) for id in ids]
        rows = await self._ask(deliveries.by_ids(asked, visibility.mine(self.viewer)))
        return {row[0]: deliveries.from_row(row) for row in rows}

    async def latest_deliveries(self, complaints: Sequence[str]) -> Mapping[str, Delivery]:
        if not complaints or visibility.has_none(self.viewer):
            return {}
        self.dependencies.health = True
        rows = await self._ask(deliveries.latest([clean(id) for id in complaints], visibility.mine(self.viewer)))
        seqs = {row[-2]: row[-1] for row in rows}
        self._depends_on_complaints(complaints, seqs)
        return {row[-2]: deliveries.from_row(row) for row in rows if row[0] is not None}

    async def reporters(self, complaints: Sequence[str]) -> Mapping[str, Reporter]:
        statement = identities.asked(self.viewer, [clean(id) for id in complaints]) if complaints else None
        self.dependencies.health = True  # when one goes, no event tells of it
        rows = await self._ask(statement) if statement is not None else ()
        found = {id: self._open(id, content) for id, content in rows}
        if self._noted:
            self.dependencies.shown.update((id, Action.SEE_REPORTER) for id in found)
        return {id: reporter for id, reporter in found.items() if reporter is not None}

    async def queues(self) -> Mapping[str, DeliveryQueue]:
        self._depends_on_deliveries()
        return {row[0]: deliveries.queue(row) for row in await self._ask(deliveries.QUEUES)}

    async def links(self, complaints: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        if not complaints:
            return {}
        found: dict[str, list[Link]] = {}
        seqs: dict[str, int] = {}
        for id, seq, *link, other in await self._ask(journeys.linked_to([clean(id) for id in complaints], self.viewer)):
            seqs[id] = seq
            if link[0] is None:
                continue
            if other is None:  # it may come into sight
                self._depends()
                continue
            found.setdefault(id, []).append(links.from_row(link))
            self.dependencies.complaints[link[1]] = other
        self._depends_on_complaints(complaints, seqs)
        return found

    async def linked(self, complaint: str, most: int) -> Sequence[Complaint]:
        reached = dict.fromkeys([complaint])
        edge = [complaint]
        while edge and len(reached) < most:
            found = await self.links(edge)
            edge = [
                id
                for id in dict.fromkeys(link.other_id for e in edge for link in found.get(e, ()))
                if id not in reached
            ]
            reached |= dict.fromkeys(edge)
        complaints = await self.by_ids(list(reached)[:most])
        return [complaints[id] for id in reached if id in complaints]

    async def neighbours(self, complaint: Complaint, days: int, most: int) -> Sequence[Complaint]:
        self._depends()
        self.dependencies.health = True  # a dismissal is no event
        rows = [
            row
            for statement in journeys.neighbours(complaint, days, most, self.viewer)
            for row in await self._ask(statement)
        ]
        found = [self._complaint(row) for row in rows]
        return sorted(found, key=lambda other: journeys.nearness(complaint, other))[:most]

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        self.dependencies.health = True
        if not visibility.operates(self.viewer, agency):
            return []
        rows = await self._ask(Statement(_QUARANTINE, (clean(agency), first)))
        return [Quarantined(native_id=id, reason=reason, first_seen_at=moment(seen)) for id, reason, seen in rows]

    async def _told(self, rows: Sequence[Row]) -> tuple[Event, ...]:
        complaints = await self._stored({row[2] for row in rows if not log.is_withdrawal(row)})
        told = [event for row in rows if (event := self._event(row, complaints)) is not None]
        others = {event.detail.other for event in told if event.kind is EventKind.LINKED} - {None}
        if others:
            # Whom a complaint is linked to is told to those alone who see both.
            seen = {row[0] for row in await self._by_ids([id for id in others if id is not None], ("id",))}
            told = [event for event in told if event.detail.other is None or event.detail.other in seen]
        return tuple(told)

    def _event(self, row: Row, complaints: Mapping[str, Complaint]) -> Event | None:
        event = log.event(row)
        complaint = complaints.get(event.complaint_id)
        if log.is_withdrawal(row) or complaint is None:
            return event
        told = visibility.event_as_seen(event, complaint, self.viewer)
        if told is not None and told.complaint is not None:
            self._shows(told.complaint)
        return told

    def _complaint(self, row: Row) -> Complaint:
        complaint = visibility.as_seen(complaint_from_row(row), self.viewer)
        self._shows(complaint)
        return complaint

    def _asked_of(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The columns, and what is to be known of a row beside them: see `_as_seen`."""
        return (*columns, *visibility.hidden_parts(self.viewer, columns), *(visibility.NOTED if self._noted else ()))

    def _shows(self, complaint: Complaint) -> None:
        """Takes down what of a complaint, as it is seen, the public does not see."""
        if not self._noted:
            return
        if complaint.is_confidential:
            self.dependencies.shown.add((complaint.id, Action.SEE_COMPLAINT))
        elif any(entry.is_confidential for entry in complaint.follow_ups):
            self.dependencies.shown.add((complaint.id, Action.SEE_PART))

    def _shows_rows(self, rows: Sequence[Row], columns: tuple[str, ...]) -> None:
        at = len(columns) + len(visibility.hidden_parts(self.viewer, columns))
        parts = columns.index("follow_ups") if "follow_ups" in columns else None
        for row in rows:
            if not row[at + 1]:
                self.dependencies.shown.add((row[at], Action.SEE_COMPLAINT))
            elif parts is not None and visibility.has_confidential(row[parts]):
                self.dependencies.shown.add((row[at], Action.SEE_PART))

    async def _stored(self, ids: Collection[str]) -> dict[str, Complaint]:
        """Visible complaints as they are stored, parts that are not the viewer's included."""
        return {row[0]: complaint_from_row(row) for row in await self._by_ids(ids, COLUMNS)}

    async def _by_ids(self, ids: Collection[str], columns: tuple[str, ...]) -> Sequence[Row]:
        """Rows of `columns`, then id and seq."""
        asked = list(dict.fromkeys(ids))
        if len(asked) <= _IDS_AT_ONCE:
            return await self._ask(listing.by_ids(asked, self.viewer, columns)) if asked else ()
        found: list[Row] = []
        for start in range(0, len(asked), _IDS_AT_ONCE):
            found += await self._ask(listing.by_ids(asked[start : start + _IDS_AT_ONCE], self.viewer, columns))
        return found

    def _as_seen(self, rows: Sequence[Row], columns: tuple[str, ...]) -> Sequence[Row]:
        """The rows without the parts that are not this viewer's; `visibility.hidden_parts` stand behind the columns."""
        if "follow_ups" in columns and not visibility.sees_all(self.viewer):
            at = columns.index("follow_ups")
            said = len(columns) if visibility.hidden_parts(self.viewer, columns) else None
            rows = [row if said is not None and row[said] else _redacted(row, at) for row in rows]
        if self._noted:
            self._shows_rows(rows, columns)
        return rows

    def _depends(self, agencies: Collection[str] | None = None) -> None:
        """Takes down that an answer hangs on these agencies (None: on all)."""
        known = self.dependencies.agencies
        if agencies is None:
            self.dependencies.agencies = None
        elif known is not None:
            known.update(agencies)

    def _depends_on_deliveries(self) -> None:
        self.dependencies.head = True
        self.dependencies.health = True  # an attempt that is put off is no event

    def _depends_on_complaints(self, asked: Collection[str], seqs: Mapping[str, int]) -> None:
        self.dependencies.complaints.update(seqs)
        if any(id not in seqs for id in asked):
            self._depends()

    def _depends_on_rows(self, agencies: Collection[str] | None, columns: Collection[str]) -> None:
        if agencies != ():
            self._depends(agencies)
        if "synced_at" in columns:  # moves without an event
            self.dependencies.health = True

    async def _with_count(self, statement: Statement, filter: ComplaintFilter) -> tuple[Sequence[Row], int]:
        """The rows, and how many complaints match the filter."""
        rows, [total] = await self._ask_all(statement, listing.count(filter, self.viewer, self._dialect))
        return rows, total


def _redacted(row: Row, at: int) -> Row:
    shown = visibility.follow_ups_as_seen(row[at])
    return row if shown is row[at] else (*row[:at], shown, *row[at + 1 :])
