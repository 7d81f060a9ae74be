"""What a connector of files remembers: each record's newest row, its updates, and the files that were read.

SQLite in the agency's own folder, or in memory. Every call is one transaction and may take long: call it in a thread.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from connectors.open311.updates import Update
from schema.complaint import Rejected

BATCH: Final = 500
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS files (
  name TEXT PRIMARY KEY, size INTEGER, modified INTEGER, hash TEXT, stamp INTEGER, rank TEXT, problem TEXT, tag TEXT
);
CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY, native_id TEXT UNIQUE, raw BLOB, hash TEXT, own INTEGER, stamp INTEGER, rank TEXT, file TEXT,
  number INTEGER, moment INTEGER, pending INTEGER
);
CREATE INDEX IF NOT EXISTS records_pending ON records (pending) WHERE pending;
CREATE INDEX IF NOT EXISTS records_moment ON records (moment);
CREATE TABLE IF NOT EXISTS updates (
  native_id TEXT, id TEXT, moment INTEGER, raw BLOB, PRIMARY KEY (native_id, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS mark (only INTEGER PRIMARY KEY, moment INTEGER);
CREATE TABLE IF NOT EXISTS rejected (
  id INTEGER PRIMARY KEY, file TEXT, native_id TEXT, reason TEXT, hash TEXT, shape TEXT, pending INTEGER
);
CREATE INDEX IF NOT EXISTS rejected_file ON rejected (file);
CREATE TABLE IF NOT EXISTS forgotten (native_id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Seen(NamedTuple):
    """A file that was read.

    Attributes:
        modified: nanoseconds since 1970; -1 if it is to be read again.
        stamp: microseconds since 1970 of what stands in it, for rows that name no moment of their own.
        rank: of two files, the one whose rank is greater is the newer.
        problem: why it could not be read as a whole; then nothing of it was taken.
        tag: what the server calls this version.
    """

    name: str
    size: int
    modified: int
    hash: str
    stamp: int
    rank: str
    problem: str | None = None
    tag: str | None = None

    @property
    def taken(self) -> bool:
        """Whether what it holds is here."""
        return self.problem is None and self.modified >= 0


class Found(NamedTuple):
    """A row on its way in.

    Attributes:
        raw: the row in JSON.
        own: the moment of its last change that it names itself, microseconds since 1970.
    """

    native_id: str
    number: int
    raw: bytes
    own: int | None


class Held(NamedTuple):
    """A row as it is kept.

    Attributes:
        moment: of the newest that is known of it, microseconds since 1970.
        current: from when its own status is: an update before that says nothing new.
        updates: the oldest first, as they came.
    """

    id: int
    native_id: str
    hash: str
    raw: dict[str, Any]
    file: str
    number: int
    moment: int
    current: int
    updates: list[dict[str, Any]]


class Kept(NamedTuple):
    """A rejected row as it is kept."""

    id: int
    rejected: Rejected


class Store:
    """Opened at the first call.

    Args:
        path: of the SQLite file; None keeps everything in memory.
        settings: digest of what rows are read with. With other settings all is told anew, and what is still there of
            the files that it came from is read again.
        ranked: how files are ranked; ranks of another kind are not to be compared with.
    """

    def __init__(self, path: Path | None, settings: str = "", ranked: str = "") -> None:
        self._path, self._settings, self._ranked = path, settings, ranked
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def seen(self) -> dict[str, Seen]:
        """The files that were read, by name."""
        with self._change() as db:
            return {row[0]: Seen(*row) for row in db.execute("SELECT * FROM files")}

    def note(self, file: Seen) -> None:
        """Remembers a file of which nothing is taken."""
        with self._change() as db:
            _note(db, file)

    def take(self, file: Seen, rows: Iterable[Found | Rejected]) -> None:
        """Takes a file in, as a whole or not at all.

        Raises:
            what `rows` raises; then nothing has changed.
        """
        with self._change() as db:
            db.execute("DELETE FROM rejected WHERE file = ?", [file.name])
            rows = iter(rows)
            while batch := list(islice(rows, BATCH)):
                _reject(db, file.name, (row for row in batch if isinstance(row, Rejected)))
                _merge(db, file, [row for row in batch if isinstance(row, Found)])
            _note(db, file)

    def update(self, updates: Sequence[Update], rejected: Sequence[Rejected]) -> None:
        """Takes updates in; what they are about is to be told anew, unless they were known."""
        with self._change() as db:
            _reject_once(db, rejected)
            forgotten = _forgotten(db, [update.request for update in updates])
            for update in updates:
                if update.request in forgotten:
                    continue
                moment = int(update.at.timestamp() * 1_000_000)
                raw = orjson.dumps(update.raw)
                added = db.execute(
                    "INSERT INTO updates VALUES (?, ?, ?, ?) ON CONFLICT (native_id, id)"
                    " DO UPDATE SET moment = excluded.moment, raw = excluded.raw WHERE raw <> excluded.raw",
                    [update.request, update.id, moment, raw],
                )
                if added.rowcount:
                    db.execute(
                        "UPDATE records SET pending = 1, moment = max(moment, ?) WHERE native_id = ?",
                        [moment, update.request],
                    )

    def mark(self) -> int | None:
        """Up to where the updates were read, microseconds since 1970."""
        with self._change() as db:
            row = db.execute("SELECT moment FROM mark").fetchone()
            return row[0] if row else None

    def set_mark(self, moment: int) -> None:
        """All updates up to a moment are here."""
        with self._change() as db:
            db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", [moment])

    def page(self, after: int, since: int | None, *, stamped: bool) -> list[Held]:
        """At most 500 records beyond the id `after` that are to be told.

        Args:
            since: microseconds since 1970; None: all there are. What was never told is told in any case.
            stamped: also those that have no moment of their own and were told before.
        """
        where = "pending OR (moment >= ? AND (own IS NOT NULL OR ?))"
        with self._change() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM records WHERE id > ? AND (? OR {where}) ORDER BY id LIMIT {BATCH}",  # noqa: S608
                [after, since is None, since, stamped],
            ).fetchall()
            return _held(db, rows)

    def these(self, native_ids: Sequence[str]) -> list[Held]:
        """Those of the records that are known, in the order of their ids here."""
        with self._change() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM records WHERE native_id IN (SELECT value FROM json_each(?))",  # noqa: S608
                [orjson.dumps(list(native_ids)).decode()],
            ).fetchall()
            return sorted(_held(db, rows), key=lambda held: native_ids.index(held.native_id))

    def rejected(self, after: int, *, again: bool) -> list[Kept]:
        """At most 500 rows beyond the id `after` that could not be taken; `again`: also those that were told."""
        with self._change() as db:
            rows = db.execute(
                "SELECT id, reason, hash, native_id, shape FROM rejected WHERE id > ? AND (pending OR ?)"
                " ORDER BY id LIMIT ?",
                [after, again, BATCH],
            )
            return [
                Kept(id, Rejected(reason=reason, digest=hash, native_id=native, shape=shape))
                for id, reason, hash, native, shape in rows
            ]

    def forget(self, native_ids: Sequence[str]) -> None:
        """Takes these out of the file on disk, and takes them in no more."""
        ids = [(native_id,) for native_id in native_ids]
        with self._change() as db:
            known = db.executemany("INSERT OR IGNORE INTO forgotten VALUES (?)", ids).rowcount == 0
            for table in ("records", "updates", "rejected"):
                db.executemany(f"DELETE FROM {table} WHERE native_id = ?", ids)  # noqa: S608 - ours
        if not known:
            with self._lock:
                if self._open is not None:
                    self._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def told(self, records: Sequence[Held], rejected: Sequence[Kept] = ()) -> None:
        """These are known to whoever asked."""
        with self._change() as db:
            db.executemany(
                "UPDATE records SET pending = 0 WHERE id = ? AND hash = ? AND moment = ?",
                [(record.id, record.hash, record.moment) for record in records],
            )
            db.executemany("UPDATE rejected SET pending = 0 WHERE id = ?", [(each.id,) for each in rejected])

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            db = self._open = self._open or self._opened()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        # Two connectors may have it open for a moment, when the agency's file has changed.
        db = sqlite3.connect(self._path or ":memory:", timeout=60, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        # What is forgotten is overwritten.
        db.execute("PRAGMA secure_delete = ON")
        db.executescript(_SCHEMA)
        db.execute("BEGIN IMMEDIATE")
        if _set(db, "settings", self._settings):
            db.execute("UPDATE records SET pending = 1")
            db.execute(
                "UPDATE files SET modified = -1, tag = NULL WHERE problem IS NOT NULL OR name IN"
                " (SELECT file FROM records UNION SELECT file FROM rejected)"
            )
            db.execute("DELETE FROM mark")
        if _set(db, "ranked", self._ranked):
            db.execute("UPDATE records SET rank = ''")
        db.execute("COMMIT")
        return db


_COLUMNS: Final = "id, native_id, hash, raw, file, number, moment, coalesce(own, stamp)"


def _set(db: sqlite3.Connection, name: str, value: str) -> bool:
    """Whether it was another value before."""
    before = db.execute("SELECT value FROM settings WHERE name = ?", [name]).fetchone()
    db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])
    return before is not None and before[0] != value


def _note(db: sqlite3.Connection, file: Seen) -> None:
    db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", file)


def _reject(db: sqlite3.Connection, file: str, rows: Iterable[Rejected]) -> None:
    db.executemany(
        "INSERT INTO rejected (file, native_id, reason, hash, shape, pending) VALUES (?, ?, ?, ?, ?, 1)",
        [(file, row.native_id, row.reason, row.digest, row.shape) for row in rows],
    )


def _reject_once(db: sqlite3.Connection, rows: Sequence[Rejected]) -> None:
    """Updates come again and again; those that can't be read too."""
    known = {row[0] for row in db.execute("SELECT hash FROM rejected WHERE file = ''")}
    _reject(db, "", {row.digest: row for row in rows if row.digest not in known}.values())


