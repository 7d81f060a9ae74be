"""Agencies asked while somebody waits: content that the ledger may not keep, and mirrors that are too old."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from connectors.settings import LiveSettings
from gateway.sync.agencies import Agencies
from schema.agency import SourceErrorCode
from schema.complaint import ComplaintRecord, ContentState
from schema.errors import SourceError, SourceFailure, SourceTimeout
from schema.ports import Content, Page, Reader
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: Bytes of content that are kept in all, in about.
ROOM = 32_000_000
#: What a copy takes beside its content, in bytes.
_BESIDE = 1_000

#: Complaints that an agency is asked for at a time, and how often at the same time: a page's rows must not keep a
#: single complaint waiting for long.
_TOGETHER, _AT_ONCE = 10, 4


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
    """`schema.ports.Live`. Copies are kept in memory alone, for as long as the agencies' files say.

    Args:
        room: bytes of copies; the ones that were not asked for longest go first.
        clock: monotonic.
    """

    def __init__(
        self,
        agencies: Agencies,
        reader: Reader,
        *,
        room: int = ROOM,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agencies = agencies
        self._reader = reader
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
        try:
            page, live = await self._page(slug, list(ids))
        except SourceError as error:
            return error.code
        records = {record.native_id: record for record in page.records}
        for key, id in ids.items():
            self._keep(id, slug, records.get(key), live)
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
        self._keep(id, place.agency, record, live)
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

    def _keep(self, id: str, agency: str, record: ComplaintRecord | None, live: LiveSettings) -> None:
        size = _BESIDE + (len(msgspec.json.encode(record)) if record else 0)
        self._forget(id)
        self._copies[id] = Copy(agency, record, self._clock(), live, size)
        self._bytes += size
        while self._bytes > self._room:
            self._forget(next(iter(self._copies)))

    def _forget(self, id: str) -> None:
        copy = self._copies.pop(id, None)
        if copy is not None:
            self._bytes -= copy.size
