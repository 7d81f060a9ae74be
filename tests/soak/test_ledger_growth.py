"""What a ledger a hundred times as large costs: a page nothing more, a total and statistics a few milliseconds.

Small, the work is counted that the database does; at full size it is timed, and the figures are printed.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from gateway.ledger import listing
from gateway.ledger.database import Database, open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.sqlite import SqliteDatabase, placeholders
from gateway.ledger.statement import Statement
from gateway.ledger.statistics import statement as statistics_statement
from gateway.ledger.upkeep import Upkeep
from schema.query import (
    PUBLIC,
    ComplaintFilter,
    ComplaintOrder,
    ComplaintOrderField,
    OrderDirection,
    RowKey,
    StatisticsDimension,
    Window,
)
from schema.status import ComplaintStatus
from tests.soak.bulk import fill, regency, slug

COLUMNS = (
    *("id", "tracking_id", "agency", "status", "title", "original_text", "classification", "category"),
    *("region_code", "submitted_at", "updated_at"),
)
PAGE = 25
_NUMBERS = itertools.count(1)

UPDATED = ComplaintOrder()
SUBMITTED = ComplaintOrder(ComplaintOrderField.SUBMITTED_AT)
OPEN = (ComplaintStatus.SUBMITTED, ComplaintStatus.VERIFIED, ComplaintStatus.DISPOSED, ComplaintStatus.IN_FOLLOW_UP)

#: What must cost the same at any size. The national system has the rows for a whole page in a small ledger, too.
PAGES = {
    "no filter": (ComplaintFilter(), UPDATED),
    "no filter, by submission": (ComplaintFilter(), SUBMITTED),
    "an agency": (ComplaintFilter(agencies=("sp4n-lapor",)), UPDATED),
    "an agency, by submission": (ComplaintFilter(agencies=("sp4n-lapor",)), SUBMITTED),
    "eight agencies": (ComplaintFilter(agencies=("sp4n-lapor", *map(slug, range(7)))), UPDATED),
    "a status": (ComplaintFilter(statuses=(ComplaintStatus.SUBMITTED,)), UPDATED),
    "four statuses": (ComplaintFilter(statuses=OPEN), UPDATED),
    "an agency and a status": (
        ComplaintFilter(agencies=("sp4n-lapor",), statuses=(ComplaintStatus.IN_FOLLOW_UP,)),
        UPDATED,
    ),
    "a province": (ComplaintFilter(region_code="12"), UPDATED),
    "a regency": (ComplaintFilter(region_code=regency(5)), UPDATED),
    "a category": (ComplaintFilter(category="kategori3"), UPDATED),
    "due last": (ComplaintFilter(), ComplaintOrder(ComplaintOrderField.DUE_AT, OrderDirection.DESC)),
    "the work queue": (ComplaintFilter(), ComplaintOrder(ComplaintOrderField.DUE_AT, OrderDirection.ASC)),
}
#: Pages whose cost has no promise.
OTHERS = {
    "a district": (ComplaintFilter(region_code=f"{regency(5)}.03"), UPDATED),
    "a regency, open": (ComplaintFilter(region_code=regency(5), statuses=OPEN), UPDATED),
    "a sub-category": (ComplaintFilter(category="kategori3.bagian1"), UPDATED),
    "overdue": (ComplaintFilter(overdue=True), UPDATED),
    "an agency, due last": (
        ComplaintFilter(agencies=("sp4n-lapor",)),
        ComplaintOrder(ComplaintOrderField.DUE_AT, OrderDirection.DESC),
    ),
    "submitted in a month": (
        ComplaintFilter(
            submitted_after=datetime(2021, 2, 1, tzinfo=UTC), submitted_before=datetime(2021, 3, 1, tzinfo=UTC)
        ),
        UPDATED,
    ),
}
TOTALS = {
    "all": ComplaintFilter(),
    "an agency": ComplaintFilter(agencies=("sp4n-lapor",)),
    "eight agencies": ComplaintFilter(agencies=tuple(map(slug, range(8)))),
    "a status": ComplaintFilter(statuses=(ComplaintStatus.CLOSED,)),
    "a province": ComplaintFilter(region_code="12"),
    "a regency": ComplaintFilter(region_code=regency(5)),
    "overdue": ComplaintFilter(overdue=True),
    "an agency and a status": ComplaintFilter(agencies=("sp4n-lapor",), statuses=(ComplaintStatus.CLOSED,)),
}
GROUPS = (
    *((dimension,) for dimension in list(StatisticsDimension)[:3]),
    (StatisticsDimension.REGENCY,),
    (StatisticsDimension.PROVINCE,),
    (StatisticsDimension.CATEGORY,),
)


class Size(NamedTuple):
    """One ledger of a pair."""

    count: int
    database: Database
    reader: LedgerReader


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((10_000, 30_000), id="small"),
        pytest.param((20_000, 2_000_000), id="full", marks=pytest.mark.soak),
    ],
)
def counts(request: pytest.FixtureRequest) -> tuple[int, int]:
    sizes: tuple[int, int] = request.param
    return sizes


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def empty(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Makes the address of an empty ledger, on each database."""
    if request.param == "postgres":
        server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
        return lambda: _copied(server, template)
    migrated: Path = request.getfixturevalue("migrated_file")

    def copied() -> AbstractAsyncContextManager[str]:
        path = tmp_path_factory.mktemp("grown") / "hub.db"
        shutil.copy(migrated, path)
        return nullcontext(f"sqlite://{path}")

    return copied


