"""The sql kind over SQLite, PostgreSQL and MariaDB: the same tables, the same records."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.registry import connect
from connectors.secrets import Secrets
from connectors.sql.connector import WARNING
from connectors.sql.database import BadSql
from connectors.sql.statement import Statement
from schema.errors import (
    BadPayload,
    ConfigError,
    MappingFailure,
    PagingLoop,
    SourceError,
    SourceTimeout,
    Unreachable,
)
from schema.status import ComplaintStatus
from tests.contract.databases import FILE, SECRET, Bench, harvest, new_bench, read

pytestmark = pytest.mark.anyio
COUNT = 25
START = datetime(2021, 3, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A database with 25 complaints."""
    kind = str(request.param)
    server = None if kind == "sqlite" else request.getfixturevalue(f"{kind}_server")
    made = await new_bench(kind, tmp_path, server)
    await made.fill(COUNT)
    return made


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


async def test_each_row_becomes_a_record_with_what_belongs_to_it(bench: Bench) -> None:
    async with bench.plugged() as connector:
        pages = [page async for page in connector.changes(None)]
    assert [len(page.records) for page in pages] == [10, 10, 5]
    assert not any(page.rejected for page in pages)
    record = pages[0].records[2]
    assert (record.native_id, record.title, record.status) == ("3", "Jalan rusak 3%", ComplaintStatus.IN_FOLLOW_UP)
    assert (record.is_anonymous, record.incident_date) == (True, date(2021, 2, 28))
    assert (record.submitted_at, record.updated_at) == (minute(3), minute(3))
    assert record.incident_location is not None
    assert record.incident_location.latitude == -6.2
    assert [event.to_status for event in record.timeline or ()] == ["SUBMITTED", "IN_FOLLOW_UP"]


async def test_only_what_changed_since_comes_and_is_exact_to_the_second(bench: Bench) -> None:
    async with bench.plugged() as connector:
        assert set(await read(connector, minute(24))) == {"24", "25"}
        assert set(await read(connector, minute(24) + timedelta(seconds=1))) == {"25"}
        await bench.run("UPDATE aduan SET status = 'selesai', diubah = '2021-03-01 09:00:00' WHERE id = 2")
        changed = await read(connector, minute(40))
        assert {id: record.status for id, record in changed.items()} == {"2": ComplaintStatus.CLOSED}
    looking_back = bench.manifest().with_values({})
    assert looking_back.poll.lookback == 0


async def test_rows_that_arrive_while_it_reads_are_missed_by_no_harvest(bench: Bench) -> None:
    async with bench.plugged() as connector:
        found: set[str] = set()
        async for page in connector.changes(None):
            if not found:
                await bench.run(
                    "UPDATE aduan SET status = 'selesai', diubah = '2021-03-01 09:00:00' WHERE id = 1",
                    "INSERT INTO aduan (id, status, diubah) VALUES (0, 'baru', '2021-03-01 09:00:00')",
                    "INSERT INTO aduan (id, status, diubah) VALUES (90, 'baru', '2021-03-01 09:00:00')",
                )
            found |= {record.native_id for record in page.records}
        assert found == {str(id) for id in (*range(1, 26), 90)}
        later = await read(connector, minute(50))
        assert {(id, record.status.value) for id, record in later.items()} == {
            ("0", "SUBMITTED"),
            ("1", "CLOSED"),
            ("90", "SUBMITTED"),
        }


async def test_single_complaints_are_fetched_and_nonsense_is_nobody(bench: Bench) -> None:
    odd = ["abc", "3abc", "9" * 40, "-1", "", "1e3", "3' OR '1'='1", "\ud800", "99999999999", "0x3", "三"]
    async with bench.plugged() as connector:
        page = await connector.fetch(["3", "24", "77", *odd])
        assert {record.native_id for record in page.records} == {"3", "24"}
        assert all(len(record.timeline or ()) == 2 for record in page.records)
        assert len((await connector.fetch([str(id) for id in range(1, 26)])).records) == COUNT
        assert (await connector.fetch([])).records == ()


