"""PostgreSQL: a pool for reading, and the writer's connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.ledger.database import Body, Database, Dialect, Row, Session
from schema.errors import LedgerCorrupt, LedgerError, LedgerUnavailable, MigrationsPending

T = TypeVar("T")

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_CONNECT_SECONDS = 10.0
#: No statement of ours takes that long, waiting for other writers included.
_COMMAND_SECONDS = 60.0
# `jit` compiles for longer than our statements run.
_SETTINGS = {"application_name": "simpul", "jit": "off", "timezone": "UTC"}
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


@contextmanager
def errors_of_postgres() -> Iterator[None]:
    """The one place where the driver's errors become the ledger's."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise MigrationsPending(str(error)) from error
    except _AWAY as error:
        if isinstance(error, ValueError):  # the driver refuses a value or a setting before it asks the server
            raise LedgerError(f"{type(error).__name__}: {error}") from error
        raise LedgerUnavailable(f"{type(error).__name__}: {error}") from error
    except (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError) as error:
        raise LedgerCorrupt(str(error)) from error
    except asyncpg.PostgresError as error:
        raise LedgerError(f"{type(error).__name__}: {error}") from error


async def open_postgres(url: str, readers: int) -> Database:
    """See `database.open_database`."""
    with errors_of_postgres():
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=readers,
            timeout=_CONNECT_SECONDS,
            command_timeout=_COMMAND_SECONDS,
            server_settings=_SETTINGS,
            # Sessions end their own transactions and set nothing else: no round trip to clean up.
            reset=_nothing,
        )
    return PostgresDatabase(url, pool)


class PostgresDatabase:
    """A database of a PostgreSQL server."""

    dialect = Dialect.POSTGRES

    def __init__(self, url: str, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._url = url
        self._pool = pool
        self._ending: set[asyncio.Task[None]] = set()
        self.name = url.rpartition("@")[2].partition("?")[0]

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        session = PostgresSession(self._pool)
        try:
            yield session
        finally:
            await self._ended(session)

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        with errors_of_postgres():
            return await self._pool.fetch(sql, *params)

    async def connect(self) -> PostgresWriter:
        with errors_of_postgres():
            return PostgresWriter(await asyncpg.connect(self._url, timeout=_CONNECT_SECONDS, server_settings=_SETTINGS))

    def in_use(self) -> int:
        return self._pool.get_size() - self._pool.get_idle_size()

    async def aclose(self) -> None:
        if self._ending:
            await asyncio.wait(self._ending)
        await self._pool.close()

    async def _ended(self, session: PostgresSession) -> None:
        # A task of its own: leaving the block by cancellation would cancel the ROLLBACK too, and leak the connection.
        ending = asyncio.create_task(session.release())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)


class PostgresSession:
    """A REPEATABLE READ transaction: its snapshot is taken by the first statement after BEGIN."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._connection: PoolConnectionProxy[asyncpg.Record] | None = None

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        with errors_of_postgres():
            connection = self._connection or await self._begin()
            return await connection.fetch(sql, *params)

    async def release(self) -> None:
        """Ends the snapshot."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()
        finally:
            await self._pool.release(connection)

    async def _begin(self) -> PoolConnectionProxy[asyncpg.Record]:
        self._connection = await self._pool.acquire()
        await self._connection.execute(_SNAPSHOT)
        return self._connection


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

    def alive(self) -> bool:
        return not self._connection.is_closed()

    async def aclose(self) -> None:
        try:
            await self._connection.close(timeout=_CONNECT_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            self._connection.terminate()


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


async def _nothing(connection: Any) -> None:
    """A connection comes back as it was taken."""
