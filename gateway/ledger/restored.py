"""What an operator's restoring of a backup must not undo, and what the audit is told of it."""

from __future__ import annotations

from contextlib import suppress

from gateway.audit import DONE, FOUND, RESTORED, Head
from gateway.ledger.audit import AuditLog, noting
from gateway.ledger.database import Database, Transaction
from gateway.ledger.keys import Keys, all_keys
from schema.errors import ConfigError, LedgerError


async def before_restoring(database: Database, audit: AuditLog) -> list[str]:
    """Notes how far the audit has come, and returns the ids of the keys that are revoked.

    Raises:
        ConfigError: the hub's secret is another.
    """
    revoked: list[str] = []
    # What is restored may be restored because it can't be read.
    with suppress(LedgerError):
        await audit.check_secret(database)
        rows = await database.fetch("SELECT seq, hash, signature FROM audit ORDER BY seq DESC LIMIT 1")
        if rows:
            audit.reached(rows[0][0], rows[0][1], rows[0][2])
        revoked = [key.id for key in await all_keys(database) if key.revoked_at is not None]
    return revoked


async def after_restoring(database: Database, audit: AuditLog, keys: Keys, revoked: list[str]) -> int:
    """Tells the audit of it, and revokes again what had been revoked. Returns how many keys that were."""

    async def body(tx: Transaction) -> tuple[None, Head]:
        lost, newest = await audit.lost(tx)
        return None, await audit.restored(tx, DONE, lost or newest, newest)

    await noting(database, audit, body)
    return await keys.revoke_again(revoked)


async def accept(database: Database, audit: AuditLog, row: int) -> None:
    """Has an operator answer for a backup that the hub found to have been put back.

    Raises:
        ConfigError: the row tells of none.
    """

    async def body(tx: Transaction) -> tuple[None, Head]:
        await audit.check_secret(tx)
        known = await tx.fetch(
            "SELECT 1 FROM audit WHERE seq = $1 AND action = $2 AND outcome = $3", [row, RESTORED, FOUND]
        )
        if not known:
            raise ConfigError(f"row {row} tells of no backup that the hub found: see `simpul audit verify`")
        return None, await audit.accepted(tx, row)

    await noting(database, audit, body)
