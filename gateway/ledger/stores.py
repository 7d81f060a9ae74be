"""What becomes of the complaints of an agency whose file's `store` changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.ledger.append import Appended, snapshots
from gateway.ledger.database import Transaction
from schema.agency import Agency, StoreMode
from schema.complaint import ContentState
from schema.content import without_content
from schema.events import Change, Position

#: Complaints that are rewritten at a time.
_AT_A_TIME = 500


async def store_changed(
    tx: Transaction, agency: Agency, known: Sequence[Any] | None, head: Position, now: datetime
) -> bool:
    """Takes the content out of an agency's complaints, if it no longer allows copies; has all of them read again, if it
    does now.

    Args:
        known: the agency's row, as it was.

    Returns:
        Whether content was taken out: then it is to be scrubbed from the database's files too.
    """
    if known is None or msgspec.json.decode(known[1], type=Agency).store is agency.store:
        return False
    if agency.store is StoreMode.FULL:
        await tx.execute("UPDATE agencies SET harvest = NULL WHERE id = $1", [agency.id])
        return False
    where = f"agency = $1 AND content_state = 'AVAILABLE' ORDER BY id LIMIT {_AT_A_TIME}"
    while found := await snapshots(tx, where, [agency.id]):
        batch = Appended(head, now, {agency.id: agency.level}, {complaint.id: seq for complaint, seq in found})
        for complaint, _ in found:
            after = replace(without_content(complaint), content_state=ContentState.UNAVAILABLE)
            batch.change(Change(before=complaint, after=after, events=()))
        await batch.write(tx)
    return True
