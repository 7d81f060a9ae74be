"""One agency's poller: reads what changed, hands it to the ledger, says how it went."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import structlog

from gateway.sync.derived import Rules
from gateway.sync.diff import SEEN_AGAIN, decide
from gateway.sync.echo import references
from gateway.sync.push import Reception
from schema.agency import SourceProblem, SourceReport, SourceState
from schema.connector import Connector, Page, Push, Receiver
from schema.errors import Incomplete, LedgerError, SourceError, SourceFailure
from schema.events import EventOrigin
from schema.ports import Clock, Receipt, Received, Writer

log = structlog.get_logger(__name__)

#: Told of every page that was applied: slug, page, records of this harvest so far.
OnPage = Callable[[str, Page, int], None]

#: Told how each attempt went, once it is in the ledger.
OnReport = Callable[[SourceReport], None]

#: A full harvest with less than this share of the one before is not believed.
PLAUSIBLE_SHARE = 0.5

#: That pushes keep an agency fresh is written down at most this often.
HEARD_AGAIN = timedelta(seconds=1)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often an agency is asked, in seconds.

    Attributes:
        every: between two attempts while all is well.
        stale_after: lag from which the mirror is called stale.
        longest: between two attempts while it fails.
    """

    every: float
    stale_after: float
    longest: float

    def after_failures(self, failures: int, retry_after: float | None) -> float:
        """The wait before the next attempt: doubling up to `longest`, with full jitter above `every`.

        An agency that says when to come back is believed, up to `longest`.
        """
        longest = max(self.longest, self.every)
        reach = min(self.every * 2 ** min(failures, 16), longest)
        wait = random.uniform(self.every, reach)  # noqa: S311 - spreads load, hides nothing
        return max(wait, min(retry_after or 0.0, longest))


class Harvest(msgspec.Struct, frozen=True):
    """What is remembered between attempts.

    Attributes:
        since: the newest change read so far, by the agency's clock; the next harvest starts there.
        records: how many records the last full harvest brought.
    """

    since: datetime | None = None
    records: int = 0


