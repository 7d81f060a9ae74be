"""Raw rows, on both databases: the same pages as complaints, and one statement for a lone question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ledger.database import Database, Dialect, Row, Session, open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.rows import COLUMNS, complaint_from_row
from schema.agency import AgencyLevel, SourceReport, SourceState
from schema.complaint import FollowUp, FollowUpKind
from schema.errors import DeadlinePassed, LedgerError
from schema.events import EventKind
from schema.query import (
    PUBLIC,
    ComplaintFilter,
    ComplaintOrder,
    ComplaintOrderField,
    OrderDirection,
    StatisticsDimension,
    Window,
)
from schema.status import ComplaintStatus
from tests.conftest import BALI

ALL = ComplaintFilter()
ORDERS = [
    ComplaintOrder(field, direction)
    for field in (ComplaintOrderField.UPDATED_AT, ComplaintOrderField.SUBMITTED_AT, ComplaintOrderField.DUE_AT)
    for direction in OrderDirection
]
AGENCIES = ["sp4n-lapor", "prov-bali", "kab-tangerang", "kab-sleman"]


def some(values: Any) -> st.SearchStrategy[tuple[Any, ...] | None]:
    return st.none() | st.lists(st.sampled_from(list(values)), max_size=6).map(tuple)


#: What pages are merged over and what they have indexes for; lists may name a value twice.
FILTERS = st.builds(
    ComplaintFilter,
    agencies=some(AGENCIES),
    statuses=some(ComplaintStatus),
    region_code=st.none() | st.sampled_from(["36", "36.03", "36.03.01"]),
    category=st.none() | st.sampled_from(["jalan", "jalan.rusak"]),
    levels=some(AgencyLevel),
    overdue=st.none() | st.booleans(),
)


@given(
    filter=FILTERS,
    order=st.sampled_from(ORDERS),
    columns=st.lists(st.sampled_from(COLUMNS), max_size=8).map(tuple),
    limit=st.sampled_from([1, 7, 63, 64, 500]),
    backward=st.booleans(),
    lone=st.booleans(),
)
@settings(max_examples=80, deadline=None)
async def test_rows_are_the_page_as_it_is_stored(
    filled: Any, filter: ComplaintFilter, order: ComplaintOrder, columns: Any, limit: int, backward: bool, lone: bool
) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        whole = await snapshot.complaints(filter, order, Window(limit=500))
        page = await snapshot.complaints(filter, order, Window(limit=limit, backward=backward))
        assert await snapshot.count(filter) == len(whole.rows)
    expected = whole.rows[-limit:] if backward else whole.rows[:limit]
    assert page.rows == expected
    async with filled.reader.snapshot(PUBLIC, lone=lone) as snapshot:
        rows = await snapshot.rows(filter, order, Window(limit=limit, backward=backward), ("id", *columns), count=True)
        head = await snapshot.head()
    assert [row[0] for row in rows.rows] == [complaint.id for complaint in expected]
    assert tuple(rows.key(row) for row in rows.rows) == page.keys
    assert (rows.has_next, rows.has_previous, rows.total) == (page.has_next, page.has_previous, len(whole.rows))
    assert head.seq == len(filled.complaints)


async def test_a_row_of_all_columns_is_the_complaint(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.complaints(ALL, ComplaintOrder(), Window(limit=20))
        rows = await snapshot.rows(ALL, ComplaintOrder(), Window(limit=20), COLUMNS)
        ids = [complaint.id for complaint in page.rows]
        known = await snapshot.rows_by_ids(ids, COLUMNS)
        number = page.rows[0].tracking_id
        numbered = await snapshot.rows_by_tracking_id(number, None, COLUMNS)
        assert [complaint_from_row(row) for row in numbered] == await snapshot.by_tracking_id(number)
        assert {id: complaint_from_row(row) for id, row in known.items()} == await snapshot.by_ids(ids)
    assert [complaint_from_row(row) for row in rows.rows] == list(page.rows)
    assert {id: complaint_from_row(row) for id, row in known.items()} == {c.id: c for c in page.rows}


async def test_columns_are_the_tables(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        with pytest.raises(ValueError, match="no such columns"):
            await snapshot.rows(ALL, ComplaintOrder(), Window(limit=1), ("id", "id; DROP TABLE complaints"))


class Watched:
    """A database that tells what it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect, self.name = database.dialect, database.name
        self.asked: list[str] = []

    def session(self) -> Session:
        return WatchedSession(self._database.session(), self.asked)

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        self.asked.append(sql)
        return await self._database.fetch(sql, params, heavy=heavy)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


class WatchedSession:
    def __init__(self, session: Session, asked: list[str]) -> None:
        self._session, self._asked = session, asked

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        self._asked.append(sql)
        return await self._session.fetch(sql, params, heavy=heavy)

    async def release(self) -> None:
        await self._session.release()

    async def __aenter__(self) -> WatchedSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


