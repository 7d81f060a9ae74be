"""`simpul db`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from gateway.ledger.migrate import migrate as bring_up
from gateway.settings import load

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
    from gateway.ledger.backup import restore as put_back

    asyncio.run(put_back(load().database, file))
    console.print(f"restored {file}; a new epoch has begun")
