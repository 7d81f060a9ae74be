"""The only way into the ledger: `schema.ports.Writer`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import structlog
from msgspec.structs import replace

from gateway.ledger.append import Appended, among, locked_head, newest, quarantine, snapshots, unstorable
from gateway.ledger.breach import breach
from gateway.ledger.database import Database, Dialect, Transaction, WritingConnection
from gateway.ledger.erasure import correction, emptied
from gateway.ledger.pushes import answered, last_push, remember
from gateway.ledger.rows import clean, moment_text
from gateway.ledger.stores import store_changed
from gateway.ledger.witness import Sighting, Witness, doubt, fingerprint, next_epoch
from gateway.ledger.worker import Worker
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.complaint import Complaint, ContentState, Rejected
from schema.errors import LedgerError
from schema.events import Change, Position
from schema.ports import Clock, LastPush, Receipt, Received

_log = structlog.get_logger(__name__)

_IDENTITY = "SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
_MAY_IDENTIFY = "SELECT has_function_privilege('pg_control_system()', 'execute')"


_BACKLOG = (
    "SELECT (SELECT count(*) FROM quarantine WHERE agency = $1),"
    " (SELECT count(*) FROM complaints WHERE agency = $1 AND status = 'UNMAPPED')"
)

_LEVELLED = (
    "UPDATE complaints SET level = $1 WHERE agency = $2",
    "UPDATE counters SET level = $1 WHERE agency = $2",
)


class _Written(NamedTuple):
    position: Position
    fingerprint: str = ""


class LedgerWriter:
    """`schema.ports.Writer` over one database: one owned task, one connection, one transaction per call.

    `decide` runs in the writer's thread on SQLite, in the event loop on PostgreSQL: it must be pure and quick.
    """

    def __init__(self, database: Database, witness: Witness, clock: Clock) -> None:
        self._database = database
        self._witness = witness
        self._clock = clock
        self._worker = Worker(database, self._verify)
        self._levels: dict[str, AgencyLevel] = {}
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
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected] = (),
    ) -> Position:
        async def body(tx: Transaction) -> _Written:
            head, health = await self._head(tx)
            batch, _, noticed = await self._change(tx, head, agency, native_ids, decide, rejected)
            await batch.write(tx)
            if noticed:
                await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            return _Written(batch.position, batch.fingerprint)

        return await self._run(body)

    async def receive(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected],
        receipt: Receipt,
        report: SourceReport | None = None,
    ) -> Received:
        received = Received(b"")

        async def body(tx: Transaction) -> _Written:
            nonlocal received
            head, health = await self._head(tx)
            earlier = await answered(tx, agency, receipt.id)
            if earlier is not None:
                received = Received(earlier, again=True)
                return _Written(head)
            batch, unstored, noticed = await self._change(tx, head, agency, native_ids, decide, rejected)
            received = Received(await remember(tx, agency, receipt, unstored, self._clock()))
            await self._write(tx, batch, report)
            if noticed or report is not None:
                await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        return received

    async def last_push(self, agency: str) -> LastPush | None:
        return await last_push(self._database, agency)

    async def _change(
        self,
        tx: Transaction,
        head: Position,
        agency: str,
        native_ids: Sequence[str],
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected],
    ) -> tuple[Appended, dict[str, str], bool]:
        """Decides under the lock. Returns what is to be written, the reasons by native id why a complaint can't be, and
        whether anything moved that no event tells of."""
        asked = {clean(native_id): native_id for native_id in native_ids}
        level = await self._level(tx, agency)
        found = await newest(tx, agency, list(asked))
        before = {asked[c.native_id]: (c, seq) for c, seq in found if c.native_id is not None}
        changes = decide({native_id: c for native_id, (c, _) in before.items()})
        batch = self._batch(head, {c.id: seq for c, seq in before.values()}, {agency: level})
        refused: dict[str, Rejected] = {}
        for change in changes:
            key = change.after.native_id or ""
            # What follows a change that can't be stored builds upon it.
            if key not in refused and (problem := _append(batch, change)):
                refused[key] = problem
        known = await quarantine(tx, agency, [*rejected, *refused.values()], list(asked), self._clock())
        return batch, {key: problem.reason for key, problem in refused.items()}, known or batch.seen_again

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

    async def _write(self, tx: Transaction, batch: Appended, report: SourceReport | None) -> None:
        if report is None:
            await batch.write(tx)
            return
        rows = await tx.fetch("SELECT report FROM agencies WHERE id = $1", [report.agency])
        if not rows:
            raise LedgerError(f"agency {report.agency} is not registered")
        if _state(rows[0][0]) is not report.state:
            batch.source_changed(report.agency, report.checked_at or self._clock())
        await batch.write(tx)
        await _store_report(tx, await _counted(tx, report))

    async def register(self, agencies: Sequence[Agency], paused: Collection[str] = ()) -> None:
        asked = {agency.id for agency in agencies} - set(paused)
        closed = False

        async def body(tx: Transaction) -> _Written:
            head, health = await self._head(tx)
            known = {row[0]: row for row in await tx.fetch("SELECT id, facts, report FROM agencies")}
            batch = self._batch(head)
            nonlocal closed
            closed = any([await store_changed(tx, a, known.get(a.id), head, self._clock()) for a in agencies])
            changed = [await _store_facts(tx, agency, known.get(agency.id)) for agency in agencies]
            reports = {**dict.fromkeys(paused), **{slug: report for slug, _, report in known.values()}}
            for slug, report in reports.items():
                if slug not in asked and _state(report) is not SourceState.PAUSED:
                    batch.source_changed(slug, self._clock())
                    await _store_report(tx, replace(_report(slug, report), state=SourceState.PAUSED))
            await batch.write(tx)
            await tx.execute("UPDATE head SET health = $1 WHERE id = 1", [health + 1])
            if any(changed):
                await tx.execute("UPDATE head SET facts = facts + 1, derived = derived + 1 WHERE id = 1")
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        if closed:
            await self._scrub()
        self._levels.update((agency.id, agency.level) for agency in agencies)

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
            batch = self._batch(head, {c.id: seq for c, seq in due}, await self._levels_of(tx, due))
            for complaint, _ in due:
                change = breach(complaint, now, limit - breached)
                if change is not None:
                    batch.change(change)
                    breached += len(change.events)
            await batch.write(tx)
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        return breached

    async def empty(self, ids: Sequence[str]) -> None:
        async def body(tx: Transaction) -> _Written:
            head, _ = await self._head(tx)
            test, values = among(tx, "$1", ids)
            found = await snapshots(tx, f"id {test} ORDER BY id", [values])
            batch = self._batch(head, {c.id: seq for c, seq in found}, await self._levels_of(tx, found))
            for complaint, _ in found:
                if complaint.content_state is not ContentState.ERASED:
                    event = correction(complaint, self._clock())
                    batch.change(Change(before=complaint, after=emptied(complaint), events=(event,)))
            await batch.write(tx)
            return _Written(batch.position, batch.fingerprint)

        await self._run(body)
        await self._scrub()

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
            return _Written(await _renewed(tx, head, reason, head.epoch))

        return await self._run(body)

    async def _head(self, tx: Transaction) -> tuple[Position, int]:
        """`locked_head`, of a new epoch if it lies behind what was seen: a backup was put back beneath us."""
        head, health = await locked_head(tx)
        seen = self._witness.highest
        if (head.epoch, head.seq) < (seen.epoch, seen.seq):
            head = await _renewed(tx, head, f"it ends at {head.seq}, and {seen.seq} was seen", head.epoch, seen.epoch)
        return head, health

    async def _scrub(self) -> None:
        """What was taken out of rows may still stand in the database's files."""
        connection = await self._database.connect()
        try:
            await connection.scrub()
        finally:
            await connection.aclose()

    async def _run(self, body: Callable[[Transaction], Any]) -> Position:
        written: _Written = await self._worker.run(body, self._committed)
        return written.position

    def _committed(self, written: _Written) -> None:
        # Remembered before anybody can be told of it.
        try:
            self._witness.saw(written.position, written.fingerprint)
        except OSError:
            _log.exception("the witness can't be written: a restored backup may go unnoticed")
        for ring in self._bells:
            ring(written.position)

    def _batch(
        self, head: Position, seqs: Mapping[str, int] | None = None, levels: Mapping[str, AgencyLevel] | None = None
    ) -> Appended:
        return Appended(head, self._clock(), levels or {}, seqs or {})

    async def _level(self, tx: Transaction, agency: str) -> AgencyLevel:
        if agency not in self._levels:
            rows = await tx.fetch("SELECT facts FROM agencies WHERE id = $1", [agency])
            if not rows:
                raise LedgerError(f"agency {agency} is not registered")
            self._levels[agency] = msgspec.json.decode(rows[0][0], type=Agency).level
        return self._levels[agency]

    async def _levels_of(self, tx: Transaction, found: Sequence[tuple[Complaint, int]]) -> Mapping[str, AgencyLevel]:
        return {slug: await self._level(tx, slug) for slug in {c.agency for c, _ in found}}

    async def _verify(self, connection: WritingConnection) -> None:
        """Compares each new connection's database with what the witness saw."""
        sighting = await connection.transaction(self._compared)
        self._witness.begin(sighting)

    async def _compared(self, tx: Transaction) -> Sighting:
        head, _ = await locked_head(tx)
        identity = await _identity(tx)
        try:
            seen = self._witness.read()
            reason = doubt(seen, head, await _fingerprint(tx, seen.seq if seen else 0), identity)
        except ValueError as error:
            seen, reason = None, f"the witness can't be read: {error}"
        if reason:
            head = await _renewed(tx, head, reason, *([seen.epoch] if seen else []))
        return Sighting(epoch=head.epoch, seq=head.seq, identity=identity, fingerprint=await _fingerprint(tx, head.seq))


