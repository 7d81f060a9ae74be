"""The ledger's reading half: snapshots, each for one viewer and one operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from gateway.ledger import listing, log, statistics, visibility
from gateway.ledger.database import Database, Dialect, Row
from gateway.ledger.filters import agencies_meant
from gateway.ledger.rows import COLUMNS, clean, complaint_from_row, moment
from gateway.ledger.state import AGENCIES, HEAD, STAMPS, Head, Remembered, State, asking, beside, head_of, told
from gateway.ledger.statement import Statement
from schema.agency import Agency, SourceReport
from schema.complaint import Complaint
from schema.errors import LedgerError
from schema.events import Event, Position
from schema.ports import Dependencies, Quarantined, Rows, Versions
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

#: Ids that one statement asks for.
_IDS_AT_ONCE = 512

#: Rows, and the values of what was asked with them.
Answers: TypeAlias = "tuple[Sequence[Row], Sequence[Any]]"

_QUARANTINE = (
    "SELECT native_id, reason, first_seen_at FROM quarantine WHERE agency = $1"
    " ORDER BY last_seen_at DESC, id DESC LIMIT $2"
)


class LedgerReader:
    """Opens snapshots of one database. See `schema.ports.Reader`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered = Remembered()

    def snapshot(self, viewer: Viewer, *, lone: bool = False) -> LedgerSnapshot:
        """One consistent read; the database is not touched before the first question."""
        return LedgerSnapshot(self._database, viewer, self._remembered, lone=lone)


