"""Marks of the ledger's state, for caches: `gateway.cache.freshness.Freshness` on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Hashable

from gateway.ledger.database import Database, Dialect
from gateway.ledger.sqlite import SqliteDatabase, connected, errors_of_sqlite
from schema.errors import SimpulError

_MARK = "SELECT epoch, seq, health, facts, derived FROM head"
_READING = "PRAGMA query_only = ON;"


def open_freshness(database: Database) -> SqliteFreshness | HeadFreshness:
    """The freshness of an open database; to be closed.

    Raises:
        LedgerUnavailable: it can't be reached.
    """
    if database.dialect is Dialect.SQLITE and isinstance(database, SqliteDatabase):
        with errors_of_sqlite():
            return SqliteFreshness(connected(database.path, _READING))
    return HeadFreshness(database)


def _unknown() -> object:
    """A mark that equals nothing: the answer is made anew, and the error comes from there."""
    return object()


class SqliteFreshness:
    """SQLite itself counts the commits of others, and a connection that only asks sees all of them: exact, in 3 µs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ask = connection.execute

    def mark(self) -> Hashable | None:
        try:
            return self._ask("PRAGMA data_version").fetchone()[0]  # type: ignore[no-any-return]  # an int
        except sqlite3.Error:
            return None

    async def look(self) -> Hashable:
        mark = self.mark()
        return _unknown() if mark is None else mark

    def close(self) -> None:
        self._connection.close()


class HeadFreshness:
    """The head row, which every change of the ledger moves. One question at a time, for all who wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looks = SharedLooks(self._read)

    def mark(self) -> Hashable | None:
        return None

    async def look(self) -> Hashable:
        return await self._looks.look()

    async def _read(self) -> Hashable:
        try:
            return tuple((await self._database.fetch(_MARK))[0])
        except SimpulError:
            return _unknown()

    def close(self) -> None:
        """Nothing is held."""


class SharedLooks:
    """Looks that many ask for at once: one question to the database answers all who came before it was put.

    Who comes while it is under way needs the next one: the answer on its way may be older than what its client knows.
    """

    def __init__(self, read: Callable[[], Awaitable[Hashable]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[Hashable] | None = None

    def look(self) -> Awaitable[Hashable]:
        """The mark of a moment after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._look())
        return asyncio.shield(self._next)

    async def _look(self) -> Hashable:
        async with self._turn:
            self._next = None
            return await self._read()
