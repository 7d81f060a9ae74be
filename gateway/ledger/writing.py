"""What somebody writes, as one transaction: looked at under the lock, decided, kept with its audit or not at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from gateway.failpoints import reached
from gateway.ledger import adoption, idempotency, links, outbox, reporters
from gateway.ledger.append import Appended, among, snapshots, unstorable
from gateway.ledger.database import Transaction
from gateway.ledger.identities import Identities
from gateway.ledger.registered import Registered
from gateway.ledger.rows import clean
from gateway.ledger.subjects import Subjects
from schema.complaint import Complaint
from schema.errors import LedgerError
from schema.events import Position
from schema.links import Link
from schema.writes import CODES, Decide, Held, Intent, Outcome, Problem, Recorded, Written

#: Complaints that `Intent.linked` shows at most.
MOST_LINKED = 50

_ID = re.compile(r"[a-z]+_[a-z0-9_]{1,30}", re.ASCII)

#: The outcome of what was done, in the audit.
_DONE = "DONE"


class AuditLog(Protocol):
    """Appends to the audit, in the transaction that it tells of: `gateway.ledger.audit.AuditLog`."""

    async def note(
        self,
        tx: Transaction,
        *,
        actor: str,
        action: str,
        outcome: str,
        complaint: str | None = None,
        other: str | None = None,
        delivery: str | None = None,
        position: int | None = None,
        body: str | None = None,
    ) -> Any:
        """Appends a row. What it raises ends the transaction: no audit, no write."""

    def committed(self, noted: Any) -> None:
        """Is told what `note` returned once the transaction is committed."""


class Done(NamedTuple):
    """What came of a write, inside its transaction.

    Attributes:
        noted: for the audit, once it is committed.
    """

    answer: Recorded | Problem
    position: Position
    fingerprint: str = ""
    noted: Any = None


class Writing:
    """Carries out intents."""

    def __init__(
        self, audit: AuditLog, registered: Registered, identities: Identities | None, subjects: Subjects | None
    ) -> None:
        self._identities = identities
        self._subjects = subjects
        self._audit = audit
        self._registered = registered

    async def write(self, tx: Transaction, head: Position, intent: Intent, decide: Decide, now: datetime) -> Done:
        """See `schema.ports.Writer.write`. The head is locked."""
        reached("write.locked")
        earlier = await idempotency.recall(tx, intent, head, now)
        if isinstance(earlier, Recorded):
            return Done(earlier, head)
        if earlier is not None:
            return await self.refuse(tx, head, intent, earlier)
        held, seqs = await _held(tx, intent)
        reached("write.read")
        decided = decide(held)
        reached("write.decided")
        if not isinstance(decided, Written):
            return await self.refuse(tx, head, intent, decided)
        return await self._keep(tx, head, intent, decided, held, seqs, now)

    async def refuse(self, tx: Transaction, head: Position, intent: Intent, problem: Problem) -> Done:
        """Audits a refusal. The head is locked."""
        complaint, other = (*map(_id, intent.complaints), None, None)[:2]
        about = Outcome(complaint=complaint, other=other, delivery=(*map(_id, intent.deliveries), None)[0])
        noted = await self._note(tx, intent, CODES[type(problem)].value, about, head.seq)
        return Done(problem, head, noted=noted)

    async def _keep(
        self,
        tx: Transaction,
        head: Position,
        intent: Intent,
        written: Written,
        held: Held,
        seqs: Mapping[str, int],
        now: datetime,
    ) -> Done:
        twins = await adoption.twins(tx, written.changes)
        touched = [change.after for change in written.changes] + [twin for twin, _ in twins.values()]
        levels = await self._registered.levels(tx, touched)
        batch = Appended(head, now, levels, {**seqs, **{twin.id: seq for twin, seq in twins.values()}})
        made = [*written.links, *_append(batch, written, twins, now)]
        await batch.write(tx)
        reached("write.appended")
        silent = await outbox.store(tx, written.deliveries, held.deliveries, batch)
        await outbox.seal(tx, written.sealed)
        if self._identities is not None:
            await self._identities.keep(tx, batch.reporters, now)
        if self._subjects is not None:
            await self._subjects.follow(tx, batch.numbered.values(), now)
        reached("write.delivered")
        await links.store(tx, made, batch.seq)
        await links.dismiss(tx, written.dismissed, now)
        if silent or written.dismissed:  # no event tells of it
            await tx.execute("UPDATE head SET health = health + 1 WHERE id = 1")
        await reporters.admit(tx, written.tokens, written.inherits)
        batch = await matched(tx, batch, self._registered, now)
        await idempotency.remember(tx, intent, written.outcome, batch.seq, now)
        reached("write.remembered")
        noted = await self._note(tx, intent, _DONE, written.outcome, batch.seq)
        reached("write.audited")
        answer = Recorded(outcome=written.outcome, position=batch.position)
        return Done(answer, batch.position, batch.fingerprint, noted)

    async def _note(self, tx: Transaction, intent: Intent, outcome: str, about: Outcome, seq: int) -> Any:
        return await self._audit.note(
            tx,
            actor=intent.actor,
            action=intent.action.value,
            outcome=outcome,
            complaint=about.complaint,
            other=about.other,
            delivery=about.delivery,
            position=seq,
            body=intent.body,
        )


def _id(given: str) -> str | None:
    """What somebody gave as an id, if it may be one."""
    return given if _ID.fullmatch(given) else None


async def matched(tx: Transaction, batch: Appended, registered: Registered, now: datetime) -> Appended:
    """Links what a batch that is written names, or is named by. Returns the last batch of the transaction."""
    agencies = {c.agency: await registered.agency(tx, c.agency) for c in batch.numbered.values()}
    found = await links.found(tx, batch, agencies, now)
    if not found:
        return batch
    complaints, seqs = await _complaints(tx, list({id for link in found for id in (link.complaint_id, link.other_id)}))
    following = batch.following(now, await registered.levels(tx, complaints.values()), seqs)
    links.told(found, complaints, following)
    await following.write(tx)
    await links.store(tx, found, following.seq)
    return following


def _append(batch: Appended, written: Written, twins: Mapping[str, tuple[Complaint, int]], now: datetime) -> list[Link]:
    """Appends what is written. Returns the links that come of taking over records."""
    made = []
    for change in written.changes:
        if (problem := unstorable(change.after)) is not None:
            raise LedgerError(f"{change.after.id} can't be stored: {problem.reason}")
        twin = twins.get(change.after.id)
        if twin is not None:
            change, link = adoption.taking_over(change, twin[0], batch, now)
            made.append(link)
        batch.change(change)
    return made


async def _held(tx: Transaction, intent: Intent) -> tuple[Held, Mapping[str, int]]:
    """What there is of an intent's ids, and the complaints' seqs."""
    ids = intent.complaints
    if intent.linked:
        ids = tuple(await links.reached(tx, ids, MOST_LINKED))
    complaints, seqs = await _complaints(tx, ids)
    deliveries = await outbox.read(tx, intent.deliveries)
    held = Held(
        complaints=complaints,
        deliveries=deliveries,
        links=tuple(await links.read(tx, complaints)) if complaints else (),
    )
    return held, seqs


async def _complaints(tx: Transaction, ids: Collection[str]) -> tuple[dict[str, Complaint], dict[str, int]]:
    """Complaints by id, in the order of their ids as asked, and their seqs."""
    if not ids:
        return {}, {}
    test, bound = among(tx, "$1", [clean(id) for id in ids])
    found = {complaint.id: (complaint, seq) for complaint, seq in await snapshots(tx, f"id {test}", [bound])}
    known = [id for id in ids if id in found]
    return {id: found[id][0] for id in known}, {id: found[id][1] for id in known}