@asynccontextmanager
async def _copied(server: Callable[[str], str], template: str) -> AsyncIterator[str]:
    name = f"grown{next(_NUMBERS)}"
    admin = await asyncpg.connect(server("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield server(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture(scope="module")
async def grown(
    empty: Callable[[], AbstractAsyncContextManager[str]], counts: tuple[int, int]
) -> AsyncIterator[tuple[Size, Size]]:
    """A ledger, and a much larger one."""
    async with AsyncExitStack() as stack:
        pair = []
        for count in counts:
            url = await stack.enter_async_context(empty())
            started = time.perf_counter()
            await fill(url, count)
            database = await stack.enter_async_context(open_database(url))
            assert await Upkeep(database).look()
            pair.append(Size(count, database, LedgerReader(database)))
            print(f"\n{database.dialect}: {count:,} complaints in {time.perf_counter() - started:.0f} s")
        yield pair[0], pair[1]


def page(case: tuple[ComplaintFilter, ComplaintOrder], size: Size, after: RowKey | None = None) -> Statement:
    """A page whose work is counted: of a few rows, so that a small ledger has enough of whatever is asked for."""
    filter, order = case
    return listing.page(filter, order, Window(limit=10, after=after), PUBLIC, size.database.dialect, COLUMNS)


async def key_at(size: Size, row: int) -> RowKey:
    """Where a row of the whole list stands."""
    rows = await size.database.fetch(
        f"SELECT updated_at, id FROM complaints WHERE public ORDER BY updated_at DESC, id DESC LIMIT 1 OFFSET {row - 1}"
    )
    return RowKey((rows[0][0],), rows[0][1])


async def work(size: Size, statement: Statement) -> float:
    """How much a statement makes the database do: SQLite's steps, the rows that PostgreSQL looks at."""
    if isinstance(size.database, SqliteDatabase):
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection = await size.database.acquire()
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # it may have to read the tables' names
            connection.set_progress_handler(count, 1)
            connection.execute(placeholders(statement.sql), statement.params).fetchall()
        finally:
            connection.set_progress_handler(None, 0)
            size.database.put_back(connection)
        return steps
    [[told]] = await size.database.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", statement.params)
    return looked_at(msgspec.json.decode(told)[0]["Plan"])


def looked_at(plan: Mapping[str, Any]) -> float:
    """Rows that the scans of a plan read, those that they threw away included."""
    if "Plans" in plan:
        return sum(looked_at(part) for part in plan["Plans"])
    return float(plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)))


def small(counts: tuple[int, int]) -> bool:
    return counts[1] < 100_000


async def timed(*questions: Callable[[], Awaitable[Any]], rounds: int = 60) -> list[float]:
    """Milliseconds of each question, by turns: the median."""
    took: list[list[float]] = [[] for _ in questions]
    for turn in range(rounds + 10):
        for question, times in zip(questions, took, strict=True):
            started = time.perf_counter()
            await question()
            if turn >= 10:
                times.append((time.perf_counter() - started) * 1000)
    return [statistics.median(times) for times in took]


def asking(size: Size, case: tuple[ComplaintFilter, ComplaintOrder], after: RowKey | None = None) -> Callable[[], Any]:
    async def ask() -> Any:
        async with size.reader.snapshot(PUBLIC, lone=True) as snapshot:
            return await snapshot.rows(*case, Window(limit=PAGE, after=after), COLUMNS)

    return ask


