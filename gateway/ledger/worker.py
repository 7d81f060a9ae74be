"""The one task of this process that writes to the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import IntEnum
from itertools import count
from typing import Any, Generic, TypeVar

import structlog

from gateway.ledger.database import Body, Database, WritingConnection
from schema.errors import LedgerUnavailable

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Turn(IntEnum):
    """Who is next: whoever waits for an answer, then what goes on by itself; of the same, who came first."""

    FIRST = 0
    USUAL = 1
    LAST = 2


class _Job(Generic[T]):
    def __init__(self, body: Body[T], committed: Callable[[T], None]) -> None:
        self.body = body
        self.committed = committed
        self.result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        # Its caller may be gone, and nobody else will ask how it ended.
        self.result.add_done_callback(lambda future: future.cancelled() or future.exception())

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def succeed(self, result: T) -> None:
        if not self.result.done():
            self.result.set_result(result)


class Worker:
    """Runs transactions one after another on a connection of its own.

    A task that is not any caller's: cancelling a caller leaves its transaction alone. It is begun again if it dies.

    Args:
        prepare: what to do with each new connection before its first transaction.
    """

    def __init__(self, database: Database, prepare: Callable[[WritingConnection], Awaitable[None]]) -> None:
        self._database = database
        self._prepare = prepare
        self._jobs: asyncio.PriorityQueue[tuple[Turn, int, _Job[Any] | None]] = asyncio.PriorityQueue()
        self._numbers = count()
        self._connection: WritingConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._doubtful = False
        self._ending = False
        #: How often the task had to be begun again.
        self.restarts = 0

    async def start(self) -> None:
        """Connects, so that a database that can't be used is known at once."""
        await self._connected()
        self._begin()

    async def run(self, body: Body[T], committed: Callable[[T], None], turn: Turn = Turn.USUAL) -> T:
        """Runs `body` as a transaction, then `committed` with its result, then returns it.

        Raises:
            LedgerError: the database failed. Nothing was written, unless the connection broke during the commit.
        """
        if self._ending:
            raise LedgerUnavailable("the hub is ending")
        job = _Job(body, committed)
        self._jobs.put_nowait((turn, next(self._numbers), job))
        return await asyncio.shield(job.result)

    async def aclose(self) -> None:
        """Finishes what was asked for, then ends."""
        self._ending = True
        self._jobs.put_nowait((Turn.LAST, next(self._numbers), None))
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])  # by then it may have been begun again
        await self._disconnect()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._serve(), name="ledger writer")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._ending and error is None and not task.cancelled():
            return
        self.restarts += 1
        _log.error("ledger writer died and is begun again", error=type(error).__name__, restarts=self.restarts)
        self._begin()

    async def _serve(self) -> None:
        while (job := (await self._jobs.get())[-1]) is not None:
            try:
                connection = await self._connected()
                result = await connection.transaction(job.body)
            except Exception as error:
                job.fail(error)
            except BaseException:
                # Whether it was committed is not known, and the connection may be in the middle of it.
                job.fail(LedgerUnavailable("the writer was interrupted"))
                self._doubtful = True
                raise
            else:
                self._tell(job, result)

    def _tell(self, job: _Job[Any], result: Any) -> None:
        # It is committed: whatever fails now must not look like a failed write.
        try:
            job.committed(result)
        except Exception:
            _log.exception("what follows a commit failed")
        job.succeed(result)

    async def _connected(self) -> WritingConnection:
        if self._connection is not None and (self._doubtful or not self._connection.alive()):
            _log.warning("ledger connection lost", database=self._database.name)
            await self._disconnect()
        if self._connection is None:
            connection = await self._database.connect()
            try:
                await self._prepare(connection)
            except BaseException:
                await connection.aclose()
                raise
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._doubtful = False
        if connection is not None:
            await connection.aclose()
