"""Ledgers of any size in tens of seconds: complaints are made by the database itself, past the writer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

import asyncpg
import msgspec

from gateway.ledger.counters import refill
from gateway.ledger.database import Dialect, sqlite_path
from gateway.ledger.rows import COLUMNS
from schema.agency import Agency, AgencyLevel

AGENCIES = 500
REGENCIES = 512
#: The last agency is the national system: one record in ten.
NATIONAL = AGENCIES - 1

_WORDS = [
    *(
        "jalan",
        "berlubang",
        "lampu",
        "mati",
        "banjir",
        "sampah",
        "air",
        "keruh",
        "antre",
        "layanan",
        "lambat",
        "petugas",
    ),
    *("petugas", "mohon", "segera", "diperbaiki", "depan", "pasar", "sekolah", "kantor", "desa", "warga", "kami"),
    *("sudah", "lama", "menunggu", "belum", "ada", "tindak", "lanjut", "dari", "dinas", "terkait"),
]
_STATUSES = ["SUBMITTED", "VERIFIED", "DISPOSED", "IN_FOLLOW_UP", "IN_FOLLOW_UP", "UNMAPPED", "ARCHIVED"]

#: How the databases differ: zero-padded numbers, and a moment from seconds and milliseconds.
_PAD = {Dialect.SQLITE: "printf('%0{1}d', {0})", Dialect.POSTGRES: "lpad(({0})::text, {1}, '0')"}
_MOMENT = {
    Dialect.SQLITE: "strftime('%Y-%m-%dT%H:%M:%S', {0}, 'unixepoch')",
    Dialect.POSTGRES: "to_char(to_timestamp({0}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')",
}
_NUMBERS = {
    Dialect.SQLITE: "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {0})",
    Dialect.POSTGRES: "WITH numbers (n) AS (SELECT generate_series(1::bigint, {0}))",
}
_INDEXES = {
    Dialect.SQLITE: "SELECT name, sql FROM sqlite_master"
    " WHERE type = 'index' AND tbl_name = 'complaints' AND sql IS NOT NULL",
    Dialect.POSTGRES: "SELECT indexname, indexdef FROM pg_indexes"
    " WHERE tablename = 'complaints' AND indexname NOT LIKE '%pkey'",
}

Rows = list[tuple[str, str]]


def slug(number: int) -> str:
    """The agency of a number below AGENCIES."""
    return "sp4n-lapor" if number == NATIONAL else f"kab-{number:03}"


def regency(number: int) -> str:
    """The regency of a number below REGENCIES."""
    return f"{11 + number // 14:02}.{1 + number % 14:02}"


async def fill(url: str, count: int) -> None:
    """Puts `count` complaints of AGENCIES agencies into an empty ledger, as if each had one public event.

    One in fifty is confidential. Indexes are dropped for it and made again; counters are filled as a migration does.
    """
    path = sqlite_path(url)
    if path is not None:
        await asyncio.to_thread(_fill_sqlite, path, count)
    else:
        connection = await asyncpg.connect(url)
        try:
            # Its log would be as long again as the table.
            await connection.execute("ALTER TABLE complaints SET UNLOGGED")
            await connection.execute("SET maintenance_work_mem = '256MB'; SET work_mem = '128MB'")
            await _fill(Dialect.POSTGRES, connection.execute, connection.fetch, count)
            await connection.execute("VACUUM ANALYZE complaints")
        finally:
            await connection.close()


def _fill_sqlite(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # Without a log each page is written once. The memory is given back with the connection.
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -100000;")

        async def execute(statement: str) -> None:
            database.execute(statement)

        async def fetch(statement: str) -> Rows:
            return database.execute(statement).fetchall()

        asyncio.run(_fill(Dialect.SQLITE, execute, fetch, count))
        database.execute("PRAGMA journal_mode = WAL")


async def _fill(
    dialect: Dialect,
    execute: Callable[[str], Awaitable[object]],
    fetch: Callable[[str], Awaitable[Iterable[tuple[str, str]]]],
    count: int,
) -> None:
    indexes = [tuple(row) for row in await fetch(_INDEXES[dialect])]
    for name, _ in indexes:
        await execute(f"DROP INDEX {name}")
    await execute(_agencies())
    await execute(_texts("titles", 89, 5))
    await execute(_texts("texts", 97, 30))
    await execute(f"INSERT INTO complaints ({', '.join(COLUMNS)}) {_complaints(dialect, count)}")
    stamps = f"SELECT id || '/public', id, 'public', {count} FROM agencies"
    await execute(f"INSERT INTO stamps (id, agency, visibility, seq) {stamps}")
    await execute(f"UPDATE head SET seq = {count}")
    for _, statement in indexes:
        await execute(statement)
    for statement in refill():
        await execute(statement)


def _agencies() -> str:
    agencies = map(_agency, range(AGENCIES))
    values = ", ".join(f"('{agency.id}', '{msgspec.json.encode(agency).decode()}')" for agency in agencies)
    return f"INSERT INTO agencies (id, facts) VALUES {values}"


def _agency(number: int) -> Agency:
    level = AgencyLevel.NATIONAL if number == NATIONAL else AgencyLevel.DISTRICT
    return Agency(id=slug(number), name=slug(number), level=level, time_zone="Asia/Jakarta", connector_kind="rest")


def _texts(name: str, count: int, words: int) -> str:
    values = ", ".join(f"({i}, '{_text(i, words + i % 9)}')" for i in range(count))
    return f"CREATE TEMP TABLE {name} AS SELECT column1 AS i, column2 AS t FROM (VALUES {values}) v"


def _text(seed: int, words: int) -> str:
    return " ".join(_WORDS[(seed * 7 + j * 3) % len(_WORDS)] for j in range(words))


def _complaints(dialect: Dialect, count: int) -> str:
    values = _values(dialect)
    moment = _MOMENT[dialect].format
    milliseconds = f"'.' || {_PAD[dialect].format('h % 1000', 3)} || 'Z'"
    start = "1609459200 + n * 60"
    return (
        f"{_NUMBERS[dialect].format(count)},"
        " hashed AS (SELECT n, (n * 2654435761) % 4294967296 AS h FROM numbers),"
        f" placed AS (SELECT n, h, CASE WHEN (h >> 13) % 10 = 0 THEN {NATIONAL} ELSE (h >> 9) % {NATIONAL} END AS a,"
        f" {moment(start)} || {milliseconds} AS submitted,"
        f" {moment(f'{start} + h % 864000')} || {milliseconds} AS updated,"
        f" {moment(f'{start} + h % 1864000')} || {milliseconds} AS due FROM hashed),"
        f" numbered AS (SELECT p.*, (CASE a WHEN {NATIONAL} THEN h >> 11 ELSE a END) % {REGENCIES} AS r FROM placed p)"
        f" SELECT {', '.join(values.get(column, 'NULL') for column in COLUMNS)}"
        " FROM numbered JOIN titles ON titles.i = h % 89 JOIN texts ON texts.i = h % 97"
    )


def _values(dialect: Dialect) -> Mapping[str, str]:
    pad = _PAD[dialect].format
    province, part = pad("11 + r / 14", 2), pad("1 + r % 14", 2)
    steps = " ".join(f"WHEN {n} THEN '{status}'" for n, status in enumerate(_STATUSES))
    rest = '"native_status":null,"actor":null,"note":null'
    moves = f"""'[{{"status":"SUBMITTED","occurred_at":"' || submitted || '",{rest}}}]'"""
    lists = ("tags", "assigned_agencies", "copied_agencies", "dispositions", "follow_ups", "ratings", "clocks")
    return {
        "id": f"'complaint_' || {pad('h', 13)} || {pad('n', 13)}",
        "agency": f"CASE WHEN a = {NATIONAL} THEN 'sp4n-lapor' ELSE 'kab-' || {pad('a', 3)} END",
        "level": f"CASE WHEN a = {NATIONAL} THEN 'NATIONAL' ELSE 'DISTRICT' END",
        "native_id": "'n' || n",
        "generation": "0",
        "tracking_id": "'T' || n",
        "version": "1",
        "seq": "n",
        "public": "(h >> 3) % 50 <> 0",
        "content_state": "'AVAILABLE'",
        "status": f"CASE (h >> 8) % 20 {steps} ELSE 'CLOSED' END",
        "status_changed_at": "updated",
        "title": "titles.t",
        "original_text": "texts.t",
        "classification": "CASE (h >> 12) % 3 WHEN 0 THEN 'PERMINTAAN_INFORMASI' WHEN 1 THEN 'ASPIRASI' END",
        "category": "'kategori' || ((h >> 16) % 24) || '.bagian' || ((h >> 4) % 5)",
        "top_category": "'kategori' || ((h >> 16) % 24)",
        "native_category": "'Kategori ' || ((h >> 16) % 24)",
        "channel": "'WEBSITE'",
        "region_code": f"{province} || '.' || {part} || '.' || {pad('1 + (h >> 5) % 25', 2)}",
        "province": province,
        "regency": f"{province} || '.' || {part}",
        "latitude": "(h % 1000) / 1000.0 - 6.2",
        "longitude": "(h % 777) / 777.0 + 106.8",
        "address": "'Jalan Contoh ' || (h % 300)",
        "is_anonymous": "h % 2 = 0",
        "submitted_at": "submitted",
        "submitted_month": "substr(submitted, 1, 8) || '01'",
        "updated_at": "updated",
        "synced_at": "updated",
        "due_at": "CASE WHEN (h >> 8) % 20 < 5 THEN due END",
        "breached": "CASE WHEN (h >> 8) % 20 < 5 AND (h >> 20) % 4 = 0 THEN 1 ELSE 0 END",
        "days_to_first_follow_up": "(h % 300) / 10.0",
        "days_to_close": "(h % 700) / 10.0",
        "rating_score": "CASE WHEN h % 4 = 0 THEN 1 + h % 5 END",
        "timeline": moves,
        **dict.fromkeys((*lists, "attachments", "external_references", "sent"), "'[]'"),
    }
