"""The contract on a database across a network: no HTTP, but an address at which nothing, or nobody, may answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import asyncpg

from connectors.manifest import parse_manifest
from connectors.secrets import Secrets
from connectors.testing import ConnectorTier, Subject, Verdict, certify, tier_of

FILE = """
name = "Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "sql"
[sql]
url = "env:CONTOH_DSN"
query = "SELECT * FROM aduan"
since = { column = "diubah" }
page = 5
[fields]
native_id = "id"
status = "status"
title = "judul"
submitted_at = "dibuat"
updated_at = "diubah"
[status]
baru = "SUBMITTED"
selesai = "CLOSED"
"""
ROWS = """
CREATE TABLE aduan AS
SELECT n AS id, CASE n % 2 WHEN 0 THEN 'baru' ELSE 'selesai' END AS status, 'Lampu ' || n AS judul,
    timestamp '2026-05-01 08:00' + n * interval '1 hour' AS dibuat,
    timestamp '2026-05-01 09:00' + n * interval '1 hour' AS diubah
FROM generate_series(1, 12) AS n;
ALTER TABLE aduan ADD PRIMARY KEY (id);
"""


@asynccontextmanager
async def across_a_network(address: str) -> AsyncIterator[str]:
    """The address of a port that leads to a server which only listens on a socket in a folder."""
    parts = urlsplit(address)
    [folder] = parse_qs(parts.query)["host"]

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"postgres://postgres:kata-sandi-contoh@127.0.0.1:{port}{parts.path}"


async def test_a_database_across_a_network_is_gold(postgres_server: Callable[[str], str]) -> None:
    admin = await asyncpg.connect(postgres_server("postgres"))
    await admin.execute("DROP DATABASE IF EXISTS aduan_contoh")
    await admin.execute("CREATE DATABASE aduan_contoh")
    own = await asyncpg.connect(postgres_server("aduan_contoh"))
    await own.execute(ROWS)

    async def arrive() -> set[str]:
        await own.execute("INSERT INTO aduan VALUES (99, 'baru', 'Baru', '2026-05-03 08:00', '2026-05-03 08:00')")
        return {"99"}

    async with across_a_network(postgres_server("aduan_contoh")) as dsn:
        subject = Subject(
            manifest=parse_manifest(FILE, slug="kab-contoh", file="kab-contoh.toml"),
            secrets=Secrets({"CONTOH_DSN": dsn}),
            at=lambda: datetime(2026, 5, 4, tzinfo=UTC),
            arrive=arrive,
        )
        outcomes = {outcome.rule: outcome for outcome in await certify(subject)}
    await own.close()
    await admin.close()
    assert [o for o in outcomes.values() if o.verdict in (Verdict.FAILED, Verdict.UNTRIED)] == []
    assert tier_of(outcomes.values()) is ConnectorTier.GOLD
    for rule in ("deadline-kept", "outage-told-once", "arrivals-not-missed", "since-misses-nothing", "secrets-unseen"):
        assert outcomes[rule].verdict is Verdict.PASSED, rule
