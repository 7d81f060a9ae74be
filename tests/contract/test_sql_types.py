"""What only one database has: MySQL's zero dates, latin1 and tinyint; PostgreSQL's zones, arrays and JSON; accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from connectors.secrets import Secrets
from connectors.sql.connector import WARNING
from connectors.sql.database import address
from schema.errors import AuthenticationFailed, MappingFailure
from tests.contract.databases import Bench, harvest, new_bench, read

pytestmark = pytest.mark.anyio
Server = Callable[[str], str]

MARIADB = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jayapura"
kind = "sql"
[poll]
lookback = 0
[sql]
url = "env:SIMPUL_CONTOH_DSN"
query = "SELECT * FROM pengaduan"
since = { column = "diubah" }
encoding = "utf8-in-latin1"
json = ["lampiran"]
[fields]
native_id = "no"
status = "status"
title = "judul"
original_text = "isi"
address = "alamat"
is_anonymous = "anonim"
is_confidential = "rahasia"
latitude = "lat"
longitude = "lng"
incident_date = "kejadian"
submitted_at = "dibuat"
updated_at = "diubah"
closed_at = "selesai"
channel = "kanal"
[attachments]
records = "lampiran"
url = "url"
[status]
"baru" = "SUBMITTED"
[channel]
"web" = "WEBSITE"
"""
TEXT = "Jalan “Merdeka” rusak – tolong 😭🙏 é"


@pytest.fixture
async def mariadb(mariadb_server: Server, tmp_path: Path) -> Bench:
    """A table as old applications left it: texts that a program wrote as UTF-8 into latin1, zero dates."""
    bench = await new_bench("mariadb", tmp_path, mariadb_server)
    written = TEXT.encode().hex()
    await bench.run(
        "CREATE TABLE pengaduan (no INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, status ENUM('baru', 'lain'),"
        " judul VARCHAR(40), isi TEXT, alamat VARCHAR(100) CHARACTER SET utf8mb4, anonim TINYINT(1), rahasia BIT(1),"
        " lat DECIMAL(10, 7), lng DECIMAL(10, 7), kejadian DATE, dibuat DATETIME, diubah TIMESTAMP NULL,"
        " selesai DATETIME, kanal VARBINARY(20), lampiran JSON, foto BLOB, jam TIME, tahun YEAR)"
        " CHARACTER SET latin1",
        "SET SESSION sql_mode = ''",
        "SET SESSION time_zone = '+00:00'",
        f"INSERT INTO pengaduan VALUES (NULL, 'baru', x'{written[:64]}', x'{written}', 'Jl. Café “A” é', 1, b'1',"
        " -2.5333333, 140.7166667, '0000-00-00', '2021-03-01 08:00:00', '2021-03-01 00:00:00', '0000-00-00 00:00:00',"
        " 'web', '[{\"url\": \"https://contoh.example/a.jpg\"}]', x'FFD8FF00', '25:10:00', 2021)",
        "INSERT INTO pengaduan (status, judul, kejadian, dibuat, diubah, anonim)"
        " VALUES ('baru', 'Caf\xe9', '2021-02-00', '2021-03-01 08:00:00', '2021-03-01 00:01:00', 0)",
    )
    return bench


async def test_old_mysql_tables_are_read_right(mariadb: Bench) -> None:
    async with mariadb.plugged(file=MARIADB) as connector:
        records = await read(connector)
        assert set(await read(connector, datetime(2021, 3, 1, 0, 1, tzinfo=UTC))) == {"2"}
        assert set(await read(connector, datetime(2021, 3, 1, 0, 0, tzinfo=UTC))) == {"1", "2"}
    first, second = records["1"], records["2"]
    assert first.original_text == TEXT
    assert first.title == TEXT.encode()[:32].decode("utf-8", "ignore").strip()
    assert first.incident_location is not None
    assert first.incident_location.address == "Jl. Café “A” é"
    assert first.incident_location.latitude == -2.5333333
    assert (first.is_anonymous, first.is_confidential, first.channel) == (True, True, "WEBSITE")
    assert (first.incident_date, first.closed_at) == (None, None)
    # Jayapura is UTC+9: DATETIME is the agency's clock, TIMESTAMP a moment.
    assert first.submitted_at == datetime(2021, 2, 28, 23, 0, tzinfo=UTC)
    assert first.updated_at == datetime(2021, 3, 1, tzinfo=UTC)
    assert [attachment.url for attachment in first.attachments] == ["https://contoh.example/a.jpg"]
    assert (second.title, second.incident_date, second.is_anonymous) == ("Café", None, False)


