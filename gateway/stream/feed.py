"""Live events for one subscriber, pulled from the ledger page by page."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection

from gateway.stream.doorbell import Doorbell
from gateway.stream.tail import Tail
from schema.events import Event
from schema.ports import Reader
from schema.query import EventFilter, Viewer

#: Events read at once. A subscriber holds no more than this, however slow it is.
PAGE = 100
#: A checkpoint is due after so many skipped events, or so many seconds.
SKIPPED, QUIET = 500, 10.0


class LedgerFeed:
    """`schema.ports.Feed`. The doorbell only wakes: order and completeness are the ledger's."""

    def __init__(
        self, reader: Reader, doorbell: Doorbell, tail: Tail, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._doorbell = doorbell
        self._tail = tail
        self._clock = clock

    async def follow(self, viewer: Viewer, filter: EventFilter, after: int) -> AsyncIterator[Event | int]:
        read = told = after
        told_at = self._clock()
        while True:
            async with self._reader.snapshot(viewer) as snapshot:
                page = await snapshot.events(filter, read, PAGE)
            # The snapshot is closed before the first event goes out: a slow subscriber holds no transaction open.
            for event in page.events:
                yield event
                told, told_at = event.seq, self._clock()
            read = max(read, page.end)
            if read - told >= SKIPPED or (read > told and self._clock() - told_at >= QUIET):
                yield read
                told, told_at = read, self._clock()
            if not page.has_more:
                due_in = max(0.0, told_at + QUIET - self._clock()) if read > told else None
                await self._doorbell.wait(beyond=read, timeout=due_in)

    def follow_sources(self, viewer: Viewer, agencies: Collection[str] | None) -> AsyncIterator[str]:
        return self._tail.source_changes(agencies)
