"""The declarative connector: endpoints, paging and cursor from `[rest]`, fields from `[fields]`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from connectors.base import Kind, look_back, page_of
from connectors.dates import written
from connectors.fields import Section
from connectors.http import Http
from connectors.manifest import Manifest, check_path
from connectors.mapping import Mapper
from connectors.paging import Batch, ByCursor, ByLink, FetchPage, Paging, Params, batches
from connectors.paths import Path
from connectors.preview import preview
from connectors.values import kind_of, number
from schema.errors import HttpFailure, MappingFailure, RecordError
from schema.ports import Page, Probe

_PROBE: Final = 5


class Since(Section, frozen=True, kw_only=True):
    """The incremental cursor: `param` asks for what changed at or after a moment, in the agency's zone.

    `format` is iso, epoch, epoch_ms or a strftime format.
    """

    param: str
    format: str = "iso"


class RestSettings(Section, frozen=True, kw_only=True):
    """`[rest]`.

    Attributes:
        list: path of the list.
        params: query of each list request.
        since: how to ask for changes only; without it each harvest reads everything.
        records: JMESPath in a list's reply to the list of records.
        total: JMESPath to the number of records in all.
        paging: by page, offset, cursor or link; without it the list comes whole.
        fetch: path of one record, with `{id}` for its native id.
        record: JMESPath to the record in a `fetch` reply; by default the reply itself.
    """

    list: str
    records: str
    params: Mapping[str, str | int | float | bool] = {}
    since: Since | None = None
    total: str | None = None
    paging: Paging | None = None
    fetch: str | None = None
    record: str = "@"


class RestConnector:
    """Implements `schema.ports.Connector`.

    Args:
        manifest: the agency's file, with a `[rest]` table.
        http: closed by `aclose`.

    Raises:
        ConfigError: the table or the fields lack something.
    """

    def __init__(self, manifest: Manifest, http: Http) -> None:
        self.agency = manifest.agency()
        self._settings = settings = manifest.settings_as(RestSettings)
        self._check(manifest)
        self._http = http
        self._lookback = manifest.poll.lookback
        self._zone = ZoneInfo(manifest.time_zone)
        self._mapper = Mapper(manifest)
        self._records, self._record = Path(settings.records), Path(settings.record)
        self._total = Path(settings.total) if settings.total else None

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """All that changed since then, page by page; all there is where the file has no `since`."""
        return self._harvest(look_back(since, self._lookback))

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, one request each; where the file has no `fetch`, the list is searched."""
        path = self._settings.fetch
        if path is None:
            return await self._search(set(native_ids))
        found: list[object] = []
        step = self._http.settings.concurrency
        for start in range(0, len(native_ids), step):
            some = native_ids[start : start + step]
            answers = await asyncio.gather(*(self._one(path, key) for key in some), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
                found += answer
        return self._page(found)

    async def check(self) -> Probe:
        """Asks for one small page of the list."""
        paging = self._settings.paging
        few = msgspec.structs.replace(paging, count=_PROBE) if paging else None
        async for batch in batches(few, self._settings.list, self._fetcher(None)):
            return Probe(
                request=f"GET {self._settings.list}",
                reply=preview(batch.reply),
                page=self._page(batch.raws, batch.total),
                seconds=batch.reply.seconds,
            )
        raise AssertionError("every list has a first page")

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        async for batch in batches(self._settings.paging, self._settings.list, self._fetcher(since)):
            yield self._page(batch.raws, batch.total)

    def _fetcher(self, since: datetime | None) -> FetchPage:
        """Fetches one page of the list: the file's query, the cursor and the paginator's query together."""
        query: dict[str, str | int | float | bool] = dict(self._settings.params)
        if since and self._settings.since:
            query[self._settings.since.param] = written(since.astimezone(self._zone), self._settings.since.format)

        async def fetch(path: str, params: Params) -> Batch:
            whole = path.startswith(("http://", "https://"))  # a link of the agency's holds its query already
            reply = await self._http.get(path, params if whole else {**query, **params})
            body = reply.json()
            raws = self._listed(body)
            return Batch(raws, body, reply, self._count(body))

        return fetch

    def _listed(self, body: object) -> list[Any]:
        found = _find(self._records, body, "rest.records")
        if found is None and self._count(body) == 0:
            return []
        if not isinstance(found, list):
            raise MappingFailure(f"rest.records leads to {kind_of(found)} where the list was expected")
        return found

    def _count(self, body: object) -> int | None:
        count = number(_find(self._total, body, "rest.total")) if self._total else None
        return int(count) if count is not None and count >= 0 else None

    def _page(self, raws: Sequence[object], total: int | None = None) -> Page:
        return page_of(raws, self._mapper.record, total, self._mapper.native_id)

    async def _one(self, path: str, native_id: str) -> list[object]:
        if native_id in (".", ".."):
            return []  # would be another path
        try:
            reply = await self._http.get(path.replace("{id}", quote(native_id, safe="")))
        except HttpFailure as failure:
            if failure.status in (404, 410):
                return []
            raise
        found = _find(self._record, reply.json(), "rest.record")
        return [] if found is None else [found]

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

    def _check(self, manifest: Manifest) -> None:
        settings = self._settings
        for name in ("records", "total", "record"):
            if expression := getattr(settings, name):
                check_path(manifest, expression, f"rest.{name}")
        if isinstance(settings.paging, ByCursor | ByLink) and settings.paging.next:
            check_path(manifest, settings.paging.next, "rest.paging.next")
        if settings.fetch is not None and "{id}" not in settings.fetch:
            raise manifest.error("has no {id}", "rest.fetch")


def _only(wanted: set[str], page: Page) -> Page:
    return Page(
        records=tuple(record for record in page.records if record.native_id in wanted),
        rejected=tuple(rejected for rejected in page.rejected if rejected.native_id in wanted),
    )


def _find(path: Path, body: object, key: str) -> Any:
    try:
        return path.find(body)
    except RecordError:
        raise MappingFailure(f"{key} does not fit the reply") from None


KIND: Final = Kind(settings=RestSettings, connect=lambda manifest, means: RestConnector(manifest, means.http))
