"""Whether a database is the one that was seen before, and new epochs where it is not."""

from __future__ import annotations

import structlog

from gateway.ledger.append import locked_head
from gateway.ledger.database import Dialect, Transaction
from gateway.ledger.witness import Sighting, Witness, doubt, fingerprint, next_epoch
from schema.events import Position

_log = structlog.get_logger(__name__)

_IDENTITY = "SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
_MAY_IDENTIFY = "SELECT has_function_privilege('pg_control_system()', 'execute')"


async def compared(tx: Transaction, witness: Witness) -> Sighting:
    """Compares a database with what the witness saw, and begins a new epoch if they don't agree."""
    head, _ = await locked_head(tx)
    identity = await _identity(tx)
    try:
        seen = witness.read()
        reason = doubt(seen, head, await _fingerprint(tx, seen.seq if seen else 0), identity)
    except ValueError as error:
        seen, reason = None, f"the witness can't be read: {error}"
    if reason:
        head = await renewed(tx, head, reason, *([seen.epoch] if seen else []))
    return Sighting(epoch=head.epoch, seq=head.seq, identity=identity, fingerprint=await _fingerprint(tx, head.seq))


async def renewed(tx: Transaction, head: Position, reason: str, *epochs: str) -> Position:
    """Begins an epoch after the head's and these."""
    epoch = next_epoch(head.epoch, *epochs)
    _log.warning("a new epoch of the ledger begins: every event cursor is void", reason=reason, epoch=epoch)
    await tx.execute("UPDATE head SET epoch = $1 WHERE id = 1", [epoch])
    return Position(epoch, head.seq)


async def _identity(tx: Transaction) -> str:
    if tx.dialect is Dialect.SQLITE:
        return "sqlite"  # a file has nothing that a copy would not have
    if not (await tx.fetch(_MAY_IDENTIFY))[0][0]:
        return "postgres"
    rows = await tx.fetch(_IDENTITY)
    return f"postgres {rows[0][0]}/{rows[0][1]}"


async def _fingerprint(tx: Transaction, seq: int) -> str:
    rows = await tx.fetch("SELECT seq, complaint_id, version, kind, recorded_at FROM events WHERE seq = $1", [seq])
    return fingerprint(*rows[0]) if rows else ""
