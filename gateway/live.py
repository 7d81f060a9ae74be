"""Agencies asked while somebody waits: content that the ledger may not keep, and mirrors that are too old."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from connectors.settings import LiveSettings
from gateway.cache.entry import Stored
from gateway.cache.footing import Footing
from gateway.cache.shared import SharedAnswers
from gateway.ledger.rows import encoded
from gateway.sync.agencies import Agencies
from gateway.sync.privacy import discreet
from schema.agency import SourceErrorCode, StoreMode
from schema.complaint import ComplaintRecord, ContentState
from schema.connector import Page
from schema.errors import SourceError, SourceFailure, SourceTimeout
from schema.ports import Content, Reader
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: Bytes of content that are kept in all, in about.
ROOM = 32_000_000
#: What a copy takes beside its content, in bytes.
_BESIDE = 1_000

#: Complaints that an agency is asked for at a time, and how often at the same time: neither may a page's rows keep a
#: single complaint waiting for long, nor may those who ask keep the hub from reading what changed.
_TOGETHER, _AT_ONCE = 10, 2


class Copy(NamedTuple):
    """What an agency told of a complaint.

    Attributes:
        record: None: it has no such complaint.
        fetched_at: on the monotonic clock.
        size: in bytes.
    """

    agency: str
    record: ComplaintRecord | None
    fetched_at: float
    live: LiveSettings
    size: int


class Place(NamedTuple):
    """Where a complaint is at home."""

    agency: str
    native_id: str


class LiveReader:
    """`schema.ports.Live`. Copies are kept in memory for as long as the agencies' files say, never on disk.

    Args:
        shared: copies that other hubs fetched.
        room: bytes of copies; the ones that were not asked for longest go first.
        clock: monotonic.
    """

    def __init__(
        self,
        agencies: Agencies,
        reader: Reader,
        shared: SharedContents | None = None,
        *,
        room: int = ROOM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agencies = agencies
        self._reader = reader
        self._shared = shared
        self._room = room
        self._clock = clock
        self._copies: OrderedDict[str, Copy] = OrderedDict()
        self._bytes = 0
        self._fetching: dict[str, asyncio.Task[SourceErrorCode | None]] = {}
        self._refreshing: dict[str, asyncio.Task[bool]] = {}
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))

    async def run(self) -> None:
        """Until cancelled; then nothing is asked any more."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for task in (*self._fetching.values(), *self._refreshing.values()):
                task.cancel()

    def at_hand(self, id: str) -> Content | None:
        copy = self._copies.get(id)
        if copy is None:
            return None
        left = copy.fetched_at + copy.live.max_age - self._clock()
        if left <= 0:
            return None
        self._copies.move_to_end(id)
        if copy.record is None:
            return Content(agency=copy.agency, state=ContentState.UNAVAILABLE, error=SourceErrorCode.OTHER)
        return Content(agency=copy.agency, state=ContentState.AVAILABLE, record=copy.record, good_for=left)

    async def contents(self, viewer: Viewer, ids: Collection[str]) -> Mapping[str, Content]:
        places = await self._places(viewer, [id for id in ids if self.at_hand(id) is None])
        # From here on nothing is awaited until every fetch is known to those who ask for the same.
        self._fetch({id: place for id, place in places.items() if id not in self._fetching and not self.at_hand(id)})
        flights = {id: self._fetching[id] for id in places if id in self._fetching}
        if flights:
            await asyncio.wait(set(flights.values()))
        found = {id: self._told(id, flights.get(id), places.get(id)) for id in ids}
        return {id: content for id, content in found.items() if content is not None}

    async def refresh(self, viewer: Viewer, id: str) -> bool:
        task = self._refreshing.get(id)
        if task is None:
            place = (await self._places(viewer, [id])).get(id)
            if place is None:
                return False
            task = self._refreshing.get(id) or self._begun(self._refreshing, [id], self._refresh(id, place))
        # Whoever began it may be gone before the others.
        await asyncio.wait([task])
        return not task.cancelled() and task.exception() is None and task.result()

    def _told(
        self, id: str, flight: asyncio.Task[SourceErrorCode | None] | None, place: Place | None
    ) -> Content | None:
        """What is to be shown of a complaint, now that its agency was asked for it."""
        if (content := self.at_hand(id)) is not None:
            return content
        copy = self._copies.get(id)
        answered = flight is not None and not flight.cancelled() and flight.exception() is None
        error = flight.result() if flight is not None and answered else SourceErrorCode.OTHER
        if copy is not None and copy.record is not None:
            if error is None:  # it is out of date already
                return Content(agency=copy.agency, state=ContentState.AVAILABLE, record=copy.record)
            if self._clock() <= copy.fetched_at + copy.live.stale_if_error:
                return Content(agency=copy.agency, state=ContentState.STALE, record=copy.record, error=error)
        if place is None:
            return None
        return Content(agency=place.agency, state=ContentState.UNAVAILABLE, error=error or SourceErrorCode.OTHER)

    async def _places(self, viewer: Viewer, ids: Sequence[str]) -> Mapping[str, Place]:
        if not ids:
            return {}
        async with self._reader.snapshot(viewer, lone=True) as snapshot:
            rows = await snapshot.rows_by_ids(ids, ("agency", "native_id"))
        return {id: Place(row[0], row[1]) for id, row in rows.items() if row[1] is not None}

    def _fetch(self, places: Mapping[str, Place]) -> None:
        by_agency: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for id, place in places.items():
            by_agency[place.agency][place.native_id] = id
        for slug, wanted in by_agency.items():
            keys = list(wanted)
            for some in (keys[i : i + _TOGETHER] for i in range(0, len(keys), _TOGETHER)):
                ids = {key: wanted[key] for key in some}
                self._begun(self._fetching, ids.values(), self._fetched(slug, ids))

    def _begun(
        self, under_way: dict[str, asyncio.Task[Any]], ids: Collection[str], work: Coroutine[Any, Any, Any]
    ) -> asyncio.Task[Any]:
        """A task that nobody's leaving cancels."""
        task = asyncio.create_task(work)
        under_way.update(dict.fromkeys(ids, task))

        def ended(task: asyncio.Task[Any]) -> None:
            for id in ids:
                under_way.pop(id, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("live.fault", exc_info=error)

        task.add_done_callback(ended)
        return task

    async def _fetched(self, slug: str, ids: Mapping[str, str]) -> SourceErrorCode | None:
        """Asks for complaints and keeps what is told of them; why not, if it is not. `ids` by native id."""
        manifest = self._agencies.manifest(slug)
        if self._shared is not None and manifest is not None:
            for id, (record, age) in (await self._shared.get(ids.values(), manifest.live.max_age)).items():
                self._keep(id, slug, record, manifest.live, age)
        wanted = {key: id for key, id in ids.items() if self.at_hand(id) is None}
        if not wanted:
            return None
        try:
            page, live = await self._page(slug, list(wanted))
        except SourceError as error:
            return error.code
        records = {record.native_id: cleaned(record) for record in page.records}
        for key, id in wanted.items():
            self._keep(id, slug, records.get(key), live)
        if self._shared is not None:
            self._shared.put({id: records[key] for key, id in wanted.items() if key in records}, live.max_age)
        return None

    async def _refresh(self, id: str, place: Place) -> bool:
        """Applies a complaint to the ledger as it is at its agency now."""
        try:
            page, live = await self._page(place.agency, [place.native_id])
        except SourceError:
            return False
        poller = self._agencies.get(place.agency)
        record = next((record for record in page.records if record.native_id == place.native_id), None)
        if record is None or poller is None:
            return False
        await poller.apply(page, seen=True)
        if poller.connector.agency.store is StoreMode.STATUS:
            self._keep(id, place.agency, cleaned(record), live)
        return True

    async def _page(self, slug: str, native_ids: Sequence[str]) -> tuple[Page, LiveSettings]:
        """Raises:
        SourceError: the agency did not answer, or not in time; or it is not asked just now.
        """
        poller, manifest = self._agencies.get(slug), self._agencies.manifest(slug)
        if poller is None or manifest is None:
            raise SourceFailure("it is paused, or no longer plugged in")
        try:
            async with asyncio.timeout(manifest.live.deadline), self._turns[slug]:
                return await poller.connector.fetch(native_ids), manifest.live
        except TimeoutError:
            raise SourceTimeout(f"no answer in {manifest.live.deadline:g} s") from None
        except SourceError:
            raise
        except Exception as error:
            # A fault of ours in one connector must not fail the answers of the others.
            log.exception("live.fault", agency=slug)
            raise SourceFailure(type(error).__name__) from error

    def _keep(self, id: str, agency: str, record: ComplaintRecord | None, live: LiveSettings, age: float = 0.0) -> None:
        size = _BESIDE + (len(msgspec.json.encode(record)) if record else 0)
        self._forget(id)
        self._copies[id] = Copy(agency, record, self._clock() - age, live, size)
        self._bytes += size
        while self._bytes > self._room:
            self._forget(next(iter(self._copies)))

    def _forget(self, id: str) -> None:
        copy = self._copies.pop(id, None)
        if copy is not None:
            self._bytes -= copy.size


def cleaned(record: ComplaintRecord) -> ComplaintRecord:
    """The record as it would come out of the ledger: redacted, and without what is no text in UTF-8."""
    return discreet(_decoder.decode(encoded(record)))


class SharedContents:
    """Contents that hubs share, in Valkey or Redis: kept as their answers are, under the complaint's id.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, store: SharedAnswers, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def get(self, ids: Iterable[str], max_age: float) -> Mapping[str, tuple[ComplaintRecord, float]]:
        """What some hub fetched at most `max_age` seconds ago, each with its age."""
        ids = list(ids)
        found = zip(ids, await asyncio.gather(*(self._store.get(_key(id)) for id in ids)), strict=True)
        now = self._clock()
        left = {id: (stored, (stored.expires_at or 0.0) - now) for id, stored in found if stored is not None}
        return {
            id: (_decoder.decode(stored.body), max_age - seconds)
            for id, (stored, seconds) in left.items()
            if 0 < seconds <= max_age
        }

    def put(self, records: Mapping[str, ComplaintRecord], max_age: float) -> None:
        """Shares what was fetched just now."""
        for id, record in records.items():
            self._store.put(Stored(_key(id), encoded(record).encode(), _NO_FOOTING, self._clock() + max_age))


def _key(id: str) -> bytes:
    return hashlib.sha256(id.encode()).digest()


_NO_FOOTING = Footing(epoch="", derived=0, agencies={}, every=False, complaints={})
_decoder = msgspec.json.Decoder(ComplaintRecord)
