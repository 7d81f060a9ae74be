"""What agencies sent by themselves: remembered for a while, so that what is sent again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from gateway.ledger.database import Database, Transaction
from gateway.ledger.rows import clean, moment, moment_text
from schema.errors import TooManyPushes
from schema.ports import LastPush, Receipt

#: Seconds. A push is authentic for five minutes, and may be stamped five minutes ahead.
KEPT: Final = 600.0

#: Of one agency. What is remembered can't be forgotten early, or it could be sent again.
MOST: Final = 10_000

_NEWEST = "SELECT received_at, cursor FROM pushes WHERE agency = $1 ORDER BY received_at DESC LIMIT 1"


async def answered(tx: Transaction, agency: str, id: str) -> bytes | None:
    """What the sender was told when this push came first; None if it comes now."""
    rows = await tx.fetch("SELECT answer FROM pushes WHERE id = $1", [_key(agency, id)])
    return rows[0][0].encode() if rows else None


async def remember(tx: Transaction, agency: str, receipt: Receipt, unstored: Mapping[str, str], now: datetime) -> bytes:
    """Stores a push and what its sender is told; forgets those that can't come again. Returns the answer.

    Raises:
        TooManyPushes: there is no room.
    """
    newest = await tx.fetch(_NEWEST, [agency])
    await tx.execute(
        "DELETE FROM pushes WHERE agency = $1 AND received_at < $2",
        [agency, moment_text(now - timedelta(seconds=KEPT))],
    )
    [[count]] = await tx.fetch("SELECT count(*) FROM pushes WHERE agency = $1", [agency])
    if count >= MOST:
        raise TooManyPushes(
            f"more than {MOST:,} pushes in {KEPT:.0f} s: send batches of up to 500 records", retry_after=60
        )
    at = moment_text(now)
    if newest and newest[0][0] >= at:  # the newest is told by its moment, whatever the clocks of several hubs say
        at = moment_text(moment(newest[0][0]) + timedelta(milliseconds=1))
    kept = clean(receipt.cursor) if receipt.cursor is not None else newest[0][1] if newest else None
    answer = receipt.answer(unstored, kept)
    await tx.execute(
        "INSERT INTO pushes (id, agency, received_at, cursor, answer) VALUES ($1, $2, $3, $4, $5)",
        [_key(agency, receipt.id), agency, at, kept, answer.decode()],
    )
    return answer


async def last_push(database: Database, agency: str) -> LastPush | None:
    """The agency's newest push, and the cursor that is kept for it."""
    rows = await database.fetch(_NEWEST, [agency])
    return LastPush(moment(rows[0][0]), rows[0][1]) if rows else None


def _key(agency: str, id: str) -> str:
    return f"{agency}/{id}"
