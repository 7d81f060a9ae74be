"""Taking in: what is new in a folder, an inbox, at addresses and in a feed of updates goes into the store."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import orjson
import structlog

from connectors.base import Means
from connectors.files.columns import Keep, columns_needed
from connectors.files.inbox import Inbox, given_name
from connectors.files.look import File, Stillness, files_in, hash_of, rank
from connectors.files.settings import FilesSettings
from connectors.files.sheet import EXACT
from connectors.files.store import Found, Seen, Store
from connectors.files.table import Row, read_table, thawed
from connectors.manifest import Manifest
from connectors.mapping import Mapper
from connectors.open311.updates import Feed, Update
from connectors.paths import Path as Expression
from connectors.quarantine import reject
from connectors.reply import Reply
from schema.complaint import Rejected
from schema.errors import BadPayload, HttpFailure, RecordError, SourceError, Unreachable
from schema.ports import Clock

#: A part of a look for news.
Step = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)

_INBOX: Final = "inbox/"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Taking:
    """Brings files and updates of one agency into its store, each file as a whole or not at all, once.

    Args:
        inbox: the drops' folder, if it takes any.
        now: tells how old a file is.
    """

    def __init__(
        self,
        manifest: Manifest,
        settings: FilesSettings,
        means: Means,
        mapper: Mapper,
        store: Store,
        inbox: Inbox | None,
        now: Clock,
    ) -> None:
        self._agency = manifest.slug
        self._settings, self._client, self._now = settings, means.client, now
        self._mapper, self._store, self._inbox = mapper, store, inbox
        self._id = Expression(manifest.fields.native_id or "@")  # the mapper has it that there is one
        self._own = Expression(manifest.fields.updated_at) if manifest.fields.updated_at else None
        self._needed = columns_needed(manifest, settings.joined)
        self._keep = Keep(manifest)
        self._folder = Path(manifest.file).parent / settings.folder if settings.folder is not None else None
        self._stillness = Stillness(settings.settle)
        self._feed = Feed(settings.updates, means.http, mapper.dates) if settings.updates is not None else None
        self._lookback = timedelta(seconds=manifest.poll.lookback)
        self._lock = asyncio.Lock()

    async def take_in(self) -> SourceError | None:
        """Reads what is new. Returns the first thing that went wrong, if any did; what went well is kept."""
        trouble: SourceError | None = None
        downloads: list[Step] = [partial(self._take_url, url) for url in self._settings.urls]
        steps: list[Step] = [self._take_files, *downloads, self._update]
        async with self._lock:
            for step in steps:
                try:
                    await step()
                except SourceError as error:
                    trouble = trouble or error
        return trouble

    async def _take_files(self) -> None:
        """Takes in what lies in the folder and in the inbox.

        Raises:
            SourceError: the folder, or the newest file, can't be read. An older one that can't be is quarantined.
        """
        files = await asyncio.to_thread(self._look)
        seen = await asyncio.to_thread(self._store.seen)
        new = [file for file in files if (known := seen.get(file.name)) is None or _differs(file, known)]
        if new:
            await self._take_all(new)
            seen = await asyncio.to_thread(self._store.seen)
        _refuse_unreadable([seen[file.name] for file in files if file.name in seen])

    async def _take_all(self, files: Sequence[File]) -> None:
        trouble: Unreachable | None = None
        for file in sorted(files, key=self._rank):
            try:
                await asyncio.to_thread(self._take, file)
            except Unreachable as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    def _look(self) -> list[File]:
        """All files that stand still."""
        found: list[File] = []
        now = self._now().timestamp()
        if self._folder is not None:
            there = files_in(self._folder, self._settings.pattern)
            found += [file for file in there if self._stillness.holds(file, now)]
        if self._inbox is not None and self._inbox.folder.is_dir():
            found += [file._replace(name=_INBOX + file.name) for file in files_in(self._inbox.folder, None)]
        return found

    async def _take_url(self, url: str) -> None:
        with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
            seen = (await asyncio.to_thread(self._store.seen)).get(url)
            got = await self._download(url, seen, Path(folder))
            if got is not None:
                await asyncio.to_thread(self._take, *got)
            now_seen = (await asyncio.to_thread(self._store.seen)).get(url)
        _refuse_unreadable([now_seen] if now_seen else [])

    async def _download(self, url: str, seen: Seen | None, folder: Path) -> tuple[File, str | None] | None:
        """An export at an address and what the server calls this version; None if it is the one we have."""
        assert self._client is not None
        headers = {"Accept": "*/*"} | ({"If-None-Match": seen.tag} if seen and seen.tag else {})
        try:
            reply = await self._client.request("GET", url, headers=headers)
        except HttpFailure as failure:
            if failure.status == 304 and seen is not None:
                return None
            raise
        path = folder / "download"
        await asyncio.to_thread(path.write_bytes, reply.content)
        modified = int(_modified(reply, self._now()).timestamp() * 1e9)
        return File(url, path, len(reply.content), modified), reply.headers.get("etag")

    def _rank(self, file: File) -> str:
        return rank(given_name(file.name.removeprefix(_INBOX)), file.modified, self._settings.newest)

    def _take(self, file: File, tag: str | None = None) -> None:
        """Takes one file in, in a thread. A file that changes meanwhile, or is gone, is left for the next look."""
        stamp = min(file.modified // 1_000, micros(self._now()))
        found = Seen(file.name, file.size, file.modified, "", stamp, self._rank(file), tag=tag)
        try:
            if file.size > self._settings.max_bytes:
                raise BadPayload(f"has {file.size:,} bytes; {self._settings.max_bytes:,} are allowed")
            found = found._replace(hash=hash_of(file.path))
            if self._is_known(found):
                self._store.note(found)
            else:
                self._store.take(found, self._rows(file))
        except BadPayload as error:
            log.warning("files.unreadable", agency=self._agency, file=called(file.name), reason=str(error))
            rejected = reject(found.hash, RecordError(f"{called(file.name)} {error}"))
            self._store.take(found._replace(problem=str(error)), [rejected])
        except (FileNotFoundError, _Changing):
            pass
        except OSError as error:
            raise Unreachable(f"{called(file.name)} can't be read ({type(error).__name__})") from None

    def _is_known(self, found: Seen) -> bool:
        """Whether the same stood in a file before: by its date, a copy of an old one looks new."""
        same = [other for other in self._store.seen().values() if other.hash == found.hash and other.taken]
        if self._settings.newest == "name":
            same = [other for other in same if other.rank >= found.rank]
        return bool(same)

    def _rows(self, file: File) -> Iterator[Found | Rejected]:
        name = called(file.name)
        tell = partial(log.warning, agency=self._agency, file=name)
        for row in read_table(file.path, name, self._settings, self._needed, tell):
            yield self._found(name, row)
        if file.name not in self._settings.urls and _differs(file, _as_it_is(file.path)):
            raise _Changing

    def _found(self, name: str, row: Row) -> Found | Rejected:
        raw = thawed(row.raw)
        try:
            if row.fault is not None:
                raise RecordError(row.fault)
            if isinstance(number := self._id.find(raw), float) and abs(number) >= EXACT:
                raise RecordError("is a number that has lost digits: format the column as text", path=self._id.place)
            native_id = self._mapper.native_id(raw)
            if native_id is None:
                self._mapper.record(raw)
                raise RecordError("has no native id")
            return Found(native_id, row.number, orjson.dumps(self._keep(row.raw, raw)), self._changed_at(raw))
        except (RecordError, orjson.JSONEncodeError) as error:
            told = error if isinstance(error, RecordError) else RecordError("holds text that is none")
            return reject(raw, RecordError(f"{name}, row {row.number}: {told}"))

    def _changed_at(self, raw: object) -> int | None:
        """When the row says that it was changed last."""
        try:
            moment = self._mapper.dates.moment(self._own.find(raw)) if self._own else None
        except RecordError:
            return None  # told when the record is mapped
        return micros(moment) if moment else None

    async def _update(self) -> None:
        """Takes in what is new in the feed of updates."""
        if self._feed is None:
            return
        mark = await asyncio.to_thread(self._store.mark)
        since, newest = (moment_of(mark) - self._lookback if mark is not None else None), mark
        async with aclosing(self._feed.read(since, self._now())) as replies:
            async for raws in replies:
                latest = await asyncio.to_thread(self._take_updates, self._feed, raws)
                newest = max(newest or latest or 0, latest or 0) or None
        if newest is not None and newest != mark:  # not before all came: they are read from the newest back
            await asyncio.to_thread(self._store.set_mark, min(newest, micros(self._now())))

    def _take_updates(self, feed: Feed, raws: Sequence[object]) -> int | None:
        updates: list[Update] = []
        rejected: list[Rejected] = []
        for raw in raws:
            try:
                updates.append(feed.update(raw))
            except RecordError as error:
                rejected.append(reject(raw, RecordError(f"update: {error}")))
        self._store.update(updates, rejected)
        return max((micros(update.at) for update in updates), default=None)

    async def first_rows(self, count: int) -> tuple[str, list[Row]] | None:
        """The name of the newest file and its first rows; None if there is no file. Nothing is taken in.

        Raises:
            SourceError: it can't be read.
        """
        with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
            files = await asyncio.to_thread(self._look)
            for url in self._settings.urls[:1]:
                got = await self._download(url, None, Path(folder))
                files += [got[0]] if got else []
            if not files:
                return None
            file = max(files, key=self._rank)
            try:
                return called(file.name), await asyncio.to_thread(self._first_of, file, count)
            except BadPayload as error:
                raise BadPayload(f"{called(file.name)} {error}") from None

    def _first_of(self, file: File, count: int) -> list[Row]:
        rows = read_table(file.path, called(file.name), self._settings, self._needed, lambda event, **more: None)
        try:
            return list(islice(rows, count))
        finally:
            rows.close()

    def tidy(self) -> None:
        """Removes old drops that were read."""
        if self._inbox is not None:
            read = self._store.seen()
            self._inbox.tidy({name.removeprefix(_INBOX) for name in read if name.startswith(_INBOX)})


class _Changing(Exception):
    """A file changed while it was read."""


def _refuse_unreadable(files: Sequence[Seen]) -> None:
    """Raises BadPayload if the newest of these files can't be read: what it was to tell is missing."""
    newest = max(files, key=lambda file: file.rank, default=None)
    if newest is not None and newest.problem is not None:
        raise BadPayload(f"{called(newest.name)} {newest.problem}")


def _differs(file: File, other: Seen | File) -> bool:
    return (file.size, file.modified) != (other.size, other.modified)


def _as_it_is(path: Path) -> File:
    stat = path.stat()
    return File(path.name, path, stat.st_size, stat.st_mtime_ns)


def called(name: str) -> str:
    """A file's name as people know it."""
    return given_name(name.removeprefix(_INBOX)).rpartition("/")[2]


def _modified(reply: Reply, now: datetime) -> datetime:
    try:
        told = parsedate_to_datetime(reply.headers.get("last-modified", ""))
    except ValueError:
        return now
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return round((moment - _EPOCH) / timedelta(microseconds=1))


def moment_of(found: int) -> datetime:
    """The moment of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=found)
