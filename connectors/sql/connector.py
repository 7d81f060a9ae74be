"""The `sql` kind: a SELECT of the agency's, paged by key, with child queries for what belongs to each row."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
import orjson
import structlog

from connectors.base import Kind, Means, look_back, page_of
from connectors.dates import written
from connectors.manifest import Manifest
from connectors.mapping import MAX_ENTRIES, Mapper
from connectors.paging import MAX_PAGES
from connectors.preview import preview
from connectors.quarantine import digest
from connectors.reply import Reply
from connectors.sql.database import SESSIONS, BadSql, Session
from connectors.sql.plan import Plan
from connectors.sql.seen import Seen
from connectors.sql.settings import SqlSettings
from connectors.sql.statement import ChildQuery, Dialect, Statement
from connectors.sql.values import Row, Values
from connectors.values import key as as_key
from schema.complaint import ComplaintRecord
from schema.connector import Page, Probe
from schema.errors import MappingFailure, PagingLoop, RecordError, SourceTimeout
from schema.ports import Clock

log = structlog.get_logger(__name__)
T = TypeVar("T")

_PROBE: Final = 5
WARNING: Final = "this account may write; give the hub one that may only SELECT"


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class SqlConnector:
    """Implements `schema.connector.Connector`.

    Each harvest and each `fetch` has a session of its own, each page one read-only transaction.

    Raises:
        ConfigError: the table or the fields lack something, or the address is none.
    """

    def __init__(self, manifest: Manifest, means: Means, clock: Clock = utc_now) -> None:
        self.agency = manifest.agency()
        self._manifest, self._client = manifest, means.client
        self._mapper = Mapper(manifest)
        self._plan = plan = Plan(manifest, means.secrets)
        self._settings, self._queries = plan.settings, plan.queries
        self._values = Values(plan.zone, plan.settings.json, repair=plan.settings.encoding is not None)
        file = means.folder / "rows.db" if means.folder else None
        self._seen = None if plan.incremental else Seen(file, plan.fingerprint(), clock)
        self._slots = asyncio.Semaphore(SESSIONS)
        self._open: set[Session] = set()
        self._warned = False

    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        """All that changed since then, page by page, in the order of keys."""
        if self._seen is not None:
            return self._compared(self._seen, since)
        return self._told(look_back(since, self._manifest.poll.lookback))

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, some hundreds in one statement."""
        found: list[Row] = []
        async with self._session() as (session, until):
            for start in range(0, len(native_ids), self._settings.page):
                some = native_ids[start : start + self._settings.page]
                rows, _ = await self._read(session, self._queries.fetch(self._ids(some)), until)
                found += rows
                until = self._until()
        page = self._page(found)
        return msgspec.structs.replace(page, records=tuple(r for r in page.records if r.native_id in set(native_ids)))

    async def check(self) -> Probe:
        """Reads a few rows, and asks what else the account may do."""
        statement = self._queries.page(None, None, _PROBE)
        started = time.monotonic()
        async with self._session() as (session, until):
            rows, _ = await self._read(session, statement, until)
            seconds = time.monotonic() - started
            warnings = (WARNING,) if await self._within(until, session.may_write()) else ()
        content = orjson.dumps(rows, default=str)
        return Probe(
            request=" ".join(statement.sql.split()),
            reply=preview(Reply(status=200, headers={}, content=content, url="", seconds=seconds)),
            page=self._page(rows),
            seconds=seconds,
            warnings=warnings,
        )

    async def aclose(self) -> None:
        """Ends the sessions."""
        for session in [*self._open]:
            session.abort()
        await self._plan.database.aclose()
        if self._seen is not None:
            await asyncio.to_thread(self._seen.close)
        if self._client is not None:
            await self._client.aclose()

    # ------------------------------------------------------------- harvest

    async def _told(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        """What the database itself says has changed."""
        async with aclosing(self._rows(self._moment(since))) as pages:
            async for rows in pages:
                yield self._page(rows)

    async def _compared(self, seen: Seen, since: datetime | None) -> AsyncGenerator[Page, None]:
        """What is another than it was."""
        moment = await asyncio.to_thread(seen.begin)
        async with aclosing(self._rows(None)) as pages:
            async for rows in pages:
                told = [(self._mapper.native_id(row) or digest(row), digest(row)) for row in rows]
                changed = await asyncio.to_thread(seen.changed, told, moment, since)
                page = self._page([row for row, new in zip(rows, changed, strict=True) if new])
                yield msgspec.structs.replace(page, until=moment)

    async def _rows(self, since: Any) -> AsyncGenerator[list[Row], None]:
        """All rows, page by page, with what belongs to them."""
        limit, after = self._settings.page, None
        async with self._session() as (session, until):
            await self._warn(session, until)
            for _ in range(MAX_PAGES):
                rows, last = await self._read(session, self._queries.page(since, after, limit), until)
                if rows or after is None:
                    yield rows
                if len(rows) < limit:
                    return
                if last is None:
                    raise MappingFailure(self._at(f"{self._plan.key} is null in some rows: it can't cut pages", "key"))
                if last == after:
                    raise PagingLoop("the same page came twice")
                after, until = last, self._until()
            raise PagingLoop(f"more than {MAX_PAGES:,} pages")

    async def _read(self, session: Session, statement: Statement, until: float) -> tuple[list[Row], Any]:
        """Rows with what belongs to them, all of one moment, and the last one's key as the driver has it."""
        return await self._within(until, self._snapshot(session, statement))

    async def _snapshot(self, session: Session, statement: Statement) -> tuple[list[Row], Any]:
        await session.begin()
        raws = await self._asked(session, statement)
        for column, name in ((self._plan.key, "key"), (self._plan.native_id, "native_id")):
            if raws and column not in raws[0]:
                raise MappingFailure(self._at(f"sql.query gives no column {column}", name))
        rows = [self._values.row(raw) for raw in raws]
        keys = [raw[self._plan.key] for raw in raws]
        for child in self._plan.children:
            entries = await self._entries(session, child, keys)
            for row, key in zip(rows, keys, strict=True):
                row[child.name] = entries.get(_plain(self._values.value(key)), [])
        await session.end()
        return rows, keys[-1] if keys else None

    async def _entries(self, session: Session, child: ChildQuery, keys: Sequence[Any]) -> dict[str | None, list[Row]]:
        """A list's entries by their parent."""
        found: dict[str | None, list[Row]] = {}
        wanted = [key for key in keys if key is not None]
        if not wanted:
            return found
        raws = await self._asked(session, child.of(wanted, len(wanted) * MAX_ENTRIES))
        for raw in raws:
            if child.parent not in raw:
                key = f"lists.{child.name}.parent"
                raise MappingFailure(self._at(f"the query gives no column {child.parent}", key))
            entry = self._values.row(raw)
            found.setdefault(_plain(entry[child.parent]), []).append(entry)
        return found

    async def _asked(self, session: Session, statement: Statement) -> list[Row]:
        try:
            return await session.fetch(statement, self._settings.max_bytes)
        except BadSql as error:
            raise MappingFailure(str(self._manifest.error(str(error), statement.key))) from None

    def _page(self, rows: Sequence[Row]) -> Page:
        met: set[str] = set()

        def parse(raw: object) -> ComplaintRecord:
            record = self._mapper.record(raw)
            if record.native_id in met:
                raise RecordError("comes more than once; sql.query must give one row for each complaint")
            met.add(record.native_id)
            return record

        return page_of(rows, parse, None, self._mapper.native_id)

    # ------------------------------------------------------------ sessions

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[Session, float]]:
        """A session, and when what is done first in it must be done."""
        async with self._slots:
            until = self._until()
            session = await self._within(until, self._connected())
            self._open.add(session)
            try:
                yield session, until
                await self._within(self._until(), session.aclose())
            except BaseException:
                session.abort()
                raise
            finally:
                self._open.discard(session)

    async def _connected(self) -> Session:
        try:
            return await self._plan.database.connect()
        except BadSql as error:
            raise MappingFailure(str(self._manifest.error(str(error), "sql.url"))) from None

    async def _warn(self, session: Session, until: float) -> None:
        if not self._warned:
            self._warned = True
            if await self._within(until, session.may_write()):
                log.warning("agency.may_be_written", agency=self.agency.id, reason=WARNING)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._settings.deadline

    async def _within(self, until: float, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(until):
                return await work
        except TimeoutError:
            raise SourceTimeout(f"no answer within {self._settings.deadline:g} s") from None

    # ------------------------------------------------------------- details

    def _moment(self, since: datetime | None) -> Any:
        """`since` as the agency's column has it: a moment in the zone, or what `format` makes of it."""
        if since is None:
            return None
        local = since.astimezone(self._plan.zone).replace(microsecond=0)
        form = self._settings.since.format if self._settings.since else None
        if form is None:
            return local
        text = written(local, form)
        return int(text) if form in ("epoch", "epoch_ms") else text

    def _ids(self, native_ids: Sequence[str]) -> list[Any]:
        """Ids as the column may have them. SQLite compares no text with a number."""
        usable = [id for id in native_ids if id.isascii() or _sendable(id)]
        if self._plan.dialect is not Dialect.SQLITE:
            return list(usable)
        return [*usable, *(int(id) for id in usable if id.isdecimal() and len(id) < 19)]

    def _at(self, message: str, key: str) -> str:
        key = f"fields.{key}" if key == "native_id" else f"sql.{key}"
        return str(self._manifest.error(message, key))


def _plain(value: Any) -> str | None:
    """A key in the one form in which both tables' are compared."""
    try:
        return as_key(value)
    except RecordError:
        return str(value)


def _sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


KIND: Final = Kind(settings=SqlSettings, connect=SqlConnector, http=False, address="sql.url")