async def test_without_a_column_that_tells_rows_are_compared(bench: Bench, tmp_path: Path) -> None:
    folder, now = tmp_path / "kept", datetime.now(UTC)
    async with bench.plugged(sql="", folder=folder) as connector:
        pages = [page async for page in connector.changes(None)]
        assert sum(len(page.records) for page in pages) == COUNT
        moment = pages[-1].until
        assert moment is not None
        assert moment >= now
        later = datetime.now(UTC)
        assert await read(connector, later) == {}
        await bench.run("UPDATE aduan SET judul = 'lain' WHERE id = 7", "DELETE FROM riwayat WHERE no = 18")
        assert set(await read(connector, later)) == {"7", "9"}
        assert set(await read(connector, later)) == {"7", "9"}, "told again to whoever lost it"
        assert len(await read(connector, None)) == COUNT
    async with bench.plugged(sql="", folder=folder) as connector:
        assert set(await read(connector, later)) == {"7", "9"}
        assert await read(connector, datetime.now(UTC)) == {}
    async with bench.plugged(sql="", more='"lain" = "CLOSED"', folder=folder) as connector:
        assert len(await read(connector, datetime.now(UTC))) == COUNT, "it may read them otherwise now"
    for part in folder.iterdir():
        part.write_bytes(b"broken" * 1000)
    async with bench.plugged(sql="", folder=folder) as connector:
        assert len(await read(connector, datetime.now(UTC))) == COUNT
    async with bench.plugged(sql="") as connector:
        assert len(await read(connector, datetime.now(UTC))) == COUNT
        assert await read(connector, datetime.now(UTC)) == {}


OWN_PAGES = """
fetch = "SELECT * FROM aduan WHERE id IN (:ids)"
"""
OWN_QUERY = """query = '''
SELECT id, judul, status, anonim, lat, lng, hari, dibuat, diubah  -- what's ours; all: since
FROM aduan
WHERE (diubah >= :since OR :since IS NULL) AND (id > :after OR :after IS NULL)
  AND judul LIKE '%rusak%' AND judul <> ':since'
ORDER BY id LIMIT :limit
'''"""


async def test_a_query_may_page_by_itself(bench: Bench) -> None:
    file = FILE.replace('query = "SELECT * FROM aduan"', OWN_QUERY)
    file = file.replace('"SELECT * FROM riwayat"', '"SELECT * FROM riwayat WHERE aduan_id IN (:ids)"')
    async with bench.plugged(sql=OWN_PAGES, file=file) as connector:
        assert len(await read(connector)) == COUNT
        assert set(await read(connector, minute(24))) == {"24", "25"}
        fetched = await connector.fetch(["3", "77"])
        assert [len(record.timeline or ()) for record in fetched.records] == [2]


async def test_the_same_page_again_and_again_is_noticed(bench: Bench) -> None:
    file = FILE.replace(
        'query = "SELECT * FROM aduan"',
        "query = 'SELECT * FROM aduan WHERE 1 = 1 OR id > :after OR diubah > :since ORDER BY id LIMIT :limit'",
    )
    async with bench.plugged(sql=OWN_PAGES, file=file) as connector:
        with pytest.raises(PagingLoop):
            await read(connector)


async def test_a_session_can_only_read(bench: Bench) -> None:
    async with bench.plugged() as connector:
        session = await connector._plan.database.connect()
        await session.begin()
        with pytest.raises((SourceError, BadSql)) as caught:
            await session.fetch(Statement("DELETE FROM aduan", (), "sql.query"), 1000)
        session.abort()
        assert "aduan" not in str(caught.value)
        assert len(await read(connector)) == COUNT


BAD_SQL = {
    "SELECT nomor FROM aduan": ("sql.query", "nomor"),
    "SELECT * FROM pengaduan": ("sql.query", "pengaduan"),
    "SELECT * FROM aduan WHERE": ("sql.query", ""),
    "SELECT id, status, dibuat AS lain FROM aduan": ("sql.query", "diubah"),
    "SELECT status, diubah FROM aduan": ("sql.query", "id"),
}


@pytest.mark.parametrize("query", BAD_SQL)
async def test_sql_that_does_not_fit_names_file_line_and_key(bench: Bench, query: str) -> None:
    key, named = BAD_SQL[query]
    async with bench.plugged(file=FILE.replace("SELECT * FROM aduan", query)) as connector:
        with pytest.raises(MappingFailure) as caught:
            await read(connector, minute(1))
    said = str(caught.value)
    assert said.startswith(f"agencies/kab-contoh.toml:11: {key}: ")
    assert named in said
    assert "Jalan" not in said


async def test_a_list_that_does_not_fit_is_named_too(bench: Bench) -> None:
    for wrong in ("SELECT * FROM lain", "SELECT no, status FROM riwayat", "SELECT * FROM riwayat WHERE x IN (:ids)"):
        async with bench.plugged(file=FILE.replace("SELECT * FROM riwayat", wrong)) as connector:
            with pytest.raises(MappingFailure, match=r"kab-contoh.toml:15: sql.lists.riwayat.query: "):
                await read(connector)
    unselected = "SELECT no, status, waktu FROM riwayat WHERE aduan_id IN (:ids)"
    async with bench.plugged(file=FILE.replace("SELECT * FROM riwayat", unselected).replace('order = "no"', "")) as it:
        with pytest.raises(MappingFailure, match=r"kab-contoh.toml:16: sql.lists.riwayat.parent: "):
            await read(it)


