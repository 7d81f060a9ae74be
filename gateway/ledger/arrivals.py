"""Records that arrive from an agency, inside the writer's transaction: found, decided upon, made into a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from gateway.ledger import links, outbox
from gateway.ledger.adoption import Adopted, adopt, filed_here
from gateway.ledger.append import Appended, newest, quarantine, unstorable
from gateway.ledger.database import Transaction
from gateway.ledger.registered import Registered
from gateway.ledger.rows import clean
from gateway.ledger.subjects import Subjects, heeded, told_anew, unrestricted
from schema.complaint import Complaint, Rejected
from schema.events import Change, Position

#: What a page of records does to the complaints that there are, by native id.
DecideRecords: TypeAlias = Callable[[Mapping[str, Complaint]], Sequence[Change]]


class Told(NamedTuple):
    """What an agency told. See `schema.ports.Writer.change`."""

    agency: str
    native_ids: Sequence[str]
    rejected: Sequence[Rejected]
    references: Mapping[str, str]


class Arrived(NamedTuple):
    """What came of it.

    Attributes:
        batch: to be written; then `keep` is to be called.
        unstored: reasons by native id why a complaint can't be stored.
        noticed: whether anything moved that no event tells of.
    """

    batch: Appended
    unstored: Mapping[str, str]
    noticed: bool
    adopted: Adopted | None = None


async def arrive(
    tx: Transaction,
    head: Position,
    told: Told,
    decide: DecideRecords,
    registered: Registered,
    now: datetime,
    subjects: Subjects | None = None,
) -> Arrived:
    """Decides under the head's lock.

    Args:
        subjects: heeds what people asked for whose data it is.
    """
    asked = {clean(native_id): native_id for native_id in told.native_ids}
    level = (await registered.agency(tx, told.agency)).level
    found = await newest(tx, told.agency, list(asked))
    stored = {asked[c.native_id]: (c, seq) for c, seq in found if c.native_id is not None}
    before = {native_id: complaint for native_id, (complaint, _) in stored.items()}
    filed = await filed_here(tx, told.agency, told.references, before) if told.references else ()
    seqs = {c.id: seq for c, seq in stored.values()} | {each.complaint.id: each.seq for each in filed}
    batch = Appended(head, now, {told.agency: level}, seqs)
    adopted = adopt(filed, batch, now) if filed else None
    if adopted is not None:
        before |= adopted.complaints
    refused: dict[str, Rejected] = {}
    for change in await _heeded(tx, before, decide, subjects, now):
        key = change.after.native_id or ""
        # What follows a change that can't be stored builds upon it.
        if key not in refused and (problem := _append(batch, change)):
            refused[key] = problem
    known = await quarantine(tx, told.agency, [*told.rejected, *refused.values()], list(asked), now)
    unstored = {key: problem.reason for key, problem in refused.items()}
    return Arrived(batch, unstored, known or batch.seen_again, adopted)


async def _heeded(
    tx: Transaction,
    before: Mapping[str, Complaint],
    decide: DecideRecords,
    subjects: Subjects | None,
    now: datetime,
) -> Sequence[Change]:
    if subjects is None:
        return decide(before)
    wishes = await subjects.of(tx, list(before.values()))
    changes = decide({key: unrestricted(each, wishes.get(each.id)) for key, each in before.items()})
    new = [change.after for change in changes if change.before is None]
    wishes |= await subjects.of(tx, new)
    if not wishes:
        return changes
    stored = {each.id: each for each in before.values()}
    for change in changes:
        wish = wishes.get(change.after.id)
        if (anew := told_anew(change, wish)) is not None and anew is not wish:
            await subjects.keep(tx, {change.after.id: anew}, [change.after], now)
    return [heeded(change, wishes.get(change.after.id), stored.get(change.after.id)) for change in changes]


async def keep(tx: Transaction, arrived: Arrived) -> None:
    """Keeps what adopting did beside the batch, which is written."""
    if arrived.adopted is not None:
        await outbox.store(tx, arrived.adopted.deliveries, arrived.adopted.before, arrived.batch)
        await links.store(tx, arrived.adopted.links, arrived.batch.seq)


def _append(batch: Appended, change: Change) -> Rejected | None:
    problem = unstorable(change.after)
    if problem is None:
        batch.change(change)
    return problem