@asynccontextmanager
async def open_writer(database: Database, witness: Witness, clock: Clock) -> AsyncIterator[LedgerWriter]:
    """A started writer; on leaving, it finishes what was asked for."""
    writer = LedgerWriter(database, witness, clock)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.aclose()


def _append(batch: Appended, change: Change) -> Rejected | None:
    problem = unstorable(change.after)
    if problem is None:
        batch.change(change)
    return problem


async def _renewed(tx: Transaction, head: Position, reason: str, *epochs: str) -> Position:
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


async def _store_facts(tx: Transaction, agency: Agency, known: Sequence[Any] | None) -> bool:
    """Returns whether they are new."""
    facts = msgspec.json.encode(agency).decode()
    if known is not None and known[1] == facts:
        return False
    await tx.execute(
        "INSERT INTO agencies (id, facts) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET facts = excluded.facts",
        [agency.id, facts],
    )
    if known is not None and msgspec.json.decode(known[1], type=Agency).level is not agency.level:
        for statement in _LEVELLED:
            await tx.execute(statement, [agency.level.value, agency.id])
    return True


async def _counted(tx: Transaction, report: SourceReport) -> SourceReport:
    """The report with what the ledger alone knows: how much was set aside, how much is mapped nowhere."""
    rows = await tx.fetch(_BACKLOG, [report.agency])
    return replace(report, quarantined=rows[0][0], unmapped=rows[0][1])


async def _store_report(tx: Transaction, report: SourceReport) -> None:
    text = msgspec.json.encode(report).decode()
    await tx.execute("UPDATE agencies SET report = $1 WHERE id = $2", [text, report.agency])


def _report(agency: str, text: str | None) -> SourceReport:
    return SourceReport(agency=agency) if text is None else msgspec.json.decode(text, type=SourceReport)


def _state(text: str | None) -> SourceState:
    return SourceState.NEVER_SYNCED if text is None else _report("", text).state
