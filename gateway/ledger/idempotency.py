# ruff: noqa: S608 - the number in a statement is ours; every value is bound
"""Writes that were done, remembered for a day, so that one that is sent again is not done again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.ledger.database import Transaction
from gateway.ledger.rows import moment_text
from schema.events import Position
from schema.writes import IdempotencyConflict, Intent, Outcome, Recorded

#: How long a key is remembered.
KEPT: Final = timedelta(hours=24)

#: Forgotten by each write that is remembered: more than one, so that the table does not grow.
_SWEPT = 20

_SWEEP = (
    "DELETE FROM idempotency WHERE id IN"
    f" (SELECT id FROM idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT {_SWEPT})"
)
_REMEMBER = (
    "INSERT INTO idempotency (id, body, outcome, seq, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id)"
    " DO UPDATE SET body = excluded.body, outcome = excluded.outcome, seq = excluded.seq,"
    " created_at = excluded.created_at"
)

_outcome = msgspec.json.Decoder(Outcome).decode


async def recall(
    tx: Transaction, intent: Intent, head: Position, now: datetime
) -> Recorded | IdempotencyConflict | None:
    """What came of the intent when it was sent first; None if it is sent now. To be asked under the head's lock."""
    if intent.key is None:
        return None
    rows = await tx.fetch(
        "SELECT body, outcome, seq FROM idempotency WHERE id = $1 AND created_at > $2",
        [intent.key, moment_text(now - KEPT)],
    )
    if not rows:
        return None
    body, outcome, seq = rows[0]
    if body != intent.body:
        return IdempotencyConflict()
    # What is remembered came back with the events before it, whatever the epoch was then.
    return Recorded(outcome=_outcome(outcome), position=Position(head.epoch, seq), again=True)


async def remember(tx: Transaction, intent: Intent, outcome: Outcome, seq: int, now: datetime) -> None:
    """Keeps what came of an intent; forgets a few that are too old."""
    if intent.key is None:
        return
    await tx.execute(_SWEEP, [moment_text(now - KEPT)])
    text = msgspec.json.encode(outcome).decode()
    await tx.execute(_REMEMBER, [intent.key, intent.body, text, seq, moment_text(now)])
