"""Statements, values and addresses of the sql kind, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import page_of
from connectors.manifest import read_manifest
from connectors.mapping import Mapper
from connectors.secrets import Secrets
from connectors.sql.database import BadAddress, address
from connectors.sql.mysql import grants_writing
from connectors.sql.postgres import fitted
from connectors.sql.statement import ChildQuery, Dialect, NotOneSelect, Queries, names, parse
from connectors.sql.values import Values, repaired
from gateway.demo import agency_files
from schema.errors import ConfigError

KNOWN = ("since", "after", "limit")
JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("query", "dialect", "found"),
    [
        ("SELECT a FROM t WHERE a > :after AND b = ':limit' LIMIT :limit", Dialect.SQLITE, {"after", "limit"}),
        ('SELECT a::text, ":since", `:since` FROM t -- :since; \'\n/* :since; */', Dialect.POSTGRES, set()),
        ("select 'it''s :since; ' || a[1:2] from t", Dialect.POSTGRES, set()),
        (r"SELECT 'it\'s :since; ' FROM t # what's :since", Dialect.MYSQL, set()),
        ("SELECT '\\' || :since || '", Dialect.POSTGRES, {"since"}),
        ("  -- what it is\n WITH x AS (SELECT 1) SELECT * FROM x;  ", Dialect.SQLITE, set()),
    ],
)
def test_parameters_are_found_where_they_are_meant(query: str, dialect: Dialect, found: set[str]) -> None:
    assert names(parse(query, dialect, KNOWN)) == found


@pytest.mark.parametrize(
    "query",
    ["", "UPDATE t SET a = 1", "SELECT 1; SELECT 2", "SELECT :nothing", "EXPLAIN SELECT 1", "SELECTED", "(SELECT 1)"],
)
def test_anything_but_one_select_is_refused(query: str) -> None:
    with pytest.raises(NotOneSelect):
        parse(query, Dialect.MYSQL, KNOWN)


def queries(dialect: Dialect, query: str = "SELECT '%' AS a FROM t") -> Queries:
    return Queries(dialect, parse(query, dialect, KNOWN), None, key="k", native_id="n", since='s`"')


def test_a_plain_query_is_wrapped() -> None:
    asked = queries(Dialect.POSTGRES).page("then", "x", 7)
    assert asked.sql == (
        'SELECT * FROM (SELECT \'%\' AS a FROM t\n) AS simpul WHERE "s`""" >= $1 AND "k" > $2 ORDER BY "k" LIMIT 7'
    )
    assert asked.values == ("then", "x")
    asked = queries(Dialect.MYSQL).page("then", None, 7)
    assert asked.sql == ("SELECT * FROM (SELECT '%%' AS a FROM t\n) AS simpul WHERE `s``\"` >= %s ORDER BY `k` LIMIT 7")
    asked = queries(Dialect.SQLITE).fetch(["a", 1])
    assert asked.sql == "SELECT * FROM (SELECT '%' AS a FROM t\n) AS simpul WHERE `n` IN (?1, ?2)"
    assert queries(Dialect.SQLITE).fetch([]).sql.endswith("IN (NULL)")


def test_a_query_with_parameters_is_sent_as_it_is() -> None:
    query = "SELECT * FROM t WHERE (k > :after OR :after IS NULL) LIMIT :limit"
    asked = queries(Dialect.POSTGRES, query).page(None, "x", 7)
    assert asked.sql == "SELECT * FROM t WHERE (k > $1 OR $1 IS NULL) LIMIT $2"
    assert asked.values == ("x", 7)
    asked = queries(Dialect.MYSQL, query).page(None, "x", 7)
    assert asked.sql == "SELECT * FROM t WHERE (k > %s OR %s IS NULL) LIMIT %s"
    assert asked.values == ("x", "x", 7)


def test_a_list_may_say_itself_whose_entries_it_wants() -> None:
    query = parse("SELECT * FROM r WHERE p IN (:ids)", Dialect.SQLITE, ("ids",))
    asked = ChildQuery(Dialect.SQLITE, "r", query, parent="p", order="o").of([1, 2], 9)
    assert asked.sql == "SELECT * FROM (SELECT * FROM r WHERE p IN (?1, ?2)\n) AS simpul ORDER BY `o` LIMIT 9"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None),
        (True, True),
        (2**70, 2**70),
        (float("nan"), None),
        (Decimal("5.00"), 5),
        (Decimal("-6.1234567"), -6.1234567),
        (Decimal("NaN"), None),
        (Decimal("1e30"), "1000000000000000000000000000000"),
        (Decimal("1.2345678901234567890"), "1.2345678901234567890"),
        (b"teks", "teks"),
        (b"\xff\xd8\x00", "ffd800"),
        (b"\x01", "01"),
        (memoryview(b"teks"), "teks"),
        (datetime(2021, 3, 1, 8, tzinfo=UTC).replace(tzinfo=None), datetime(2021, 3, 1, 8, tzinfo=JAKARTA)),
        (date(9999, 12, 31), None),
        (datetime(2021, 3, 1, 8, tzinfo=UTC), datetime(2021, 3, 1, 8, tzinfo=UTC)),
        (date(2021, 3, 1), date(2021, 3, 1)),
        (time(8, 30), "08:30:00"),
        (timedelta(hours=25, minutes=1), "25:01:00"),
        (-timedelta(minutes=1), "-00:01:00"),
        ({1: [Decimal(1), (2,)]}, {"1": [1, [2]]}),
        (JAKARTA, "Asia/Jakarta"),
    ],
)
def test_what_drivers_give_becomes_what_the_mapper_reads(value: object, read: object) -> None:
    assert Values(JAKARTA).value(value) == read