async def test_a_lone_list_is_one_statement(filled: Any) -> None:
    database = Watched(filled.database)
    reader = LedgerReader(database)

    async def ask() -> Any:
        async with reader.snapshot(PUBLIC, lone=True) as snapshot:
            rows = await snapshot.rows(ALL, ComplaintOrder(), Window(limit=5), ("id", "title"), count=True)
            told = (
                await snapshot.versions(),
                await snapshot.agencies(),
                await snapshot.sources(),
                await snapshot.stamp(),
            )
        return [tuple(row[:2]) for row in rows.rows], rows.total, *told

    first = await ask()
    database.asked.clear()
    assert await ask() == first
    # On SQLite a statement costs microseconds, and the transaction nothing.
    assert len(database.asked) == (1 if database.dialect is Dialect.POSTGRES else 3)
    async with LedgerReader(filled.database).snapshot(PUBLIC) as snapshot:
        assert first[2:] == (
            await snapshot.versions(),
            await snapshot.agencies(),
            await snapshot.sources(),
            await snapshot.stamp(),
        )


async def test_a_lone_complaint_is_one_statement(ledger: Any) -> None:
    id = ledger.complaint(1).id
    database = Watched(ledger.database)
    reader = LedgerReader(database)

    async def ask(reader: LedgerReader, *, lone: bool) -> Any:
        async with reader.snapshot(PUBLIC, lone=lone) as snapshot:
            [row] = (await snapshot.rows_by_ids([id], ("id", "title"))).values()
            told = await snapshot.versions(), await snapshot.agencies(), await snapshot.sources()
            return tuple(row[:2]), *told, snapshot.dependencies

    reports = (SourceReport(agency="prov-bali", state=state) for state in (SourceState.OK, SourceState.STALE))
    changes = [
        lambda: ledger.put(ledger.complaint(1)),
        lambda: ledger.put(replace(ledger.complaint(1), title="Lampu padam")),
        lambda: ledger.writer.register([replace(BALI, name="Bali")]),
        lambda: ledger.writer.report(next(reports)),
        lambda: ledger.writer.report(next(reports)),
    ]
    for change in changes:
        await change()
        # What is remembered is of the ledger before; then of this one.
        for _ in range(2):
            database.asked.clear()
            assert await ask(reader, lone=True) == await ask(LedgerReader(ledger.database), lone=False)
        assert len(database.asked) == 1
    assert database.in_use() == 0


@pytest.mark.parametrize("nothing", [ComplaintFilter(agencies=()), ComplaintFilter(tracking_ids=("none",))])
async def test_a_lone_question_without_an_answer_still_tells_the_state(filled: Any, nothing: ComplaintFilter) -> None:
    reader = LedgerReader(filled.database)
    for _ in range(2):
        async with reader.snapshot(PUBLIC, lone=True) as snapshot:
            rows = await snapshot.rows(nothing, ComplaintOrder(), Window(limit=5), ("id",), count=True)
            assert (list(rows.rows), rows.total) == ([], 0)
            assert (await snapshot.versions()).head == len(filled.complaints)
        async with reader.snapshot(PUBLIC, lone=True) as snapshot:
            assert list(await snapshot.statistics(nothing, [StatisticsDimension.CHANNEL], 5)) == []
            assert set(await snapshot.agencies()) == set(AGENCIES)
        async with reader.snapshot(PUBLIC, lone=True) as snapshot:
            assert await snapshot.rows_by_ids(["complaint_none"], ("id",)) == {}
            assert (await snapshot.stamp(["prov-bali", "nobody"])).seq
        async with reader.snapshot(PUBLIC, lone=True) as snapshot:
            assert (await snapshot.versions()).agencies.keys() == set(AGENCIES)
    assert filled.database.in_use() == 0


async def test_a_lone_question_has_no_second(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC, lone=True) as snapshot:
        await snapshot.count(ALL)
        with pytest.raises(LedgerError, match="lone"):
            await snapshot.count(ALL)


async def test_confidential_follow_ups_are_in_no_row(ledger: Any) -> None:
    at = ledger.complaint(1).updated_at
    told = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at, content='"is_confidential":true')
    secret = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at, content="Rahasia.", is_confidential=True)
    await ledger.put(ledger.complaint(1, follow_ups=(told, secret, told)))
    columns = ("follow_ups", "id")
    async with LedgerReader(ledger.database).snapshot(PUBLIC) as snapshot:
        id = ledger.complaint(1).id
        listed = await snapshot.rows(ALL, ComplaintOrder(), Window(limit=1), columns)
        rows = [
            *listed.rows,
            *(await snapshot.rows_by_ids([id], columns)).values(),
            *await snapshot.rows_by_tracking_id("B-1", None, columns),
        ]
        [complaint] = (await snapshot.by_ids([id])).values()
    assert complaint.follow_ups == (told, told)
    assert len(rows) == 3
    assert all("Rahasia" not in row[0] and row[0].count("occurred_at") == 2 and row[1] == id for row in rows)
    assert listed.key(listed.rows[0]).id == id


