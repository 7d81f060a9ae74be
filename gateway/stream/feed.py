"""Live events for one subscriber: from the shared tail, and from the ledger where the tail does not go back so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial

import structlog

from gateway.stream.doorbell import Doorbell
from gateway.stream.tail import TICK, Tail
from gateway.stream.watch import Watch
from schema.agency import Agency, SourceReport
from schema.errors import LedgerError
from schema.events import Event, Position
from schema.ports import AccessChanged, CaughtUp, Reader
from schema.query import EventFilter, EventPage, Viewer

log = structlog.get_logger(__name__)

#: Events that a subscriber takes at once. It holds no more than this, however slow it is.
PAGE = 100
#: A checkpoint is due after so many skipped events, or so many seconds.
SKIPPED, QUIET = 500, 10.0


class _Shared:
    """What those who follow share, as long as there are any.

    Attributes:
        ended: the viewer may not see any more what he might when it began.
        works: read the tail, and end everything when the hub goes down.
    """

    def __init__(self, tail: Tail) -> None:
        self.tail = tail
        self.followers = 0
        self.ended = False
        self.works: list[asyncio.Task[None]] = []


class LedgerFeed:
    """`schema.ports.Feed`. The doorbell only wakes: order and completeness are the ledger's.

    Args:
        closing: set when the hub goes down; whatever is followed then ends.
        clock: seconds, for checkpoints.
        tick: seconds between two looks at who is due one.
    """

    def __init__(
        self,
        reader: Reader,
        doorbell: Doorbell,
        watch: Watch,
        closing: asyncio.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        tick: float = TICK,
    ) -> None:
        self._reader = reader
        self._doorbell = doorbell
        self._watch = watch
        self._closing = closing or asyncio.Event()
        self._clock = clock
        self._tick = tick
        self._shared: dict[Viewer, _Shared] = {}

    def follow(
        self, viewer: Viewer, filter: EventFilter, after: Position
    ) -> AsyncGenerator[Event | int | CaughtUp, None]:
        return self._follow(viewer, filter, after)

    async def _follow(
        self, viewer: Viewer, filter: EventFilter, after: Position, history: object | None = None
    ) -> AsyncGenerator[Event | int | CaughtUp, None]:
        following, offered, alone = _Following(after.seq, self._clock), -1, history is None
        with self._following(viewer, after.seq) as shared:
            tail = shared.tail
            match, over = tail.match(filter), partial(self._is_over, shared)
            # The tail may not know yet of an epoch that has just begun.
            while tail.epoch < after.epoch and not over():
                await tail.wait(beyond=tail.end)
            history = history or tail.history
            while tail.epoch == after.epoch and tail.history is history and not over():
                page = tail.page(match, following.read, PAGE)
                if page is None:
                    page = await self._from_ledger(viewer, filter, Position(after.epoch, following.read))
                    if page is None:
                        return
                revision = tail.revision
                for event in page.events:
                    if tail.revision != revision or over():
                        break
                    following.told(event.seq)
                    yield event
                else:
                    if (checkpoint := following.passed(page.end)) is not None:
                        yield checkpoint
                    if page.has_more or tail.revision != revision:
                        continue
                    # Whoever begins beyond the tail waits for it alone: all who wait together stand at its end.
                    if following.idle and following.read == tail.end and following.read != offered:
                        offered = following.read
                        here = Position(after.epoch, offered)
                        news = partial(self._follow, viewer, filter, here, history)
                        caught_up = CaughtUp(offered, (match, history), news)
                        yield caught_up
                        if caught_up.seq != offered:
                            following.told(caught_up.seq)
                        continue
                    await tail.wait(beyond=following.read, due=following.due)
            if shared.ended and alone:
                # Not in the stead of others: each of them finds it out by himself.
                raise AccessChanged

    def follow_sources(self, viewer: Viewer, agencies: Collection[str] | None) -> AsyncIterator[str]:
        following: list[_Shared] = []
        changes = self._watch.source_changes(agencies, lambda: any(map(self._is_over, following)))
        return self._follow_sources(viewer, changes, following)

    def end(self, viewer: Viewer) -> None:
        """Ends whatever this viewer follows: what was seen by these credentials is not what may be seen now."""
        shared = self._shared.pop(viewer, None)
        if shared is not None:
            shared.ended = True
            shared.tail.wake()
            self._watch.wake()

    def revision(self, viewer: Viewer) -> int:
        shared = self._shared.get(viewer)
        return 0 if shared is None else shared.tail.revision

    def facts(self) -> tuple[Mapping[str, Agency] | None, Mapping[str, SourceReport] | None]:
        return self._watch.agencies, self._watch.sources

    async def _follow_sources(
        self, viewer: Viewer, changes: AsyncGenerator[str, None], following: list[_Shared]
    ) -> AsyncGenerator[str, None]:
        with self._following(viewer, self._doorbell.head.seq) as shared:
            following.append(shared)
            async with aclosing(changes):
                async for slug in changes:
                    yield slug

    def _is_over(self, shared: _Shared) -> bool:
        return shared.ended or self._closing.is_set()

    async def _from_ledger(self, viewer: Viewer, filter: EventFilter, after: Position) -> EventPage | None:
        """The next page; None when not every event after `after` can be told any more, or not now."""
        try:
            # Closed before the first event goes out: a slow subscriber holds no transaction open.
            async with self._reader.snapshot(viewer) as now:
                if (await now.head()).epoch != after.epoch or await now.oldest() > after.seq + 1:
                    return None
                return await now.events(filter, after.seq, PAGE)
        except (LedgerError, OSError) as error:
            log.warning("feed.failed", error=type(error).__name__)
            return None

    @contextmanager
    def _following(self, viewer: Viewer, after: int) -> Iterator[_Shared]:
        # The tail goes with the last who follows: what nobody reads on would grow old, and tell what is hidden by now.
        shared = self._shared.get(viewer)
        if shared is None:
            tail = Tail(self._reader, viewer, self._doorbell, self._clock, self._tick)
            shared = self._shared[viewer] = _Shared(tail)
            shared.works = [asyncio.create_task(work) for work in (tail.run(after), self._expect_closing(tail))]
        shared.followers += 1
        try:
            yield shared
        finally:
            shared.followers -= 1
            if not shared.followers:
                if self._shared.get(viewer) is shared:
                    del self._shared[viewer]
                for work in shared.works:
                    work.cancel()

    async def _expect_closing(self, tail: Tail) -> None:
        await self._closing.wait()
        tail.wake()
        self._watch.wake()


class _Following:
    """How far one subscriber is.

    Attributes:
        read: everything up to here was told, or matched nothing.
    """

    def __init__(self, after: int, clock: Callable[[], float]) -> None:
        self.read = after
        self._clock = clock
        self._told = after
        self._told_at = clock()

    def told(self, seq: int) -> None:
        """An event is told."""
        self.read = self._told = seq
        self._told_at = self._clock()

    def passed(self, end: int) -> int | None:
        """Up to `end` nothing more matched; returns a seq to be told instead of an event, when that is due."""
        self.read = max(self.read, end)
        if self.read - self._told < SKIPPED and (self.read == self._told or self._clock() < self.due):
            return None
        self.told(self.read)
        return self.read

    @property
    def idle(self) -> bool:
        """Nothing was skipped since it was told something."""
        return self.read == self._told

    @property
    def due(self) -> float:
        """When, by the clock, the next checkpoint must be told; never, if nothing was skipped."""
        return self._told_at + QUIET if self.read > self._told else float("inf")
