"""MySQL and MariaDB."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncmy
from asyncmy import converters, errors
from asyncmy.constants import FIELD_TYPE
from asyncmy.cursors import SSCursor

from connectors.sql.database import CHUNK, Address, BadAddress, BadSql
from connectors.sql.statement import Statement
from connectors.sql.values import Bag, Row, parsed
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    RateLimited,
    SourceError,
    SourceFailure,
    SourceTimeout,
    TlsFailure,
    Unreachable,
)

#: Privileges that change nothing.
_HARMLESS: Final = frozenset(
    {
        "USAGE",
        "SELECT",
        "SHOW VIEW",
        "SHOW DATABASES",
        "PROCESS",
        "REPLICATION CLIENT",
        "BINLOG MONITOR",
        "SLAVE MONITOR",
        "REPLICA MONITOR",
    }
)
_REFUSED: Final = frozenset({1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 3118, 3159})
_FULL: Final = frozenset({1040, 1203, 1226})
_SLOW: Final = frozenset({1205, 1317, 1969, 3024})
_AWAY: Final = frozenset({1053, 1080, 1152, 1159, 1161, 1184, 2002, 2003, 2006, 2013, 2055})
#: Column, table, function unknown; ambiguous column: their messages hold nothing but names.
_NAMES: Final = frozenset({1052, 1054, 1060, 1109, 1146, 1305})
_ERRORS: Final = (errors.MySQLError, OSError, TimeoutError, UnicodeError, RuntimeError, ValueError)


def _day(text: str | bytes) -> date | None:
    """`0000-00-00`, `2019-00-00`: nothing was written down."""
    found = converters.convert_date(text)
    return found if isinstance(found, date) else None


def _moment(text: str | bytes) -> datetime | None:
    found = converters.convert_datetime(text)
    return found if isinstance(found, datetime) else None


def _bits(content: bytes) -> int:
    return int.from_bytes(content, "big")


_DECODERS: Final = {
    **converters.conversions,
    FIELD_TYPE.DATE: _day,
    FIELD_TYPE.DATETIME: _moment,
    FIELD_TYPE.TIMESTAMP: _moment,
    FIELD_TYPE.BIT: _bits,
}


class MySql:
    """A server's database."""

    def __init__(self, address: Address, zone: ZoneInfo, deadline: float) -> None:
        self._address, self._zone, self._deadline = address, zone, deadline
        self._tls = _tls(address.options)

    async def connect(self) -> MySqlSession:
        address = self._address
        with translated():
            connection = await asyncmy.connect(
                host=address.host,
                port=address.port or 3306,
                unix_socket=address.options.get("socket"),
                user=address.user,
                password=address.password.reveal().encode() if address.password else b"",
                database=address.name,
                charset="utf8mb4",
                connect_timeout=max(self._deadline, 1.0),
                ssl=self._tls,
                conv=_DECODERS,
                autocommit=True,
                program_name="simpul",
            )
            session = MySqlSession(connection)
            try:
                await session.prepare(self._zone, self._deadline)
            except BaseException:
                session.abort()
                raise
            return session

    async def aclose(self) -> None:
        """They share nothing."""


