"""PostgreSQL: a pool for reading, and the writer's connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg

from gateway.ledger.database import Body, Database, Dialect, Row
from schema.errors import DeadlinePassed, LedgerCorrupt, LedgerError, LedgerUnavailable, MigrationsPending

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_CONNECT_SECONDS = 10.0
#: Prepared statements that each connection keeps, and the characters of the longest: all columns of many branches.
_STATEMENTS = 256
_LONGEST = 65_536
# `jit` compiles for longer than our statements run.
_SETTINGS = {"application_name": "simpul", "jit": "off", "timezone": "UTC"}
#: Readers' statements differ in their values alone, and are written so that one plan is right for all of them: to plan
#: anew for each page costs up to four times as much as the page.
_READING = {**_SETTINGS, "plan_cache_mode": "force_generic_plan"}
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@contextmanager
def errors_of_postgres() -> Iterator[None]:
    """Lets the driver's errors out as the ledger's."""
    try:
        yield
    except _ERRORS as error:
        raise ledger_error(error) from error


def ledger_error(error: Exception) -> LedgerError:
    """The one place where the driver's errors become the ledger's."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        return MigrationsPending(str(error))
    if isinstance(error, _AWAY):
        # The driver refuses a value or a setting before it asks the server.
        return LedgerError(text) if isinstance(error, ValueError) else LedgerUnavailable(text)
    if isinstance(error, asyncpg.DataCorruptedError | asyncpg.IndexCorruptedError):
        return LedgerCorrupt(str(error))
    return LedgerError(text)


async def open_postgres(url: str, readers: int, deadline: float) -> Database:
    """See `database.open_database`."""
    database = PostgresDatabase(url, readers, deadline)
    with errors_of_postgres():
        database.put_back(await database.acquire())
    return database


class PostgresDatabase:
    """A database of a PostgreSQL server.

    It keeps its connections itself: asyncpg's pool spends twice as much on each statement as the statement's own part.
    """

    dialect = Dialect.POSTGRES

    def __init__(self, url: str, readers: int, deadline: float) -> None:
        self._url = url
        self.name = url.rpartition("@")[2].partition("?")[0]
        self.deadline = deadline
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(readers)
        self._taken: set[Connection] = set()

    def session(self) -> PostgresSession:
        return PostgresSession(self)

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        try:
            connection = await self.acquire()
        except _ERRORS as error:
            raise ledger_error(error) from error
        try:
            return await self.rows(connection, sql, params)
        finally:
            self.put_back(connection)

    async def rows(self, connection: Connection, sql: str, params: Sequence[Any]) -> Sequence[Row]:
        """All rows of a statement."""
        try:
            return await connection.fetch(sql, *params, timeout=self.deadline)
        except TimeoutError:
            raise DeadlinePassed("The answer would take too long: ask for less, or for a narrower filter.") from None
        except _ERRORS as error:
            raise ledger_error(error) from error

    async def connect(self) -> PostgresWriter:
        with errors_of_postgres():
            return PostgresWriter(await asyncpg.connect(self._url, timeout=_CONNECT_SECONDS, server_settings=_SETTINGS))

    def in_use(self) -> int:
        return len(self._taken)

    async def acquire(self) -> Connection:
        """Takes a connection; `put_back` must follow."""
        await self._free.acquire()
        try:
            while self._idle:
                if not (connection := self._idle.pop()).is_closed():
                    break
            else:
                connection = await asyncpg.connect(
                    self._url,
                    timeout=_CONNECT_SECONDS,
                    server_settings=_READING,
                    statement_cache_size=_STATEMENTS,
                    max_cacheable_statement_size=_LONGEST,
                )
        except BaseException:
            self._free.release()
            raise
        self._taken.add(connection)
        return connection

    def put_back(self, connection: Connection) -> None:
        """Gives a connection back, its transaction ended."""
        self._taken.discard(connection)
        self._idle.append(connection)
        self._free.release()

    async def aclose(self) -> None:
        for taken in self._taken:
            taken.terminate()
        while self._idle:
            await _ended(self._idle.pop())


class PostgresSession:
    """A REPEATABLE READ transaction: its snapshot is taken by the first statement after BEGIN."""

    __slots__ = ("_connection", "_database", "_over", "_turn")

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._over = False

    async def __aenter__(self) -> PostgresSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def release(self) -> None:
        """Ends the snapshot."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
        except BaseException as error:
            # In which state it is, is not known, least of all when we were cancelled: it is not used again.
            connection.terminate()
            if not isinstance(error, _ERRORS):
                raise
        finally:
            self._database.put_back(connection)

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        async with self._turn:
            try:
                connection = self._connection or await self._begin()
            except _ERRORS as error:
                raise ledger_error(error) from error
            return await self._database.rows(connection, sql, params)

    async def _begin(self) -> Connection:
        connection = await self._database.acquire()
        if self._over:
            self._database.put_back(connection)
            raise LedgerError("the session is over")
        self._connection = connection
        await connection.execute(_SNAPSHOT)
        return connection


class PostgresWriter:
    """The writer's connection."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def transaction(self, body: Body[T]) -> T:
        with errors_of_postgres():
            async with self._connection.transaction():
                return await body(PostgresTransaction(self._connection))

    async def scrub(self) -> None:
        with errors_of_postgres():
            await self._connection.execute("VACUUM complaints, complaint_search")

    async def analyze(self) -> None:
        with errors_of_postgres():
            await self._connection.execute("ANALYZE complaints, counters, events, assignments, stamps")

    def alive(self) -> bool:
        return not self._connection.is_closed()

    async def aclose(self) -> None:
        await _ended(self._connection)


class PostgresTransaction:
    """Calls of a transaction's body."""

    dialect = Dialect.POSTGRES

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> Sequence[Row]:
        return await self._connection.fetch(sql, *params)

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        await self._connection.execute(sql, *params)

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        await self._connection.executemany(sql, rows)


async def _ended(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CONNECT_SECONDS)
    except _ERRORS:
        connection.terminate()
