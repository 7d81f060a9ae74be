"""Everything that the ledger has of a complaint, for the person whose data it is. See docs/data-subjects.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.ledger import deliveries, links
from gateway.ledger.audit import rows
from gateway.ledger.database import Database
from gateway.ledger.reader import Open
from gateway.ledger.subjects import Subjects
from schema.complaint import Complaint

_EVENTS = (
    "seq", "kind", "version", "status", "origin", "actor_role", "actor_agency", "occurred_at", "recorded_at", "detail",
)  # fmt: skip


async def held(
    database: Database,
    complaint: Complaint,
    subjects: Subjects,
    identity: Open,
    sealed: Callable[[str, bytes], object],
) -> dict[str, Any]:
    """All of it, as values that JSON can say.

    Args:
        identity: opens what is kept of who reported a complaint, by its id.
        sealed: opens what is kept for a delivery, by its id.

    Raises:
        LedgerCorrupt: something was sealed under another key.
    """
    id = complaint.id
    who = await database.fetch("SELECT content FROM identities WHERE id = $1", [id])
    found = await database.fetch(
        f"SELECT {', '.join(_EVENTS)} FROM events WHERE complaint_id = $1 ORDER BY seq",  # noqa: S608 - ours
        [id],
    )
    sent = await database.fetch(
        f"SELECT {deliveries.selected()}, s.content FROM deliveries d LEFT JOIN sealed s ON s.id = d.id"  # noqa: S608
        " WHERE d.complaint_id = $1 ORDER BY d.seq",
        [id],
    )
    aside = await database.fetch(
        "SELECT reason, shape, first_seen_at, last_seen_at FROM quarantine WHERE agency = $1 AND native_id = $2",
        [complaint.agency, complaint.native_id],
    )
    kept: dict[str, Any] = {
        "complaint": complaint,
        "wish": (await subjects.of(database, [complaint])).get(id),
        "reporter": identity(id, who[0][0]) if who else None,
        "events": [_event(row) for row in found],
        "deliveries": [
            {"delivery": deliveries.from_row(row), "sealed": sealed(row[0], row[-1]) if row[-1] else None}
            for row in sent
        ],
        "links": await links.read(database, [id]),
        "setAside": [
            dict(zip(("reason", "shape", "first_seen_at", "last_seen_at"), row, strict=True)) for row in aside
        ],
        "audit": [row.entry async for row in rows(database, "complaint_id = $1 OR other_id = $1", (id,))],
    }
    return {name: msgspec.to_builtins(value) for name, value in kept.items()}


def _event(row: Any) -> dict[str, Any]:
    event = dict(zip(_EVENTS, row, strict=True))
    return {**event, "detail": msgspec.json.decode(event["detail"])}