class MySqlSession:
    """A connection whose transactions are read-only."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def prepare(self, zone: ZoneInfo, deadline: float) -> None:
        """Makes it what a session is."""
        await self._connection.query("SET SESSION TRANSACTION READ ONLY")
        await self._connection.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # TIMESTAMP columns are told in this zone. An offset, since servers often know no zones by name.
        offset = f"{datetime.now(zone):%z}"
        await self._connection.query(f"SET SESSION time_zone = '{offset[:3]}:{offset[3:5]}'")
        await self._limit(deadline)

    async def _limit(self, deadline: float) -> None:
        maria = "mariadb" in self._connection.get_server_info().lower()
        limit = f"max_statement_time = {deadline}" if maria else f"max_execution_time = {deadline * 1000:.0f}"
        try:
            await self._connection.query(f"SET SESSION {limit}")
        except errors.MySQLError:
            return  # older than the setting; our own deadline holds all the same

    async def begin(self) -> None:
        with translated():
            await self._connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    async def end(self) -> None:
        with translated():
            await self._connection.query("COMMIT")

    async def fetch(self, statement: Statement, limit: int) -> list[Row]:
        with translated():
            bag = Bag(limit)
            cursor = self._connection.cursor(SSCursor)
            await cursor.execute(statement.sql, tuple(_sent(value) for value in statement.values))
            names = [column[0] for column in cursor.description]
            json = [column[0] for column in cursor.description if column[1] == FIELD_TYPE.JSON]
            while rows := await cursor.fetchmany(CHUNK):
                bag.add(names, rows)
            await cursor.close()
            for row in bag.rows if json else ():
                row.update({name: parsed(row[name]) for name in json})
            return bag.rows

    async def may_write(self) -> bool:
        with translated():
            async with self._connection.cursor() as cursor:
                await cursor.execute("SHOW GRANTS")
                return any(grants_writing(str(row[0])) for row in await cursor.fetchall())

    async def aclose(self) -> None:
        with translated():
            await self._connection.ensure_closed()

    def abort(self) -> None:
        self._connection.close()


def grants_writing(grant: str) -> bool:
    """Whether one line of SHOW GRANTS allows more than reading. The grant of a role says nothing by itself."""
    granted, on, rest = grant.removeprefix("GRANT ").partition(" ON ")
    if not on:
        return False
    words = {_without_columns(word).strip().upper() for word in _privileges(granted)}
    return not words <= _HARMLESS or rest.rstrip().upper().endswith("WITH GRANT OPTION")


def _privileges(granted: str) -> list[str]:
    """Cut at commas, but for those between columns: `SELECT (a, b), INSERT`."""
    depth, words = 0, [""]
    for character in granted:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            words.append("")
        else:
            words[-1] += character
    return words


def _without_columns(privilege: str) -> str:
    return privilege.partition("(")[0]


def _sent(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """As PostgreSQL's `sslmode` and `sslrootcert` say it.

    Raises:
        BadAddress: they say something else.
    """
    mode = options.get("sslmode", "disable")
    if mode not in ("disable", "require", "verify-ca", "verify-full"):
        raise BadAddress("has an sslmode that is none of disable, require, verify-ca, verify-full")
    if mode == "disable":
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("sslrootcert"))
    except OSError:
        raise BadAddress("names an sslrootcert that can't be read") from None
    if mode != "verify-full":
        context.check_hostname = False
    if mode not in ("verify-full", "verify-ca"):
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver raises into what the project raises."""
    try:
        yield
    except SourceError:
        raise
    except _ERRORS as error:
        raise _error(error) from None


def _error(error: Exception) -> Exception:
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return TlsFailure("the connection could not be secured")
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
        return SourceTimeout("no connection in time")
    if isinstance(error, OSError):
        return Unreachable("no connection to the database")
    if isinstance(error, UnicodeError):
        return BadPayload("a text is not in the character set that the database says")
    number = error.args[0] if isinstance(error, errors.MySQLError) and error.args else None
    if number in _REFUSED:
        return AuthenticationFailed(f"the database refused the account ({number})")
    if number in _AWAY:
        return Unreachable(f"no connection to the database ({number})")
    if number in _FULL:
        return RateLimited(f"the database has no connection left for us ({number})")
    if number in _SLOW:
        return SourceTimeout(f"the statement took too long ({number})")
    if number == 1049:
        return BadSql("the database that sql.url names is not there")
    if number in _NAMES:
        return BadSql(str(error.args[1])[:200])
    if isinstance(error, errors.ProgrammingError):
        return BadSql(f"is not understood by the database ({number})")
    return SourceFailure(f"the database failed ({number or type(error).__name__})")
