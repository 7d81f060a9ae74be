"""SQLite: a file of the agency's, opened for reading alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiosqlite

from connectors.sql.database import CHUNK, Address, BadSql
from connectors.sql.statement import Statement
from connectors.sql.values import Bag, Row
from schema.errors import BadPayload, SourceFailure, SourceTimeout, Unreachable

#: Steps of SQLite's machine between two looks at whether anybody still wants the rows; under a millisecond.
_STEPS: Final = 10_000
#: What it says of a statement, and not of the rows.
_TELLING: Final = ("no such ", "near ", "ambiguous column name", "wrong number of arguments", "incomplete input")


class Sqlite:
    """A database file. It has no accounts, so nothing to warn of."""

    def __init__(self, address: Address, deadline: float) -> None:
        self._uri = Path(address.name).absolute().as_uri() + "?mode=ro"
        self._deadline = deadline

    async def connect(self) -> SqliteSession:
        with translated():
            # Whoever writes to the file makes us wait; not longer than a page may take.
            opening = aiosqlite.connect(self._uri, uri=True, timeout=self._deadline, isolation_level=None)
            session = SqliteSession(await opening)
            try:
                await session.prepare()
            except BaseException:
                session.abort()
                raise
            return session


class SqliteSession:
    """A connection, with a thread of its own."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._unwanted = False

    async def prepare(self) -> None:
        """Makes it what a session is."""
        connection = self._connection
        connection.text_factory = _text
        await connection.set_progress_handler(lambda: self._unwanted, _STEPS)
        await connection.execute_fetchall("PRAGMA query_only = ON")

    async def begin(self) -> None:
        with translated():
            await self._connection.execute_fetchall("BEGIN")

    async def end(self) -> None:
        with translated():
            await self._connection.execute_fetchall("COMMIT")

    async def fetch(self, statement: Statement, limit: int) -> list[Row]:
        with translated():
            bag = Bag(limit)
            async with self._connection.execute(statement.sql, [_sent(value) for value in statement.values]) as cursor:
                names = [column[0] for column in cursor.description]
                while rows := await cursor.fetchmany(CHUNK):
                    bag.add(names, list(rows))
            return bag.rows

    async def may_write(self) -> bool:
        return False

    async def aclose(self) -> None:
        with translated():
            await self._connection.close()

    def abort(self) -> None:
        # The thread ends by itself, when the statement that it is in was stopped.
        self._unwanted = True
        self._connection.stop()


def _text(content: bytes) -> str:
    """A column may hold any bytes, whatever its type says."""
    return content.decode("utf-8", "replace")


def _sent(value: Any) -> Any:
    """Moments are compared as texts, the way SQLite itself writes them."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


@contextmanager
def translated() -> Iterator[None]:
    """Turns what the driver raises into what the project raises."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error(error) from None


def _error(error: sqlite3.Error) -> Exception:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_ERROR:
            said = str(error)
            return BadSql(said if said.startswith(_TELLING) else "fails")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return SourceTimeout("the database file is locked")
        case sqlite3.SQLITE_INTERRUPT:
            return SourceTimeout("the statement took too long")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_READONLY:
            return Unreachable("the database file can't be opened")
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return BadPayload("the database file is none, or broken")
        case _:
            return SourceFailure(f"the database failed ({type(error).__name__})")