async def test_dates_may_be_in_another_zone_than_the_agency(mariadb: Bench) -> None:
    async with mariadb.plugged(file=MARIADB.replace("json =", 'zone = "UTC"\njson =')) as connector:
        records = await read(connector, datetime(2021, 3, 1, 0, 1, tzinfo=UTC))
    assert records["2"].submitted_at == datetime(2021, 3, 1, 8, 0, tzinfo=UTC)
    assert records["2"].updated_at == datetime(2021, 3, 1, 0, 1, tzinfo=UTC)


async def test_mysql_accounts(mariadb: Bench) -> None:
    name = address(mariadb.url, Secrets({})).name
    await mariadb.run(
        f"CREATE USER reader_{name}@localhost IDENTIFIED BY 'kata%sandi'",
        f"GRANT SELECT ON {name}.* TO reader_{name}@localhost",
        f"CREATE USER nobody_{name}@localhost IDENTIFIED BY 'x'",
        f"GRANT SELECT (no) ON {name}.pengaduan TO nobody_{name}@localhost",
    )

    def at(user: str, password: str, database: str = name) -> str:
        return mariadb.url.replace("root@localhost", f"{user}_{name}:{password}@localhost").replace(
            f"/{name}?", f"/{database}?"
        )

    async with mariadb.plugged(file=MARIADB, url=at("reader", "kata%25sandi")) as connector:
        assert (await connector.check()).warnings == ()
        assert len(await read(connector)) == 2
    async with mariadb.plugged(file=MARIADB) as connector:
        assert (await connector.check()).warnings == (WARNING,)
    for url in (at("reader", "wrong"), at("nobody", "x"), at("reader", "kata%25sandi", "mysql")):
        async with mariadb.plugged(file=MARIADB, url=url) as connector:
            with pytest.raises(AuthenticationFailed) as caught:
                await read(connector)
            assert "sandi" not in str(caught.value)
    async with mariadb.plugged(file=MARIADB, url=mariadb.url.replace(f"/{name}?", "/nowhere?")) as connector:
        with pytest.raises(MappingFailure, match=r"kab-contoh.toml:10: sql.url: "):
            await read(connector)
    await mariadb.run(f"GRANT UPDATE (status) ON {name}.pengaduan TO reader_{name}@localhost")
    async with mariadb.plugged(file=MARIADB, url=at("reader", "kata%25sandi")) as connector:
        assert (await connector.check()).warnings == (WARNING,)


POSTGRES = MARIADB.replace('encoding = "utf8-in-latin1"\njson = ["lampiran"]\n', "page = 1\n")


@pytest.fixture
async def postgres(postgres_server: Server, tmp_path: Path) -> Bench:
    bench = await new_bench("postgres", tmp_path, postgres_server)
    await bench.run(
        "CREATE TYPE keadaan AS ENUM ('baru', 'lain')",
        "CREATE TABLE pengaduan (no uuid PRIMARY KEY, status keadaan, judul varchar, isi text, alamat text,"
        " anonim boolean, rahasia bit(1), lat numeric, lng numeric, kejadian date, dibuat timestamp,"
        " diubah timestamptz, selesai timestamptz, kanal bytea, lampiran jsonb, lain int[], lama interval,"
        " titik point, luas int4range)",
        "INSERT INTO pengaduan VALUES ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'baru', 'Judul', 'Isi', 'Jl. Café',"
        " true, B'1', -2.5333333, 140.7166667, '2021-02-28', '2021-03-01 08:00:00', '2021-03-01Z', NULL, 'web',"
        " '[{\"url\": \"https://contoh.example/a.jpg\"}]', '{1,2}', '2 hours', '(1,2)', '[1,3)')",
        "INSERT INTO pengaduan (no, status, lat, dibuat, diubah, kejadian) VALUES"
        " ('7ba7b810-9dad-11d1-80b4-00c04fd430c8',"
        " 'baru', 'NaN', 'infinity', '2021-03-01 00:01:00+00', '2021-02-28')",
    )
    return bench