NEVER = {
    "sqlite": "SELECT id, status, diubah FROM (WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    " SELECT id, 'baru' AS status, '' AS diubah FROM n) WHERE id < 0",
    "postgres": "SELECT id, status, diubah, pg_sleep(20) FROM aduan",
    "mariadb": "SELECT id, status, diubah, SLEEP(20) AS s FROM aduan",
}


async def test_the_deadline_holds(bench: Bench) -> None:
    file = FILE.replace("SELECT * FROM aduan", NEVER[bench.kind])
    async with bench.plugged(sql="deadline = 0.3", file=file) as connector:
        for asked in (connector.fetch(["1"]), read(connector), connector.check()):
            started = time.monotonic()
            with pytest.raises(SourceTimeout):
                await asked
            assert time.monotonic() - started < 0.3 + 0.3


async def test_a_page_that_is_too_large_is_refused(bench: Bench) -> None:
    await bench.run(f"UPDATE aduan SET judul = '{'x' * 190}'")
    async with bench.plugged(sql="max_bytes = 2000") as connector:
        with pytest.raises(BadPayload, match="2,000 bytes"):
            await read(connector)


async def test_rows_that_come_more_than_once_are_set_aside(bench: Bench) -> None:
    twice = "SELECT a.*, r.no FROM aduan a JOIN riwayat r ON r.aduan_id = a.id"
    async with bench.plugged(sql="", file=FILE.replace("SELECT * FROM aduan", twice).replace("= 10", "= 100")) as it:
        records, rejected = await harvest(it)
    assert {record.native_id for record in records} == {str(id) for id in range(1, COUNT + 1)}
    assert {refused.reason for refused in rejected} == {
        "comes more than once; sql.query must give one row for each complaint"
    }
    assert len(rejected) == COUNT


async def test_rows_without_a_key_are_set_aside_or_named(bench: Bench) -> None:
    nulls = "SELECT NULLIF(id, 25) AS id, status, judul, diubah FROM aduan"
    async with bench.plugged(file=FILE.replace("SELECT * FROM aduan", nulls).replace("= 10", "= 100")) as connector:
        records, rejected = await harvest(connector)
    assert len(records) == COUNT - 1
    assert [refused.reason for refused in rejected] == ["id: is missing"]
    none = "SELECT NULLIF(id, id) AS id, status, judul, diubah FROM aduan"
    async with bench.plugged(file=FILE.replace("SELECT * FROM aduan", none)) as connector:
        with pytest.raises(MappingFailure, match=r"sql.key: id is null in some rows"):
            await harvest(connector)


async def test_a_probe_shows_request_reply_and_records(bench: Bench) -> None:
    await bench.run("UPDATE aduan SET judul = 'Hubungi 081234567890'")
    async with bench.plugged() as connector:
        probe = await connector.check()
    assert probe.request.startswith("SELECT * FROM (SELECT * FROM aduan ) AS simpul ORDER BY ")
    assert "riwayat" in probe.reply
    assert "081234567890" not in probe.reply
    assert len(probe.page.records) == 5
    assert probe.warnings == (() if bench.kind == "sqlite" else (WARNING,))


async def test_an_account_that_may_write_is_told_once(bench: Bench) -> None:
    async with bench.plugged() as connector:
        with capture_logs() as logs:
            await read(connector)
            await read(connector)
    told = [entry for entry in logs if entry["event"] == "agency.may_be_written"]
    assert [entry["agency"] for entry in told] == ([] if bench.kind == "sqlite" else ["kab-contoh"])


async def test_sessions_end_with_the_connector(bench: Bench) -> None:
    async with bench.plugged() as connector:
        pages = connector.changes(None)
        await anext(pages)
        assert len(connector._open) == 1
    with pytest.raises((SourceError, StopAsyncIteration, ValueError)):
        await anext(pages)
    assert not connector._open


async def test_many_at_once_wait_their_turn(bench: Bench) -> None:
    async with bench.plugged() as connector:
        pages = await asyncio.gather(*(connector.fetch([str(id)]) for id in range(1, COUNT + 1)))
    assert [page.records[0].native_id for page in pages] == [str(id) for id in range(1, COUNT + 1)]


