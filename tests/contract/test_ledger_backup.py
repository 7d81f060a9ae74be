"""Backups while the hub writes, and putting them back, on both databases."""

from __future__ import annotations

import asyncio
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.backup import backup, restore
from schema.errors import BackupUnusable, LedgerUnavailable, MigrationsPending

_WHOLE = (
    "SELECT (SELECT seq FROM head), (SELECT count(*) FROM events), (SELECT max(seq) FROM events),"
    " (SELECT count(*) FROM complaints), (SELECT count(*) FROM complaint_search), (SELECT max(seq) FROM stamps),"
    " (SELECT sum(complaints) FROM counters WHERE cube = 1)"
)


async def test_a_backup_while_writing_is_one_moment(ledger: Any, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    stop = asyncio.Event()
    writing = asyncio.create_task(_write_until(stop, ledger))
    for _ in range(3):
        position = await backup(database_url, file)
    stop.set()
    written = await writing
    assert 0 < position.seq <= written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restored = await restore(database_url, file)
    assert (restored.seq, restored.epoch[:8]) == (position.seq, "00000002")
    [row] = await ledger.database.fetch(_WHOLE)
    assert tuple(row) == (position.seq,) * 7
    # The hub that ran all the while goes on with it, and nothing is left beside the files.
    assert (await ledger.put(ledger.complaint(9999))).seq == position.seq + 1
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


async def test_a_restored_ledger_has_the_old_content_under_a_new_epoch(
    database_url: str, ledger_at: Any, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    async with ledger_at(database_url) as ledger:
        await ledger.put(_odd(ledger))
        before = await ledger.database.fetch("SELECT * FROM complaints")
        saved = await backup(database_url, file)
        await ledger.put(ledger.complaint(2))
    restored = await restore(database_url, file)
    assert (restored.seq, restored.epoch > saved.epoch) == (saved.seq, True)
    async with ledger_at(database_url) as ledger:
        after = await ledger.database.fetch("SELECT * FROM complaints")
        assert list(map(tuple, after)) == list(map(tuple, before))
        assert (await ledger.put(ledger.complaint(3))).epoch >= restored.epoch


async def test_files_that_are_no_backup_touch_nothing(
    sqlite_url: str, postgres_url: str, ledger_at: Any, tmp_path: Path
) -> None:
    for url in (sqlite_url, postgres_url):
        async with ledger_at(url, witness=url[:6]) as ledger:
            await ledger.put(ledger.complaint(1))
    await backup(sqlite_url, tmp_path / "sqlite.bak")
    await backup(postgres_url, tmp_path / "postgres.bak")
    (tmp_path / "text.bak").write_text("not a backup " * 1000)
    (tmp_path / "empty.bak").touch()
    with zipfile.ZipFile(tmp_path / "other.bak", "w") as archive:
        archive.writestr("readme", "another archive")
    damaged = bytearray((tmp_path / "postgres.bak").read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    (tmp_path / "damaged.bak").write_bytes(damaged)
    wrong = ["text.bak", "empty.bak", "other.bak", "damaged.bak", "none.bak"]
    for url, other in ((sqlite_url, "postgres.bak"), (postgres_url, "sqlite.bak")):
        for name in [*wrong, other]:
            with pytest.raises(BackupUnusable):
                await restore(url, tmp_path / name)
        async with ledger_at(url, witness=url[:6]) as ledger:
            [row] = await ledger.database.fetch("SELECT epoch, seq, (SELECT count(*) FROM complaints) FROM head")
            assert (row[0][:8], row[1], row[2]) == ("00000001", 1, 1)


async def test_a_backup_needs_a_ledger(tmp_path: Path) -> None:
    with pytest.raises(MigrationsPending):
        await backup(f"sqlite://{tmp_path / 'none.db'}", tmp_path / "backup")
    with pytest.raises(LedgerUnavailable):
        await backup(f"postgres://nobody@/none?host={tmp_path}", tmp_path / "backup")
    assert os.listdir(tmp_path) == []


def _odd(ledger: Any) -> Any:
    return ledger.complaint(1, title="Jalan \\N rusak\t\n\"'", original_text="é\U0001f6a7", days_to_close=0.1)


async def _write_until(stop: asyncio.Event, ledger: Any) -> int:
    number = 0
    while not stop.is_set() or number < 3:
        number += 1
        await ledger.put(ledger.complaint(number, title=f"kata{number}"))
    return number
