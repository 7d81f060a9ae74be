"""Exports as files: in a folder, at an address, dropped into the hub. Rows are mapped as the agency's file says."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
import structlog

from connectors.base import Kind, Means, page_of
from connectors.files.inbox import Inbox, given_name
from connectors.files.look import File, Stillness, files_in, hash_of, rank
from connectors.files.settings import FilesSettings
from connectors.files.store import Found, Held, Seen, Store
from connectors.files.table import Row, names_in, read_table, thawed
from connectors.manifest import Manifest, check_path
from connectors.mapping import Mapper
from connectors.open311.updates import Feed, Update
from connectors.paths import Path as Expression
from connectors.preview import preview
from connectors.quarantine import reject
from connectors.reply import Reply
from schema.complaint import ComplaintRecord, Rejected
from schema.errors import BadPayload, HttpFailure, RecordError, SourceError
from schema.ports import Clock, Page, Probe

log = structlog.get_logger(__name__)

_PROBE: Final = 5
_INBOX: Final = "inbox/"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class FilesConnector:
    """Implements `schema.ports.Connector`.

    Each file is taken in as a whole or not at all, once. Kept is each record's newest row; `changes` tells those that
    were not told yet, and, as it is asked, those that changed since.

    Args:
        manifest: the agency's file, with a `[files]` table.
        means: without a folder everything is kept in memory, and there is no inbox.

    Attributes:
        inbox: takes drops; None where the agency's file has none.

    Raises:
        ConfigError: the table or the fields lack something.
    """

    def __init__(
        self, manifest: Manifest, means: Means, now: Clock = lambda: datetime.now(UTC), sleep: Any = asyncio.sleep
    ) -> None:
        self.agency = manifest.agency()
        self._settings = settings = manifest.settings_as(FilesSettings)
        self._check(manifest)
        self._client = means.client
        self._now = now
        self._mapper = Mapper(manifest)
        self._own = Expression(manifest.fields.updated_at) if manifest.fields.updated_at else None
        self._keys = names_in(manifest.fields.native_id or "")
        self._folder = Path(manifest.file).parent / settings.folder if settings.folder is not None else None
        self._store = Store(means.folder / "files.db" if means.folder else None)
        self._stillness = Stillness(settings.settle)
        self._feed = Feed(settings.updates, means.http, self._mapper.dates) if settings.updates is not None else None
        self._lookback = timedelta(seconds=manifest.poll.lookback)
        self._taking = asyncio.Lock()
        #: Everything that changed after it was told by this connector.
        self._told_since: datetime | None = None
        self.inbox = _inbox(manifest, settings, means)

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """What was not told yet and what changed since then; all there is for None."""
        return self._harvest(since)

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, from the newest files."""
        trouble = await self._take_in()
        held = await asyncio.to_thread(self._store.these, native_ids)
        if trouble is not None and not held:
            raise trouble
        return page_of(held, self._record, native_id=_native_id)

    async def check(self) -> Probe:
        """Reads the first rows of the newest file; nothing is taken in."""
        started = time.perf_counter()
        files = [file async for file in self._files({})]
        if not files:
            return Probe(request="files", reply="there is no file yet", page=Page(records=()), seconds=0.0)
        file = max(files, key=self._rank)
        rows = await asyncio.to_thread(self._first_rows, file)
        raws = [thawed(row.raw) for row in rows]
        reply = Reply(status=200, headers={}, content=orjson.dumps(raws), url="")
        page = page_of(rows, self._probed, native_id=lambda row: self._mapper.native_id(row.raw))
        seconds = time.perf_counter() - started
        return Probe(request=f"file {file.name}", reply=preview(reply), page=page, seconds=seconds)

    async def aclose(self) -> None:
        """Lets go of files and connections."""
        await asyncio.to_thread(self._store.close)
        if self._client is not None:
            await self._client.aclose()

    # ------------------------------------------------------------- telling

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        trouble = await self._take_in()
        # A row without a moment of its own changed when its file was written, and all rows of an export with it. Once
        # told to a caller who goes on from there, they need not be told at every look.
        stamped = since is None or self._told_since is None or since < self._told_since
        after, micros = 0, _micros(since) if since is not None else None
        while held := await asyncio.to_thread(partial(self._store.page, after, micros, stamped=stamped)):
            yield page_of(held, self._record, native_id=_native_id)
            await asyncio.to_thread(self._store.told, held)  # whoever asks for the next page has used this one
            after = held[-1].id
        after = 0
        while kept := await asyncio.to_thread(partial(self._store.rejected, after, again=since is None)):
            yield Page(records=(), rejected=tuple(each.rejected for each in kept))
            await asyncio.to_thread(self._store.told, (), kept)
            after = kept[-1].id
        if trouble is not None:
            raise trouble
        if stamped:
            self._told_since = since or _EVER
        await self._tidy()

    def _record(self, raw: object) -> ComplaintRecord:
        assert isinstance(raw, Held)
        row = thawed(raw.raw)
        if self._feed is not None:
            newest = raw.updates[-1] if raw.updates else None
            fresh = newest is not None and _micros(datetime.fromisoformat(newest["updated_datetime"])) >= raw.current
            row |= {"updates": raw.updates, "update": newest if fresh else None}
        try:
            record = self._mapper.record(row)
        except RecordError as error:
            raise RecordError(f"{given_name(raw.file)}, row {raw.number}: {error.reason}", path=error.path) from None
        return msgspec.structs.replace(record, updated_at=_EPOCH + timedelta(microseconds=raw.moment))

    def _probed(self, raw: object) -> ComplaintRecord:
        assert isinstance(raw, Row)
        if raw.fault is not None:
            raise RecordError(f"row {raw.number} {raw.fault}")
        return self._mapper.record({**thawed(raw.raw), "updates": [], "update": None})

    # ------------------------------------------------------------- taking in

    async def _take_in(self) -> SourceError | None:
        """Reads what is new. Returns what went wrong, if anything did; what went well is kept."""
        async with self._taking:
            try:
                trouble = await self._take_files()
            except SourceError as error:
                trouble = error
            try:
                await self._take_updates()
            except SourceError as error:
                trouble = trouble or error
            return trouble

    async def _take_files(self) -> SourceError | None:
        seen = await asyncio.to_thread(self._store.seen)
        files = [file async for file in self._files(seen) if self._is_new(file, seen.get(file.name))]
        for file in sorted(files, key=self._rank):
            took = await asyncio.to_thread(self._take, file, seen)
            if took is not None:
                seen[file.name] = took
        newest = max(seen.values(), key=lambda each: each.rank, default=None)
        if newest is not None and newest.problem is not None:
            return BadPayload(f"{given_name(newest.name)} {newest.problem}")
        return None

    async def _files(self, seen: dict[str, Seen]) -> AsyncIterator[File]:
        """All files that stand still.

        Raises:
            SourceError: a folder or an address can't be read.
        """
        pattern, now = self._settings.pattern, self._now().timestamp()
        if self._folder is not None:
            for file in await asyncio.to_thread(lambda folder: list(files_in(folder, pattern)), self._folder):
                if self._stillness.holds(file, now):
                    yield file
        if self.inbox is not None and self.inbox.folder.is_dir():
            for file in await asyncio.to_thread(lambda folder: list(files_in(folder, None)), self.inbox.folder):
                yield file._replace(name=_INBOX + file.name)
        for url in self._settings.urls:
            async for file in self._download(url, seen.get(url)):
                yield file

    async def _download(self, url: str, seen: Seen | None) -> AsyncIterator[File]:
        """An export at an address, unless the server says that it is the one we have."""
        assert self._client is not None
        headers = {"Accept": "*/*"} | ({"If-None-Match": seen.tag} if seen and seen.tag else {})
        try:
            reply = await self._client.request("GET", url, headers=headers)
        except HttpFailure as failure:
            if failure.status == 304 and seen is not None:
                return
            raise
        told = reply.headers.get("last-modified")
        try:
            modified = parsedate_to_datetime(told) if told else self._now()
        except ValueError:
            modified = self._now()
        with tempfile.NamedTemporaryFile(prefix="simpul-") as draft:
            await asyncio.to_thread(_write, draft, reply.content)
            self._tags[url] = reply.headers.get("etag")
            yield File(url, Path(draft.name), len(reply.content), int(modified.timestamp() * 1e9))

    def _rank(self, file: File) -> str:
        return rank(given_name(file.name), file.modified, self._settings.newest)

    def _is_new(self, file: File, seen: Seen | None) -> bool:
        return seen is None or (file.size, file.modified) != (seen.size, seen.modified)
