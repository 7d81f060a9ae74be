"""SQLite: a file of the agency's, opened for reading alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from connectors.sql.database import CHUNK, SESSIONS, Address, BadSql
from connectors.sql.statement import Statement
from connectors.sql.values import Bag, Row
from schema.errors import BadPayload, SourceFailure, SourceTimeout, Unreachable

T = TypeVar("T")

#: Steps of SQLite's machine between two looks at whether anybody still wants the rows; under a millisecond.
_STEPS: Final = 10_000
#: Seconds until a file that somebody writes to is tried again. Waiting in SQLite could not be stopped.
_BUSY: Final = 0.02
#: What it says of a statement, and not of the rows.
_TELLING: Final = ("no such ", "near ", "ambiguous column name", "wrong number of arguments", "incomplete input")


class Sqlite:
    """A database file. It has no accounts, so nothing to warn of."""

    def __init__(self, address: Address) -> None:
        self._uri = Path(address.name).absolute().as_uri() + "?mode=ro"
        self._threads = ThreadPoolExecutor(SESSIONS, thread_name_prefix="agency-sqlite")

    async def connect(self) -> SqliteSession:
        session = SqliteSession(self._threads, self._uri)
        try:
            await session.open()
        except BaseException:
            session.abort()
            raise
        return session

    async def aclose(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)


class SqliteSession:
    """A connection that is used by one thread at a time."""

    def __init__(self, threads: ThreadPoolExecutor, uri: str) -> None:
        self._threads, self._uri = threads, uri
        self._connection: sqlite3.Connection | None = None
        self._running: Future[Any] | None = None
        self._unwanted = False

    async def open(self) -> None:
        """Opens the file."""
        await self._in_thread(self._open)

    async def begin(self) -> None:
        await self._in_thread(lambda: self._used.execute("BEGIN"))

    async def end(self) -> None:
        await self._in_thread(lambda: self._used.execute("COMMIT"))

    async def fetch(self, statement: Statement, limit: int) -> list[Row]:
        return await self._in_thread(lambda: self._fetch(statement, limit))

    async def may_write(self) -> bool:
        return False

    async def aclose(self) -> None:
        await self._in_thread(self._close)

    def abort(self) -> None:
        self._unwanted = True
        if self._running is not None:
            # In its thread, once the statement that it is in was stopped; here if it is in none.
            self._running.add_done_callback(lambda _: self._close())

    @property
    def _used(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        connection = sqlite3.connect(self._uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.text_factory = _text
        connection.set_progress_handler(lambda: self._unwanted, _STEPS)
        connection.execute("PRAGMA query_only = ON")

    def _fetch(self, statement: Statement, limit: int) -> list[Row]:
        bag = Bag(limit)
        cursor = self._used.execute(statement.sql, [_sent(value) for value in statement.values])
        names = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(CHUNK):
            bag.add(names, rows)
        return bag.rows

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        while not self._unwanted:
            self._running = running = self._threads.submit(work)
            try:
                return await asyncio.wrap_future(running)
            except sqlite3.Error as error:
                if not _busy(error):
                    raise _error(error) from None
            await asyncio.sleep(_BUSY)
        raise Unreachable("the session has ended")


def _text(content: bytes) -> str:
    """A column may hold any bytes, whatever its type says."""
    return content.decode("utf-8", "replace")


def _sent(value: Any) -> Any:
    """Moments are compared as texts, the way SQLite itself writes them."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


def _busy(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _error(error: sqlite3.Error) -> Exception:
    match _code(error):
        case sqlite3.SQLITE_ERROR:
            said = str(error)
            return BadSql(said if said.startswith(_TELLING) else "fails")
        case sqlite3.SQLITE_INTERRUPT:
            return SourceTimeout("the statement took too long")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY:
            return Unreachable("the database file can't be opened")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return BadPayload("the database file is none, or broken")
        case _:
            return SourceFailure(f"the database failed ({type(error).__name__})")
