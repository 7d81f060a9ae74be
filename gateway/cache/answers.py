"""Kept answers: given as long as they are true, made once when they are not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable

import structlog

from gateway.cache.entry import Entry, Stored
from gateway.cache.footing import footing
from gateway.cache.freshness import Freshness
from gateway.cache.memory import Memory
from gateway.cache.shared import SharedAnswers
from gateway.execution.answer import Answer
from schema.errors import Busy, SimpulError
from schema.ports import Reader, Shown, Versions
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: Makes an answer. Never raises for what goes wrong in it.
Execute = Callable[[], Awaitable[Answer]]

#: Viewers whose versions are remembered.
_MOST_VIEWERS = 1_000


class Flight:
    """The making of one answer, that everybody waits for who asks the same meanwhile.

    Whoever asked first makes it as a part of the own request: a task for it would cost as much as a small answer.

    Attributes:
        mark: of the ledger, before the flight began to read.
    """

    __slots__ = ("_landing", "mark")

    def __init__(self, mark: Hashable) -> None:
        self.mark = mark
        self._landing: asyncio.Future[Entry | Answer | None] | None = None

    async def landed(self) -> Entry | Answer | None:
        """What it brings; None: its maker was cancelled or failed, and somebody else has to make it."""
        if self._landing is None:
            self._landing = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._landing)

    def land(self, brought: Entry | Answer | None) -> None:
        if self._landing is not None:
            self._landing.set_result(brought)


class AnswerCache:
    """Answers by the keys of their questions.

    An answer is true as long as the ledger's mark is the one that it was made or confirmed under. Under another mark
    its footing is compared with the versions of now, which one read tells for all answers of a viewer.

    Args:
        memory, shared: where answers are kept; the second is asked when the first has none.
        saw: told of a viewer who is given a kept answer again, and what it shows him that the public is not shown.
        stale: seconds that an answer may be given on after it was last known to be true, while a new one is made.
        clock: monotonic; wall: seconds since 1970.
    """

    def __init__(
        self,
        reader: Reader,
        freshness: Freshness,
        memory: Memory,
        shared: SharedAnswers | None = None,
        *,
        saw: Callable[[Viewer, Collection[Shown]], None] = lambda viewer, shown: None,
        stale: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.memory = memory
        #: How answers were come by: hit, confirmed, stale, joined, shared, made.
        self.looks: Counter[str] = Counter()
        self._reader = reader
        self._freshness = freshness
        self._shared = shared
        self._saw = saw
        self._stale = stale
        self._clock = clock
        self._wall = wall
        self._flights: dict[bytes, Flight] = {}
        self._refreshing: set[asyncio.Task[Entry | Answer]] = set()
        self._versions: dict[Viewer, tuple[Hashable, Versions]] = {}
        self._reading = asyncio.Lock()

    def now(self, key: bytes, viewer: Viewer) -> Entry | None:
        """The answer, if it is here and known to be true without a question to the database."""
        entry = self.memory.get(key)
        if entry is None:
            return None
        mark = self._freshness.mark()
        return None if mark is None else self._true(entry, viewer, mark)

    async def get(self, key: bytes, viewer: Viewer, execute: Execute) -> Entry | Answer:
        """The answer, made if need be; an `Answer` where it can't be kept."""
        mark = self._freshness.mark()
        if mark is None:
            mark = await self._freshness.look()
        while (entry := self.memory.get(key)) is not None or key in self._flights:
            if entry is not None and (known := self._known(entry, viewer, execute, mark)) is not None:
                return self._again(known, viewer)
            flight = self._flights.get(key)
            if flight is None:
                break
            brought = await flight.landed()
            if flight.mark == mark and brought is not None:
                self.looks["joined"] += 1
                return brought if isinstance(brought, Answer) else self._again(brought, viewer)
            # It began before we asked, and the ledger has moved since: what it brings may be older than what our client
            # already knows. Whatever flies after it began later than we asked.
            mark = await self._freshness.look()
        return await self._fly(key, viewer, execute, Flight(mark))

    def _again(self, entry: Entry, viewer: Viewer) -> Entry:
        """The entry, given to somebody for whom it was not executed: who executes tells by himself what he reads."""
        if entry.footing.shown:
            self._saw(viewer, entry.footing.shown)
        return entry

    def _known(self, entry: Entry, viewer: Viewer, execute: Execute, mark: Hashable) -> Entry | None:
        """The entry, if it may be given under this mark."""
        if (true := self._true(entry, viewer, mark)) is not None:
            return true
        if not self._stale or entry.expires_at is not None or self._clock() - entry.confirmed_at > self._stale:
            return None
        if entry.key not in self._flights:
            self._refresh(entry.key, viewer, execute, mark)
        self.looks["stale"] += 1
        return entry

    def _true(self, entry: Entry, viewer: Viewer, mark: Hashable) -> Entry | None:
        """The entry, if it is known to be true under this mark."""
        if entry.mark != mark and not self._confirmed(entry, viewer, mark):
            return None
        if entry.expires_at is not None and entry.expires_at <= self._wall():
            return None
        if self._stale:
            entry.confirmed_at = self._clock()
        self.looks["hit"] += 1
        return entry

    def _confirmed(self, entry: Entry, viewer: Viewer, mark: Hashable) -> bool:
        """Whether the versions that were read under this mark confirm it."""
        read, versions = self._versions.get(viewer, (None, None))
        if versions is None or read != mark or entry.footing.complaints or not entry.footing.holds(versions):
            return False
        entry.mark = mark
        return True

    def _refresh(self, key: bytes, viewer: Viewer, execute: Execute, mark: Hashable) -> None:
        """Makes an answer anew, while the client that asked has the old one already."""
        flight = self._flights[key] = Flight(mark)
        task = asyncio.create_task(self._fly(key, viewer, execute, flight))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshed)

    def _refreshed(self, task: asyncio.Task[Entry | Answer]) -> None:
        self._refreshing.discard(task)
        error = None if task.cancelled() else task.exception()
        # Whoever asked may have no share left to have it made: then somebody else will.
        if error is not None and not isinstance(error, Busy):
            log.error("cache.not_refreshed", error=type(error).__name__)

    async def _fly(self, key: bytes, viewer: Viewer, execute: Execute, flight: Flight) -> Entry | Answer:
        self._flights[key] = flight
        brought: Entry | Answer | None = None
        try:
            if self._shared is not None or key in self.memory:
                brought = await self._found(key, viewer, flight.mark)
                if brought is not None:
                    self._again(brought, viewer)
            if brought is None:
                read_at = self._clock()
                brought = self._kept(key, await execute(), flight.mark, read_at)
            return brought
        finally:
            del self._flights[key]
            flight.land(brought)

    async def _found(self, key: bytes, viewer: Viewer, mark: Hashable) -> Entry | None:
        """A kept answer that proves to be true."""
        entry = self.memory.get(key)
        if entry is not None and await self._holds(entry, viewer, mark):
            entry.mark, entry.confirmed_at = mark, self._clock()
            self.looks["confirmed"] += 1
            return entry
        stored = await self._shared.get(key) if self._shared is not None else None
        if stored is None:
            return None
        entry = Entry(stored, mark, self._clock())
        if not await self._holds(entry, viewer, mark):
            return None
        self.memory.put(entry)
        self.looks["shared"] += 1
        return entry

    def _kept(self, key: bytes, answer: Answer, mark: Hashable, read_at: float) -> Entry | Answer:
        """The answer as it is kept, if it may be."""
        self.looks["made"] += 1
        if answer.errors or answer.refused or answer.dependencies is None or answer.versions is None:
            return answer
        expires_at = None if answer.good_for is None else self._wall() + answer.good_for
        stored = Stored(key, answer.json(), footing(answer.dependencies, answer.versions), expires_at)
        entry = Entry(stored, mark, read_at)
        self.memory.put(entry)
        if self._shared is not None:
            self._shared.put(stored)
        return entry

    async def _holds(self, entry: Entry, viewer: Viewer, mark: Hashable) -> bool:
        """Compares an entry with a ledger that is no older than the mark."""
        if entry.expires_at is not None and entry.expires_at <= self._wall():
            return False
        try:
            versions = await self._versions_of(viewer, mark)
            return entry.footing.holds(versions) and await self._complaints_hold(entry, viewer)
        except SimpulError as error:
            # The execution will meet the same error, and tell it.
            log.warning("cache.unconfirmed", error=type(error).__name__)
            return False

    async def _versions_of(self, viewer: Viewer, mark: Hashable) -> Versions:
        async with self._reading:
            read, versions = self._versions.get(viewer, (None, None))
            if versions is None or read != mark:
                async with self._reader.snapshot(viewer, lone=True) as snapshot:
                    versions = await snapshot.versions()
                if len(self._versions) >= _MOST_VIEWERS:
                    self._versions.clear()
                self._versions[viewer] = mark, versions
        return versions

    async def _complaints_hold(self, entry: Entry, viewer: Viewer) -> bool:
        # Later than the versions were read is early enough: a seq that is still the same was so all the time.
        seqs = entry.footing.complaints
        if not seqs:
            return True
        async with self._reader.snapshot(viewer, lone=True) as snapshot:
            rows = await snapshot.rows_by_ids(list(seqs), ("seq",))
        return {id: row[0] for id, row in rows.items()} == seqs
