"""Reading an agency that has a list of its records: what the declarative kinds over HTTP share.

A kind says how one page and one record are asked for; windows, paging and mapping are the same for all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from connectors.base import look_back
from connectors.fields import Section
from connectors.http import Http
from connectors.manifest import Manifest, check_path
from connectors.mapping import Mapper
from connectors.paging import Batch, ByCursor, ByLink, ByOffset, ByPage, FetchPage, Paging, Params, batches
from connectors.paths import Path
from connectors.preview import preview
from connectors.quarantine import reject
from connectors.reply import Reply
from connectors.sending import confirmed
from connectors.steadiness import Drift, Full
from connectors.toml import Misfit
from connectors.values import kind_of, number
from connectors.windows import Cursor, Since, Window, check_since
from connectors.writing import NO_SENDER
from schema.complaint import ComplaintRecord, Rejected
from schema.connector import Acknowledgement, Page, Probe, Sender, Write
from schema.errors import Incomplete, MappingFailure, RecordError
from schema.ports import Clock

_PROBE: Final = 5
#: How often a list is read again whose rows moved from page to page meanwhile.
_PASSES: Final = 5

#: Fetches one record by its native id; none or one.
FetchOne: TypeAlias = Callable[[str], Awaitable[list[object]]]


class ListSettings(Section, frozen=True, kw_only=True):
    """What the tables of these kinds have in common.

    Attributes:
        records: JMESPath in a list's reply to the list of records.
        total: JMESPath to the number of records in all.
        since: how to ask for changes only; without it each harvest reads everything.
        paging: how the list is cut into pages; without it the list comes whole.
        record: JMESPath to the record in the reply to one that was asked for by its id; by default the reply itself.
    """

    records: str
    total: str | None = None
    since: Since | None = None
    paging: Paging | None = None
    record: str = "@"


def check_list(manifest: Manifest, settings: ListSettings) -> None:
    """Checks what the types can't say.

    Raises:
        ConfigError: names file, line and key.
    """
    for name in ("records", "total", "record"):
        if expression := getattr(settings, name):
            check_path(manifest, expression, f"{manifest.kind}.{name}")
    for name in ("next", "more"):
        if isinstance(settings.paging, ByCursor | ByLink) and (expression := getattr(settings.paging, name, None)):
            check_path(manifest, expression, f"{manifest.kind}.paging.{name}")
    if settings.since:
        try:
            check_since(settings.since, f"{manifest.kind}.since")
        except Misfit as misfit:
            raise manifest.error(str(misfit), misfit.key, misfit.allowed) from None


class ListReader:
    """Finds records in replies, as the file's table says.

    Args:
        kind: for messages.
    """

    def __init__(self, kind: str, settings: ListSettings) -> None:
        self._kind = kind
        self._records, self._record = Path(settings.records), Path(settings.record)
        self._total = Path(settings.total) if settings.total else None

    def batch(self, reply: Reply, body: object) -> Batch:
        """One page of the list.

        Raises:
            MappingFailure: there is no list.
        """
        return Batch([], None, reply, 0) if reply.ignored else Batch(self.listed(body), body, reply, self.count(body))

    def listed(self, body: object) -> list[Any]:
        """The records; none where the agency says that there are none."""
        found = self._find(self._records, body, "records")
        if found is None and self.count(body) == 0:
            return []
        if not isinstance(found, list):
            raise MappingFailure(f"{self._kind}.records leads to {kind_of(found)} where the list was expected")
        return found

    def count(self, body: object) -> int | None:
        """How many there are in all, if the agency says so."""
        count = number(self._find(self._total, body, "total")) if self._total else None
        return int(count) if count is not None and count >= 0 else None

    def one(self, body: object) -> list[object]:
        """The record in the reply to a question for one."""
        found = self._find(self._record, body, "record")
        return [] if found is None else [found]

    def _find(self, path: Path, body: object, key: str) -> Any:
        try:
            return path.find(body)
        except RecordError:
            raise MappingFailure(f"{self._kind}.{key} does not fit the reply") from None


class ListConnector:
    """Implements `schema.connector.Connector` over a list, and `schema.connector.Sender` by another.

    Args:
        manifest: the agency's file.
        settings: its table.
        http: closed by `aclose`.
        path: of the list.
        fetch_page: asks for one page of it.
        fetch_one: asks for one record; None where that can't be asked: then the list is searched.
        params: of each request for a page.
        request: what `check` says it sends.
        sender: what writes.
        now: ends the last window.

    Raises:
        ConfigError: the fields lack something.
    """

    def __init__(
        self,
        manifest: Manifest,
        settings: ListSettings,
        http: Http,
        *,
        path: str,
        fetch_page: FetchPage,
        fetch_one: FetchOne | None,
        params: Mapping[str, Any],
        request: str,
        sender: Sender = NO_SENDER,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self.agency = manifest.agency()
        self._settings, self._http, self._path, self._params = settings, http, path, params
        self._fetch_page, self._fetch_one, self._request, self._now = fetch_page, fetch_one, request, now
        self._lookback = manifest.poll.lookback
        self._mapper = Mapper(manifest)
        self._cursor = Cursor(settings.since, ZoneInfo(manifest.time_zone)) if settings.since else None
        self._sender, self._confirms = sender, manifest.writes is not None and manifest.writes.confirm
        self.writes, self.finds, self.settles_after = sender.writes, sender.finds, sender.settles_after

    async def send(self, write: Write) -> Acknowledgement:
        """Tells the agency, once."""
        said = await self._sender.send(write)
        return await confirmed(self, self.fetch, write, said) if self._confirms else said

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for what was sent."""
        return await self._sender.find(write)

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """All that changed since then, page by page; all there is where the file has no `since`."""
        return self._harvest(look_back(since, self._lookback))

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, one request each; where one can't be asked for, the list is searched."""
        if self._fetch_one is None:
            return await self._search(set(native_ids))
        found: list[object] = []
        step = self._http.settings.concurrency
        for start in range(0, len(native_ids), step):
            some = native_ids[start : start + step]
            for answer in await asyncio.gather(*map(self._fetch_one, some), return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
                found += answer
        return self._page(found)

    async def check(self) -> Probe:
        """Asks for one small page of the list."""
        paging = self._settings.paging
        few = msgspec.structs.replace(paging, count=_PROBE) if paging else None
        async with aclosing(batches(few, self._path, self._fetcher({}))) as found:
            batch = await anext(found)
        return Probe(
            request=self._request,
            reply=preview(batch.reply),
            page=self._page(batch.raws, batch.total, batch.flaws),
            seconds=batch.reply.seconds,
        )

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        windows = deque(self._cursor.windows(since, self._now()) if self._cursor else ())
        if not windows:
            params = self._cursor.params(since) if self._cursor else {}
            async with aclosing(self._steady(params)) as found:
                async for batch in found:
                    yield self._page(batch.raws, batch.total, batch.flaws)
        while windows:
            async with aclosing(self._window(windows)) as found:
                async for batch in found:
                    yield self._page(batch.raws, None, batch.flaws)

    async def _window(self, windows: deque[Window]) -> AsyncGenerator[Batch, None]:
        """The next window. One that comes full is put back as its halves; the shortest is read to its end.

        Raises:
            Incomplete: the shortest window holds more than the agency gives.
        """
        window, cursor = windows.popleft(), self._cursor
        if cursor is None:
            raise AssertionError("there are no windows without a cursor")
        halves = cursor.halves(window)
        params = cursor.params(window.start, window.end)
        full = Full(self._settings.since, self._settings.paging)
        read = batches(self._settings.paging, self._path, self._fetcher(params)) if halves else self._steady(params)
        async with aclosing(read) as found:
            async for batch in found:
                full.see(batch)
                if full.reached and halves:
                    windows.extendleft(reversed(halves))
                    return
                yield batch
        if full.beyond:
            raise Incomplete(f"{full.came:,} records in the shortest window; the agency may have more than it gives")

    async def _steady(self, params: Params) -> AsyncGenerator[Batch, None]:
        """All pages; where they are counted, read again until no row has moved from page to page behind our back.

        Raises:
            Incomplete: they never held still.
        """
        counted = isinstance(self._settings.paging, ByPage | ByOffset)
        told: dict[str, str] = {}
        before: dict[str, str] = {}
        for _ in range(_PASSES if counted else 1):
            drift = Drift(self._mapper.native_id, told)
            async with aclosing(batches(self._settings.paging, self._path, self._fetcher(params))) as found:
                async for batch in found:
                    yield drift.news(batch) if counted else batch
            if not drift.moved or drift.seen == before:
                return
            before = drift.seen
        raise Incomplete("rows kept moving between pages; the list wants `since.until`, or paging by a cursor")

    def _fetcher(self, asked: Params) -> FetchPage:
        """Fetches one page of the list: the file's parameters, the cursor's and the paginator's together."""

        async def fetch(path: str, params: Params) -> Batch:
            whole = path.startswith(("http://", "https://"))  # a link of the agency's holds its query already
            return await self._fetch_page(path, params if whole else {**self._params, **asked, **params})

        return fetch

    def _page(self, raws: Sequence[object], total: int | None = None, flaws: Mapping[int, str] | None = None) -> Page:
        """Parses each record alone: the good ones are kept, the bad ones rejected, none of them harms another."""
        records: list[ComplaintRecord] = []
        rejected: list[Rejected] = []
        for place, raw in enumerate(raws):
            try:
                if flaws and place in flaws:
                    raise RecordError(flaws[place])
                records.append(self._mapper.record(raw))
            except RecordError as error:
                rejected.append(reject(raw, error, self._mapper.native_id(raw)))
        return Page(records=tuple(records), rejected=tuple(rejected), total=total)

    async def _search(self, wanted: set[str]) -> Page:
        pages: list[Page] = []
        async with aclosing(self._harvest(None)) as harvest:
            async for page in harvest:
                pages.append(_only(wanted, page))
                if wanted <= {record.native_id for page in pages for record in page.records}:
                    break
        return Page(
            records=tuple(record for page in pages for record in page.records),
            rejected=tuple(rejected for page in pages for rejected in page.rejected),
        )


def _only(wanted: set[str], page: Page) -> Page:
    return Page(
        records=tuple(record for record in page.records if record.native_id in wanted),
        rejected=tuple(rejected for rejected in page.rejected if rejected.native_id in wanted),
    )