class Poller:
    """Owns the reading of one agency. `harvest` is one attempt; `run` is the task that never ends."""

    def __init__(
        self,
        *,
        connector: Connector,
        writer: Writer,
        rules: Rules,
        pace: Pace,
        clock: Clock,
        report: SourceReport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_page: OnPage = lambda slug, page, records: None,
        on_report: OnReport = lambda report: None,
    ) -> None:
        self.slug = connector.agency.id
        self.connector = connector
        self._writer = writer
        self._rules = rules
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._on_page = on_page
        self._on_report = on_report
        self._report = report or SourceReport(agency=self.slug)
        self._failures = 0
        self._wait = pace.every
        self._woken = asyncio.Event()
        #: It can't be asked: how it is shows in what it sends.
        self._only_heard = isinstance(connector, Receiver) and not connector.polled
        self._caught_up = False
        self._heard_at: datetime | None = None
        #: False once it is unplugged: what is still on its way must not make it look alive again.
        self.takes_pushes = True

    async def run(self) -> None:
        """Polls until cancelled."""
        # Hubs that start together must not ask together.
        await self._pause(random.uniform(0, min(1.0, self._pace.every)))  # noqa: S311
        while True:
            self._woken.clear()
            await self.harvest()
            await self._pause(self._wait)

    def wake(self) -> None:
        """There is something new: harvests now, or again if a harvest is under way."""
        self._woken.set()

    async def apply(self, page: Page, origin: EventOrigin = EventOrigin.SYNC, *, seen: bool = False) -> None:
        """Brings records into the ledger, in one transaction.

        Args:
            seen: that they were seen is written down even if nothing changed and it was seen shortly before.
        """
        if not page.records and not page.rejected:
            return
        change = decide(self._rules, page.records, self._clock(), origin, timedelta() if seen else SEEN_AGAIN)
        ids = [record.native_id for record in page.records]
        await self._writer.change(self.slug, ids, change, page.rejected, references(page.records))

    async def receive(self, delivery: Push) -> Received:
        """Brings a push of the agency's into the ledger, once, in one transaction.

        Raises:
            TooManyPushes: more came than can be remembered.
            LedgerError: it could not be stored; it may be sent again.
        """
        now = self._clock()
        reception = Reception(self._rules, delivery, now)
        report = self._heard(now)
        receipt = Receipt(id=delivery.id, cursor=delivery.cursor, answer=reception.answer)
        received = await self._writer.receive(
            *(self.slug, reception.native_ids, reception.decide, reception.rejected, receipt, report),
            references=reception.references,
        )
        if report is not None and not received.again:
            if self._report.stale:
                log.info("agency.recovered", agency=self.slug)
            self._report, self._heard_at = report, now
            self._on_report(report)
        return received

    def _heard(self, now: datetime) -> SourceReport | None:
        """What a push says of the agency: it is well, unless what can be asked of it is failing or not yet read."""
        if not (self._only_heard or self._caught_up):
            return None
        if self._report.state is SourceState.OK and self._heard_at and now - self._heard_at < HEARD_AGAIN:
            return None
        return SourceReport(agency=self.slug, state=SourceState.OK, as_of=now, lag_seconds=0, checked_at=now)

    async def _pause(self, seconds: float) -> None:
        """Waits, at most until somebody wakes it."""
        woken, over = asyncio.create_task(self._woken.wait()), asyncio.ensure_future(self._sleep(seconds))
        try:
            done, _ = await asyncio.wait((woken, over), return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            woken.cancel()
            over.cancel()

    async def harvest(self) -> SourceReport:
        """One attempt to read everything that changed. Never raises for the agency's faults: they are the report's."""
        if self._only_heard:
            return await self._listen()
        started = self._clock()
        harvest = await self._remembered()
        try:
            done = await self._read(harvest, started)
        except SourceError as error:
            report = self._failed(error, started)
            await self._writer.report(report)
        except LedgerError:
            raise  # our own trouble, not the agency's: the supervisor tells it and tries again
        except Exception as error:
            # A fault of ours in one connector must not silence the agency's state, nor the other agencies.
            log.exception("sync.fault", agency=self.slug)
            report = self._failed(SourceFailure(type(error).__name__), started)
            await self._writer.report(report)
        else:
            report = self._succeeded(started)
            if harvest.since is None and done.since is not None:
                # What changed while everything was read may have slipped to a page that was behind us: look at once.
                self._wait = 0.0
            await self._writer.report(report, msgspec.json.encode(done))
        self._report = report
        self._on_report(report)
        return report

    async def _listen(self) -> SourceReport:
        """How an agency is that only sends: fresh as of its newest push, stale when that is too long ago."""
        now, last = self._clock(), await self._writer.last_push(self.slug)
        if last is None:
            report = SourceReport(agency=self.slug, checked_at=now)
        else:
            lag = (now - last.received_at).total_seconds()
            stale = lag > self._pace.stale_after
            report = SourceReport(
                agency=self.slug,
                state=SourceState.STALE if stale else SourceState.OK,
                as_of=last.received_at,
                lag_seconds=max(round(lag), 0),
                stale=stale,
                checked_at=now,
            )
        if report.stale and not self._report.stale:
            log.warning("agency.silent", agency=self.slug, lag_seconds=report.lag_seconds)
        await self._writer.report(report)
        self._report = report
        self._on_report(report)
        return report

    async def _remembered(self) -> Harvest:
        state = await self._writer.harvest_state(self.slug)
        return msgspec.json.decode(state, type=Harvest) if state else Harvest()

    async def _read(self, harvest: Harvest, started: datetime) -> Harvest:
        """Applies page after page. What was applied before a failure stands; `since` moves only at the end."""
        records, newest = 0, harvest.since
        async for page in self.connector.changes(harvest.since):
            records += len(page.records) + len(page.rejected)
            newest = _newest(newest, page)
            await self.apply(page)
            self._on_page(self.slug, page, records)
        if harvest.since is None and records < harvest.records * PLAUSIBLE_SHARE:
            raise Incomplete(f"{records} records where there were {harvest.records}")
        since = self._resume_at(newest, started)
        if harvest.since is None:
            return Harvest(since=since, records=records)
        return Harvest(since=max(since or harvest.since, harvest.since), records=harvest.records)

    def _resume_at(self, newest: datetime | None, started: datetime) -> datetime | None:
        """Where the next harvest starts: before anything that may have changed behind this one's back.

        A row that was read early may have changed before one that was read late, so the harvest's length is taken off
        what is newest. An agency's clock that runs ahead must not make us skip what it writes until we catch up.
        """
        return min(newest - (self._clock() - started), started) if newest else None

    def _succeeded(self, started: datetime) -> SourceReport:
        if self._report.error is not None or self._failures:
            log.info("agency.recovered", agency=self.slug, attempts=self._failures)
        self._failures = 0
        self._caught_up = True
        self._wait = self._pace.every
        now = self._clock()
        lag = (now - started).total_seconds()
        stale = lag > self._pace.stale_after
        return SourceReport(
            agency=self.slug,
            state=SourceState.STALE if stale else SourceState.OK,
            as_of=max(started, self._heard_at or started),
            lag_seconds=round(lag),
            stale=stale,
            checked_at=now,
        )

    def _failed(self, error: SourceError, started: datetime) -> SourceReport:
        if self._failures == 0 and self._report.error is None:
            log.warning("agency.down", agency=self.slug, code=error.code.value, reason=str(error))
        self._failures += 1
        self._caught_up = False
        # Decided once per attempt, so that the `retryAt` that people read is what happens.
        self._wait = self._pace.after_failures(self._failures, error.retry_after)
        now = self._clock()
        as_of = self._report.as_of
        since = self._report.error.since if self._report.error else started
        return SourceReport(
            agency=self.slug,
            state=SourceState.DOWN,
            as_of=as_of,
            lag_seconds=round((now - as_of).total_seconds()) if as_of else None,
            stale=True,
            checked_at=now,
            error=SourceProblem(code=error.code, since=since, retry_at=now + timedelta(seconds=self._wait)),
        )


def _newest(newest: datetime | None, page: Page) -> datetime | None:
    if page.until is not None:
        return page.until
    moments = [record.updated_at for record in page.records if record.updated_at is not None]
    return max((*moments, newest) if newest else moments, default=None)