def _merge(db: sqlite3.Connection, file: Seen, rows: Sequence[Found]) -> None:
    ids = orjson.dumps([row.native_id for row in rows]).decode()
    among = "native_id IN (SELECT value FROM json_each(?))"
    query = f"SELECT native_id, hash, own, stamp, rank, moment, pending FROM records WHERE {among}"  # noqa: S608
    before = {row[0]: row[1:] for row in db.execute(query, [ids])}
    query = f"SELECT native_id, max(moment) FROM updates WHERE {among} GROUP BY native_id"  # noqa: S608
    updated = dict(db.execute(query, [ids]))
    changed: dict[str, tuple[Any, ...]] = {}
    forgotten = _forgotten(db, [row.native_id for row in rows])
    for row in rows:
        if row.native_id in forgotten:
            continue
        found = _newer(before.get(row.native_id), file, row, updated.get(row.native_id, 0))
        if found is not None:
            before[row.native_id] = found
            changed[row.native_id] = (row.native_id, row.raw, file.name, row.number, *found)
    db.executemany(
        "INSERT INTO records (native_id, raw, file, number, hash, own, stamp, rank, moment, pending)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (native_id) DO UPDATE SET raw = excluded.raw,"
        " file = excluded.file, number = excluded.number, hash = excluded.hash, own = excluded.own,"
        " stamp = excluded.stamp, rank = excluded.rank, moment = excluded.moment, pending = excluded.pending",
        list(changed.values()),
    )


