"""What a growing database needs now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.ledger.database import Database
from schema.errors import LedgerUnavailable

_log = structlog.get_logger(__name__)

#: Seconds between two looks.
EVERY = 60.0

#: The smallest cube has all complaints in a few hundred rows.
_COUNT = "SELECT CAST(COALESCE(sum(complaints), 0) AS BIGINT) FROM counters WHERE cube = 1"


class Upkeep:
    """Has the database's planner look at the rows again whenever they have doubled: after the first harvest, above all.

    PostgreSQL does so by itself, but may be late for it by minutes in which a list takes seconds.
    """

    def __init__(self, database: Database, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._database = database
        self._sleep = sleep
        self._known = 0

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            try:
                await self.look()
            except LedgerUnavailable as error:  # another hub is writing, or the server is away: it can wait
                _log.info("upkeep is put off", error=type(error).__name__)
            await self._sleep(EVERY)

    async def look(self) -> bool:
        """Returns whether the rows had doubled."""
        [[count]] = await self._database.fetch(_COUNT)
        if self._known // 2 < count < self._known * 2 or not count:
            return False
        connection = await self._database.connect()
        try:
            await connection.analyze()
        finally:
            await connection.aclose()
        self._known = count
        return True
