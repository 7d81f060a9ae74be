"""GeoReport v2 over HTTP: windows of time, pages where the server has them, one request by its id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import msgspec
import orjson

from connectors.base import Kind, look_back, page_of
from connectors.fields import Section
from connectors.http import Http
from connectors.manifest import Manifest
from connectors.open311.discovery import find_endpoint
from connectors.open311.payload import Unreadable, read_requests, read_services
from connectors.open311.settings import UpdatesSettings
from connectors.open311.spans import REQUESTED, SHORTEST, Span, charset, windows
from connectors.open311.updates import Feed, Update
from connectors.open311.wire import Reader
from connectors.open311.writing import UPDATES, Open311Sender, Open311Writes, check_writes
from connectors.paging import Batch, ByPage, FetchPage, Params, batches
from connectors.preview import preview
from connectors.quarantine import reject
from connectors.reply import Reply
from connectors.sending import Teller, confirmed
from connectors.transport import unsent
from connectors.writing import NO_SENDER
from schema.complaint import Complaint, ComplaintRecord, Rejected
from schema.connector import Acknowledgement, Page, Probe, Write
from schema.delivery import DeliveryKind
from schema.errors import HttpFailure, Incomplete, MappingFailure, RecordError, SourceError
from schema.ports import Clock

_PROBE: Final = 5
_AT_ONCE: Final = 100
_REPORTERS: Final = frozenset({"first_name", "last_name", "email", "phone", "account_id", "device_id"})
_TOTALS: Final = ("x-total-count", "x-result-count")
_ACCEPT: Final = {"json": "application/json", "xml": "text/xml, application/xml"}

Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class Open311Settings(Section, frozen=True, kw_only=True):
    """`[open311]`.

    Attributes:
        format: what is asked for; what comes is recognised by itself.
        params: sent with each request, for instance `jurisdiction_id` or `extensions = true`.
        first_day: no request is older than this.
        window_days: longest span between `start_date` and `end_date`.
        full: so many records in one reply mean that there may be more.
        page_size: set where the server has the paging extension (`page`, `page_size`).
        changes: where it can list by change, the two parameters for it, for instance
            `["updated_after", "updated_before"]`. Without it, each harvest reads everything (or `reread_days`).
        reread_days: without `changes`: how many days of requests are read again for changes of status; older ones are
            read in the first harvest only.
        discovery: path of the server's discovery page; it then says where the endpoint is.
        endpoint: which of the endpoints there: `production`, `test`, ...
        updates: `servicerequestupdates`, where the server has them; `{}` for the usual path.
        writes: what is sent with what is written there.
    """

    format: Literal["json", "xml"] = "json"
    params: Mapping[str, str | int | float | bool] = {}
    first_day: date = date(2015, 1, 1)
    window_days: Days = 90
    full: Count = 1000
    page_size: Count | None = None
    changes: tuple[str, str] | None = None
    reread_days: Days | None = None
    discovery: str | None = None
    endpoint: str = "production"
    updates: UpdatesSettings | None = None
    writes: Open311Writes | None = None


class Open311Connector:
    """Implements `schema.connector.Connector` and `schema.connector.Sender`.

    Args:
        manifest: the agency's file; `[open311]` and the maps may be left out.
        http: closed by `aclose`.
        now: ends the last window.

    Raises:
        ConfigError: the table doesn't fit.
    """

    def __init__(self, manifest: Manifest, http: Http, now: Clock = lambda: datetime.now(UTC)) -> None:
        self.agency = manifest.agency()
        self._settings = manifest.settings_as(Open311Settings)
        self._http, self._now = http, now
        self._lookback = manifest.poll.lookback
        self._reader = Reader(manifest)
        self._asked_for_names = False
        self._base: str | None = None if self._settings.discovery else ""
        updates = self._settings.updates
        self._feed = Feed(updates, http, self._reader.dates) if updates is not None else None
        self.writes = self.finds = manifest.takes
        self.settles_after = manifest.writes.settles_after if manifest.writes else 0.0
        self._confirms = manifest.writes is not None and manifest.writes.confirm
        self._sender = self._sending(manifest)

    def _sending(self, manifest: Manifest) -> Teller:
        writes, params = self._settings.writes, self._settings.params
        if writes is None or not manifest.takes:
            return NO_SENDER
        return Open311Sender(
            manifest, writes, self._http, params=params, path=self._path, records=self._since, one=self._whole
        )

    async def send(self, write: Write) -> Acknowledgement:
        """Tells it, once."""
        await self._discover_unsent()
        acknowledgement = await self._sender.send(write)
        return await confirmed(self, self.fetch, write, acknowledgement) if self._confirms else acknowledgement

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for it: a request by our reference, an update in the request."""
        await self._discover()
        return await self._sender.find(write)

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """What changed since then, newest first; all there is where the server can't tell what changed."""
        return self._harvest(look_back(since, self._lookback))

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, one request each."""
        await self._discover()
        return await self._page(await self._those(native_ids))

    async def check(self) -> Probe:
        """Asks for the last window, few records of it where the server pages."""
        await self._discover()
        span = Span(REQUESTED, self._now() - timedelta(days=self._settings.window_days), None)
        few = {"page": 1, "page_size": _PROBE} if self._settings.page_size else {}
        batch = await self._fetcher(span)(self._path("requests"), few)
        return Probe(
            request=f"GET {self._path('requests')}",
            # XML as JSON too: what is personal is masked by the names of fields
            reply=preview(msgspec.structs.replace(batch.reply, content=orjson.dumps(_impersonal(batch.raws)))),
            page=await self._page(batch.raws, batch.total),
            seconds=batch.reply.seconds,
        )

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        await self._discover()
        told, rejected = await self._told(since)
        if rejected:
            yield Page(records=(), rejected=tuple(rejected))
        spans = self._spans(since)
        for span in spans:
            async with aclosing(self._read(span)) as found:
                async for batch in found:
                    total = batch.total if since is None and len(spans) == 1 else None
                    yield await self._page([self._joined(raw, told) for raw in batch.raws], total)
        if since is not None:  # what a list of changes leaves out
            for some in batched(list(told), _AT_ONCE):
                yield await self._page([self._joined(raw, told) for raw in await self._those(some)])

    async def _discover(self) -> None:
        """Asks where the endpoint is, once."""
        settings = self._settings
        if self._base is None and settings.discovery is not None:
            self._base = await find_endpoint(self._http, settings.discovery, settings.params, settings.endpoint)

    async def _discover_unsent(self) -> None:
        try:
            await self._discover()
        except SourceError as error:
            raise unsent(error) from None

    async def _since(self, complaint: Complaint, reference: str) -> list[ComplaintRecord]:
        """The requests received since a complaint was: only what is newer can be it."""
        writes = self._settings.writes
        filter = {writes.find: reference} if writes is not None and writes.find else {}
        since = complaint.submitted_at - timedelta(seconds=self._lookback)
        found: list[ComplaintRecord] = []
        async with aclosing(self._read(Span(REQUESTED, since, None), filter)) as batches_read:
            async for batch in batches_read:
                page = await self._page(batch.raws)
                found += page.records
        return found

    async def _whole(self, native_id: str) -> ComplaintRecord | None:
        """A record as it is now.

        Raises:
            SourceError: it can't be read.
        """
        page = await self.fetch((native_id,))
        if page.rejected:
            raise MappingFailure(f"the record can't be read: {page.rejected[0].reason}")
        return page.records[0] if page.records else None

    async def _told(self, since: datetime | None) -> tuple[dict[str, list[Update]], list[Rejected]]:
        """The updates since then by request, the oldest first, and those that can't be read."""
        found: dict[str, dict[str, Update]] = {}
        rejected: list[Rejected] = []
        if self._feed is None:
            return {}, []
        async with aclosing(self._feed.read(since, self._now())) as replies:
            async for raws in replies:
                for raw in raws:
                    try:
                        update = self._feed.update(raw)
                    except RecordError as error:
                        rejected.append(reject(raw, RecordError(f"update: {error}")))
                    else:
                        found.setdefault(update.request, {})[update.id] = update
        return {id: sorted(some.values(), key=lambda update: update.at) for id, some in found.items()}, rejected

    def _joined(self, raw: object, told: dict[str, list[Update]]) -> object:
        """A record with what the feed tells of it, which is then told."""
        updates = told.pop(self._reader.native_id(raw) or "", None)
        return {**raw, "updates": [each.raw for each in updates]} if updates and isinstance(raw, dict) else raw

    async def _those(self, native_ids: Sequence[str]) -> list[object]:
        found: list[object] = []
        step = self._http.settings.concurrency
        for some in batched(native_ids, step):
            for answer in await asyncio.gather(*map(self._one, some), return_exceptions=True):
                if isinstance(answer, BaseException):
                    raise answer
                found += answer
        return found

    def _spans(self, since: datetime | None) -> list[Span]:
        """What to ask for, newest first."""
        settings, end = self._settings, self._now()
        if since and settings.changes:
            return [Span(settings.changes, since, None)]
        start = datetime.combine(settings.first_day, time(), UTC)
        if since and settings.reread_days:
            start = max(start, end - timedelta(days=settings.reread_days))
        return windows(start, end, timedelta(days=settings.window_days))

    def _read(self, span: Span, filter: Mapping[str, str] | None = None) -> AsyncGenerator[Batch, None]:
        return self._paged(span, filter or {}) if self._settings.page_size else self._halved(span, filter or {})

    async def _paged(self, span: Span, filter: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        paging = ByPage(page="page", size="page_size", count=self._settings.page_size or 1)
        async for batch in batches(paging, self._path("requests"), self._fetcher(span, filter)):
            yield batch

    async def _halved(self, span: Span, filter: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """One reply; if it is full, the two halves of the span instead, the newer first.

        Raises:
            Incomplete: one second holds more than a reply may.
        """
        spans = [span]
        while spans:
            span = spans.pop()
            batch = await self._fetcher(span, filter)(self._path("requests"), {})
            if len(batch.raws) < self._settings.full:
                yield batch
                continue
            end = span.end or self._now()
            if end - span.start <= SHORTEST:
                yield batch
                raise Incomplete(
                    f"one second holds {len(batch.raws):,} requests or more; a reply brings no more of them"
                )
            middle = span.start + (end - span.start) / 2
            spans += [Span(span.names, span.start, middle), Span(span.names, middle, span.end)]

    def _fetcher(self, span: Span, filter: Mapping[str, str] | None = None) -> FetchPage:
        query = {**self._settings.params, **span.params(), **(filter or {})}

        async def fetch(path: str, params: Params) -> Batch:
            reply = await self._get(path, {**query, **params})
            raws = [] if reply.ignored else read_requests(reply.content, charset(reply))
            return Batch(raws, raws, reply, _total(reply))

        return fetch

    async def _one(self, native_id: str) -> list[object]:
        if native_id in (".", ".."):
            return []  # would be another path
        try:
            reply = await self._get(self._path(f"requests/{quote(native_id, safe='')}"), self._settings.params)
            return [] if reply.ignored else read_requests(reply.content, charset(reply))
        except HttpFailure as failure:  # as a status or, with 200, in an error document
            if failure.status in (404, 410):
                return []
            raise

    async def _page(self, raws: Sequence[object], total: int | None = None) -> Page:
        if not self._asked_for_names and any(_nameless(raw) for raw in raws):
            self._asked_for_names = True
            self._reader.service_names.update(await self._service_names())
        return page_of(raws, self._reader.record, total, self._reader.native_id)

    async def _service_names(self) -> dict[str, str]:
        """Names by code, asked for once; codes will do where the server has no list."""
        try:
            reply = await self._get(self._path("services"), self._settings.params)
            found = read_services(reply.content, charset(reply))
        except SourceError:
            return {}
        return {
            str(service["service_code"]): str(service["service_name"])
            for service in found
            if isinstance(service, dict) and service.get("service_code") and service.get("service_name")
        }

    async def _get(self, path: str, params: Mapping[str, Any]) -> Reply:
        return await self._http.request("GET", path, params=params, headers={"Accept": _ACCEPT[self._settings.format]})

    def _path(self, resource: str) -> str:
        return f"{self._base or ''}/{resource}.{self._settings.format}"


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _impersonal(value: object) -> object:
    """The records without what GeoReport calls the reporter's; a piece that is no record is told by its reason."""
    if isinstance(value, list):
        return [_impersonal(part) for part in value]
    if isinstance(value, dict):
        return {name: _impersonal(part) for name, part in value.items() if name not in _REPORTERS}
    return value.reason if isinstance(value, Unreadable) else value


def _nameless(raw: object) -> bool:
    return isinstance(raw, dict) and bool(raw.get("service_code")) and not raw.get("service_name")


def _total(reply: Reply) -> int | None:
    """What the reply's headers say there is, over all its pages."""
    told = next((reply.headers[name] for name in _TOTALS if name in reply.headers), "")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None


def takes(manifest: Manifest) -> frozenset[DeliveryKind]:
    """What is written by machine.

    Raises:
        ConfigError: the file does not say how.
    """
    writes = manifest.settings_as(Open311Settings).writes
    if writes is None:
        raise manifest.error("is missing: [writes] is there", "open311.writes", Open311Writes.__struct_fields__)
    check_writes(manifest, writes)
    return frozenset({DeliveryKind.SUBMIT, *(UPDATES if writes.updates else ())})


KIND: Final = Kind(
    settings=Open311Settings,
    connect=lambda manifest, means: Open311Connector(manifest, means.http),
    takes=takes,
)
