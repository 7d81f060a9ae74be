"""SQLite: a pool of read-only connections, and the writer's connection with its one thread."""

from __future__ import annotations

import asyncio
import functools
import re
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateway.ledger.database import Body, Database, Dialect, Row
from schema.errors import DeadlinePassed, LedgerCorrupt, LedgerError, LedgerUnavailable, MigrationsPending

T = TypeVar("T")

#: A writer waits this long for the writers of other processes.
_BUSY_SECONDS = 30.0
#: Steps of SQLite's machine between two looks at whether anybody still wants the rows; under a millisecond.
_STEPS = 10_000
# No memory map: each connection's counts as the hub's memory, and saves nothing on pages that are asked for again.
_SHARED = "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
_READING = _SHARED + "PRAGMA query_only = ON; PRAGMA cache_size = -4000;"
# WAL is said again at every start: a backup that somebody copied into place came without, and there readers and the
# writer wait for each other. A checkpoint rewrites pages that every batch touches again: 16 MB of log between two of
# them, not 4.
_WRITING = _SHARED + (
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = -32000;"
    "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;"
)


@functools.lru_cache(maxsize=1024)
def placeholders(sql: str) -> str:
    """`$1` as SQLite wants it: `?1`."""
    return re.sub(r"\$(\d+)", r"?\1", sql)


@contextmanager
def errors_of_sqlite() -> Iterator[None]:
    """Lets the driver's errors out as the ledger's."""
    try:
        yield
    except sqlite3.Error as error:
        raise ledger_error(error) from error


def ledger_error(error: sqlite3.Error) -> LedgerError:
    """The one place where the driver's errors become the ledger's."""
    if isinstance(error, sqlite3.OperationalError):
        if "no such table" in str(error) or "no such column" in str(error):
            return MigrationsPending(str(error))
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # a statement it does not understand
            return LedgerError(str(error))
        return LedgerUnavailable(str(error))
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
        return LedgerCorrupt(str(error))
    return LedgerError(str(error))


def connected(path: Path, pragmas: str) -> sqlite3.Connection:
    """A connection in autocommit mode that may be handed from thread to thread."""
    if not path.exists():
        raise LedgerUnavailable(f"{path} does not exist: run `simpul db migrate` first")
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.executescript(pragmas)
        # Asking reads the file's head, so a stranger's file is noticed.
        connection.execute("PRAGMA journal_mode").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


async def open_sqlite(path: Path, readers: int, deadline: float) -> Database:
    """See `database.open_database`."""
    with errors_of_sqlite():
        connected(path, _READING).close()
    return SqliteDatabase(path, readers, deadline)


class SqliteDatabase:
    """A file in WAL mode: readers never wait for the writer."""

    dialect = Dialect.SQLITE

    def __init__(self, path: Path, readers: int, deadline: float) -> None:
        self.path = path
        self.name = str(path)
        self.deadline = deadline
        self._idle: list[sqlite3.Connection] = []
        self._free = asyncio.Semaphore(readers)
        self._threads = ThreadPoolExecutor(min(readers, 4), thread_name_prefix="ledger-read")
        self._taken: set[sqlite3.Connection] = set()

    def session(self) -> SqliteSession:
        return SqliteSession(self)

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        if heavy or not self._idle:
            async with self.session() as session:
                return await session.fetch(sql, params, heavy=heavy)
        try:
            # It stays idle for all others: nothing here lets go of the event loop.
            return self._idle[-1].execute(placeholders(sql), params).fetchall()
        except sqlite3.Error as error:
            raise ledger_error(error) from error

    async def connect(self) -> SqliteWriter:
        writer = SqliteWriter(self.path)
        await writer.open()
        return writer

    def in_use(self) -> int:
        return len(self._taken)

    async def acquire(self) -> sqlite3.Connection:
        """Takes a connection; `put_back` must follow."""
        await self._free.acquire()
        try:
            connection = self._idle.pop() if self._idle else connected(self.path, _READING)
        except BaseException:
            self._free.release()
            raise
        self._taken.add(connection)
        return connection

    def put_back(self, connection: sqlite3.Connection) -> None:
        """Gives a connection back, its transaction ended."""
        self._taken.discard(connection)
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._idle.append(connection)
        except sqlite3.Error:
            connection.close()
        finally:
            self._free.release()

    def in_thread(self, work: Callable[[], T]) -> Future[T]:
        """Runs `work` beside the event loop."""
        return self._threads.submit(work)

    async def aclose(self) -> None:
        for connection in self._taken:
            connection.interrupt()
        await asyncio.to_thread(self._threads.shutdown)
        while self._idle:
            self._idle.pop().close()