def _forgotten(db: sqlite3.Connection, native_ids: Sequence[str]) -> set[str]:
    query = "SELECT native_id FROM forgotten WHERE native_id IN (SELECT value FROM json_each(?))"
    return {row[0] for row in db.execute(query, [orjson.dumps(native_ids).decode()])}


def _newer(before: tuple[Any, ...] | None, file: Seen, row: Found, updated: int) -> tuple[Any, ...] | None:
    """The columns from `hash` to `pending` if the row takes the place of the one before; None if that one is newer.

    A row's own moment decides, then the file's rank. What two files tell alike became so with the older one.
    """
    hash = hashlib.sha256(row.raw).hexdigest()
    moment = max(row.own if row.own is not None else file.stamp, updated)
    if before is None:
        return hash, row.own, file.stamp, file.rank, moment, 1
    old_hash, own, stamp, rank, old_moment, pending = before
    if hash == old_hash:
        return (hash, own, stamp, file.rank, old_moment, pending) if file.rank > rank else None
    if row.own is not None and own is not None and row.own != own:
        if row.own < own:
            return None
    elif file.rank < rank:
        return None
    # The ledger takes no record that is older than the one before; without moments of their own the order of files is
    # all that tells, and files can be written in any order.
    least = old_moment if row.own is not None else old_moment + 1_000
    return hash, row.own, file.stamp, max(file.rank, rank), max(moment, least), 1


def _held(db: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[Held]:
    ids = orjson.dumps([row[1] for row in rows]).decode()
    updates: dict[str, list[dict[str, Any]]] = {}
    query = (
        "SELECT native_id, raw FROM updates WHERE native_id IN (SELECT value FROM json_each(?))"
        " ORDER BY native_id, moment, id"
    )
    for native_id, raw in db.execute(query, [ids]):
        updates.setdefault(native_id, []).append(orjson.loads(raw))
    return [
        Held(id, native, hash, orjson.loads(raw), file, number, moment, current, updates.get(native, []))
        for id, native, hash, raw, file, number, moment, current in rows
    ]
