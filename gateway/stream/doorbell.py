"""Says that the ledger has grown. It only wakes; what happened is read from the ledger."""

from __future__ import annotations

import asyncio


class Doorbell:
    """Within one process. Whoever commits rings it; a ring that is lost is made up for by the tail's next look."""

    def __init__(self) -> None:
        self.head = 0
        self._grown = asyncio.Event()

    def ring(self, head: int) -> None:
        """The ledger's newest event is `head`."""
        if head <= self.head:
            return
        self.head = head
        # A fresh event for the next ring: those woken here need not clear anything, so none can miss one.
        self._grown.set()
        self._grown = asyncio.Event()

    async def wait(self, beyond: int, timeout: float | None = None) -> None:
        """Returns once the head is beyond a seq, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.head <= beyond:
                    await self._grown.wait()
        except TimeoutError:
            return