class SqliteSession:
    """A deferred transaction: its snapshot is taken by the first SELECT."""

    __slots__ = ("_connection", "_database", "_over", "_running", "_turn")

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._turn = asyncio.Lock()
        self._running: Future[Any] | None = None
        self._over = False

    async def __aenter__(self) -> SqliteSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()

    async def release(self) -> None:
        """Ends the snapshot. A statement that still runs in a thread is stopped, and its connection follows then."""
        connection, self._connection = self._connection, None
        self._over = True
        if connection is None:
            return
        if self._running is None or self._running.done():
            self._database.put_back(connection)
            return
        loop = asyncio.get_running_loop()
        self._running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._database.put_back, connection))

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        try:
            connection = self._connection
            if connection is not None and not heavy and not self._turn.locked():
                # Nobody else can ask meanwhile: nothing here lets go of the event loop.
                return connection.execute(placeholders(sql), params).fetchall()
            return await self._in_turn(sql, params, heavy)
        except sqlite3.Error as error:
            raise ledger_error(error) from error

    async def _in_turn(self, sql: str, params: Sequence[Any], heavy: bool) -> Sequence[Row]:
        async with self._turn:
            connection = self._connection or await self._begin()
            if heavy:
                return await self._in_thread(connection, placeholders(sql), params)
            return connection.execute(placeholders(sql), params).fetchall()

    async def _begin(self) -> sqlite3.Connection:
        connection = await self._database.acquire()
        if self._over:
            self._database.put_back(connection)
            raise LedgerError("the session is over")
        self._connection = connection
        connection.execute("BEGIN")
        return connection

    async def _in_thread(self, connection: sqlite3.Connection, sql: str, params: Sequence[Any]) -> Sequence[Row]:
        deadline = time.monotonic() + self._database.deadline
        self._running = self._database.in_thread(lambda: self._stoppable(connection, sql, params, deadline))
        rows = asyncio.wrap_future(self._running)
        # Whoever asked may be gone when the statement is stopped: then nobody is left to be told.
        rows.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Shielded: a cancelled Future would tell us nothing of the thread, which goes on with the connection.
        return await asyncio.shield(rows)

    def _stoppable(
        self, connection: sqlite3.Connection, sql: str, params: Sequence[Any], deadline: float
    ) -> Sequence[Row]:
        # Not `interrupt`: it does nothing to a statement that is only about to begin.
        connection.set_progress_handler(lambda: self._over or time.monotonic() > deadline, _STEPS)
        try:
            return connection.execute(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise DeadlinePassed(
                    "The answer would take too long: ask for less, or for a narrower filter."
                ) from None
            raise
        finally:
            connection.set_progress_handler(None, 0)


class SqliteWriter:
    """The writer's connection. Everything it does, it does in its one thread."""

    dialect = Dialect.SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-write")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def transaction(self, body: Body[T]) -> T:
        return await self._in_thread(lambda: self._transaction(body))

    async def scrub(self) -> None:
        await self._in_thread(self._scrub)

    async def analyze(self) -> None:
        await self._in_thread(self._analyze)

    def alive(self) -> bool:
        return self._connection is not None

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._in_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown()

    def _open(self) -> None:
        with errors_of_sqlite():
            self._connection = connected(self._path, _WRITING)

    def _scrub(self) -> None:
        if self._connection is None:
            return
        with errors_of_sqlite():
            self._connection.execute("INSERT INTO complaint_search (complaint_search) VALUES ('optimize')")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _analyze(self) -> None:
        if self._connection is None:
            return
        with errors_of_sqlite():
            # Other writers wait for it: 40 ms for some hundred entries of each index, however many there are.
            self._connection.execute("PRAGMA analysis_limit = 400")
            self._connection.execute("ANALYZE")

    def _transaction(self, body: Body[T]) -> T:
        connection = self._connection
        if connection is None:
            raise LedgerUnavailable("the writer's connection is closed")
        with errors_of_sqlite():
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = finished(body(SqliteTransaction(connection)))
                connection.execute("COMMIT")
            except BaseException:
                # A full disk or a failed COMMIT may have rolled back already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class SqliteTransaction:
    """Calls of a transaction's body; none of them suspends."""

    dialect = Dialect.SQLITE

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> Sequence[Row]:
        return self._connection.execute(placeholders(sql), params).fetchall()

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        self._connection.execute(placeholders(sql), params)

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._connection.executemany(placeholders(sql), rows)


def finished(body: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends."""
    with closing(body):
        try:
            body.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result
    raise RuntimeError("a transaction's body must await its transaction only")
