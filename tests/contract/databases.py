"""Agencies' databases for the `sql` kind: a SQLite file, a PostgreSQL and a MariaDB database, filled by statements."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncmy
import asyncpg

from connectors.manifest import Manifest, parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from connectors.sql.connector import SqlConnector
from connectors.sql.database import Address, address
from schema.complaint import ComplaintRecord, Rejected

_NUMBERS = itertools.count(1)
SECRET = "SIMPUL_CONTOH_DSN"

FILE = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "sql"
[poll]
lookback = 0
[sql]
url = "env:SIMPUL_CONTOH_DSN"
query = "SELECT * FROM aduan"
page = 10
{sql}
[sql.lists.riwayat]
query = "SELECT * FROM riwayat"
parent = "aduan_id"
order = "no"
[fields]
native_id = "id"
status = "status"
title = "judul"
is_anonymous = "anonim"
latitude = "lat"
longitude = "lng"
incident_date = "hari"
submitted_at = "dibuat"
updated_at = "diubah"
[timeline]
records = "riwayat"
status = "status"
at = "waktu"
[status]
"baru" = "SUBMITTED"
"diproses" = "IN_FOLLOW_UP"
"selesai" = "CLOSED"
{more}
"""
SINCE = 'since = { column = "diubah" }'


class Bench:
    """One agency's database.

    Attributes:
        moment: its type of a date with a time and without a zone.
    """

    def __init__(self, kind: str, url: str, *, moment: str = "datetime") -> None:
        self.kind, self.url, self.moment = kind, url, moment

    async def run(self, *statements: str) -> None:
        """Runs statements as whoever owns the database."""
        place = address(self.url, Secrets({}))
        match self.kind:
            case "sqlite":
                with closing(sqlite3.connect(place.name)) as file:
                    file.executescript(";".join(statements))
            case "postgres":
                server = await asyncpg.connect(self.url)
                for statement in statements:
                    await server.execute(statement)
                await server.close()
            case _:
                await _run_mysql(place, statements)

    async def fill(self, count: int) -> None:
        """Complaints 1 to `count`, changed one a minute from 1 March 2021, 08:00 in Jakarta; two states each."""
        await self.run(
            "CREATE TABLE aduan (id INTEGER PRIMARY KEY, judul VARCHAR(200), status VARCHAR(20), anonim SMALLINT,"
            f" lat DOUBLE PRECISION, lng DOUBLE PRECISION, hari DATE, dibuat {self.moment}, diubah {self.moment})",
            f"CREATE TABLE riwayat (no INTEGER PRIMARY KEY, aduan_id INTEGER, status VARCHAR(20), waktu {self.moment})",
        )
        rows, steps = [], []
        for id in range(1, count + 1):
            at = f"2021-03-01 08:{id:02}:00"
            rows.append(f"({id}, 'Jalan rusak {id}%', 'diproses', {id % 2}, -6.2, 106.8, '2021-02-28', '{at}', '{at}')")
            steps.append(f"({2 * id}, {id}, 'baru', '{at}')")
            steps.append(f"({2 * id + 1}, {id}, 'diproses', '{at}')")
        await self.run(f"INSERT INTO aduan VALUES {', '.join(rows)}", f"INSERT INTO riwayat VALUES {', '.join(steps)}")

    def manifest(self, sql: str = SINCE, more: str = "", file: str = FILE) -> Manifest:
        text = file.replace("{sql}", sql).replace("{more}", more)
        return parse_manifest(text, slug="kab-contoh", file="agencies/kab-contoh.toml")

    @asynccontextmanager
    async def plugged(
        self, sql: str = SINCE, more: str = "", *, file: str = FILE, folder: Path | None = None, url: str | None = None
    ) -> AsyncIterator[SqlConnector]:
        """The connector of an agency with this database."""
        secrets = Secrets({SECRET: url or self.url})
        connector = connect(self.manifest(sql, more, file), secrets, folder=folder)
        assert isinstance(connector, SqlConnector)
        try:
            yield connector
        finally:
            await connector.aclose()


async def _run_mysql(place: Address, statements: tuple[str, ...]) -> None:
    server = await asyncmy.connect(
        unix_socket=place.options["socket"],
        user=place.user,
        password=place.password.reveal() if place.password else "",
        database=place.name,
        autocommit=True,
    )
    for statement in statements:
        await server.query(statement)
    await server.ensure_closed()


async def read(connector: SqlConnector, since: Any = None) -> dict[str, ComplaintRecord]:
    """All records of a harvest, none of them rejected."""
    records, rejected = await harvest(connector, since)
    assert not rejected
    return {record.native_id: record for record in records}


async def harvest(connector: SqlConnector, since: Any = None) -> tuple[list[ComplaintRecord], list[Rejected]]:
    pages = [page async for page in connector.changes(since)]
    return [r for page in pages for r in page.records], [r for page in pages for r in page.rejected]


async def new_bench(kind: str, folder: Path, server: Callable[[str], str] | None) -> Bench:
    """An empty database."""
    if server is None:
        return Bench("sqlite", f"sqlite://{folder}/aduan.db", moment="text")
    name = f"agency{next(_NUMBERS)}"
    admin = Bench(kind, server("postgres" if kind == "postgres" else "mysql"))
    await admin.run(f"CREATE DATABASE {name}")
    return Bench(kind, server(name), moment="timestamp" if kind == "postgres" else "datetime")