_SLOW = {
    Dialect.SQLITE: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    Dialect.POSTGRES: "SELECT pg_sleep(60)",
}
_RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"


async def test_what_takes_too_long_is_stopped(database_url: str) -> None:
    async with open_database(database_url, readers=1, deadline=0.05) as database:
        for _ in range(2):
            with pytest.raises(DeadlinePassed):
                await database.fetch(_SLOW[database.dialect], heavy=True)
            async with database.session() as session:
                with pytest.raises(DeadlinePassed):
                    await session.fetch(_SLOW[database.dialect], heavy=True)
        # The connection, of which there is one, is free and well.
        async with asyncio.timeout(10), database.session() as session:
            assert [tuple(row) for row in await session.fetch("SELECT seq FROM head")] == [(0,)]
            if database.dialect is Dialect.POSTGRES:
                assert (await session.fetch(_RUNNING))[0][0] == 0
        assert database.in_use() == 0


@asynccontextmanager
async def answer(ledger: Any) -> AsyncIterator[Any]:
    """A snapshot, with what it depends on once it was asked."""
    async with LedgerReader(ledger.database).snapshot(PUBLIC) as snapshot:
        yield snapshot


async def versions(ledger: Any) -> Any:
    async with LedgerReader(ledger.database).snapshot(PUBLIC) as snapshot:
        return await snapshot.versions()


def moved(before: Any, after: Any) -> set[str]:
    return {name for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)}


async def test_every_change_moves_a_version(ledger: Any) -> None:
    async def did(action: Any) -> set[str]:
        before = await versions(ledger)
        await action
        return moved(before, await versions(ledger))

    first, hidden = ledger.complaint(1), ledger.complaint(2, is_confidential=True)
    assert await did(ledger.put(first)) == {"agencies", "head"}
    assert await did(ledger.put(hidden)) == {"head"}
    assert await did(ledger.put(first, kinds=())) == {"health"}  # seen again
    assert await did(ledger.put(replace(first, days_to_close=3.0), kinds=())) == {"derived"}
    report = SourceReport(agency="prov-bali", state=SourceState.OK)
    assert await did(ledger.writer.report(report)) == {"health", "head"}
    assert await did(ledger.writer.report(report)) == {"health"}
    assert await did(ledger.writer.register([BALI])) == {"health"}
    assert await did(ledger.writer.register([replace(BALI, name="Bali")])) == {"health", "facts", "derived"}
    assert await did(ledger.writer.empty([first.id])) == {"agencies", "head"}
    assert await did(ledger.writer.renew_epoch("a test")) == {"epoch"}


async def test_a_snapshot_says_what_its_answers_depend_on(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1), kinds=(EventKind.SUBMITTED, EventKind.CORRECTED))
    id = ledger.complaint(1).id
    bali = ComplaintFilter(agencies=("prov-bali",))
    async with answer(ledger) as asked:
        assert await asked.rows_by_ids([id], ("title",))
        assert (asked.dependencies.agencies, asked.dependencies.complaints) == (set(), {id: 2})
        await asked.rows(bali, ComplaintOrder(), Window(limit=1), ("title",), count=True)
        assert asked.dependencies.agencies == {"prov-bali"}
        assert [asked.dependencies.health, asked.dependencies.facts, asked.dependencies.head] == [False] * 3
        await asked.rows(bali, ComplaintOrder(), Window(limit=1), ("synced_at",))
        assert asked.dependencies.health
        await asked.agencies()
        assert asked.dependencies.facts
        await asked.stamp(["kab-sleman"])
        assert asked.dependencies.agencies == {"prov-bali", "kab-sleman"}
        await asked.count(ALL)
        assert asked.dependencies.agencies is None
        await asked.head()
        assert asked.dependencies.head
    for question in (
        lambda asked: asked.by_ids(["complaint_none"]),
        lambda asked: asked.statistics(ALL, [StatisticsDimension.AGENCY], 1),
        lambda asked: asked.complaints(ALL, ComplaintOrder(), Window(limit=1)),
        lambda asked: asked.stamp(),
    ):
        async with answer(ledger) as asked:
            await question(asked)
            assert asked.dependencies.agencies is None
    async with answer(ledger) as asked:
        await asked.sources()
        assert asked.dependencies.health
        assert asked.dependencies.agencies == set()
