"""Watches the end of the ledger: the net beneath the doorbell, and the agencies' health as it changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping

from gateway.stream.doorbell import Doorbell
from schema.agency import Agency, SourceReport
from schema.events import Position
from schema.ports import Reader
from schema.query import PUBLIC

#: Seconds between two looks, and after how many without a good one the watch counts as stalled.
EVERY, STALLED = 1.0, 10.0

#: Told of each look: the head, and every agency's source.
OnLook = Callable[[Position, Mapping[str, SourceReport]], None]


class Watch:
    """One look a second for the whole process, whoever listens.

    Attributes:
        agencies, sources: as they were at the last look, by slug; None before the first.

    Args:
        on_look: told of each look.
        on_behind: told of a position that the ledger no longer reaches: an older copy was put back beneath us.
    """

    def __init__(
        self,
        reader: Reader,
        doorbell: Doorbell,
        on_look: OnLook = lambda head, sources: None,
        on_behind: Callable[[Position], Awaitable[object]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.agencies: Mapping[str, Agency] | None = None
        self.sources: Mapping[str, SourceReport] | None = None
        self._reader = reader
        self._doorbell = doorbell
        self._on_look = on_look
        self._on_behind = on_behind
        self._sleep = sleep
        self._clock = clock
        self._looked_at = float("-inf")
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Looks until cancelled; dies with the database, and is started again by its supervisor."""
        while True:
            await self.look()
            await self._sleep(EVERY)

    async def look(self) -> None:
        """Reads head, agencies and sources once, and wakes whom it concerns."""
        # Asked first: the ledger may grow while it is read.
        told = self._doorbell.head
        async with self._reader.snapshot(PUBLIC) as snapshot:
            head, agencies, sources = await snapshot.head(), await snapshot.agencies(), await snapshot.sources()
        self._looked_at = self._clock()
        # Before the bell: another hub's event must be witnessed here before anybody here can be told of it.
        self._on_look(head, sources)
        changed = sources != self.sources
        self.agencies, self.sources = agencies, sources
        self._doorbell.ring(head)
        if changed:
            self.wake()
        if self._on_behind is not None and (head.epoch, head.seq) < (told.epoch, told.seq):
            await self._on_behind(told)

    def stalled(self) -> bool:
        """No look has succeeded for a while."""
        return self._clock() - self._looked_at > STALLED

    def wake(self) -> None:
        """Makes all who follow sources look again, at the sources and at whether they should end."""
        self._changed.set()
        self._changed = asyncio.Event()

    def source_changes(
        self, agencies: Collection[str] | None, ended: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[str, None]:
        """Slugs of agencies whose health changes from now on: from this call, not from the first look at the answer."""
        return self._source_changes(agencies, dict(self.sources or {}), ended)

    async def _source_changes(
        self, agencies: Collection[str] | None, known: dict[str, SourceReport], ended: Callable[[], bool]
    ) -> AsyncGenerator[str, None]:
        while not ended():
            changed, sources = self._changed, self.sources or {}
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