async def test_postgres_types(postgres: Bench) -> None:
    async with postgres.plugged(file=POSTGRES) as connector:
        records, rejected = await harvest(connector)
        assert [str(refused.reason) for refused in rejected] == []
        later = await read(connector, datetime(2021, 3, 1, 0, 1, tzinfo=UTC))
        fetched = await connector.fetch(["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "no-uuid"])
    first, second = records
    assert first.native_id == "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    assert fetched.records == (first,)
    assert set(later) == {second.native_id}
    assert (first.is_anonymous, first.is_confidential, first.channel) == (True, True, "WEBSITE")
    assert second.submitted_at is None
    assert first.incident_date == date(2021, 2, 28)
    assert first.submitted_at == datetime(2021, 2, 28, 23, 0, tzinfo=UTC)
    assert first.updated_at == datetime(2021, 3, 1, tzinfo=UTC)
    assert [attachment.url for attachment in first.attachments] == ["https://contoh.example/a.jpg"]
    assert first.incident_location is not None
    assert first.incident_location.longitude == 140.7166667


async def test_postgres_accounts(postgres: Bench) -> None:
    name = postgres.url.partition("?")[0].rpartition("/")[2]
    await postgres.run(f"CREATE ROLE reader_{name} LOGIN", f"CREATE ROLE nobody_{name} LOGIN")
    await postgres.run(f"GRANT SELECT ON pengaduan TO reader_{name}")
    reader, nobody, unknown = (
        postgres.url.replace("postgres:@", f"{user}_{name}:@") for user in ("reader", "nobody", "unknown")
    )
    async with postgres.plugged(file=POSTGRES, url=reader) as connector:
        assert (await connector.check()).warnings == ()
        assert len(await read(connector)) == 2
    for url in (nobody, unknown):
        async with postgres.plugged(file=POSTGRES, url=url) as connector:
            with pytest.raises(AuthenticationFailed):
                await read(connector)
    async with postgres.plugged(file=POSTGRES, url=postgres.url.replace(f"/{name}?", "/nowhere?")) as connector:
        with pytest.raises(MappingFailure, match=r"kab-contoh.toml:10: sql.url: "):
            await read(connector)
    await postgres.run(f"GRANT UPDATE (status) ON pengaduan TO reader_{name}")
    async with postgres.plugged(file=POSTGRES, url=reader) as connector:
        assert (await connector.check()).warnings == (WARNING,)


@pytest.mark.parametrize(
    ("column", "form", "values", "since"),
    [
        ("TEXT", "%Y%m%d%H%M%S", ("'20210301080000'", "'20210301080100'"), 1),
        ("INTEGER", "epoch", ("1614556800", "1614556860"), 1),
        ("INTEGER", "epoch_ms", ("1614556800000", "1614556860000"), 1),
    ],
)
@pytest.mark.parametrize("kind", ["sqlite", "postgres", "mariadb"])
async def test_a_column_that_is_no_date_tells_changes_too(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    kind: str,
    column: str,
    form: str,
    values: tuple[str, str],
    since: int,
) -> None:
    server = None if kind == "sqlite" else request.getfixturevalue(f"{kind}_server")
    bench = await new_bench(kind, tmp_path, server)
    column = "BIGINT" if column == "INTEGER" else "VARCHAR(20)"
    await bench.run(f"CREATE TABLE pengaduan (no VARCHAR(9) PRIMARY KEY, status VARCHAR(9), diubah {column})")
    await bench.run(f"INSERT INTO pengaduan VALUES ('A-1', 'baru', {values[0]}), ('A-2', 'baru', {values[1]})")
    file = POSTGRES.replace('"diubah" }', f'"diubah", format = "{form}" }}').replace("Jayapura", "Jakarta")
    async with bench.plugged(file=f'{file}[dates]\nformats = ["{form}"]\n') as connector:
        assert set(await read(connector)) == {"A-1", "A-2"}
        at = datetime(2021, 3, 1, 1, 0, tzinfo=UTC) if column != "BIGINT" else datetime(2021, 3, 1, tzinfo=UTC)
        assert set(await read(connector, at)) == {"A-1", "A-2"}
        assert set(await read(connector, at.replace(minute=1))) == {"A-2"}
        assert len((await connector.fetch(["A-2", "A-3"])).records) == 1
