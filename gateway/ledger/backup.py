# ruff: noqa: S608 - the names of tables are ours
"""Backups that are consistent while the hub runs, and putting one back.

SQLite: the file is a SQLite database, as `VACUUM INTO` writes it (what was deleted is not in it). PostgreSQL: a zip
archive of COPY texts, one per table, from one snapshot; `pg_dump` works as well, and its restoring is noticed at start.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import asyncpg
import msgspec

from gateway.ledger.database import sqlite_path
from gateway.ledger.migrate import known, pending
from gateway.ledger.postgres import errors_of_postgres
from gateway.ledger.sqlite import errors_of_sqlite
from gateway.ledger.witness import next_epoch
from schema.errors import BackupUnusable, MigrationsPending
from schema.events import Position

#: All but the head row, which is locked and never deleted: other writers may be waiting for it.
TABLES = (
    "stamps", "events", "complaints", "complaint_search", "assignments", "agencies", "quarantine", "counters", "pushes",
    "deliveries", "sealed", "idempotency", "links", "dismissals", "reporters", "complaint_references", "keys", "audit",
    "identities", "subjects",
)  # fmt: skip

_FORMAT = "simpul-ledger-1"
_CHUNK = 1 << 18


class _Manifest(msgspec.Struct, frozen=True):
    format: str
    head: tuple[str, int, int]
    migrations: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


async def backup(url: str | Path, file: Path) -> Position:
    """Writes the whole ledger, as it is at one moment, to `file` (replaced when it is there; mode 0600).

    Returns:
        The head of the backup.

    Raises:
        LedgerUnavailable: the database can't be reached.
        MigrationsPending: it is not a ledger, or an older one.
        OSError: the file can't be written.
    """
    await _must_be_current(url)
    path = sqlite_path(url)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.part")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if path is not None:
            position = await asyncio.to_thread(_backup_sqlite, path, unfinished)
        else:
            position = await _backup_postgres(str(url), unfinished)
        _synced(unfinished)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return position


async def restore(url: str | Path, file: Path) -> Position:
    """Puts a backup in the place of what the database holds, under a new epoch.

    The database must have been migrated. A hub that runs on it goes on with the restored content.

    Returns:
        The head after it.

    Raises:
        BackupUnusable: the file is something else, damaged, of another kind of database or of a newer program.
        LedgerUnavailable: the database can't be reached.
    """
    await _must_be_current(url)
    path = sqlite_path(url)
    if path is not None:
        return await asyncio.to_thread(_restore_sqlite, path, file)
    return await _restore_postgres(str(url), file)


async def _must_be_current(url: str | Path) -> None:
    missing = await pending(url)
    if missing:
        raise MigrationsPending(f"the database lacks {', '.join(missing)}; run: simpul db migrate")


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _backup_sqlite(path: Path, file: Path) -> Position:
    with errors_of_sqlite(), closing(sqlite3.connect(path, timeout=30)) as source:
        source.execute("VACUUM INTO ?", [str(file)])
    with closing(sqlite3.connect(file)) as copy:
        return Position(*copy.execute("SELECT epoch, seq FROM head").fetchone())


def _restore_sqlite(path: Path, file: Path) -> Position:
    # Into a copy first: the database must never hold the old epoch with the old head, not for a moment.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.restore")
    try:
        with closing(sqlite3.connect(unfinished)) as copy:
            with _errors_of_backup(file), closing(_opened(file)) as source:
                _check_sqlite(source, file)
                source.backup(copy)
            with errors_of_sqlite(), closing(sqlite3.connect(path, timeout=30)) as database:
                position = _with_new_epoch(copy, database.execute("SELECT epoch FROM head").fetchone()[0])
                copy.backup(database)
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    return position


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _check_sqlite(source: sqlite3.Connection, file: Path) -> None:
    applied = {row[0] for row in source.execute("SELECT name FROM tortoise_migrations WHERE app = 'ledger'")}
    _check_migrations(applied, file)
    [[verdict]] = source.execute("PRAGMA quick_check(1)").fetchall()
    if verdict != "ok":
        raise BackupUnusable(f"{file} is damaged: {verdict}")


def _with_new_epoch(copy: sqlite3.Connection, current: str) -> Position:
    old, seq = copy.execute("SELECT epoch, seq FROM head").fetchone()
    epoch = next_epoch(old, current)
    copy.execute("UPDATE head SET epoch = ?", [epoch])
    copy.commit()
    return Position(epoch, seq)


def _check_migrations(applied: set[str], file: Path) -> None:
    if newer := applied - set(known()):
        raise BackupUnusable(f"{file} was made by a newer program: {', '.join(sorted(newer))}")
    if older := set(known()) - applied:
        raise BackupUnusable(f"{file} was made by an older program: it lacks {', '.join(sorted(older))}")


@contextmanager
def _errors_of_backup(file: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, zipfile.BadZipFile, zlib.error, OSError, KeyError, msgspec.DecodeError) as error:
        raise BackupUnusable(f"{file} is not a backup of such a database: {error}") from error


async def _backup_postgres(url: str, file: Path) -> Position:
    async with _connected(url) as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            [head] = await connection.fetch("SELECT epoch, seq, health FROM head")
            columns = {table: await _columns(connection, table) for table in TABLES}
            manifest = _Manifest(_FORMAT, tuple(head), tuple(known()), columns)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr("manifest.json", msgspec.json.encode(manifest))
                for table in TABLES:
                    await _copy_out(connection, archive, table, columns[table])
        return Position(head[0], head[1])


async def _copy_out(
    connection: asyncpg.Connection[asyncpg.Record], archive: zipfile.ZipFile, table: str, columns: tuple[str, ...]
) -> None:
    with archive.open(f"{table}.copy", "w", force_zip64=True) as member:

        async def write(data: bytes) -> None:
            member.write(data)

        await connection.copy_from_table(table, columns=columns, output=write, timeout=None)


async def _restore_postgres(url: str, file: Path) -> Position:
    with _errors_of_backup(file), zipfile.ZipFile(file) as archive:
        manifest = await asyncio.to_thread(_checked, archive, file)
        async with _connected(url) as connection:
            try:
                async with connection.transaction():
                    return await _replace(connection, archive, manifest)
            except asyncpg.DataError as error:
                raise BackupUnusable(f"{file} does not fit: {error}") from error


def _checked(archive: zipfile.ZipFile, file: Path) -> _Manifest:
    manifest = msgspec.json.decode(archive.read("manifest.json"), type=_Manifest)
    if manifest.format != _FORMAT or set(manifest.columns) != set(TABLES):
        raise BackupUnusable(f"{file} has another format")
    _check_migrations(set(manifest.migrations), file)
    if damaged := archive.testzip():
        raise BackupUnusable(f"{file} is damaged: {damaged}")
    return manifest


async def _replace(
    connection: asyncpg.Connection[asyncpg.Record], archive: zipfile.ZipFile, manifest: _Manifest
) -> Position:
    # The head's lock first, as every writer does: a hub that runs must not append in between.
    current = await connection.fetchval("SELECT epoch FROM head FOR UPDATE")
    for table in TABLES:
        await connection.execute(f"DELETE FROM {table}")  # TRUNCATE would empty the snapshots of readers, too
        with archive.open(f"{table}.copy") as member:
            columns = manifest.columns[table]
            await connection.copy_to_table(table, columns=columns, source=_chunks(member.read), timeout=None)
    old, seq, health = manifest.head
    epoch = next_epoch(old, current)
    await connection.execute("UPDATE head SET epoch = $1, seq = $2, health = $3", epoch, seq, health + 1)
    return Position(epoch, seq)


async def _chunks(read: Callable[[int], bytes]) -> AsyncIterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk


async def _columns(connection: asyncpg.Connection[asyncpg.Record], table: str) -> tuple[str, ...]:
    rows = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        table,
    )
    return tuple(row[0] for row in rows)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    with errors_of_postgres():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()
