"""Which complaints a reporter's token opens."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.ledger.database import Transaction

_ADMIT = "INSERT INTO reporters (id, hash, complaint_id) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING"


async def admit(tx: Transaction, tokens: Sequence[tuple[str, str]], inherits: Sequence[tuple[str, str]]) -> None:
    """Lets tokens open complaints.

    Args:
        tokens: hashes, with the complaint that each opens.
        inherits: pairs of complaints: whatever opens the first opens the second.
    """
    await _admit(tx, tokens)
    for earlier, later in inherits:
        rows = await tx.fetch("SELECT hash FROM reporters WHERE complaint_id = $1", [earlier])
        await _admit(tx, [(row[0], later) for row in rows])


async def _admit(tx: Transaction, opened: Sequence[tuple[str, str]]) -> None:
    if opened:
        await tx.executemany(_ADMIT, [(f"{hash}/{complaint}", hash, complaint) for hash, complaint in opened])