async def test_a_page_costs_the_same_at_any_size(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    less, more = grown
    slower = {}
    for name, case in PAGES.items():
        if small(counts):
            assert len(await less.database.fetch(*page(case, less)[:2])) == 11, name  # a page, and one more
            before, after = await work(less, page(case, less)), await work(more, page(case, more))
        else:
            before, after = await timed(asking(less, case), asking(more, case))
            print(f"{less.database.dialect:9} page, {name:25} {before:7.3f} ms {after:7.3f} ms  x {after / before:.2f}")
        if after > before * 1.3:
            slower[name] = after / before
    assert slower == {}


async def test_a_deep_page_costs_the_same_as_the_first(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    _, more = grown
    key = await key_at(more, more.count // 4 if small(counts) else 10_000 * PAGE)
    case = PAGES["no filter"]
    if small(counts):
        before, after = await work(more, page(case, more)), await work(more, page(case, more, key))
    else:
        before, after = await timed(asking(more, case), asking(more, case, key))
        print(f"{more.database.dialect:9} page 10,000 {after:.3f} ms, page 1 {before:.3f} ms")
    # A key is compared in a few steps more, which show in a page of ten rows.
    assert after <= before * (1.5 if small(counts) else 1.3)


async def test_totals_take_a_few_milliseconds(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    _, more = grown
    dialect = more.database.dialect
    for name, filter in TOTALS.items():
        if small(counts):
            added = await work(more, listing.count(filter, PUBLIC, dialect))
            assert added * 3 < await work(more, listing.count(replace(filter, changed_after=0), PUBLIC, dialect)), name
            continue

        async def total(filter: ComplaintFilter = filter) -> int:
            async with more.reader.snapshot(PUBLIC, lone=True) as snapshot:
                return await snapshot.count(filter)

        [took] = await timed(total)
        print(f"{dialect:9} total, {name:25} {took:7.3f} ms")
        assert took < 5, name


async def test_statistics_take_a_few_milliseconds(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    _, more = grown
    dialect = more.database.dialect
    for group_by in GROUPS:
        if small(counts):
            [added, counted] = [
                await work(more, statistics_statement(filter, group_by, 1000, (), PUBLIC, dialect))
                for filter in (ComplaintFilter(), ComplaintFilter(changed_after=0))
            ]
            assert added * 3 < counted, group_by
            continue

        async def grouped(group_by: Sequence[StatisticsDimension] = group_by) -> Any:
            async with more.reader.snapshot(PUBLIC, lone=True) as snapshot:
                return await snapshot.statistics(ComplaintFilter(), group_by, 1000)

        [took] = await timed(grouped)
        print(f"{dialect:9} statistics by {', '.join(group_by).lower():20} {took:7.3f} ms")
        assert took < 5, group_by


async def test_what_is_counted_leaves_the_event_loop_alone(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    _, more = grown
    lags, done = [0.0], asyncio.Event()

    async def tick() -> None:
        while not done.is_set():
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - started - 0.001)

    ticking = asyncio.create_task(tick())
    for name, (filter, order) in OTHERS.items():
        started = time.perf_counter()
        async with more.reader.snapshot(PUBLIC, lone=True) as snapshot:
            rows = await snapshot.rows(filter, order, Window(limit=PAGE), COLUMNS, count=True)
        took = (time.perf_counter() - started) * 1000
        print(f"{more.database.dialect:9} page and total, {name:20} {took:8.1f} ms of {rows.total:,}")
    done.set()
    await ticking
    print(f"{more.database.dialect:9} longest wait of the event loop {max(lags) * 1000:.0f} ms")
    if not small(counts):
        assert max(lags) < 0.25


async def test_memory_stays_flat(grown: tuple[Size, Size], counts: tuple[int, int]) -> None:
    _, more = grown
    page_size = 4096

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page_size / 1e6

    filters = (
        ComplaintFilter(agencies=tuple(map(slug, range(n % 499, n % 499 + n % 5 + 1))), statuses=OPEN[: n % 4] or None)
        for n in itertools.count()
    )
    rounds = 300 if small(counts) else 20_000
    before = 0.0
    for number, filter in zip(range(rounds), filters, strict=False):
        if number == rounds // 4:
            before = resident()
        async with more.reader.snapshot(PUBLIC, lone=True) as snapshot:
            await snapshot.rows(filter, UPDATED, Window(limit=PAGE), COLUMNS[number % 5 :])
    grown_by = resident() - before
    print(f"{more.database.dialect:9} memory after {rounds:,} pages {resident():.0f} MB, grown by {grown_by:.0f} MB")
    assert grown_by < 30
