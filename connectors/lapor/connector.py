"""SP4N-LAPOR! over HTTP: it has no feed of changes, so its list is read newest first until it gets old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from connectors.base import Kind, look_back, page_of
from connectors.fields import Section
from connectors.http import Http
from connectors.lapor.envelope import read_list, read_one
from connectors.lapor.wire import Reader, nameless
from connectors.lapor.writing import KINDS, LaporSender, LaporWrites
from connectors.manifest import Manifest
from connectors.paging import Batch, ByPage, Params, batches
from connectors.preview import preview
from connectors.sending import Teller, confirmed
from connectors.writing import NO_SENDER
from schema.complaint import Complaint, ComplaintRecord
from schema.connector import Acknowledgement, Page, Probe, Write
from schema.delivery import DeliveryKind
from schema.errors import HttpFailure, Incomplete, MappingFailure, RecordError, SourceError

_PROBE: Final = 5
#: Details kept from one harvest to the next, because the lookback reads the same rows again.
_KEPT: Final = 2_000
_LOGS: Final = ("status_logs", "data_logs", "followups")


class LaporSettings(Section, frozen=True, kw_only=True):
    """`[lapor]`.

    Attributes:
        list: path of the list; it must come newest `updated_at` first, or each harvest reads all of it.
        params: query of each list request.
        page_size: rows of a page.
        expand: asks the list for the logs, so that rows need no requests of their own; empty where that is refused.
        details: whether rows that come without logs are completed by two requests each.
        record: path of one whole complaint, with `{id}`; empty where there is none: then only its state can be fetched.
        institutions: path of the list of institutions, asked once if a row names one by its id alone.
        tag: parameter of the list that filters by a tag, where the server has one; it finds again what was written.
        writes: how this hub is known there, if it writes.
    """

    list: str = "/complaints"
    params: Mapping[str, str | int | float | bool] = {}
    page_size: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    expand: str = "status_logs,data_logs,followups"
    details: bool = True
    record: str = "/complaints/{id}"
    institutions: str = "/masters/institutions/external"
    tag: str | None = None
    writes: LaporWrites | None = None


class LaporConnector:
    """Implements `schema.connector.Connector` and `schema.connector.Sender`.

    Args:
        manifest: the agency's file; `[http.headers]` holds both credentials, `[lapor]` and the maps may be left out.
        http: closed by `aclose`.

    Raises:
        ConfigError: the table doesn't fit.
    """

    def __init__(self, manifest: Manifest, http: Http) -> None:
        self.agency = manifest.agency()
        self._settings = manifest.settings_as(LaporSettings)
        if self._settings.record and "{id}" not in self._settings.record:
            raise manifest.error("has no {id}", "lapor.record")
        self._http = http
        self._lookback = manifest.poll.lookback
        self._reader = Reader(manifest)
        self._asked_for_names = False
        self._details: dict[str, tuple[object, dict[str, Any]]] = {}
        self.writes = self.finds = manifest.takes
        self.settles_after = manifest.writes.settles_after if manifest.writes else 0.0
        self._confirms = manifest.writes is not None and manifest.writes.confirm
        writes = self._settings.writes
        self._sender: Teller = NO_SENDER
        if writes is not None and manifest.takes:
            words = self._reader.words
            self._sender = LaporSender(writes, http, words, rows=self._tagged, names=self._names, one=self._whole)

    async def send(self, write: Write) -> Acknowledgement:
        """Tells it, once."""
        acknowledgement = await self._sender.send(write)
        return await confirmed(self, self.fetch, write, acknowledgement) if self._confirms else acknowledgement

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for it: a complaint by its tag in the list, what was written to one in that."""
        return await self._sender.find(write)

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """What changed since then, newest first."""
        return self._harvest(look_back(since, self._lookback))

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These complaints, one request each where the system has whole ones."""
        found = await self._gather(self._one(native_id) for native_id in native_ids)
        return await self._page([row for row in found if row is not None])

    async def check(self) -> Probe:
        """Asks for the newest few rows."""
        batch = await self._fetch_page(self._settings.list, {"page": 1, "page_size": _PROBE})
        return Probe(
            request=f"GET {self._settings.list}",
            reply=preview(batch.reply),
            page=await self._page(batch.raws, batch.total),
            seconds=batch.reply.seconds,
        )

    async def aclose(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        """Reads on until a page holds something older. A row that changes meanwhile moves to the front, which has been
        read; its new `updated_at` brings it into the next harvest.
        """
        paging = ByPage(page="page", size="page_size", count=self._settings.page_size)
        rows = 0
        async for batch in batches(paging, self._settings.list, self._fetch_page):
            rows += len(batch.raws)
            if since is not None and not rows:
                raise Incomplete("the list came empty, and it has no filter")
            moments = [self._updated_at(row) for row in batch.raws]
            dated = zip(batch.raws, moments, strict=True)
            fresh = [row for row, moment in dated if since is None or moment is None or moment >= since]
            yield await self._page(fresh, batch.total)
            if since is not None and _reaches(moments, since):
                return

    async def _fetch_page(self, path: str, params: Params, *, bare: bool = False, tag: str | None = None) -> Batch:
        expand = {"expand": self._settings.expand} if self._settings.expand and not bare else {}
        filter = {self._settings.tag: tag} if self._settings.tag and tag else {}
        reply = await self._http.get(path, {**self._settings.params, **expand, **filter, **params})
        if reply.ignored:
            return Batch([], None, reply, 0)
        body = reply.json()
        listed = read_list(body)
        return Batch(listed.rows, body, reply, listed.total)

    def _updated_at(self, row: object) -> datetime | None:
        try:
            return self._reader.dates.moment(row.get("updated_at")) if isinstance(row, dict) else None
        except RecordError:
            return None

    async def _page(self, rows: Sequence[object], total: int | None = None) -> Page:
        if self._settings.details:
            rows = await self._gather(self._complete(row) for row in rows)
        if not self._asked_for_names and any(map(nameless, rows)):
            self._asked_for_names = True
            self._reader.institutions.update(await self._institutions())
        return page_of(rows, self._reader.record, total, self._reader.native_id)

    async def _complete(self, row: object) -> object:
        """The row with its logs: from the list, from the last harvest, or by requests of its own."""
        native_id = self._reader.native_id(row)
        if not isinstance(row, dict) or native_id is None or ("status_logs" in row and "followups" in row):
            return row
        stamp, kept = self._details.pop(native_id, (None, None))
        if kept is None or stamp is None or stamp != row.get("updated_at"):
            kept = await self._logs(native_id, row)
        self._details[native_id] = (row.get("updated_at"), kept)
        if len(self._details) > _KEPT:
            del self._details[next(iter(self._details))]
        return {**row, **kept}

    async def _logs(self, native_id: str, row: Mapping[str, Any]) -> dict[str, Any]:
        detail: Mapping[str, Any] = row
        if "status_logs" not in row:
            detail = await self._ask(f"/complaints/{_quoted(native_id)}/complaint") or {}
        followups = row.get("followups")
        if followups is None:
            followups = await self._followups(native_id)
        return {**{name: detail[name] for name in _LOGS if name in detail}, "followups": followups}

    async def _followups(self, native_id: str) -> list[Any]:
        try:
            reply = await self._http.get(f"/complaints/{_quoted(native_id)}/followups")
            return [] if reply.ignored else read_list(reply.json()).rows
        except HttpFailure as failure:
            if failure.status in (404, 410):
                return []
            raise

    async def _one(self, native_id: str) -> object:
        if native_id in (".", ".."):
            return None  # would be another path
        if self._settings.record:
            return await self._ask(self._settings.record.replace("{id}", _quoted(native_id)))
        state = await self._ask(f"/complaints/{_quoted(native_id)}/complaint")
        return None if state is None else {"id": native_id, **state}

    async def _ask(self, path: str) -> dict[str, Any] | None:
        try:
            reply = await self._http.get(path)
            return None if reply.ignored else read_one(reply.json())
        except HttpFailure as failure:  # as a status or, with 200, in the body
            if failure.status in (404, 410):
                return None
            raise

    async def _whole(self, native_id: str) -> ComplaintRecord | None:
        """A record with its logs, as it is now.

        Raises:
            SourceError: it can't be read.
        """
        self._details.pop(native_id, None)
        page = await self.fetch((native_id,))
        if page.rejected:
            raise MappingFailure(f"the record can't be read: {page.rejected[0].reason}")
        return page.records[0] if page.records else None

    async def _tagged(self, complaint: Complaint, tag: str) -> list[Mapping[str, Any]]:
        """Rows that changed since a complaint was received here: only what is newer can be it."""
        since = complaint.submitted_at - timedelta(seconds=self._lookback)
        fetch = partial(self._fetch_page, bare=True, tag=tag)
        paging = ByPage(page="page", size="page_size", count=self._settings.page_size)
        read: list[object] = []
        async with aclosing(batches(paging, self._settings.list, fetch)) as pages:
            async for batch in pages:
                read += batch.raws
                if _reaches([self._updated_at(row) for row in batch.raws], since):
                    break
        if len(read) > self._settings.page_size:  # what changed meanwhile has moved to the front, past the reader
            newest = await fetch(self._settings.list, {"page": 1, "page_size": self._settings.page_size})
            read += newest.raws
        return [row for row in read if isinstance(row, dict)]

    async def _names(self) -> Mapping[str, str]:
        """Institutions by id, asked until there are some."""
        if not self._reader.institutions:
            self._reader.institutions.update(await self._institutions())
        return self._reader.institutions

    async def _institutions(self) -> dict[str, str]:
        """Names by id; ids will do where the list can't be had."""
        try:
            reply = await self._http.get(self._settings.institutions, {"page_size": 1000})
            rows = read_list(reply.json()).rows
        except SourceError:
            return {}
        return {
            str(row["id"]): str(row["name"]) for row in rows if isinstance(row, dict) and {"id", "name"} <= set(row)
        }

    async def _gather(self, work: Iterator[Coroutine[Any, Any, object]]) -> list[object]:
        """As much at once as the agency takes (a request's deadline runs while it queues); a failure stops the rest."""
        found: list[object] = []
        while some := list(islice(work, self._http.settings.concurrency)):
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one) for one in some]
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None
            found += [task.result() for task in tasks]
        return found


def _reaches(moments: Sequence[datetime | None], since: datetime) -> bool:
    """Whether the list has come to rows older than `since`; one that is not newest first is read to its end."""
    known = [moment for moment in moments if moment is not None]
    return bool(known) and known[-1] < since and known == sorted(known, reverse=True)


def _quoted(native_id: str) -> str:
    return quote(native_id, safe="")


def takes(manifest: Manifest) -> frozenset[DeliveryKind]:
    """What is written by machine.

    Raises:
        ConfigError: the file does not say how this hub is known there.
    """
    if manifest.settings_as(LaporSettings).writes is None:
        raise manifest.error("is missing: [writes] is there", "lapor.writes", LaporWrites.__struct_fields__)
    return KINDS


KIND: Final = Kind(
    settings=LaporSettings,
    connect=lambda manifest, means: LaporConnector(manifest, means.http),
    takes=takes,
)
