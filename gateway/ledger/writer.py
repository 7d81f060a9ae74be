"""The only way into the ledger: `schema.ports.Writer`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog
from msgspec.structs import replace

from gateway.audit import DONE
from gateway.failpoints import reached
from gateway.ledger import outbox, requests
from gateway.ledger.append import Appended, among, locked_head, snapshots
from gateway.ledger.arrivals import Arrived, DecideRecords, Told, arrive, keep
from gateway.ledger.breach import breach
from gateway.ledger.database import Database, Transaction, WritingConnection
from gateway.ledger.identities import Identities
from gateway.ledger.identity import compared, renewed
from gateway.ledger.pushes import answered, last_push, remember
from gateway.ledger.registered import Registered, counted, report_of, state_of, store_facts, store_report
from gateway.ledger.rows import moment_text
from gateway.ledger.stores import store_changed
from gateway.ledger.subjects import Subjects, Wish
from gateway.ledger.witness import Witness
from gateway.ledger.worker import Turn, Worker
from gateway.ledger.writing import AuditLog, Done, Writing, matched
from gateway.sightings import Sighting
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.complaint import Rejected
from schema.delivery import Delivery
from schema.errors import LedgerError
from schema.events import Position
from schema.ports import Clock, LastPush, Receipt, Received
from schema.writes import Action, Decide, Intent, Problem, Recorded

_log = structlog.get_logger(__name__)


_OPERATOR, _HUB = "operator", "hub"
_FULL = "SELECT id FROM complaints WHERE agency = $1 AND closed_at < $2 AND content_state <> 'ERASED'"
_NAMED = "SELECT id FROM complaints WHERE agency = $1 AND closed_at < $2 AND id IN (SELECT id FROM identities)"
#: Complaints that are done again in one transaction.
_AT_ONCE = 100


def batched(ids: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """The ids, at most so many at a time."""
    for start in range(0, len(ids), most):
        yield ids[start : start + most]


class _Written(NamedTuple):
    position: Position
    fingerprint: str = ""
    noted: Any = None


class LedgerWriter:
    """`schema.ports.Writer` over one database: one owned task, one connection, one transaction per call.

    `decide` runs in the writer's thread on SQLite, in the event loop on PostgreSQL: it must be pure and quick.
    """

    def __init__(
        self,
        database: Database,
        witness: Witness,
        clock: Clock,
        audit: AuditLog,
        identities: Identities | None = None,
        subjects: Subjects | None = None,
    ) -> None:
        self._database = database
        self._witness = witness
        self._clock = clock
        self._worker = Worker(database, self._verify)
        self._audit = audit
        self._registered = Registered()
        self._identities = identities
        self._subjects = subjects
        self._writing = Writing(audit, self._registered, identities, subjects)
        self._bells: list[Callable[[Position], None]] = []

    def on_commit(self, ring: Callable[[Position], None]) -> None:
        """Calls `ring` with the head after every commit, whether or not it moved. It must be quick."""
        self._bells.append(ring)

    async def start(self) -> None:
        """Connects, and begins a new epoch if the database is not the one that the witness saw.

        Raises:
            LedgerError: the database can't be used.
        """
        await self._worker.start()

    async def aclose(self) -> None:
        """Finishes what was asked for, then ends."""
        await self._worker.aclose()

    async def change(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: DecideRecords,
        rejected: Sequence[Rejected] = (),
        references: Mapping[str, str] = MappingProxyType({}),
    ) -> Position:
        async def body(tx: Transaction) -> _Written:
            head, health = await self._head(tx)
            told = Told(agency, native_ids, rejected, references)
            arrived = await arrive(tx, head, told, decide, self._registered, self._clock(), self._subjects)
            batch = await self._keep(tx, arrived)
            if arrived.noticed:
                await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            return _Written(batch.position, batch.fingerprint)

        return await self._run(body)

    async def receive(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: DecideRecords,
        rejected: Sequence[Rejected],
        receipt: Receipt,
        report: SourceReport | None = None,
        references: Mapping[str, str] = MappingProxyType({}),
    ) -> Received:
        received = Received(b"")

        async def body(tx: Transaction) -> _Written:
            nonlocal received
            head, health = await self._head(tx)
            earlier = await answered(tx, agency, receipt.id)
            if earlier is not None:
                received = Received(earlier, again=True)
                return _Written(head)
            told = Told(agency, native_ids, rejected, references)
            arrived = await arrive(tx, head, told, decide, self._registered, self._clock(), self._subjects)
            received = Received(await remember(tx, agency, receipt, arrived.unstored, self._clock()))
            batch = await self._keep(tx, arrived, report)
            if arrived.noticed or report is not None:
                await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        return received

    async def write(self, intent: Intent, decide: Decide) -> Recorded | Problem:
        done: Done | None = None

        async def body(tx: Transaction) -> _Written:
            nonlocal done
            head, _ = await self._head(tx)
            done = await self._writing.write(tx, head, intent, decide, self._clock())
            return _Written(done.position, done.fingerprint, done.noted)

        # A harvest may wait for a person, and not the other way round.
        turn = Turn.USUAL if intent.action is Action.DELIVER else Turn.FIRST
        await self._run(body, "write.committed", turn)
        assert done is not None
        return done.answer

    async def refuse(self, intent: Intent, problem: Problem) -> Problem:
        async def body(tx: Transaction) -> _Written:
            head, _ = await self._head(tx)
            done = await self._writing.refuse(tx, head, intent, problem)
            return _Written(done.position, noted=done.noted)

        await self._run(body, turn=Turn.FIRST)
        return problem

    async def saw(self, sightings: Sequence[Sighting]) -> None:
        """Takes down in the audit what somebody was shown.

        Raises:
            LedgerError: nothing was taken down.
        """

        async def body(tx: Transaction) -> _Written:
            head, _ = await self._head(tx)
            noted: Any = None
            for seen in sightings:
                noted = await self._audit.note(
                    tx, actor=seen.actor, action=seen.action, outcome=DONE, complaint=seen.complaint, position=head.seq
                )
            return _Written(head, noted=noted)

        await self._run(body)

    async def claim(self, agency: str, owner: str, now: datetime, lease: float, limit: int) -> Sequence[Delivery]:
        # Most looks find nothing: they need not wait for the writer.
        if not await outbox.any_due(self._database, agency, now):
            return []
        claimed: list[Delivery] = []

        async def body(tx: Transaction) -> _Written:
            nonlocal claimed
            head, _ = await self._head(tx)
            due = await outbox.due(tx, agency, now, limit)
            test, values = among(tx, "$1", [each.complaint_id for each in due])
            found = await snapshots(tx, f"id {test}", [values])
            levels = await self._registered.levels(tx, [complaint for complaint, _ in found])
            batch = self._batch(head, {c.id: seq for c, seq in found}, levels)
            claimed = outbox.claim(due, {c.id: c for c, _ in found}, batch, owner, now, lease)
            await batch.write(tx)
            await outbox.store(tx, claimed, {each.id: each for each in due}, batch)
            reached("claim.marked")
            return _Written(batch.position, batch.fingerprint)

        await self._run(body, "claim.committed")
        return claimed

    async def sealed(self, delivery: str) -> bytes | None:
        return await outbox.sealed(self._database, delivery)

    async def last_push(self, agency: str) -> LastPush | None:
        return await last_push(self._database, agency)

    async def report(self, report: SourceReport, harvest: bytes | None = None) -> Position:
        async def body(tx: Transaction) -> _Written:
            head, health = await self._head(tx)
            batch = self._batch(head)
            await self._write(tx, batch, report)
            if harvest is not None:
                await tx.execute("UPDATE agencies SET harvest = $1 WHERE id = $2", [harvest, report.agency])
            await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            return _Written(batch.position, batch.fingerprint)

        return await self._run(body)

    async def _keep(self, tx: Transaction, arrived: Arrived, report: SourceReport | None = None) -> Appended:
        """Returns the last batch of the transaction."""
        await self._write(tx, arrived.batch, report)
        if self._identities is not None:
            await self._identities.keep(tx, arrived.batch.reporters, self._clock())
        if self._subjects is not None:
            await self._subjects.follow(tx, arrived.batch.numbered.values(), self._clock())
        await keep(tx, arrived)
        return await matched(tx, arrived.batch, self._registered, self._clock())

    async def _write(self, tx: Transaction, batch: Appended, report: SourceReport | None) -> None:
        if report is None:
            await batch.write(tx)
            return
        rows = await tx.fetch("SELECT report FROM agencies WHERE id = $1", [report.agency])
        if not rows:
            raise LedgerError(f"agency {report.agency} is not registered")
        if state_of(rows[0][0]) is not report.state:
            batch.source_changed(report.agency, report.checked_at or self._clock())
        await batch.write(tx)
        await store_report(tx, await counted(tx, report))

    async def register(self, agencies: Sequence[Agency], paused: Collection[str] = ()) -> None:
        asked = {agency.id for agency in agencies} - set(paused)
        closed = False

        async def body(tx: Transaction) -> _Written:
            head, health = await self._head(tx)
            known = {row[0]: row for row in await tx.fetch("SELECT id, facts, report FROM agencies")}
            batch = self._batch(head)
            nonlocal closed
            closed = any([await store_changed(tx, a, known.get(a.id), head, self._clock()) for a in agencies])
            changed = [await store_facts(tx, agency, known.get(agency.id)) for agency in agencies]
            reports = {**dict.fromkeys(paused), **{slug: report for slug, _, report in known.values()}}
            for slug, report in reports.items():
                if slug not in asked and state_of(report) is not SourceState.PAUSED:
                    batch.source_changed(slug, self._clock())
                    await store_report(tx, replace(report_of(slug, report), state=SourceState.PAUSED))
            await batch.write(tx)
            await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            if any(changed):
                await tx.execute("UPDATE head SET facts = facts + 1, derived = derived + 1 WHERE id = 1")
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        if closed:
            await self._scrub()
        self._registered.update(agencies)

    async def harvest_state(self, agency: str) -> bytes | None:
        rows = await self._database.fetch("SELECT harvest FROM agencies WHERE id = $1", [agency])
        return rows[0][0] if rows else None

    async def tick(self, now: datetime, limit: int = 500) -> int:
        at = moment_text(now)
        # Most ticks find nothing: they need not wait for the writer.
        if not await self._database.fetch("SELECT 1 FROM complaints WHERE next_breach_at <= $1 LIMIT 1", [at]):
            return 0
        breached = 0

        async def body(tx: Transaction) -> _Written:
            nonlocal breached
            breached = 0
            head, _ = await self._head(tx)
            due = await snapshots(tx, "next_breach_at <= $1 ORDER BY next_breach_at, id LIMIT $2", [at, limit])
            batch = self._batch(
                head, {c.id: seq for c, seq in due}, await self._registered.levels(tx, [c for c, _ in due])
            )
            for complaint, _ in due:
                change = breach(complaint, now, limit - breached)
                if change is not None:
                    batch.change(change)
                    breached += len(change.events)
            await batch.write(tx)
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        return breached

    async def empty(self, ids: Sequence[str], actor: str = _OPERATOR) -> int:
        # Beside the database first: whatever happens next, it is not forgotten.
        await self._remember(ids, Wish.ERASE)

        async def done(tx: Transaction, head: Position) -> requests.Done:
            return await requests.erase(tx, head, ids, self._registered, self._subjects, self._clock())

        count = await self._requested(done, Action.ERASE_SUBJECT, actor)
        await self._scrub()
        return count

    async def expire(self, agency: str, content: datetime | None, identity: datetime) -> tuple[int, int]:
        emptied = forgotten = 0
        if content is not None:
            ids = await self._ids(_FULL, agency, content)
            for some in batched(ids, _AT_ONCE):
                emptied += await self._requested(partial(self._expired, some), Action.EXPIRE_CONTENT, _HUB)
        ids = await self._ids(_NAMED, agency, identity)
        for some in batched(ids, _AT_ONCE):
            forgotten += await self._requested(partial(self._forgotten, some), Action.EXPIRE_REPORTER, _HUB)
        if emptied or forgotten:
            await self._scrub()
        return emptied, forgotten

    async def _ids(self, sql: str, agency: str, closed_before: datetime) -> list[str]:
        return [row[0] for row in await self._database.fetch(sql, [agency, moment_text(closed_before)], heavy=True)]

    async def _expired(self, ids: Sequence[str], tx: Transaction, head: Position) -> requests.Done:
        return await requests.erase(tx, head, ids, self._registered, None, self._clock())

    async def _forgotten(self, ids: Sequence[str], tx: Transaction, head: Position) -> requests.Done:
        return await requests.forget_reporters(tx, head, ids, self._clock())

    async def restrict(self, ids: Sequence[str], actor: str = _OPERATOR) -> int:
        subjects = self._remembering()
        await self._remember(ids, Wish.RESTRICT)

        async def done(tx: Transaction, head: Position) -> requests.Done:
            return await requests.restrict(tx, head, ids, self._registered, subjects, self._clock())

        return await self._requested(done, Action.RESTRICT_SUBJECT, actor)

    async def lift(self, ids: Sequence[str], actor: str = _OPERATOR) -> int:
        subjects = self._remembering()

        async def done(tx: Transaction, head: Position) -> requests.Done:
            return await requests.lift(tx, head, ids, self._registered, subjects, self._clock())

        count = await self._requested(done, Action.LIFT_RESTRICTION, actor)
        await self._remember(ids, None)
        return count

    async def heed_again(self) -> int:
        """Does again what a backup that was put back has undone of what people asked for. Returns for how many."""
        if self._subjects is None or not (marks := await self._subjects.behind(self._database)):
            return 0
        subjects, now = self._subjects, self._clock()
        done = await self._heed(subjects, marks)

        async def body(tx: Transaction) -> _Written:
            head, _ = await self._head(tx)
            await subjects.put(tx, marks, now)
            return _Written(head)

        # For complaints that have not come again yet; and then for those that just did.
        await self._run(body)
        done += await self._heed(subjects, marks)
        _log.warning("subjects.heeded_again", complaints=done)
        return done

    async def _heed(self, subjects: Subjects, marks: Mapping[str, Wish | None]) -> int:
        done = 0
        for wish, ids in (await subjects.whose(self._database, marks)).items():
            request = self.empty if wish is Wish.ERASE else self.lift if wish is None else self.restrict
            for some in batched(ids, _AT_ONCE):
                done += await request(some, _HUB)
        return done

    def _remembering(self) -> Subjects:
        if self._subjects is None:
            raise LedgerError("nothing can be restricted where nothing is remembered")
        return self._subjects

    async def _remember(self, ids: Sequence[str], wish: Wish | None) -> None:
        if self._subjects is not None:
            test, values = among(self._database, "$1", ids)
            found = await snapshots(self._database, f"id {test}", [values])
            await asyncio.to_thread(self._subjects.remember, [complaint for complaint, _ in found], wish)

    async def _requested(
        self, request: Callable[[Transaction, Position], Awaitable[requests.Done]], action: Action, actor: str
    ) -> int:
        count = 0

        async def body(tx: Transaction) -> _Written:
            nonlocal count
            head, _ = await self._head(tx)
            done = await request(tx, head)
            noted: Any = None
            for complaint in done.complaints:
                position = done.batch.position.seq
                noted = await self._audit.note(
                    tx, actor=actor, action=action, outcome=DONE, complaint=complaint.id, position=position
                )
            count = len(done.complaints)
            return _Written(done.batch.position, done.batch.fingerprint, noted)

        await self._run(body)
        return count

    async def renew_epoch(self, reason: str, beyond: Position | None = None) -> Position:
        """Begins a new epoch: every event cursor given out so far is void.

        Args:
            reason: for the log.
            beyond: an authentic position that lies ahead of the head. Nothing happens if it no longer does, or if its
                epoch is over already.

        Returns:
            The head now.
        """

        async def body(tx: Transaction) -> _Written:
            head, _ = await locked_head(tx)
            if beyond is not None and (beyond.epoch != head.epoch or beyond.seq <= head.seq):
                return _Written(head)
            return _Written(await renewed(tx, head, reason, head.epoch))

        return await self._run(body)

    async def _head(self, tx: Transaction) -> tuple[Position, int]:
        """`locked_head`, of a new epoch if it lies behind what was seen: a backup was put back beneath us."""
        head, health = await locked_head(tx)
        seen = self._witness.highest
        if (head.epoch, head.seq) < (seen.epoch, seen.seq):
            head = await renewed(tx, head, f"it ends at {head.seq}, and {seen.seq} was seen", head.epoch, seen.epoch)
        return head, health

    async def _scrub(self) -> None:
        """What was taken out of rows may still stand in the database's files."""
        connection = await self._database.connect()
        try:
            await connection.scrub()
        finally:
            await connection.aclose()

    async def _run(
        self, body: Callable[[Transaction], Any], point: str | None = None, turn: Turn = Turn.USUAL
    ) -> Position:
        written: _Written = await self._worker.run(body, lambda written: self._committed(written, point), turn)
        return written.position

    def _committed(self, written: _Written, point: str | None) -> None:
        if point is not None:
            reached(point)
        # Remembered before anybody can be told of it.
        try:
            self._witness.saw(written.position, written.fingerprint)
            if written.noted is not None:
                self._audit.committed(written.noted)
        except OSError:
            _log.exception("what was written can't be remembered beside the database: a loss may go unnoticed")
        for ring in self._bells:
            ring(written.position)

    def _batch(
        self, head: Position, seqs: Mapping[str, int] | None = None, levels: Mapping[str, AgencyLevel] | None = None
    ) -> Appended:
        return Appended(head, self._clock(), levels or {}, seqs or {})

    async def _verify(self, connection: WritingConnection) -> None:
        """Compares each new connection's database with what the witness saw."""
        self._witness.begin(await connection.transaction(lambda tx: compared(tx, self._witness)))


@asynccontextmanager
async def open_writer(
    database: Database,
    witness: Witness,
    clock: Clock,
    audit: AuditLog,
    identities: Identities | None = None,
    subjects: Subjects | None = None,
) -> AsyncIterator[LedgerWriter]:
    """A started writer; on leaving, it finishes what was asked for.

    Args:
        identities: None keeps nobody's.
        subjects: None remembers nobody's wishes.
    """
    writer = LedgerWriter(database, witness, clock, audit, identities, subjects)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.aclose()
