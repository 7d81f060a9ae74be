"""Watches the end of the ledger: the net beneath the doorbell, and the agencies' health as it changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping

from gateway.stream.doorbell import Doorbell
from schema.agency import SourceReport
from schema.events import Position
from schema.ports import Reader
from schema.query import PUBLIC

#: Seconds between two looks, and after how many without a good one the tail counts as stalled.
EVERY, STALLED = 1.0, 10.0

#: Told of each look: the head, and every agency's source.
OnLook = Callable[[Position, Mapping[str, SourceReport]], None]


class Tail:
    """One look a second for the whole process, whoever listens."""

    def __init__(
        self,
        reader: Reader,
        doorbell: Doorbell,
        on_look: OnLook = lambda head, sources: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._doorbell = doorbell
        self._on_look = on_look
        self._sleep = sleep
        self._clock = clock
        self._looked_at = float("-inf")
        self._sources: Mapping[str, SourceReport] = {}
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Looks until cancelled; dies with the database, and is started again by its supervisor."""
        while True:
            await self.look()
            await self._sleep(EVERY)

    async def look(self) -> None:
        """Reads head and sources once, and wakes whom it concerns."""
        async with self._reader.snapshot(PUBLIC) as snapshot:
            head, sources = await snapshot.head(), await snapshot.sources()
        self._looked_at = self._clock()
        # Before the bell: another hub's event must be witnessed here before anybody here can be told of it.
        self._on_look(head, sources)
        self._doorbell.ring(head.seq)
        if sources != self._sources:
            self._sources = sources
            self._changed.set()
            self._changed = asyncio.Event()

    def stalled(self) -> bool:
        """No look has succeeded for a while."""
        return self._clock() - self._looked_at > STALLED

    def source_changes(self, agencies: Collection[str] | None) -> AsyncGenerator[str, None]:
        """Slugs of agencies whose health changes from now on: from this call, not from the first look at the answer."""
        return self._source_changes(agencies, dict(self._sources))

    async def _source_changes(
        self, agencies: Collection[str] | None, known: dict[str, SourceReport]
    ) -> AsyncGenerator[str, None]:
        while True:
            changed, sources = self._changed, self._sources
            for slug, report in sources.items():
                if agencies is not None and slug not in agencies:
                    continue
                before = known.get(slug)
                known[slug] = report
                if before is None or _health(before) != _health(report):
                    yield slug
            await changed.wait()


def _health(report: SourceReport) -> tuple[object, ...]:
    """What is news. Each attempt moves `as_of`, `lag_seconds` and `checked_at`; a dashboard need not hear of that."""
    error = report.error and (report.error.code, report.error.since)
    return report.state, report.stale, report.quarantined, report.unmapped, error
