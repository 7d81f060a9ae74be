"""What rows were at the last harvest, for tables that don't tell what changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from schema.ports import Clock

_MAKE: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS rows (id TEXT PRIMARY KEY, digest TEXT NOT NULL, changed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Seen:
    """Remembers of each row a digest, and when the hub first saw it so: the column that the table lacks.

    Told again is what changed at or after a moment, so a page that was lost, or a ledger that was restored, costs
    nothing. Losing all of this costs one harvest of everything.

    Args:
        file: None keeps it in memory.
        settings: digest of what rows are read with; other settings make every row a changed one.
    """

    def __init__(self, file: Path | None, settings: str, clock: Clock) -> None:
        self._file, self._settings, self._clock = file, settings, clock
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()

    def begin(self) -> datetime:
        """The moment that a harvest's changes are dated with: never before one that was given, whatever the clock."""
        with self._turn:
            connection = self._opened()
            (last,) = connection.execute("SELECT max(value) FROM state WHERE name = 'moment'").fetchone()
            now = max(_stamp(self._clock()), last or 0)
            connection.execute("INSERT OR REPLACE INTO state VALUES ('moment', ?)", (now,))
            return _EPOCH + now * _MICROSECOND

    def changed(self, rows: Sequence[tuple[str, str]], moment: datetime, since: datetime | None) -> list[bool]:
        """Whether each row, by id and digest, is another than before, or became so at or after `since`; None: all."""
        start = _stamp(since) if since else 0
        with self._turn:
            connection = self._opened()
            connection.execute("BEGIN")
            found = [self._is_new(connection, id, digest, _stamp(moment), start) for id, digest in rows]
            connection.execute("COMMIT")
            return found

    def _is_new(self, connection: sqlite3.Connection, id: str, digest: str, now: int, start: int) -> bool:
        known = connection.execute("SELECT digest, changed FROM rows WHERE id = ?", (id,)).fetchone()
        if known is not None and known[0] == digest:
            return bool(known[1] >= start)
        connection.execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (id, digest, now))
        return True

    def close(self) -> None:
        """Lets go of the file."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._whole() if self._file is None else _sound(self._file, self._whole)
        return self._connection

    def _whole(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_MAKE)
            (settings,) = connection.execute("SELECT max(value) FROM state WHERE name = 'settings'").fetchone()
            if settings != self._settings:
                connection.execute("DELETE FROM rows")
                connection.execute("INSERT OR REPLACE INTO state VALUES ('settings', ?)", (self._settings,))
        except BaseException:
            connection.close()
            raise
        return connection


def _stamp(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _sound(file: Path, opened: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
    """Opens the file; one that is broken begins anew."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return opened()
    except sqlite3.DatabaseError:
        for part in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{file}{part}").unlink()
        return opened()
