"""Takes one delivery to its agency, once, and writes down what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from msgspec.structs import replace

from gateway.failpoints import reached
from gateway.outbox import moves
from gateway.outbox.letter import Gone, Letters
from gateway.outbox.pace import Knobs, Pace
from gateway.sync.derived import Rules
from schema.agency import SourceErrorCode, SourceProblem
from schema.connector import Acknowledgement, Connector, Sender, Write
from schema.delivery import SETTLED, Delivery, DeliveryKind, DeliveryState
from schema.errors import LedgerError, LedgerUnavailable, SourceError, WriteRejected
from schema.ports import Clock, Writer
from schema.writes import Decide, Recorded

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Told what became of deliveries: agency, kind, state.
OnMove = Callable[[str, DeliveryKind, DeliveryState], None]

#: Seconds between the tries to write down what came of an attempt. Past them its lease ends, and it is looked up.
_RETRIES = (0.1, 0.3, 1.0, 3.0, 9.0, 20.0)


class _Failed(Exception):
    """An attempt to speak with the agency.

    Attributes:
        began: when it was made.
        arrived: whether the write may have arrived.
        refused: the agency said no.
    """

    def __init__(
        self,
        code: SourceErrorCode,
        began: datetime,
        *,
        arrived: bool,
        refused: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code, self.began = code, began
        self.arrived, self.refused, self.retry_after = arrived, refused, retry_after


class Courier:
    """Takes deliveries to one agency.

    Args:
        rules: of the agency, while it is plugged in.
        sleep: between the tries to write down what came of it.
    """

    def __init__(
        self,
        writer: Writer,
        letters: Letters,
        clock: Clock,
        pace: Pace,
        knobs: Knobs,
        rules: Callable[[], Rules | None],
        on_move: OnMove,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._writer = writer
        self._letters = letters
        self._clock = clock
        self._pace = pace
        self._knobs = knobs
        self._rules = rules
        self._on_move = on_move
        self._sleep = sleep

    async def take(self, delivery: Delivery, connector: Connector) -> None:
        """One attempt with a delivery that was claimed: sent if it is SENT, looked up if it is UNKNOWN."""
        reached("delivery.claimed")
        if not isinstance(connector, Sender) or delivery.kind not in connector.writes:
            await self._by_hand(delivery)
        elif delivery.state is DeliveryState.UNKNOWN and delivery.kind not in connector.finds:
            await self._wait_for_harvest(delivery)
        else:
            await self._deliver(delivery, connector)

    async def give_back(self, delivery: Delivery) -> None:
        """What was claimed and not begun."""
        if delivery.state is DeliveryState.SENT:
            delivery_before = replace(delivery, attempts=delivery.attempts - 1)
            await self._move(delivery, moves.free(delivery_before, DeliveryState.QUEUED))
        else:
            await self._move(delivery, moves.free(delivery, delivery.state, next_attempt_at=self._clock()))

    async def abandon(self, delivery: Delivery) -> None:
        """What a hub that is gone was sending, or looking up: nobody knows what became of it."""
        if delivery.state is DeliveryState.UNKNOWN:
            await self._move(delivery, self._still(delivery, self._clock()))
        else:
            await self._unknown(delivery, None, self._clock())

    async def _deliver(self, delivery: Delivery, connector: Sender) -> None:
        try:
            write = await self._letters.write(delivery)
        except Gone:
            await self._dead(delivery, SourceErrorCode.OTHER)
            return
        except (SourceError, LedgerError) as error:
            log.exception("delivery.unwritten", delivery=delivery.id, agency=delivery.agency)
            code = error.code if isinstance(error, SourceError) else SourceErrorCode.OTHER
            await self._again(delivery, _Failed(code, self._clock(), arrived=False))
            return
        except asyncio.CancelledError:
            await self.give_back(delivery)
            raise
        reached("delivery.built")
        if delivery.state is DeliveryState.UNKNOWN:
            await self._look(delivery, connector, write)
        elif not _is_doubtful(delivery, connector) or not await self._is_there(delivery, connector, write):
            await self._send(delivery, connector, write)

    async def _send(self, delivery: Delivery, connector: Sender, write: Write) -> None:
        if self._may_be_lost(delivery):
            await self.give_back(delivery)
            return
        reached("delivery.sending")
        try:
            told = await self._asked(connector.send(write), delivery)
        except _Failed as failed:
            reached("delivery.answered")
            await self._unsent(delivery, connector, failed)
        except asyncio.CancelledError:
            await self._unknown(delivery, connector, self._clock())
            raise
        else:
            reached("delivery.answered")
            await self._acknowledge(delivery, told)

    async def _unsent(self, delivery: Delivery, connector: Sender, failed: _Failed) -> None:
        if failed.refused:
            self._pace.answered(self._clock())
            await self._settle(delivery, DeliveryState.REJECTED, failed.code)
        elif failed.arrived:
            retry_at = None if self._is_own(delivery, failed) else self._wait(failed)
            await self._unknown(delivery, connector, retry_at or self._clock(), failed.code)
        else:
            await self._again(delivery, failed)

    async def _is_there(self, delivery: Delivery, connector: Sender, write: Write) -> bool:
        """Whether what is to be sent once more, and whose last attempt nobody knows of, need not or can't be."""
        try:
            found = await self._found(delivery, connector, write)
        except _Failed as failed:
            await self._again(delivery, failed, doubtful=True)
            return True
        if found is not None:
            await self._acknowledge(delivery, found)
        return found is not None

    async def _look(self, delivery: Delivery, connector: Sender, write: Write) -> None:
        try:
            found = await self._found(delivery, connector, write)
        except _Failed as failed:
            await self._unseen(delivery, failed)
            return
        now, sent_at = self._clock(), delivery.sent_at or delivery.queued_at
        settled_at = sent_at + timedelta(seconds=connector.settles_after)
        if found is not None:
            await self._acknowledge(delivery, found)
        elif now < settled_at:
            next_look = now + max(timedelta(seconds=self._knobs.look_first), now - sent_at)
            soonest = now + timedelta(seconds=self._knobs.look_first)
            await self._move(delivery, self._still(delivery, min(next_look, max(settled_at, soonest))))
        elif self._is_over(delivery, now):
            await self._dead(delivery, SourceErrorCode.INCOMPLETE)
        else:
            retry_at = self._pace.after(delivery.attempts, now)
            code = delivery.error.code if delivery.error else SourceErrorCode.INCOMPLETE
            await self._queue(delivery, code, retry_at, certain=True)

    async def _found(self, delivery: Delivery, connector: Sender, write: Write) -> Acknowledgement | None:
        reached("delivery.looking")
        try:
            found = await self._asked(connector.find(write), delivery)
        except asyncio.CancelledError:
            await self.give_back(delivery)
            raise
        reached("delivery.found")
        self._pace.answered(self._clock())
        return found

    async def _unseen(self, delivery: Delivery, failed: _Failed) -> None:
        """It could not be looked up."""
        now = self._clock()
        if now - (delivery.sent_at or delivery.queued_at) >= timedelta(seconds=self._knobs.give_up):
            await self._dead(delivery, failed.code)
            return
        own = self._is_own(delivery, failed)
        at = self._pace.after(delivery.attempts + 1, now) if own else self._wait(failed)
        soonest = now + timedelta(seconds=self._knobs.look_first)
        problem = self._problem(delivery, failed.code, None)
        await self._move(delivery, replace(self._still(delivery, max(at, soonest)), error=problem))

    async def _wait_for_harvest(self, delivery: Delivery) -> None:
        """Only the record itself can tell that it arrived: `change` of the ledger's writer settles it then."""
        now, over = self._clock(), self._unfindable_until(delivery)
        if now >= over:
            await self._dead(delivery, delivery.error.code if delivery.error else SourceErrorCode.TIMEOUT)
        else:
            again = now + timedelta(seconds=self._knobs.look_again)
            await self._move(delivery, self._still(delivery, min(again, over)))

    async def _by_hand(self, delivery: Delivery) -> None:
        if delivery.state is DeliveryState.UNKNOWN:  # it was sent while the agency still took it
            await self._wait_for_harvest(delivery)
            return
        attempts = delivery.attempts - 1
        unsent = replace(delivery, attempts=attempts, sent_at=delivery.sent_at if attempts else None, error=None)
        await self._move(delivery, moves.free(unsent, DeliveryState.HAND_DELIVERY))

    async def _again(self, delivery: Delivery, failed: _Failed, *, doubtful: bool = False) -> None:
        """Nothing arrived. It waits; so does everything else for the agency, unless the fault is its own."""
        now = self._clock()
        if delivery.state is DeliveryState.UNKNOWN:
            await self._unseen(delivery, failed)
        elif self._is_over(delivery, now):
            await self._dead(delivery, failed.code)
        else:
            own = self._is_own(delivery, failed)
            at = self._pace.after(delivery.attempts, now, failed.retry_after) if own else self._wait(failed)
            await self._queue(delivery, failed.code, at, certain=not doubtful)

    async def _queue(self, delivery: Delivery, code: SourceErrorCode, at: datetime, *, certain: bool) -> None:
        problem = self._problem(delivery, code, at if certain else None)
        await self._move(delivery, moves.free(delivery, DeliveryState.QUEUED, next_attempt_at=at, error=problem))

    async def _unknown(
        self, delivery: Delivery, connector: Sender | None, at: datetime, code: SourceErrorCode = SourceErrorCode.OTHER
    ) -> None:
        if connector is not None and delivery.kind not in connector.finds:
            at = self._unfindable_until(delivery)
        else:
            at = max(at, self._clock() + timedelta(seconds=self._knobs.look_first if connector is not None else 0))
        fields = {"next_attempt_at": at, "error": self._problem(delivery, code, None)}
        if connector is not None:
            fields["sent_at"] = self._clock()  # until now it may have been waiting for its turn
        await self._move(delivery, moves.free(delivery, DeliveryState.UNKNOWN, **fields))

    async def _dead(self, delivery: Delivery, code: SourceErrorCode) -> None:
        log.error("delivery.dead", delivery=delivery.id, agency=delivery.agency, kind=delivery.kind, code=code)
        await self._settle(delivery, DeliveryState.DEAD, code)

    async def _settle(self, delivery: Delivery, state: DeliveryState, code: SourceErrorCode) -> None:
        problem = self._problem(delivery, code, None)
        settled_at = self._clock() if state in SETTLED else None
        await self._move(delivery, moves.free(delivery, state, settled_at=settled_at, error=problem))

    async def _acknowledge(self, delivery: Delivery, told: Acknowledgement) -> None:
        now = self._clock()
        self._pace.answered(now)
        decide = moves.acknowledge(delivery, told, now, self._rules())
        if await self._write(delivery, decide):
            self._on_move(delivery.agency, delivery.kind, DeliveryState.ACKNOWLEDGED)

    async def _move(self, delivery: Delivery, moved: Delivery) -> None:
        written = await self._write(delivery, moves.move(delivery, moved, self._clock(), self._rules()))
        if written and moved.state is not delivery.state:
            self._on_move(moved.agency, moved.kind, moved.state)

    async def _write(self, delivery: Delivery, decide: Decide) -> bool:
        """Whether it is written: whoever took it over has the last word. A database that is away is waited for."""
        for wait in (*_RETRIES, None):
            try:
                recorded = await self._writer.write(moves.intent(delivery), decide)
            except LedgerUnavailable:
                if wait is None:
                    raise
                await self._sleep(wait)
            else:
                break
        reached("delivery.settled")
        return isinstance(recorded, Recorded)

    async def _asked(self, asking: Awaitable[T], delivery: Delivery) -> T:
        """What the agency says.

        Raises:
            _Failed: whatever went wrong.
        """
        began = self._clock()
        try:
            async with asyncio.timeout(self._knobs.deadline):
                return await asking
        except WriteRejected as error:
            raise _Failed(error.code, began, arrived=False, refused=True) from None
        except SourceError as error:
            log.warning("delivery.failed", delivery=delivery.id, agency=delivery.agency, reason=str(error))
            raise _Failed(error.code, began, arrived=error.arrived, retry_after=error.retry_after) from None
        except TimeoutError:
            raise _Failed(SourceErrorCode.TIMEOUT, began, arrived=True) from None
        except Exception:  # perhaps a stranger's connector
            log.exception("delivery.failed", delivery=delivery.id, agency=delivery.agency)
            raise _Failed(SourceErrorCode.OTHER, began, arrived=True) from None

    def _may_be_lost(self, delivery: Delivery) -> bool:
        """Whether its lease may end before an attempt would: another hub must not look for what is still to come."""
        ends = self._clock() + timedelta(seconds=self._knobs.deadline)
        return delivery.leased_until is not None and delivery.leased_until < ends

    def _still(self, delivery: Delivery, at: datetime) -> Delivery:
        return moves.free(delivery, delivery.state, next_attempt_at=at)

    def _is_own(self, delivery: Delivery, failed: _Failed) -> bool:
        return self._pace.is_own_fault(delivery, failed.code)

    def _wait(self, failed: _Failed) -> datetime:
        return self._pace.failed(failed.began, self._clock(), failed.retry_after)

    def _is_over(self, delivery: Delivery, now: datetime) -> bool:
        given_up = now - delivery.queued_at >= timedelta(seconds=self._knobs.give_up)
        return given_up and delivery.attempts >= self._knobs.tries

    def _unfindable_until(self, delivery: Delivery) -> datetime:
        return (delivery.sent_at or delivery.queued_at) + timedelta(seconds=self._knobs.unfindable)

    def _problem(self, delivery: Delivery, code: SourceErrorCode, retry_at: datetime | None) -> SourceProblem:
        since = delivery.error.since if delivery.error else self._clock()
        return SourceProblem(code=code, since=since, retry_at=retry_at)


def _is_doubtful(delivery: Delivery, connector: Sender) -> bool:
    """Whether it was sent before and may have arrived: given up, and then asked for once more by a person."""
    before = delivery.attempts > 1 and delivery.kind in connector.finds
    return before and (delivery.error is None or delivery.error.retry_at is None)
