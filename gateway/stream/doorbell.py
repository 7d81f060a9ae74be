"""Says that the ledger has grown. It only wakes; what happened is read from the ledger."""

from __future__ import annotations

import asyncio

from schema.events import Position


class Doorbell:
    """Within one process. Whoever commits rings it; a ring that is lost is made up for by the watch's next look."""

    def __init__(self) -> None:
        self.head = Position("", 0)
        self._grown = asyncio.Event()

    def ring(self, head: Position) -> None:
        """The ledger ends here. Epochs count up, so what is known already, or older, is no news."""
        if _is_beyond(head, self.head):
            self.head = head
            # A fresh event for the next ring: those woken here need not clear anything, so none can miss one.
            self._grown.set()
            self._grown = asyncio.Event()

    def beyond(self, position: Position) -> bool:
        """Whether the ledger is known to have gone on from there."""
        return _is_beyond(self.head, position)

    async def wait(self, beyond: Position, timeout: float | None = None) -> None:
        """Returns once the head is beyond a position, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not self.beyond(beyond):
                    await self._grown.wait()
        except TimeoutError:
            return


def _is_beyond(one: Position, other: Position) -> bool:
    return (one.epoch, one.seq) > (other.epoch, other.seq)
