"""PostgreSQL."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from connectors.sql.database import CHUNK, Address, BadSql
from connectors.sql.statement import Statement
from connectors.sql.values import Bag, Row, parsed
from schema.errors import (
    AuthenticationFailed,
    RateLimited,
    SourceError,
    SourceFailure,
    SourceTimeout,
    TlsFailure,
    Unreachable,
)

_MAY_WRITE: Final = """
SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS (
  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
)
"""
_LEAVE_SECONDS: Final = 1.0
_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    ValueError,
)


class Postgres:
    """A server's database."""

    def __init__(self, address: Address, zone: ZoneInfo, deadline: float) -> None:
        self._url = address.url
        self._deadline = deadline
        self._settings = {
            "application_name": "simpul",
            "default_transaction_read_only": "on",
            "statement_timeout": f"{deadline * 1000:.0f}",
            "timezone": zone.key,
        }

    async def connect(self) -> PostgresSession:
        with translated():
            connection = await asyncpg.connect(
                self._url.reveal(), timeout=self._deadline, server_settings=self._settings, statement_cache_size=0
            )
            return PostgresSession(connection)

    async def aclose(self) -> None:
        """They share nothing."""


class PostgresSession:
    """A connection whose transactions are read-only."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def begin(self) -> None:
        with translated():
            await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    async def end(self) -> None:
        with translated():
            await self._connection.execute("COMMIT")

    async def fetch(self, statement: Statement, limit: int) -> list[Row]:
        with translated():
            prepared = await self._connection.prepare(statement.sql)
            kinds = prepared.get_parameters()
            values = [fitted(value, kind.name) for value, kind in zip(statement.values, kinds, strict=True)]
            columns = prepared.get_attributes()
            names = [column.name for column in columns]
            readers = {column.name: read for column in columns if (read := _READERS.get(column.type.name))}
            bag = Bag(limit)
            cursor = await prepared.cursor(*values)
            while rows := await cursor.fetch(CHUNK):
                bag.add(names, [tuple(row) for row in rows])
            for row in bag.rows if readers else ():
                row.update({name: read(row[name]) for name, read in readers.items()})
            return bag.rows

    async def may_write(self) -> bool:
        with translated():
            return bool(await self._connection.fetchval(_MAY_WRITE))

    async def aclose(self) -> None:
        with translated():
            await self._connection.close(timeout=_LEAVE_SECONDS)

    def abort(self) -> None:
        self._connection.terminate()


def fitted(value: Any, kind: str) -> Any:
    """A value as a parameter of this type takes it; None, which equals nothing, if it can't be one.

    The driver wants each type exactly; what the type is, the server says.
    """
    if value is None:
        return None
    fit = _FITS.get(kind)
    try:
        return fit(value) if fit else value
    except (ValueError, TypeError, InvalidOperation):
        return None


def _whole(bits: int) -> Callable[[Any], int | None]:
    def fit(value: Any) -> int | None:
        number = int(value)
        return number if -(1 << (bits - 1)) <= number < 1 << (bits - 1) else None

    return fit


def _text(value: Any) -> str | None:
    text = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value)
    return None if "\x00" in text else text


def _naive(value: Any) -> Any:
    # The query's moments come in the zone that the agency's dates are in.
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


_FITS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "int2": _whole(16),
    "int4": _whole(32),
    "int8": _whole(64),
    "numeric": lambda value: Decimal(str(value)),
    "float4": float,
    "float8": float,
    "uuid": lambda value: value if isinstance(value, UUID) else UUID(str(value)),
    "text": _text,
    "varchar": _text,
    "bpchar": _text,
    "timestamp": _naive,
    "date": lambda value: value.date() if isinstance(value, datetime) else value,
}


def _bits(value: Any) -> Any:
    return value.as_string() if isinstance(value, asyncpg.BitString) else value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {"json": parsed, "jsonb": parsed, "bit": _bits, "varbit": _bits}


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
    name = type(error).__name__
    match error:
        case asyncpg.InsufficientPrivilegeError():
            return AuthenticationFailed("the account may not read what the query asks for")
        case asyncpg.InvalidAuthorizationSpecificationError():
            return AuthenticationFailed("the database refused the account")
        case asyncpg.QueryCanceledError() | TimeoutError():
            return SourceTimeout("no answer in time")
        case asyncpg.TooManyConnectionsError():
            return RateLimited("the database has no connection left for us")
        case asyncpg.InvalidCatalogNameError():
            return BadSql("the database that sql.url names is not there")
        case asyncpg.UndefinedTableError() | asyncpg.UndefinedColumnError() | asyncpg.UndefinedFunctionError():
            return BadSql(str(error.args[0]).splitlines()[0])
        case asyncpg.PostgresSyntaxError() | asyncpg.AmbiguousColumnError():
            return BadSql(str(error.args[0]).splitlines()[0])
        case asyncpg.SyntaxOrAccessError() | asyncpg.DataError() | asyncpg.ReadOnlySQLTransactionError():
            return BadSql(f"fails ({name})")
        case ssl.SSLError():
            return TlsFailure("the connection could not be secured")
        case asyncpg.ClientConfigurationError():
            return BadSql("sql.url is not understood by the driver")
        case asyncpg.PostgresConnectionError() | asyncpg.OperatorInterventionError() | OSError():
            return Unreachable("no connection to the database")
        case asyncpg.InterfaceError() if "closed" in str(error):
            return Unreachable("the connection to the database broke")
        case _:
            return SourceFailure(f"the database failed ({name})")
