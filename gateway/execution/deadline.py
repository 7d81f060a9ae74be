"""How long the hub works for one operation. What is stopped lets go of its snapshot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from schema.errors import DeadlinePassed
from schema.ports import Reader, Snapshot
from schema.query import Viewer

#: Seconds that one query may take: more than one statement of the ledger may, less than proxies wait.
SECONDS = 20.0


def passed(seconds: float) -> DeadlinePassed:
    """What the client is told."""
    return DeadlinePassed(
        f"The answer would take longer than {seconds:g} seconds: ask for less, or for a narrower filter."
    )


class LimitedReader:
    """The reading of a mutation: its writes are never stopped, but what is read after them is.

    Args:
        seconds: for all reading together.
    """

    def __init__(self, reader: Reader, seconds: float) -> None:
        self._reader = reader
        self._seconds = seconds
        self._left = seconds

    def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AbstractAsyncContextManager[Snapshot]:
        return self._snapshot(viewer, lone)

    @asynccontextmanager
    async def _snapshot(self, viewer: Viewer, lone: bool) -> AsyncIterator[Snapshot]:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._left), self._reader.snapshot(viewer, lone=lone) as snapshot:
                yield snapshot
        except TimeoutError:
            raise passed(self._seconds) from None
        finally:
            self._left = max(0.0, self._left - (time.monotonic() - began))
