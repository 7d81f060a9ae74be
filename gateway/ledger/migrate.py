"""Brings a database's tables up to this program. Tortoise is loaded here alone, and only to migrate."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.ledger import migrations
from gateway.ledger.database import open_database, sqlite_path
from schema.errors import LedgerUnavailable, MigrationsPending

_APP = "ledger"
#: Any number will do, as long as all hubs on one server use the same.
_MIGRATING = 7_355_608


async def pending(url: str | Path) -> list[str]:
    """Names of the migrations that the database has not seen, in order.

    Raises:
        LedgerUnavailable: it can't be reached.
    """
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return known()
    try:
        async with open_database(url, readers=1) as database:
            rows = await database.fetch("SELECT name FROM tortoise_migrations WHERE app = $1", [_APP])
    except MigrationsPending:
        return known()
    applied = {row[0] for row in rows}
    return [name for name in known() if name not in applied]


async def migrate(url: str | Path, until: str | None = None) -> list[str]:
    """Applies what is pending, creating the database file if there is none. Returns the names it applied.

    Args:
        until: the last one to apply.

    Raises:
        LedgerUnavailable: it can't be reached.
    """
    path = sqlite_path(url)
    if path is None:
        return await _migrate_postgres(str(url), until)
    if path.exists():
        return await _migrated(path, _sqlite(path), until)
    return await _create(path, until)


def known() -> list[str]:
    """Names of this program's migrations, in order."""
    return sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))


async def _create(path: Path, until: str | None) -> list[str]:
    # SQLite's scripts commit as they go: a first migration that is killed must not leave half a database behind.
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        applied = await _migrated(unfinished, _sqlite(unfinished), until)
        unfinished.chmod(0o600)
        with suppress(FileExistsError):  # another process was first
            os.link(unfinished, path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    return applied


async def _migrate_postgres(url: str, until: str | None) -> list[str]:
    from tortoise.backends.base.config_generator import expand_db_url

    async with _alone(url):
        return await _migrated(url, expand_db_url(url), until)


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[None]:
    """Keeps other hubs of this database from migrating at the same time."""
    import asyncpg

    from gateway.ledger.postgres import errors_of_postgres

    with errors_of_postgres():
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _MIGRATING)
            yield
        finally:
            await connection.close()


async def _migrated(url: str | Path, connection: dict[str, Any], until: str | None) -> list[str]:
    from tortoise import Tortoise
    from tortoise.exceptions import DBConnectionError
    from tortoise.migrations.api import migrate as run

    before = [name for name in await pending(url) if until is None or name <= until]
    if not before:
        return []
    app = {"models": ["gateway.ledger.models"], "migrations": migrations.__name__, "default_connection": "default"}
    try:
        await run(config={"connections": {"default": connection}, "apps": {_APP: app}}, target=f"{_APP}.{before[-1]}")
    except DBConnectionError as error:
        raise LedgerUnavailable(str(error)) from error
    finally:
        await Tortoise.close_connections()
    return before


def _sqlite(path: Path) -> dict[str, Any]:
    return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": str(path)}}
