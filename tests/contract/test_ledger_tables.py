"""Migrations and connections, on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from gateway.ledger.database import Database, Dialect, Sql, open_database
from gateway.ledger.migrate import known, migrate, pending
from gateway.ledger.references import named as references
from gateway.ledger.rows import COLUMNS, regions
from schema.complaint import Complaint, ExternalReference
from schema.errors import ConfigError, LedgerCorrupt, LedgerError, LedgerUnavailable, MigrationsPending
from schema.status import ComplaintStatus

_SLOW = {
    Dialect.SQLITE: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    Dialect.POSTGRES: "SELECT pg_sleep(60)",
}


async def test_a_migrated_database_has_a_head_and_nothing_pending(database_url: str) -> None:
    assert await pending(database_url) == []
    assert await migrate(database_url) == []
    async with open_database(database_url) as database:
        [[epoch, seq, health]] = await database.fetch("SELECT epoch, seq, health FROM head")
        names = ", ".join(COLUMNS)
        assert list(await database.fetch(f"SELECT {names} FROM complaints")) == []
    assert (epoch[:8], len(epoch), seq, health) == ("00000001", 32, 0, 0)


async def test_migrating_a_new_file_leaves_one_file(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'new' / 'hub.db'}"
    assert await pending(url) == known()
    assert await migrate(url) == known()
    assert await pending(url) == []
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["hub.db"]


async def test_an_empty_database_says_that_migrations_are_pending(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    sqlite3.connect(path).close()
    path.touch()
    assert await pending(path) == known()
    async with open_database(path) as database:
        with pytest.raises(MigrationsPending):
            await database.fetch("SELECT seq FROM head")
    assert await migrate(path) == known()


async def test_rows_that_are_there_are_counted_and_placed(
    tmp_path: Path, postgres_server: Callable[[str], str]
) -> None:
    await _create(postgres_server("postgres"), "older")
    for url in (f"sqlite://{tmp_path / 'hub.db'}", postgres_server("older")):
        assert await migrate(url, until=known()[1]) == known()[:2]
        async with open_database(url) as database:
            writer = await database.connect()
            try:
                await writer.transaction(lambda tx: tx.executemany(_INSERT, [_row(region) for region in _REGIONS]))
            finally:
                await writer.aclose()
        assert await migrate(url) == known()[2:]
        async with open_database(url) as database:
            placed = await database.fetch("SELECT region_code, province, regency FROM complaints ORDER BY region_code")
            assert [tuple(row) for row in placed] == [(region, *regions(region)) for region in sorted(_REGIONS)]
            [[count, late]] = await database.fetch("SELECT sum(complaints), sum(overdue) FROM counters WHERE cube = 5")
            named = await database.fetch("SELECT id, complaint_id, system, key FROM complaint_references ORDER BY id")
        assert (count, late) == (len(_REGIONS), len(_REGIONS))
        told = sorted(row for region in _REGIONS for row in references(_naming(f"complaint_{region}")))
        assert sorted(tuple(row) for row in named) == told


_NAMED = (ExternalReference(" SP4N-LAPOR! ", " 12"), ExternalReference("É", "é"), ExternalReference("x", "9" * 500))


def _naming(id: str) -> Complaint:
    at = datetime(2021, 3, 1, tzinfo=UTC)
    status = ComplaintStatus.SUBMITTED
    return Complaint(
        id=id,
        agency="prov-bali",
        native_id=None,
        tracking_id="1",
        status=status,
        status_changed_at=at,
        submitted_at=at,
        updated_at=at,
        external_references=_NAMED,
    )


_REGIONS = ["3", "36", "36.0", "36.03", "36.03.01", "3603", "36.031"]
_OLDER = [column for column in COLUMNS if column not in ("routing", "sent")]
_TEXT = dict.fromkeys(_OLDER, "[]") | {"native_id": None, "latitude": None, "longitude": None}
_INSERT = (
    f"INSERT INTO complaints ({', '.join(_OLDER)}) VALUES ({', '.join(f'${n}' for n in range(1, len(_OLDER) + 1))})"
)


def _row(region: str) -> list[Any]:
    """A complaint as it was stored before, some of it nonsense."""
    numbers = dict.fromkeys(("generation", "version", "seq", "breached", "rating_score"), 1)
    days = dict.fromkeys(("days_to_first_follow_up", "days_to_close"), 1.0)
    place = {"region_code": region, "province": region[:2], "regency": region[:5] if len(region) >= 5 else None}
    named = {"external_references": msgspec.json.encode(_NAMED).decode()}
    known = _TEXT | numbers | days | place | named
    known |= {"id": f"complaint_{region}", "public": True, "is_anonymous": False}
    return [known[column] for column in _OLDER]


async def _create(admin: str, name: str) -> None:
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()


async def test_the_models_have_no_change_that_no_migration_makes() -> None:
    from tortoise import Tortoise
    from tortoise.migrations.autodetector import MigrationAutodetector

    app = {"models": ["gateway.ledger.models"], "migrations": "gateway.ledger.migrations"}
    connections = {"default": "sqlite://:memory:"}
    await Tortoise.init(
        config={"connections": connections, "apps": {"ledger": {**app, "default_connection": "default"}}},
        init_connections=False,
    )
    try:
        assert Tortoise.apps is not None
        assert await MigrationAutodetector(Tortoise.apps, {"ledger": app}).changes() == []
    finally:
        await Tortoise.close_connections()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "hub.db", "sqlite://"])
async def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="address of a database"):
        await pending(url)


async def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite://{tmp_path / 'none.db'}", f"postgres://nobody@/none?host={tmp_path}"):
        with pytest.raises(LedgerUnavailable):
            async with open_database(url):
                pass


async def test_a_strangers_file_is_not_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.write_text("not a database, but long enough to have a header of a hundred bytes\n" * 20)
    with pytest.raises(LedgerCorrupt):
        async with open_database(path):
            pass


async def test_a_session_is_one_snapshot(database_url: str) -> None:
    async with open_database(database_url) as database:
        writer = await database.connect()
        try:
            async with database.session() as session:
                assert await _head(session.fetch) == 0
                await writer.transaction(lambda tx: tx.execute("UPDATE head SET seq = $1", [7]))
                assert await _head(session.fetch) == 0
                assert await _head(database.fetch) == 7
            async with database.session() as session:
                assert await _head(session.fetch) == 7
        finally:
            await writer.aclose()
        assert database.in_use() == 0


async def test_a_session_can_only_read(database_url: str) -> None:
    async with open_database(database_url) as database, database.session() as session:
        with pytest.raises(LedgerError):
            await session.fetch("UPDATE head SET seq = 9 RETURNING seq")


async def test_a_transaction_that_fails_leaves_nothing(database_url: str) -> None:
    async with open_database(database_url) as database:
        writer = await database.connect()

        async def fail(tx: object) -> None:
            await tx.execute("UPDATE head SET seq = 9")  # type: ignore[attr-defined]  # a transaction
            raise RuntimeError("on purpose")

        try:
            with pytest.raises(RuntimeError, match="on purpose"):
                await writer.transaction(fail)
            await writer.transaction(lambda tx: tx.execute("UPDATE head SET health = 1"))
        finally:
            await writer.aclose()
        assert await _head(database.fetch) == 0


async def test_cancelled_readers_leave_no_connection_behind(database_url: str) -> None:
    async with open_database(database_url, readers=2) as database:
        tasks = [asyncio.create_task(_read_slowly(database)) for _ in range(6)]
        await until(lambda: database.in_use() == 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):
            await until(lambda: database.in_use() == 0)
            async with database.session() as one, database.session() as two:
                assert [await _head(one.fetch), await _head(two.fetch)] == [0, 0]


async def test_placeholders_may_come_in_any_order_and_again(database_url: str) -> None:
    sql = Sql()
    first, second = sql.bind("b"), sql.bind("a")
    async with open_database(database_url) as database:
        rows = await database.fetch(
            f"SELECT CAST({second} AS TEXT), CAST({first} AS TEXT) || CAST({second} AS TEXT)"
            f" WHERE CAST({first} AS TEXT) IN ({sql.list(['b', 'c'])}) AND NOT 1 IN ({sql.list([])}, 2, 3) IS TRUE",
            sql.params,
        )
    assert [tuple(row) for row in rows] == [("a", "ba")]


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - it is the database's own state, which rings no bell
        await asyncio.sleep(0)


async def _head(fetch: object) -> int:
    rows = await fetch("SELECT seq FROM head")  # type: ignore[operator]  # a session's or a database's
    return int(rows[0][0])


async def _read_slowly(database: Database) -> None:
    async with database.session() as session:
        await session.fetch("SELECT seq FROM head")
        await session.fetch(_SLOW[database.dialect], heavy=True)
