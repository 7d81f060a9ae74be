"""Takes what was written here to the agencies: each write once, those of a complaint in their order."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from gateway.keyring import Keyring
from gateway.outbox.courier import Courier, OnMove
from gateway.outbox.lane import Lane
from gateway.outbox.letter import HUB, Files, Letters
from gateway.outbox.pace import Dice, Knobs, Pace
from gateway.sync.derived import Rules
from schema.connector import Connector
from schema.delivery import Delivery, DeliveryFilter, DeliveryKind, DeliveryQueue, DeliveryState
from schema.errors import LedgerError
from schema.events import Position
from schema.ports import Clock, Reader, Writer

log = structlog.get_logger(__name__)

_PAGE = 100


class Office(Protocol):
    """An agency that is plugged in."""

    connector: Connector


class Offices(Protocol):
    """Agencies by slug."""

    def get(self, slug: str) -> Office | None:
        """None if it is not plugged in, or paused."""

    def rules(self, slug: str) -> Rules | None:
        """What its file says of clocks, paused or not."""


class Told(Protocol):
    """Where the outbox says how it is."""

    def delivery(self, agency: str, kind: DeliveryKind, state: DeliveryState) -> None: ...

    def queues(self, queues: Mapping[str, DeliveryQueue], clock: Clock) -> None: ...


class Outbox:
    """Delivers until it is cancelled. Hubs over one database share the work by leases.

    Args:
        alone: no other hub works on this ledger: what was being sent when this one starts was left by a dead one.
    """

    def __init__(
        self,
        *,
        agencies: Offices,
        reader: Reader,
        writer: Writer,
        keyring: Keyring,
        clock: Clock,
        metrics: Told,
        files: Files | None = None,
        alone: bool = False,
        knobs: Knobs | None = None,
        dice: Dice = random.random,
    ) -> None:
        self._agencies = agencies
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._alone = alone
        self._knobs = knobs or Knobs()
        self._dice = dice
        self._letters = Letters(reader, writer, keyring, files)
        self._owner = secrets.token_hex(8)
        self._lanes: dict[str, Lane] = {}
        self._rung = asyncio.Event()
        self._head = 0

    def ring(self, head: Position) -> None:
        """Something was committed; what moved nothing needs no look."""
        if head.seq != self._head:
            self._head = head.seq
            self._rung.set()

    async def run(self) -> None:
        """Until cancelled; what is under way then is given a moment."""
        try:
            await self.take_over()
            while True:
                self._rung.clear()
                began = time.monotonic()
                await self._looked()
                await self._wait(time.monotonic() - began)
        finally:
            await asyncio.gather(*(lane.end() for lane in self._lanes.values()))
            self._lanes.clear()

    async def look(self) -> None:
        """Has every agency that something waits for, and that is plugged in, take what is due."""
        async with self._reader.snapshot(HUB) as snapshot:
            queues = await snapshot.queues()
        self._metrics.queues(queues, self._clock)
        for slug, queue in queues.items():
            if queue.waiting and self._agencies.get(slug) is not None:
                self._lane(slug).fill()

    async def idle(self) -> None:
        """Waits until nothing is under way."""
        await asyncio.gather(*(lane.idle() for lane in self._lanes.values()))

    async def take_over(self) -> None:
        """What a hub that is gone was sending becomes UNKNOWN at once; elsewhere its lease has to end first."""
        for delivery in await self._left():
            await self._courier(delivery.agency, Pace(self._knobs, self._dice)).abandon(delivery)

    async def _left(self) -> list[Delivery]:
        busy, left, after = DeliveryFilter(states=(DeliveryState.SENT, DeliveryState.UNKNOWN)), list[Delivery](), 0
        async with self._reader.snapshot(HUB) as snapshot:
            while True:
                page = await snapshot.deliveries(busy, after, _PAGE)
                left += [each for each in page.deliveries if each.owner and (self._alone or each.owner == self._owner)]
                if not page.has_next or not page.deliveries:
                    return left
                after = page.deliveries[-1].seq

    async def _looked(self) -> None:
        try:
            await self.look()
        except LedgerError as error:
            log.warning("outbox.ledger", reason=str(error))

    async def _wait(self, looked: float) -> None:
        """Until it rings or is time; what comes close together is looked at together.

        Args:
            looked: how long the last look took: no more than a tenth of the time goes into looking.
        """
        await asyncio.sleep(max(self._knobs.breath, 9 * looked))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._knobs.idle):
                await self._rung.wait()

    def _lane(self, slug: str) -> Lane:
        if slug not in self._lanes:
            pace = Pace(self._knobs, self._dice)
            courier = self._courier(slug, pace)
            self._lanes[slug] = Lane(
                slug, self._owner, self._writer, courier, pace, self._knobs, self._clock, lambda: self._connector(slug)
            )
        return self._lanes[slug]

    def _connector(self, slug: str) -> Connector | None:
        office = self._agencies.get(slug)
        return office.connector if office is not None else None

    def _courier(self, slug: str, pace: Pace) -> Courier:
        on_move: OnMove = self._metrics.delivery
        rules = self._agencies.rules
        return Courier(self._writer, self._letters, self._clock, pace, self._knobs, lambda: rules(slug), on_move)
