"""What is kept no longer than it may be, and what was erased and stays so: looked after while the hub runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from typing import Final, Protocol

import structlog

from connectors.manifest import Manifest
from gateway.ledger.database import Database
from gateway.sync.poller import Poller
from schema.connector import Keeper
from schema.errors import LedgerError
from schema.ports import Clock, Writer

log = structlog.get_logger(__name__)

#: Seconds between two rounds over all agencies, and between two looks whether a backup was put back.
ROUND: Final = 3_600.0
LOOK: Final = 1.0

_ERASED: Final = (
    "SELECT native_id FROM complaints WHERE agency = $1 AND content_state = 'ERASED' AND native_id IS NOT NULL"
)


class Plugged(Protocol):
    """The agencies that are plugged in."""

    def __iter__(self) -> Iterator[Poller]: ...

    def manifests(self) -> Collection[Manifest]:
        """The files of all of them, paused or not."""


class Retention:
    """Ends what agencies' files say is to end, and heeds again what people asked for when a backup was put back.

    Args:
        epoch: the ledger's, as it was seen last.
        monotonic: seconds.
    """

    def __init__(
        self,
        agencies: Plugged,
        writer: Writer,
        database: Database,
        clock: Clock,
        epoch: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agencies = agencies
        self._writer = writer
        self._database = database
        self._clock = clock
        self._epoch = epoch
        self._monotonic = monotonic
        self._heeded: str | None = None
        self._next = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except LedgerError as error:  # it can wait
                log.info("retention is put off", error=type(error).__name__)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Does what is due."""
        if (epoch := self._epoch()) != self._heeded:
            await self._writer.heed_again()
            self._heeded = epoch
        if self._monotonic() >= self._next:
            await self.round()
            self._next = self._monotonic() + ROUND

    async def round(self) -> None:
        """Once over all agencies."""
        now = self._clock()
        for manifest in self._agencies.manifests():
            days, identity = manifest.privacy.retention_days, now - timedelta(days=manifest.privacy.identity_days)
            content = None if days is None else now - timedelta(days=days)
            emptied, forgotten = await self._writer.expire(manifest.slug, content, identity)
            if emptied or forgotten:
                log.info("retention.ended", agency=manifest.slug, complaints=emptied, reporters=forgotten)
        for poller in self._agencies:
            if isinstance(poller.connector, Keeper):
                rows = await self._database.fetch(_ERASED, [poller.slug], heavy=True)
                await poller.connector.forget([row[0] for row in rows])
