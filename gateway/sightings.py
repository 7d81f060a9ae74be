"""Who was shown what the public is not: gathered for a moment, then rows of the audit.

A row tells that a viewer was shown something of a complaint, at the latest a second before. The same again within the
hour makes no row: `who-saw` counts hours, not looks.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import islice
from typing import Final, NamedTuple

import structlog

from schema.errors import LedgerError
from schema.ports import Shown
from schema.query import Viewer
from schema.writes import Action

log = structlog.get_logger(__name__)

#: Seconds between two writes, and in which the same is not told again.
EVERY, AGAIN = 1.0, 3_600.0
#: Rows of one transaction: people's writes wait for no more of them.
AT_ONCE: Final = 100
#: Sightings that are remembered. Beyond, some are told twice within the hour.
MOST: Final = 200_000


class Sighting(NamedTuple):
    """Somebody was shown something.

    Attributes:
        actor: `Viewer.credential`.
        action: SEE_COMPLAINT, SEE_PART or SEE_REPORTER.
        complaint: id.
    """

    actor: str
    action: Action
    complaint: str


class Sightings:
    """What was shown, on its way to the audit.

    Args:
        keep: writes some of them down, in one transaction.
        clock: monotonic.
    """

    def __init__(
        self, keep: Callable[[Sequence[Sighting]], Awaitable[object]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep = keep
        self._clock = clock
        #: When each was told last, the longest ago first.
        self._told: OrderedDict[Sighting, float] = OrderedDict()
        self._pending: dict[Sighting, None] = {}
        self._some = asyncio.Event()

    def saw(self, viewer: Viewer, shown: Collection[Shown]) -> None:
        """A viewer is shown these."""
        now = self._clock()
        for complaint, action in shown:
            sighting = Sighting(viewer.credential, action, complaint)
            told_at = self._told.get(sighting)
            if told_at is not None and now - told_at < AGAIN:
                continue
            self._told[sighting] = now
            self._told.move_to_end(sighting)
            self._pending[sighting] = None
        if self._pending:
            self._some.set()
        while len(self._told) > MOST:
            self._told.popitem(last=False)

    async def run(self) -> None:
        """Writes them down until cancelled, and then what is left."""
        try:
            while True:
                await self._some.wait()
                await asyncio.sleep(EVERY)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Writes down what there is. What can't be written is kept for the next time."""
        self._some.clear()
        while some := list(islice(self._pending, AT_ONCE)):
            try:
                await self._keep(some)
            except LedgerError as error:
                log.error("sightings.unwritten", error=type(error).__name__)
                self._some.set()
                return
            for sighting in some:
                self._pending.pop(sighting, None)
