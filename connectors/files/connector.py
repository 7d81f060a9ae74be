"""Exports as files: in a folder, at an address, dropped into the hub. Rows are mapped as the agency's file says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec
import orjson

from connectors.base import Kind, Means, page_of
from connectors.files.inbox import Inbox
from connectors.files.presets import apply_preset
from connectors.files.settings import FilesSettings
from connectors.files.store import Held, Store
from connectors.files.table import Row, thawed
from connectors.files.taking import Taking, called, micros, moment_of
from connectors.manifest import Manifest, check_path
from connectors.mapping import Mapper
from connectors.preview import preview
from connectors.quarantine import digest
from connectors.reply import Reply
from connectors.secrets import REFERENCE
from schema.complaint import ComplaintRecord
from schema.connector import Page, Probe
from schema.errors import ConfigError, RecordError
from schema.ports import Clock

_PROBE: Final = 5
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class FilesConnector:
    """Implements `schema.connector.Connector` and `schema.connector.Keeper`.

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

    def __init__(self, manifest: Manifest, means: Means, now: Clock = lambda: datetime.now(UTC)) -> None:
        self.agency = manifest.agency()
        manifest, settings = apply_preset(manifest, manifest.settings_as(FilesSettings))
        self._settings = settings
        self._check(manifest)
        self._client = means.client
        self._mapper = Mapper(manifest)
        file = means.folder / "files.db" if means.folder else None
        self._store = Store(file, _fingerprint(manifest, settings), settings.newest)
        self.inbox = _inbox(manifest, settings, means)
        self._taking = Taking(manifest, settings, means, self._mapper, self._store, self.inbox, now)
        #: Everything that changed after it was told by this connector.
        self._told_since: datetime | None = None

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """What was not told yet and what changed since then; all there is for None."""
        return self._harvest(since)

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, from the newest files."""
        trouble = await self._taking.take_in()
        held = await asyncio.to_thread(self._store.these, native_ids)
        if trouble is not None and not held:
            raise trouble
        return page_of(held, self._record, native_id=_native_id)

    async def check(self) -> Probe:
        """Reads the first rows of the newest file; nothing is taken in."""
        started = time.perf_counter()
        found = await self._taking.first_rows(_PROBE)
        if found is None:
            return Probe(request="files", reply="there is no file yet", page=Page(records=()), seconds=0.0)
        name, rows = found
        body = orjson.dumps([thawed(row.raw) for row in rows])
        return Probe(
            request=f"file {name}",
            reply=preview(Reply(status=200, headers={}, content=body, url="")),
            page=page_of(rows, self._probed),
            seconds=time.perf_counter() - started,
        )

    async def held(self, native_ids: Sequence[str]) -> Mapping[str, object]:
        """The rows that are kept of these, as they were taken in."""
        held = await asyncio.to_thread(self._store.these, native_ids)
        return {each.native_id: {"file": each.file, "row": each.raw, "updates": each.updates} for each in held}

    async def forget(self, native_ids: Sequence[str]) -> None:
        """Their rows go and are taken in no more. Files that they came in stay as long as the agency's file says."""
        await asyncio.to_thread(self._store.forget, native_ids)

    async def aclose(self) -> None:
        """Lets go of files and connections."""
        await asyncio.to_thread(self._store.close)
        if self._client is not None:
            await self._client.aclose()

    # ------------------------------------------------------------- telling

    async def _harvest(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        trouble = await self._taking.take_in()
        # A row without a moment of its own changed when its file was written, and all rows of an export with it. Once
        # told to a caller who goes on from there, they need not be told at every look.
        stamped = since is None or self._told_since is None or since < self._told_since
        after, bound = 0, micros(since) if since is not None else None
        while held := await asyncio.to_thread(partial(self._store.page, after, bound, stamped=stamped)):
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
        await asyncio.to_thread(self._taking.tidy)

    def _record(self, raw: object) -> ComplaintRecord:
        assert isinstance(raw, Held)
        row = thawed(raw.raw)
        if self._settings.updates is not None:
            newest = raw.updates[-1] if raw.updates else None
            fresh = newest is not None and micros(datetime.fromisoformat(newest["updated_datetime"])) >= raw.current
            row |= {"updates": raw.updates, "update": newest if fresh else None}
        try:
            record = self._mapper.record(row)
        except RecordError as error:
            raise RecordError(f"{called(raw.file)}, row {raw.number}: {error}") from None
        return msgspec.structs.replace(record, updated_at=moment_of(raw.moment))

    def _probed(self, raw: object) -> ComplaintRecord:
        assert isinstance(raw, Row)
        if raw.fault is not None:
            raise RecordError(f"row {raw.number} {raw.fault}")
        return self._mapper.record({**thawed(raw.raw), "updates": [], "update": None})

    def _check(self, manifest: Manifest) -> None:
        settings = self._settings
        if settings.folder is None and settings.inbox is None and not settings.urls:
            raise manifest.error("says nowhere where the files are", "files", ("folder", "url", "inbox"))
        if (settings.urls or settings.updates is not None) and manifest.http is None:
            raise manifest.error("is missing", "http")
        if settings.records:
            check_path(manifest, settings.records, "files.records")


def _fingerprint(manifest: Manifest, settings: FilesSettings) -> str:
    """Of everything that a row is read with: read in another way, the same row is another record."""
    left_out = ("lines", "file", "http", "poll", "paused", "tier", "settings")
    read = {name: getattr(manifest, name) for name in Manifest.__struct_fields__ if name not in left_out}
    where = ("folder", "url", "inbox", "settle", "max_bytes", "max_rows", "max_unpacked", "newest")
    own = {name: value for name, value in msgspec.structs.asdict(settings).items() if name not in where}
    return digest(msgspec.to_builtins({**read, "files": own}))


def _inbox(manifest: Manifest, settings: FilesSettings, means: Means) -> Inbox | None:
    if settings.inbox is None:
        return None
    if not settings.inbox.keys or not all(REFERENCE.fullmatch(key) for key in settings.inbox.keys):
        raise manifest.error("must name the agency's key", "files.inbox.key", ("env:NAME", "file:/path"))
    try:
        keys = [means.secrets(key) for key in settings.inbox.keys]
    except ConfigError as error:
        raise manifest.error(str(error), "files.inbox.key") from None
    return Inbox(means.folder / "inbox", settings.inbox, keys) if means.folder else None


def _native_id(raw: object) -> str | None:
    return raw.native_id if isinstance(raw, Held) else None


KIND: Final = Kind(settings=FilesSettings, connect=FilesConnector, http=False, address="files.folder")