class LedgerSnapshot:
    """The ledger at one moment, as one viewer may see it. See `schema.ports.Snapshot`."""

    def __init__(self, database: Database, viewer: Viewer, remembered: Remembered, *, lone: bool = False) -> None:
        self.viewer = viewer
        self.dependencies = Dependencies()
        self._database = database
        self._dialect = database.dialect
        self._remembered = remembered
        self._lone = lone
        self._asked = False
        # A single statement needs no session, if it tells the ledger's state along.
        self._session = None if lone else database.session()
        self._over = False
        self._known: Head | None = None
        self._state: State | None = None

    async def __aenter__(self) -> LedgerSnapshot:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        if self._session is not None:
            await self._session.release()

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
        statement = listing.page(filter, order, window, self.viewer, self._dialect, columns)
        found, total = await self._with_count(statement, filter) if count else (await self._ask(statement), None)
        more = len(found) > window.limit
        page = self._as_seen(found[: window.limit], columns)
        return Rows(
            rows=page[::-1] if window.backward else page,
            key=lambda row: listing.key(order, row, columns),
            has_next=window.before is not None if window.backward else more,
            has_previous=more if window.backward else window.after is not None,
            total=total,
        )

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        self._depends_on_rows((), columns)
        found = self._as_seen(await self._by_ids(ids, columns), columns)
        at = len(columns)
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
        found = await self._ask(listing.by_tracking_id(tracking_id, agency, self.viewer, self._dialect, columns))
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

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        self.dependencies.health = True
        if not visibility.operates(self.viewer, agency):
            return []
        rows = await self._ask(Statement(_QUARANTINE, (clean(agency), first)))
        return [Quarantined(native_id=id, reason=reason, first_seen_at=moment(seen)) for id, reason, seen in rows]

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
        """The rows without the parts that are not this viewer's."""
        if "follow_ups" not in columns:
            return rows
        at = columns.index("follow_ups")
        return [self._redacted(row, at) for row in rows]

    def _redacted(self, row: Row, at: int) -> Row:
        shown = visibility.follow_ups_as_seen(row[at], self.viewer)
        return row if shown is row[at] else (*row[:at], shown, *row[at + 1 :])

    def _depends(self, agencies: Collection[str] | None = None) -> None:
        """Takes down that an answer hangs on these agencies (None: on all)."""
        known = self.dependencies.agencies
        if agencies is None:
            self.dependencies.agencies = None
        elif known is not None:
            known.update(agencies)

    def _depends_on_rows(self, agencies: Collection[str] | None, columns: Collection[str]) -> None:
        if agencies != ():
            self._depends(agencies)
        if "synced_at" in columns:  # moves without an event
            self.dependencies.health = True

    async def _head(self) -> Head:
        if self._known is None:
            if self._session is None:
                await self._tell(None)
            else:
                self._known = Head(*(await self._fetch(HEAD))[0])
        assert self._known is not None
        return self._known

    async def _stamps(self, head: Head) -> Sequence[Row]:
        state = self._state or self._remembered.state
        if state.stamped != head.stamped:
            state = state._replace(stamped=head.stamped, stamps=await self._fetch(STAMPS))
            self._remember(state)
        return state.stamps

    async def _agencies(self) -> Sequence[Row]:
        head = self._known or await self._head()
        state = self._state or self._remembered.state
        if state.reported != head.reported:
            state = state._replace(reported=head.reported, agencies=await self._fetch(AGENCIES))
            self._remember(state)
        return state.agencies

    def _remember(self, state: State) -> None:
        self._state = self._remembered.state = state

    async def _with_count(self, statement: Statement, filter: ComplaintFilter) -> tuple[Sequence[Row], int]:
        """The rows, and how many complaints match the filter."""
        rows, [total] = await self._ask_all(statement, listing.count(filter, self.viewer, self._dialect))
        return rows, total

    async def _ask(self, statement: Statement) -> Sequence[Row]:
        """Puts a question for complaints, counts, statistics or events."""
        return (await self._ask_all(statement))[0]

    async def _ask_all(self, statement: Statement, *others: Statement) -> Answers:
        """Puts a question, and others of one value each."""
        if self._lone and (self._asked or self._known is not None):
            raise LedgerError("a snapshot for a lone question was asked something before it")
        self._asked = True
        return await (self._fetch_all if self._session is not None else self._tell)(statement, *others)

    async def _tell(self, statement: Statement | None, *others: Statement) -> Answers:
        """By one statement, if that can bring the state along; else by a transaction."""
        tell = self._tell_all if self._dialect is Dialect.POSTGRES else self._tell_head
        found = await tell(statement, *others)
        if found is not None:
            return found
        if self._over:
            raise LedgerError("the snapshot is over")
        self._session = self._database.session()
        found = await self._fetch_all(statement, *others) if statement is not None else ((), ())
        # For the next one.
        await self._stamps(await self._head())
        await self._agencies()
        return found

    async def _tell_all(self, statement: Statement | None, *others: Statement) -> Answers | None:
        """With whatever changed of the ledger's state."""
        state = self._remembered.state
        asked = asking(state, statement, *others)
        found = told(await self._database.fetch(asked.sql, asked.params, heavy=asked.heavy), state, statement, *others)
        if found is None:
            return None
        self._known = found.head
        self._remember(found.state)
        return found.rows, found.values

    async def _tell_head(self, statement: Statement | None, *others: Statement) -> Answers | None:
        """With the head in each row, under which the state that is remembered may still be true."""
        if others or (statement is not None and not statement.few):
            return None  # on SQLite a transaction costs less than the head in each of many rows
        state = self._remembered.state
        asked = beside(statement)
        rows = await self._database.fetch(asked.sql, asked.params)
        if not rows or not state.is_of(head := head_of(rows[0])):
            return None
        self._known, self._state = head, state
        return rows, ()

    async def _fetch_all(self, statement: Statement, *others: Statement) -> Answers:
        rows = await self._fetch(statement)
        return rows, [(await self._fetch(other))[0][0] for other in others]

    async def _fetch(self, statement: Statement) -> Sequence[Row]:
        assert self._session is not None  # until there is one, `_tell` asks
        return await self._session.fetch(statement.sql, statement.params, heavy=statement.heavy)
