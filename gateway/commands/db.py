"""`simpul db`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from gateway.commands.opened import opened
from gateway.hub import open_ledger
from gateway.ledger.migrate import migrate as bring_up
from gateway.ledger.restored import after_restoring, before_restoring
from gateway.settings import Settings, load

console = Console(stderr=True)


def migrate() -> None:
    """Bring the database up to this program. Safe to run again, and before every start."""
    applied = asyncio.run(bring_up(load().database))
    console.print(f"applied: {', '.join(applied)}" if applied else "nothing to do")


def backup(file: Path) -> None:
    """Write a consistent copy of the ledger to FILE, while the hub runs.

    Parameters
    ----------
    file
        Where to; replaced if it is there, once the copy is whole.
    """
    from gateway.ledger.backup import backup as write

    asyncio.run(write(load().database, file))
    console.print(f"wrote {file}, {file.stat().st_size:,} bytes")


def restore(file: Path) -> None:
    """Put a backup in place of the ledger. The hub must be stopped; clients learn that history was rewritten.

    Parameters
    ----------
    file
        What `simpul db backup` wrote.
    """
    revoked = asyncio.run(_restore(load(), file))
    console.print(f"restored {file}; a new epoch has begun")
    if revoked:
        console.print(f"{revoked} keys that the backup brought back are revoked again")


async def _restore(settings: Settings, file: Path) -> int:
    from gateway.ledger.backup import restore as put_back

    # The backup's own audit ends earlier, and knows nothing of what was revoked since.
    async with opened(settings, lambda: datetime.now(UTC), make_key=True) as ledger:
        revoked = await before_restoring(ledger.database, ledger.audit)
    await put_back(settings.database, file)
    async with opened(settings, lambda: datetime.now(UTC)) as ledger:
        again = await after_restoring(ledger.database, ledger.audit, ledger.keys, revoked)
    async with open_ledger(settings):
        return again  # and what people asked for whose data it is was done again
