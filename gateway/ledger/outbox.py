# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Deliveries inside the writer's transactions: what is due, what is taken, what is kept and what goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from gateway.ledger.append import Appended, among, upsert
from gateway.ledger.database import Database, Transaction
from gateway.ledger.deliveries import COLUMNS, OPEN, from_row, selected, values
from gateway.ledger.rows import clean, moment_text
from schema.complaint import Complaint
from schema.delivery import SETTLED, Delivery, DeliveryKind, DeliveryState
from schema.errors import LedgerError
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin

# One that waits for a person has no moment. A QUEUED one without a moment is due at once.
_DUE = (
    "((d.state = 'QUEUED' AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= $2))"
    " OR (d.state = 'UNKNOWN' AND d.next_attempt_at <= $2 AND (d.leased_until IS NULL OR d.leased_until <= $2))"
    " OR (d.state = 'SENT' AND (d.leased_until IS NULL OR d.leased_until <= $2)))"
)
# What stands before it in its complaint, and holds it up.
_BLOCKED = (
    "EXISTS (SELECT 1 FROM deliveries b WHERE b.complaint_id = d.complaint_id AND b.seq < d.seq"
    " AND (b.state IN ('QUEUED', 'SENT', 'UNKNOWN', 'DEAD') OR (b.kind = 'SUBMIT' AND b.state <> 'ACKNOWLEDGED')))"
)
_TAKEN = f"FROM deliveries d WHERE d.agency = $1 AND {OPEN} AND {_DUE} AND NOT {_BLOCKED} ORDER BY d.seq LIMIT"

_UPSERT = upsert("deliveries", COLUMNS)
_SEAL = "INSERT INTO sealed (id, content) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET content = excluded.content"


async def any_due(database: Database, agency: str, now: datetime) -> bool:
    """Whether `due` would find anything, without the writer's lock."""
    return bool(await database.fetch(f"SELECT 1 {_TAKEN} 1", [agency, moment_text(now)]))


async def due(tx: Transaction, agency: str, now: datetime, limit: int) -> list[Delivery]:
    """What may go now, oldest first: of one complaint the oldest that is not settled, if nothing holds it up."""
    rows = await tx.fetch(f"SELECT {selected()} {_TAKEN} $3", [agency, moment_text(now), limit])
    return [from_row(row) for row in rows]


def taken(delivery: Delivery, owner: str, now: datetime, lease: float) -> Delivery:
    """A delivery that is due, as whoever takes it has it: SENT if it was QUEUED, else UNKNOWN."""
    held = replace(delivery, owner=owner, leased_until=now + timedelta(seconds=lease))
    if delivery.state is DeliveryState.QUEUED:
        return replace(
            held, state=DeliveryState.SENT, attempts=delivery.attempts + 1, sent_at=now, next_attempt_at=None
        )
    # Where it is has to be looked up: now, and by the next one if this one dies over it.
    return replace(held, state=DeliveryState.UNKNOWN, next_attempt_at=delivery.next_attempt_at or now)


def claim(
    due: Sequence[Delivery],
    complaints: Mapping[str, Complaint],
    batch: Appended,
    owner: str,
    now: datetime,
    lease: float,
) -> list[Delivery]:
    """Takes what is due, and appends the events of what changes its state by that."""
    claimed = [taken(delivery, owner, now, lease) for delivery in due]
    for before, after in zip(due, claimed, strict=True):
        if after.state is not before.state:
            complaint = complaints[after.complaint_id]
            batch.change(Change(before=complaint, after=complaint, events=(moved(after, complaint, now),)))
    return claimed


def moved(delivery: Delivery, complaint: Complaint, now: datetime) -> EventDraft:
    """The event that tells the state of a delivery."""
    return EventDraft(
        kind=EventKind.DELIVERY_CHANGED,
        status=complaint.status,
        occurred_at=now,
        origin=EventOrigin.HUB,
        detail=EventDetail(delivery=delivery.id, delivery_state=delivery.state),
    )


async def read(tx: Transaction, ids: Sequence[str]) -> dict[str, Delivery]:
    """Deliveries by their ids."""
    if not ids:
        return {}
    test, bound = among(tx, "$1", [clean(id) for id in ids])
    rows = await tx.fetch(f"SELECT {selected()} FROM deliveries d WHERE d.id {test}", [bound])
    return {row[0]: from_row(row) for row in rows}


async def of_complaints(tx: Transaction, complaints: Sequence[str]) -> list[Delivery]:
    """All deliveries of these complaints, oldest first."""
    test, bound = among(tx, "$1", complaints)
    sql = f"SELECT {selected()} FROM deliveries d WHERE d.complaint_id {test} ORDER BY d.seq"
    return [from_row(row) for row in await tx.fetch(sql, [bound])]


async def submits(tx: Transaction, complaints: Sequence[str]) -> dict[str, Delivery]:
    """The SUBMIT delivery of each of these complaints that has one."""
    found = await of_complaints(tx, complaints)
    return {each.complaint_id: each for each in found if each.kind is DeliveryKind.SUBMIT}


async def store(
    tx: Transaction, deliveries: Collection[Delivery], before: Mapping[str, Delivery], batch: Appended
) -> bool:
    """Keeps deliveries that are new or were moved; what was sealed for those that are settled goes.

    Args:
        before: those that were there.
        batch: has the event of each that is new or in another state.

    Returns:
        Whether one was moved without an event.

    Raises:
        LedgerError: the event is missing.
    """
    rows, settled, silent = [], [], False
    for delivery in deliveries:
        known, told = before.get(delivery.id), batch.told(delivery.id)
        is_moved = delivery.seq == 0 if known is None else known.state is not delivery.state
        if is_moved and (told is None or told[1] is not delivery.state):
            raise LedgerError(f"delivery {delivery.id} became {delivery.state} without an event")
        silent = silent or told is None
        queued_by = known.seq if known is not None else delivery.seq or (told[0] if told is not None else batch.seq)
        rows.append(values(replace(delivery, seq=queued_by)))
        settled += [delivery.id] if delivery.state in SETTLED else []
    if rows:
        await tx.executemany(_UPSERT, rows)
    await unseal(tx, settled)
    return silent


async def seal(tx: Transaction, sealed: Mapping[str, bytes]) -> None:
    """Keeps what deliveries need and no snapshot may have."""
    if sealed:
        await tx.executemany(_SEAL, list(sealed.items()))


async def unseal(tx: Transaction, deliveries: Sequence[str]) -> None:
    """Lets go of what was sealed for these deliveries."""
    if deliveries:
        await tx.executemany("DELETE FROM sealed WHERE id = $1", [(id,) for id in deliveries])


async def sealed(database: Database, delivery: str) -> bytes | None:
    """What is sealed for a delivery."""
    rows = await database.fetch("SELECT content FROM sealed WHERE id = $1", [delivery])
    return bytes(rows[0][0]) if rows else None


def abandoned(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those of an erased complaint that were not sent yet, as they are now: they have nothing left to say.

    What is on its way is still looked up: it may have arrived.
    """
    queued = [each for each in deliveries if each.state is DeliveryState.QUEUED]
    return [replace(each, state=DeliveryState.DEAD, next_attempt_at=None) for each in queued]