def as_mysql_reads_latin1(content: bytes) -> str:
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in content)


@given(st.text())
def test_utf8_that_was_read_as_latin1_is_read_right(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert repaired(as_mysql_reads_latin1(text.encode())) == text or repaired(text) != text
    if len(text.encode()) > 2:
        cut = as_mysql_reads_latin1(text.encode()[:-1])
        assert repaired(cut) in (cut, text.encode()[:-1].decode("utf-8", "ignore"))


@pytest.mark.parametrize("text", ["Café", "é", "naïve – “ya”", "日本", "Jl. Ahmad", "ÿþ"])
def test_what_is_no_such_text_stays(text: str) -> None:
    assert repaired(text) == text


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.just("0000-00-00 00:00:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SUMBAR = read_manifest(agency_files() / "prov-sumbar.toml")
MAPPER = Mapper(SUMBAR)
ROW: dict[str, Any] = {
    "kunci": "00f1",
    "nomor": "SB.24.000001",
    "perihal": "Jalan rusak",
    "keadaan": "Selesai",
    "waktu_terima": "2024-01-05 02:13:42",
    "waktu_ubah": "2024-01-06 02:13:42",
    "anonim": 0,
    "rahasia": 0,
    "lat": -0.9,
    "lng": 100.3,
    "riwayat": [
        {"kunci": "00f1", "keadaan": "Menunggu Verifikasi", "waktu": "2024-01-05 02:13:42", "pelaku": "Pelapor"}
    ],
    "nilai": [{"angka": 5, "dari": "Pelapor", "waktu": "2024-01-06 02:13:42"}],
}


def test_the_row_that_is_mutated_is_a_good_one() -> None:
    assert not page_of([Values(JAKARTA).row(ROW)], MAPPER.record).rejected


@given(st.sampled_from(sorted(ROW)), ANYTHING, st.booleans(), st.booleans())
def test_whatever_stands_in_a_column_a_record_or_a_reason_comes_out(
    column: str, value: Any, inside: bool, repair: bool
) -> None:
    row = {name: [dict(entry) for entry in part] if isinstance(part, list) else part for name, part in ROW.items()}
    if inside and isinstance(row[column], list):
        row[column][0][sorted(row[column][0])[0 if value is None else 1]] = value
    else:
        row[column] = value
    raw = Values(JAKARTA, ("perihal",), repair=repair).row(row)
    page = page_of([raw], MAPPER.record, None, MAPPER.native_id)
    assert len(page.records) + len(page.rejected) == 1


@given(st.text(), st.sampled_from(["int2", "int4", "int8", "numeric", "uuid", "text", "float8", "bool", "timestamp"]))
def test_an_id_that_no_column_can_hold_equals_nothing(id: str, kind: str) -> None:
    fitted(id, kind)


@pytest.mark.parametrize(
    ("grant", "writes"),
    [
        ("GRANT USAGE ON *.* TO `hub`@`%` IDENTIFIED BY PASSWORD '*AB'", False),
        ("GRANT SELECT ON `aduan`.* TO `hub`@`%`", False),
        ("GRANT SELECT, SHOW VIEW, PROCESS ON *.* TO `hub`@`%`", False),
        ("GRANT SELECT (`id`, `UPDATE`) ON `aduan`.`t` TO `hub`@`%`", False),
        ("GRANT `readers` TO `hub`@`%`", False),
        ("GRANT SELECT, INSERT ON `aduan`.* TO `hub`@`%`", True),
        ("GRANT SELECT (`id`), UPDATE (`a`, `b`) ON `aduan`.`t` TO `hub`@`%`", True),
        ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", True),
        ("GRANT SELECT ON `aduan`.* TO `hub`@`%` WITH GRANT OPTION", True),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", True),
    ],
)
def test_grants(grant: str, writes: bool) -> None:
    assert grants_writing(grant) is writes


def test_a_password_may_be_a_reference_inside_an_address() -> None:
    secrets = Secrets({"PW": "a@b/c:d%", "DSN": "mariadb://hub:p%40w@[::1]:3307/aduan?sslmode=require"})
    place = address("mysql://hub:env:PW@db.contoh.example/aduan", secrets)
    assert (place.dialect, place.host, place.user, place.name) == (Dialect.MYSQL, "db.contoh.example", "hub", "aduan")
    assert place.password is not None
    assert place.password.reveal() == "a@b/c:d%"
    place = address("env:DSN", secrets)
    assert (place.host, place.port, place.options) == ("::1", 3307, {"sslmode": "require"})
    assert "p%40w" not in repr(place)
    assert "p@w" not in repr(place)
    for wrong in ("mysql://hub:pw@db/aduan", "mysql://db", "ftp://db/aduan", "mysql://db:99999/aduan", "mysql://[db/x"):
        with pytest.raises(BadAddress):
            address(wrong, secrets)
    with pytest.raises(ConfigError):
        address("env:NOWHERE", secrets)
