"""What is done for people whose data it is, inside the writer's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from gateway.ledger import outbox
from gateway.ledger.append import Appended, among, snapshots
from gateway.ledger.database import Transaction
from gateway.ledger.erasure import correction, emptied
from gateway.ledger.identities import forget
from gateway.ledger.registered import Registered
from gateway.ledger.subjects import Subjects, Wish
from schema.complaint import Complaint, ContentState
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin, Position


class Done(NamedTuple):
    """What was done.

    Attributes:
        batch: which is written.
        complaints: for which.
    """

    batch: Appended
    complaints: Sequence[Complaint]


async def _found(
    tx: Transaction, head: Position, ids: Sequence[str], registered: Registered, now: datetime
) -> tuple[list[Complaint], Appended]:
    test, values = among(tx, "$1", ids)
    found = await snapshots(tx, f"id {test} ORDER BY id", [values])
    complaints = [complaint for complaint, _ in found]
    return complaints, Appended(head, now, await registered.levels(tx, complaints), {c.id: seq for c, seq in found})


async def erase(
    tx: Transaction,
    head: Position,
    ids: Sequence[str],
    registered: Registered,
    subjects: Subjects | None,
    now: datetime,
) -> Done:
    """Empties complaints, and what else is kept of them; of those that are empty, what may have come since."""
    complaints, batch = await _found(tx, head, ids, registered, now)
    deliveries = await outbox.of_complaints(tx, [complaint.id for complaint in complaints])
    full = {complaint.id for complaint in complaints if complaint.content_state is not ContentState.ERASED}
    dead = outbox.abandoned([each for each in deliveries if each.complaint_id in full])
    for complaint in complaints:
        if complaint.id in full:
            unsent = [outbox.moved(each, complaint, now) for each in dead if each.complaint_id == complaint.id]
            events = (correction(complaint, now), *unsent)
            batch.change(Change(before=complaint, after=emptied(complaint), events=events))
    batch.derived = len(full) < len(complaints)  # of what was empty before, no event tells
    await batch.write(tx)
    await outbox.store(tx, dead, {each.id: each for each in deliveries}, batch)
    await outbox.unseal(tx, [each.id for each in deliveries])
    await forget(tx, [complaint.id for complaint in complaints])
    if subjects is not None:
        await subjects.keep(tx, dict.fromkeys((each.id for each in complaints), Wish.ERASE), complaints, now)
    return Done(batch, complaints)


async def forget_reporters(tx: Transaction, head: Position, ids: Sequence[str], now: datetime) -> Done:
    """Forgets who reported complaints, and nothing else."""
    test, values = among(tx, "$1", ids)
    known = f"id {test} AND id IN (SELECT id FROM identities) ORDER BY id"  # noqa: S608 - ours
    found = await snapshots(tx, known, [values])
    batch = Appended(head, now, {}, {})
    batch.derived = True
    await batch.write(tx)
    await forget(tx, ids)
    return Done(batch, [complaint for complaint, _ in found])


async def restrict(
    tx: Transaction, head: Position, ids: Sequence[str], registered: Registered, subjects: Subjects, now: datetime
) -> Done:
    """Shows complaints as confidential. Those that are erased stay so, those that are restricted too."""
    complaints, batch = await _found(tx, head, ids, registered, now)
    known = await subjects.of(tx, complaints)
    asked = [complaint for complaint in complaints if complaint.id not in known]
    wishes = {each.id: Wish.RESTRICT_TOO if each.is_confidential else Wish.RESTRICT for each in asked}
    for complaint in asked:
        _show(batch, complaint, True, now)
    await batch.write(tx)
    await subjects.keep(tx, wishes, asked, now)
    return Done(batch, asked)


async def lift(
    tx: Transaction, head: Position, ids: Sequence[str], registered: Registered, subjects: Subjects, now: datetime
) -> Done:
    """Shows restricted complaints as their agencies have it. What was erased is gone."""
    complaints, batch = await _found(tx, head, ids, registered, now)
    known = await subjects.of(tx, complaints)
    asked = [each for each in complaints if known.get(each.id, Wish.ERASE) is not Wish.ERASE]
    for complaint in asked:
        _show(batch, complaint, known[complaint.id] is Wish.RESTRICT_TOO, now)
    await batch.write(tx)
    await subjects.keep(tx, {}, asked, now)
    return Done(batch, asked)


def _show(batch: Appended, complaint: Complaint, is_confidential: bool, now: datetime) -> None:
    if complaint.is_confidential is is_confidential:
        return
    event = EventDraft(
        kind=EventKind.CORRECTED,
        status=complaint.status,
        occurred_at=now,
        origin=EventOrigin.HUB,
        detail=EventDetail(changed_fields=("isConfidential",)),
    )
    after = replace(complaint, is_confidential=is_confidential)
    batch.change(Change(before=complaint, after=after, events=(event,)))
