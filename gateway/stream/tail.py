"""The newest events in memory: read once, whoever follows."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from weakref import WeakValueDictionary

import structlog

from gateway.ledger.filters import MOST_VALUES, agencies_meant, event_test
from gateway.stream.doorbell import Doorbell
from schema.agency import Agency
from schema.complaint import Complaint
from schema.events import Event, EventKind, Position
from schema.ports import Reader, Snapshot
from schema.query import EventFilter, EventPage, Viewer

log = structlog.get_logger(__name__)

#: What is kept at most: events, and about how many bytes of them.
MOST_EVENTS, MOST_BYTES = 1_000, 16_000_000
#: Events that one read takes in, and that are kept from before where the first who follows begins.
AT_ONCE, BEFORE = 250, 100
#: Seconds between two looks at who waits for something that is due, and of rest after a failed read.
TICK = 1.0

_EVERY = tuple(EventKind)

#: Pages that are kept of one filter until the next read: those at the same place are given the same one.
_PAGES = 16


class Match:
    """A filter, and the pages of the tail that it lets through. One object for all who follow with the same filter."""

    def __init__(self, filter: EventFilter) -> None:
        self.filter = filter
        self.pages: dict[tuple[int, int], EventPage] = {}
        self._agencies: Mapping[str, Agency] | None = None
        self._test: Callable[[Event], bool] = event_test(filter, ())

    def test(self, agencies: Mapping[str, Agency]) -> Callable[[Event], bool]:
        """The filter as a test; `agencies` are asked for their levels."""
        if agencies is not self._agencies:
            self._agencies = agencies
            self._test = event_test(self.filter, agencies_meant(self.filter, agencies))
        return self._test


class Tail:
    """Every event that one viewer is told of in `start` < seq <= `end`, each with its complaint.

    What is kept of a complaint is read anew whenever there is news of it. So the tail tells what the ledger would tell,
    as of its last read: nothing that was withdrawn or erased since.

    Attributes:
        epoch: of what is kept; empty before the first read.
        revision: moves whenever a complaint may have gone out of sight, or a part of it: who holds a page taken before
            takes it anew.
        history: another object whenever what was told before is no longer the ledger's history.
        agencies: as of the last read, by slug.
    """

    def __init__(
        self,
        reader: Reader,
        viewer: Viewer,
        doorbell: Doorbell,
        clock: Callable[[], float] = time.monotonic,
        tick: float = TICK,
    ) -> None:
        self.epoch = ""
        self.start = self.end = 0
        self.revision = 0
        self.history = object()
        self.agencies: Mapping[str, Agency] = {}
        self._reader = reader
        self._viewer = viewer
        self._doorbell = doorbell
        self._clock = clock
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self._events: list[Event] = []
        self._bytes = 0
        self._waiting: list[tuple[asyncio.Future[None], float]] = []
        self._wanted = asyncio.Event()
        self._matches: WeakValueDictionary[EventFilter, Match] = WeakValueDictionary()

    async def run(self, first: int) -> None:
        """Reads what comes, until cancelled. A database that fails is asked again: who follows loses nothing by it.

        Args:
            first: the seq after which the first one wants events.
        """
        failed = False
        while True:
            try:
                await (self._advance() if self.epoch else self._begin(first))
                if failed:
                    log.info("tail.recovered")
                failed = False
            except Exception:
                if not failed:
                    log.exception("tail.failed")
                failed = True
                await asyncio.sleep(self._tick)

    def match(self, filter: EventFilter) -> Match:
        """What pages are asked for with.

        Raises:
            BadUserInput: a value can't be meant.
        """
        match = self._matches.get(filter)
        if match is None:
            match = self._matches[filter] = Match(filter)
        return match

    def page(self, match: Match, after: int, most: int) -> EventPage | None:
        """The events after a seq that match, oldest first; None when the tail does not go back so far."""
        if after < self.start:
            return None
        page = match.pages.get((after, most))
        if page is None:
            if len(match.pages) >= _PAGES:
                match.pages.clear()
            page = match.pages[after, most] = self._page(match.test(self.agencies), after, most)
        return page

    def _page(self, test: Callable[[Event], bool], after: int, most: int) -> EventPage:
        found: list[Event] = []
        for event in self._events[bisect_right(self._events, after, key=_seq) :]:
            if test(event):
                found.append(event)
                if len(found) == most:
                    return EventPage(events=tuple(found), end=event.seq, has_more=event.seq < self.end)
        return EventPage(events=tuple(found), end=max(after, self.end), has_more=False)

    async def wait(self, beyond: int, due: float = float("inf")) -> None:
        """Returns after the next read, or once something is due by the clock, or when woken."""
        if self.epoch and self.end > beyond:
            return
        woken = self._loop.create_future()
        self._waiting.append((woken, due))
        self._wanted.set()
        await woken

    def wake(self) -> None:
        """Wakes all who wait."""
        self._wake(float("inf"))

    def _wake(self, due: float) -> None:
        """Wakes those for whom something is due; those who have left are forgotten."""
        waiting, self._waiting = self._waiting, []
        for woken, at in waiting:
            if woken.done():
                continue
            if at <= due:
                woken.set_result(None)
            else:
                self._waiting.append((woken, at))
        if not self._waiting:
            self._wanted.clear()

    async def _begin(self, first: int) -> None:
        async with self._reader.snapshot(self._viewer) as now:
            head, oldest = await now.head(), await now.oldest()
            self.agencies = await now.agencies()
        self._events, self._bytes = [], 0
        self.start = self.end = max(oldest - 1, head.seq - MOST_EVENTS, min(first, head.seq) - BEFORE, 0)
        self._turn_pages()
        self.epoch = head.epoch
        self.wake()

    async def _advance(self) -> None:
        """One step: the next events, if there are any."""
        # Those who follow set the pace: else a burst would run away from all of them. But nobody who takes his time may
        # keep the others' withdrawals from being noticed.
        await _within(self._tick, self._wanted)
        known = Position(self.epoch, self.end)
        if self._waiting:
            await self._doorbell.wait(beyond=known, timeout=self._tick)
        if self._doorbell.beyond(known):
            await self._read()
            self.wake()
            if known == Position(self.epoch, self.end):
                # An older copy was put back; a new epoch will begin once somebody writes.
                await asyncio.sleep(self._tick)
        else:
            self._wake(self._clock())

    async def _read(self) -> None:
        async with self._reader.snapshot(self._viewer) as now:
            head, oldest = await now.head(), await now.oldest()
            self.agencies = await now.agencies()
            if head.epoch != self.epoch or head.seq < self.end:
                self._forget(head)
                return
            if oldest > self.end + 1:
                self.start = self.end = oldest - 1
            page = await now.events(EventFilter(kinds=_EVERY), self.end, AT_ONCE)
            stale = {event.complaint_id for event in page.events} & {event.complaint_id for event in self._events}
            told_anew = await self._anew(now, stale)
        if stale:
            kept = (event for event in self._events if event.complaint_id not in stale)
            self._replace(sorted((*kept, *told_anew), key=_seq))
        self._events += page.events
        self._bytes += sum(map(_size, page.events))
        self.end = page.end
        if any(map(_may_hide, page.events)):
            self.revision += 1
        self._trim()
        self._turn_pages()

    async def _anew(self, now: Snapshot, ids: Collection[str]) -> Sequence[Event]:
        """What is kept of these complaints, as it is to be told now."""
        found: list[Event] = []
        asked = list(ids)
        for at in range(0, len(asked), MOST_VALUES):
            filter = EventFilter(kinds=_EVERY, ids=tuple(asked[at : at + MOST_VALUES]))
            page = await now.events(filter, self.start, MOST_EVENTS)
            found += [event for event in page.events if event.seq <= self.end]
        return found

    def _forget(self, head: Position) -> None:
        """What is kept is no longer the ledger's history."""
        log.warning("tail.rewritten", epoch=head.epoch)
        self._replace([])
        self.epoch = head.epoch
        self.start = self.end = head.seq
        self.revision += 1
        self.history = object()
        self._turn_pages()

    def _turn_pages(self) -> None:
        for match in self._matches.values():
            match.pages.clear()

    def _replace(self, events: Iterable[Event]) -> None:
        self._events = list(events)
        self._bytes = sum(map(_size, self._events))

    def _trim(self) -> None:
        dropped = max(0, len(self._events) - MOST_EVENTS)
        self._bytes -= sum(map(_size, self._events[:dropped]))
        while self._bytes > MOST_BYTES and dropped < len(self._events):
            self._bytes -= _size(self._events[dropped])
            dropped += 1
        if dropped:
            self.start = self._events[dropped - 1].seq
            del self._events[:dropped]


async def _within(seconds: float, happened: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await happened.wait()
    except TimeoutError:
        return


def _seq(event: Event) -> int:
    return event.seq


def _may_hide(event: Event) -> bool:
    """The event may have taken something out of sight, or brought it back."""
    published_again = event.kind is EventKind.SUBMITTED and event.version > 1
    return event.complaint is None or event.kind is EventKind.CORRECTED or published_again


def _size(event: Event) -> int:
    """About how many bytes it takes."""
    return 1_000 + (0 if event.complaint is None else _complaint_size(event.complaint))


def _complaint_size(complaint: Complaint) -> int:
    texts = (complaint.title, complaint.original_text, complaint.edited_text, complaint.status_reason)
    entries = (complaint.timeline, complaint.dispositions, complaint.ratings, complaint.clocks, complaint.attachments)
    answers = sum(600 + 2 * len(follow_up.content or "") for follow_up in complaint.follow_ups)
    return 2_000 + 2 * sum(len(text) for text in texts if text) + 400 * sum(map(len, entries)) + answers
