"""What resolvers may use: one `Context` for each operation, handed in by the gateway as `info.context`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from strawberry.types import Info as StrawberryInfo

from schema.agency import Agency, SourceReport
from schema.complaint import Complaint
from schema.delivery import DeliveryQueue
from schema.events import Position
from schema.graph.batches import Batches
from schema.graph.fresh import FreshReads
from schema.graph.live import LiveReads
from schema.links import Suggestion
from schema.ports import Clock, Cursors, Feed, Snapshot
from schema.query import Viewer
from schema.writes import Desk


class Suggest(Protocol):
    """Finds likely duplicates among what the viewer may see."""

    async def __call__(self, snapshot: Snapshot, complaint: Complaint, /) -> Sequence[Suggestion]:
        """Complaints that are likely the same matter, best first, neither confirmed nor dismissed yet."""


@dataclass(slots=True, eq=False)
class Context:
    """The ports of one operation, and what was already read through them.

    Attributes:
        viewer: whom the answer is shown to: who asks, or whom a mutation made of him.
        snapshot: all fields of a query read this one. A subscription outlives any snapshot, and a mutation changes
            what there is to be read: give them `FreshReads`.
        feed: live events; only subscriptions need it.
        on_ahead: told of an authentic cursor beyond the head; the ledger begins a new epoch.
        after: takes the place of a subscription's argument `after`.
        desk: where writes are taken; None: this hub takes none.
        suggest: finds likely duplicates; None: nobody does.
        asker: who asks.
        outdated: ids of complaints whose mirror is older than this operation asked for, or whose content is older than
            its agency's file allows.
        known_epoch: the ledger's epoch, once it was read.
        reads: what the operation may read from agencies themselves; None in streams, which wait for no agency.
    """

    viewer: Viewer
    snapshot: Snapshot
    cursors: Cursors
    clock: Clock
    feed: Feed | None = None
    on_ahead: Callable[[Position], Awaitable[object]] | None = None
    after: str | None = None
    desk: Desk | None = None
    suggest: Suggest | None = None
    asker: Viewer = field(init=False)
    outdated: set[str] = field(default_factory=set, init=False)
    known_epoch: str | None = field(default=None, init=False)
    reads: LiveReads | None = field(default=None, init=False)
    _agencies: Mapping[str, Agency] | None = field(default=None, init=False)
    _sources: Mapping[str, SourceReport] | None = field(default=None, init=False)
    _queues: Mapping[str, DeliveryQueue] | None = field(default=None, init=False)
    _batches: Batches | None = field(default=None, init=False)
    _lock: asyncio.Lock | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.asker = self.viewer

    def show_to(self, viewer: Viewer) -> None:
        """What is answered from here on is shown to this viewer, and read anew: of a mutation, before and after it."""
        self.viewer = viewer
        if isinstance(self.snapshot, FreshReads):
            self.snapshot = self.snapshot.seen_by(viewer)
        self._agencies = self._sources = self._queues = self._batches = None

    async def epoch(self) -> str:
        """The ledger's epoch, read once: event cursors of another one can't be continued."""
        if self.known_epoch is None:
            self.known_epoch = (await self.snapshot.head()).epoch
        return self.known_epoch

    async def begin_anew(self, ahead: Position) -> None:
        """Tells of a cursor that we gave out and the ledger does not know: an older copy was put back under us."""
        if self.on_ahead is not None:
            await self.on_ahead(ahead)
            self.known_epoch = None
            await self.epoch()

    def event_cursor(self, seq: int) -> str:
        """The cursor of an event of this ledger; `epoch` was awaited before."""
        if self.known_epoch is None:
            raise RuntimeError("The epoch was not read before an event was answered.")
        return self.cursors.seal_event(Position(self.known_epoch, seq))

    async def agencies(self) -> Mapping[str, Agency]:
        """All agencies by slug, read once."""
        if self._agencies is None:
            # A page's rows ask at the same time: the first one reads, the others wait for it.
            async with self._reading():
                if self._agencies is None:
                    self._agencies = await self.snapshot.agencies()
        return self._agencies

    async def sources(self) -> Mapping[str, SourceReport]:
        """Every source's health by slug, read once."""
        if self._sources is None:
            async with self._reading():
                if self._sources is None:
                    self._sources = await self.snapshot.sources()
        return self._sources

    async def queues(self) -> Mapping[str, DeliveryQueue]:
        """What waits for agencies, by slug, read once."""
        if self._queues is None:
            async with self._reading():
                if self._queues is None:
                    self._queues = await self.snapshot.queues()
        return self._queues

    @property
    def batches(self) -> Batches:
        """Questions that many rows ask alike."""
        if self._batches is None:
            self._batches = Batches(self.snapshot)
        return self._batches

    def _reading(self) -> asyncio.Lock:
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock

    def know(self, agencies: Mapping[str, Agency]) -> None:
        """All agencies by slug, as the snapshot has them: they need not be read."""
        self._agencies = agencies

    def agency(self, slug: str) -> Agency | Awaitable[Agency | None] | None:
        """The agency, at once if the agencies were read before; None if it is not plugged in here."""
        return _Later(self, slug) if self._agencies is None else self._agencies.get(slug)

    def renew(self) -> None:
        """For the next frame of a stream: agencies and reports as the feed knows them, or else to be read anew."""
        self._agencies, self._sources = self.feed.facts() if self.feed is not None else (None, None)
        self._queues = self._batches = None

    def report(self, slug: str) -> SourceReport | None:
        """The health of an agency's source, if the reports were read before."""
        return None if self._sources is None else self._sources.get(slug)


class _Later:
    """An agency that is yet to be read. No coroutine, as nobody awaits it where an error ends the selection."""

    __slots__ = ("_context", "_slug")

    def __init__(self, context: Context, slug: str) -> None:
        self._context = context
        self._slug = slug

    def __await__(self) -> Generator[Any, None, Agency | None]:
        agencies = yield from self._context.agencies().__await__()
        return agencies.get(self._slug)


#: The first word of every resolver that needs more than its record.
Info = StrawberryInfo[Context, None]