async def test_a_cancelled_harvest_leaves_nothing_behind(bench: Bench) -> None:
    file = FILE.replace("SELECT * FROM aduan", NEVER[bench.kind])
    async with bench.plugged(file=file) as connector:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await read(connector)
        assert not connector._open


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
async def test_a_server_that_is_not_there(scheme: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"{scheme}://hub:kata-sandi@127.0.0.1:{held.getsockname()[1]}/aduan"
        bench = Bench(scheme, url)
        async with bench.plugged() as connector:
            for asked in (read(connector), connector.fetch(["1"]), connector.check()):
                with pytest.raises(Unreachable) as caught:
                    await asked
                assert "kata-sandi" not in str(caught.value)
            assert "kata-sandi" not in repr(vars(connector)) + repr(connector._plan.database)


@pytest.mark.parametrize("scheme", ["postgres", "mysql"])
async def test_a_server_that_says_nothing_or_nonsense(scheme: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def babbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>" + b"x" * 5000)
        writer.close()

    for talk, errors in ((silent, SourceTimeout), (babbling, SourceError)):
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with Bench(scheme, f"{scheme}://hub:x@127.0.0.1:{port}/aduan").plugged("deadline = 0.3") as connector:
                started = time.monotonic()
                with pytest.raises(errors):
                    await read(connector)
                assert time.monotonic() - started < 0.3 + 0.3


async def test_a_file_that_is_not_there_locked_or_none(tmp_path: Path) -> None:
    bench = await new_bench("sqlite", tmp_path, None)
    async with bench.plugged("deadline = 0.2") as connector:
        with pytest.raises(Unreachable):
            await read(connector)
        await bench.fill(3)
        assert len(await read(connector)) == 3
        file = tmp_path / "aduan.db"
        file.rename(tmp_path / "away")
        with pytest.raises(Unreachable):
            await read(connector)
        file.write_text("<html>" * 1000)
        with pytest.raises(BadPayload):
            await read(connector)
        (tmp_path / "away").replace(file)
        holder = sqlite3.connect(file, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceTimeout):
            await read(connector)
        holder.close()
        assert len(await read(connector)) == 3


WRONG = {
    'url = "postgres://hub:rahasia@db/aduan"': ("sql.url", "a password may not stand in the file"),
    'url = "oracle://db/aduan"': ("sql.url", "is not the address of a database"),
    'url = "mysql:///aduan"': ("sql.url", "names no host"),
    'url = "sqlite://"': ("sql.url", "names no database"),
    'url = "mysql://db:port/aduan"': ("sql.url", "is not the address"),
    'url = "mysql://db/aduan?sslmode=maybe"': ("sql.url", "sslmode"),
    'url = "env:NOWHERE"': ("sql.url", "NOWHERE is not set"),
    'query = "DELETE FROM aduan"': ("sql.query", "must begin with SELECT or WITH"),
    'query = "SELECT 1; DROP TABLE aduan"': ("sql.query", "must be one statement"),
    'query = "SELECT * FROM a WHERE x > :when"': (
        "sql.query",
        ":when that is not known (allowed: :since, :after, :limit)",
    ),
    'query = "SELECT * FROM a LIMIT :limit"': ("sql.query", "needs both :after and :limit"),
    'query = "SELECT * FROM a WHERE id > :after LIMIT :limit"': ("sql.fetch", "is missing"),
    'query = "SELECT * FROM a WHERE d > :since"\nsince = { column = "d" }': ("sql.since.column", "is not needed"),
    'since = { format = "epoch" }': ("sql.since.column", "is missing"),
    'fetch = "SELECT * FROM aduan"': ("sql.fetch", "has no :ids"),
    'zone = "Jakarta"': ("sql.zone", "is not an IANA time zone"),
    "page = 0": ("sql.page", ""),
    'encoding = "latin1"': ("sql.encoding", "utf8-in-latin1"),
    "rows = 3": ("sql.rows", "is not known here (allowed: "),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_mistake_in_the_file_is_told_with_its_key(line: str) -> None:
    key, reason = WRONG[line]
    head, table, rest = FILE.partition("[sql]")
    names = {new.split(" = ")[0] for new in line.splitlines()}
    own, _, rest = rest.partition("{sql}")
    kept = [old for old in own.splitlines() if old.split(" = ")[0] not in names]
    text = "\n".join((head, table, *kept, line, rest))
    with pytest.raises(ConfigError) as caught:
        connect(Bench("", "").manifest(file=text), Secrets({SECRET: "sqlite:///tmp/a.db"}))
    assert caught.value.key == key
    assert reason in str(caught.value)
    assert "rahasia" not in str(caught.value)


def test_changes_need_a_date_and_ids_a_column() -> None:
    for file, key in (
        (FILE.replace('updated_at = "diubah"', ""), "fields.updated_at"),
        (FILE.replace('native_id = "id"', "native_id = \"join('-', [a, b])\""), "fields.native_id"),
        (FILE.replace('native_id = "id"', ""), "fields.native_id"),
    ):
        with pytest.raises(ConfigError) as caught:
            connect(Bench("", "").manifest(file=file), Secrets({SECRET: "sqlite:///tmp/a.db"}))
        assert caught.value.key == key
