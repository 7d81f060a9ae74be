"""One agency's deliveries: a few at a time, in their order, as the agency can take them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import structlog

from gateway.outbox.courier import Courier
from gateway.outbox.pace import Knobs, Pace
from schema.connector import Connector
from schema.delivery import Delivery
from schema.errors import LedgerError
from schema.ports import Clock, Writer

log = structlog.get_logger(__name__)

#: Seconds to write down what was broken off: all in all a background task has two to end.
_WRITTEN = 1.0


class Lane:
    """Keeps a few deliveries under way while any are due.

    Args:
        connector: the agency's, while it is plugged in and not paused.
    """

    def __init__(
        self,
        agency: str,
        owner: str,
        writer: Writer,
        courier: Courier,
        pace: Pace,
        knobs: Knobs,
        clock: Clock,
        connector: Callable[[], Connector | None],
    ) -> None:
        self._agency = agency
        self._owner = owner
        self._writer = writer
        self._courier = courier
        self._pace = pace
        self._knobs = knobs
        self._clock = clock
        self._connector = connector
        self._claiming: asyncio.Task[None] | None = None
        self._again = False
        self._ending = False
        self._under_way: set[asyncio.Task[None]] = set()

    def fill(self) -> None:
        """Takes as many deliveries as are due and there is room for; returns at once."""
        # Claims are transactions: one for a few deliveries, not for each.
        if self._ending or len(self._under_way) > self._knobs.at_once // 2:
            return
        if self._claiming is None:
            self._claiming = asyncio.create_task(self._claim(), name=f"outbox {self._agency}")
            self._claiming.add_done_callback(self._claimed)
        else:
            self._again = True

    async def idle(self) -> None:
        """Waits until nothing is under way."""
        while tasks := self._tasks():
            await asyncio.wait(tasks)

    async def end(self) -> None:
        """Gives what is under way a moment, then breaks it off, and has that written down."""
        self._ending = True
        await self._waited(self._knobs.ending)
        for task in self._under_way:
            task.cancel()
        await self._waited(_WRITTEN)

    async def _waited(self, seconds: float) -> None:
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=seconds)

    def _tasks(self) -> set[asyncio.Task[None]]:
        return self._under_way | ({self._claiming} if self._claiming else set())

    async def _claim(self) -> None:
        connector = self._connector()
        while connector is not None and (room := self._pace.room(self._clock(), len(self._under_way))):
            self._again = False
            now = self._clock()
            taken = await self._writer.claim(self._agency, self._owner, now, self._knobs.lease, room)
            for delivery in taken:
                work = self._courier.give_back(delivery) if self._ending else self._courier.take(delivery, connector)
                self._start(work, delivery)
            if self._ending or (len(taken) < room and not self._again):
                return

    def _claimed(self, task: asyncio.Task[None]) -> None:
        self._claiming = None
        _tell(task, agency=self._agency)

    def _start(self, work: Coroutine[None, None, None], delivery: Delivery) -> None:
        task = asyncio.create_task(work, name=f"deliver {delivery.id}")
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        _tell(task, agency=self._agency)
        self.fill()


def _tell(task: asyncio.Task[None], agency: str) -> None:
    """It is tried again at the next look, or once its lease is over."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, LedgerError):
        log.warning("outbox.ledger", agency=agency, reason=str(error))
    elif error is not None:
        log.error("outbox.failed", agency=agency, exc_info=error)
