# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""How changes become rows, inside the writer's transaction and under the head row's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.ledger.counters import ADD, Counted, Tally, counted
from gateway.ledger.database import Database, Dialect, Transaction
from gateway.ledger.erasure import emptied
from gateway.ledger.references import named, numbers
from gateway.ledger.rows import COLUMNS, clean, complaint_from_row, complaint_values, encoded, moment_text, stored_text
from gateway.ledger.search import stems, words
from gateway.ledger.witness import fingerprint
from schema.agency import AgencyLevel
from schema.complaint import Complaint, ContentState, Rejected, Reporter
from schema.delivery import DeliveryState
from schema.errors import LedgerCorrupt
from schema.events import Change, EventDraft, Position

EVENT_COLUMNS = (
    "seq", "complaint_id", "version", "kind", "agency", "origin", "actor_role", "actor_agency", "status", "region_code",
    "classification", "category", "public_before", "public_after", "occurred_at", "recorded_at", "detail",
)  # fmt: skip


def upsert(table: str, columns: Sequence[str], kept: Sequence[str] = ("id",)) -> str:
    """Puts a row in the place of the one with its id, whose `kept` columns stay."""
    marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    updates = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in kept)
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"


_INSERT_EVENT = "INSERT INTO events ({}) VALUES ({})".format(
    ", ".join(EVENT_COLUMNS), ", ".join(f"${n}" for n in range(1, len(EVENT_COLUMNS) + 1))
)
_UPSERT_COMPLAINT = upsert("complaints", COLUMNS)
_UPSERT_STAMP = upsert("stamps", ("id", "agency", "visibility", "seq"))
_UPSERT_QUARANTINE = upsert(
    "quarantine",
    ("id", "agency", "native_id", "reason", "shape", "first_seen_at", "last_seen_at"),
    kept=("id", "first_seen_at"),
)
_UPSERT_STEMS = upsert("complaint_stems", ("id", "stems")) + " WHERE complaint_stems.stems <> excluded.stems"
_UPSERT_DOCUMENT = (
    "INSERT INTO complaint_search (id, document) VALUES ($1, to_tsvector('indonesian', $2))"
    " ON CONFLICT (id) DO UPDATE SET document = excluded.document"
)
_INSERT_NAME = "INSERT INTO complaint_references (id, complaint_id, system, key) VALUES ($1, $2, $3, $4)"
_NEWEST_ON_SQLITE = (
    f"SELECT {', '.join(COLUMNS)} FROM complaints"
    " WHERE agency = $1 AND native_id IN (SELECT value FROM json_each($2)) ORDER BY generation"
)
# Key by key: before its first ANALYZE the planner would rather read every row of the agency.
_NEWEST_ON_POSTGRES = (
    f"SELECT {', '.join(COLUMNS)} FROM unnest($2::text[]) AS asked (key) CROSS JOIN LATERAL"
    " (SELECT * FROM complaints WHERE agency = $1 AND native_id = asked.key ORDER BY generation DESC LIMIT 1) newest"
)
#: A tsvector holds 1 MB; nobody searches for what stands behind this.
_INDEXED_CHARACTERS = 100_000

#: The longest that PostgreSQL's indexes and our columns take. Nothing real comes near.
LONGEST = {"native_id": 400, "tracking_id": 400, "category": 160}


class Appended:
    """Changes that are being made into rows: collected first, then written table by table.

    Args:
        head: as it stood when it was locked.
        seqs: of the snapshots that were read, by complaint id.
    """

    def __init__(
        self, head: Position, now: datetime, levels: Mapping[str, AgencyLevel], seqs: Mapping[str, int]
    ) -> None:
        self.epoch = head.epoch
        self.seq = head.seq
        self._now = moment_text(now)
        self._levels = levels
        self._seqs = dict(seqs)
        self._versions: dict[str, int] = {}
        self._events: list[tuple[Any, ...]] = []
        self._complaints: dict[str, tuple[Any, ...]] = {}
        self._touched: list[tuple[Any, ...]] = []
        self._texts: dict[str, str] = {}
        self._assignments: dict[str, set[str]] = {}
        self._stamps: dict[tuple[str, str], int] = {}
        self._counted: dict[str, Counted] = {}
        self._tally = Tally()
        self._names: dict[str, list[tuple[str, str, str, str]]] = {}
        self._deliveries: dict[str, tuple[int, DeliveryState]] = {}
        #: Who reported them, by complaint: for `Identities.keep`.
        self.reporters: dict[str, Reporter] = {}
        #: Complaints that are new, or have a new number, by id.
        self.numbered: dict[str, Complaint] = {}
        #: Whether a complaint was only seen again, or changed without an event.
        self.seen_again = False
        self.derived = False

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq)

    @property
    def fingerprint(self) -> str:
        """Of the newest event; empty when none was appended."""
        if not self._events:
            return ""
        seq, complaint_id, version, kind, *_ = self._events[-1]
        return fingerprint(seq, complaint_id, version, kind, self._now)

    def change(self, change: Change) -> None:
        """Takes one change."""
        before, after = change.before, change.after
        if before is not None and before.content_state is ContentState.ERASED:
            after = emptied(after)  # what was erased stays erased, whatever the agency still sends
        version = self._versions.get(after.id, before.version if before else 0)
        if not change.events and before is not None and _only_seen_again(before, after):
            self._touched.append((moment_text(after.synced_at) if after.synced_at else None, after.id))
            self.seen_again = True
            return
        if change.reporter is not None and not after.is_anonymous and after.content_state is not ContentState.ERASED:
            self.reporters[after.id] = change.reporter
        for k, draft in enumerate(change.events):
            was_public = not after.is_confidential if k else before is not None and not before.is_confidential
            self._event(draft, after, version + k + 1, was_public)
        version += len(change.events)
        self._versions[after.id] = version
        if change.events:
            self._seqs[after.id] = self.seq
        else:
            self.derived = True
        self._complaints[after.id] = complaint_values(
            replace(after, version=version), self._levels[after.agency], self._seqs.get(after.id, self.seq)
        )
        self._index(before, after)
        self._name(before, after)
        self._count(before, after)

    def told(self, delivery: str) -> tuple[int, DeliveryState] | None:
        """The seq of the first event taken that tells of a delivery, and the state that the last one tells."""
        return self._deliveries.get(delivery)

    def names(self) -> Sequence[tuple[str, str, str, str]]:
        """Rows of `complaint_references` that are new."""
        return [row for rows in self._names.values() for row in rows]

    def source_changed(self, agency: str, occurred_at: datetime) -> None:
        """Takes a change of an agency's state of health."""
        self.seq += 1
        self._events.append(
            (self.seq, None, 0, "SOURCE_CHANGED", agency, "HUB", None, None, None, None, None, None, True, True,
             moment_text(occurred_at), self._now, "{}")
        )  # fmt: skip
        self._stamps[agency, "health"] = self.seq

    def following(self, now: datetime, levels: Mapping[str, AgencyLevel], seqs: Mapping[str, int]) -> Appended:
        """What comes after this one in the same transaction."""
        return Appended(self.position, now, levels, seqs)

    async def write(self, tx: Transaction) -> None:
        """Writes all that was taken, and the head."""
        if self._events:
            await tx.executemany(_INSERT_EVENT, self._events)
        if self._complaints:
            await tx.executemany(_UPSERT_COMPLAINT, list(self._complaints.values()))
        if self._touched:
            await tx.executemany("UPDATE complaints SET synced_at = $1 WHERE id = $2", self._touched)
        if counts := self._tally.rows(self._levels):
            await tx.executemany(ADD, counts)
        await self._write_texts(tx)
        await self._write_assignments(tx)
        await self._write_names(tx)
        if self._stamps:
            stamps = [(f"{agency}/{seen}", agency, seen, seq) for (agency, seen), seq in self._stamps.items()]
            await tx.executemany(_UPSERT_STAMP, stamps)
        if self._events:
            await tx.execute("UPDATE head SET seq = $1 WHERE id = 1", [self.seq])
        if self.derived:
            await tx.execute("UPDATE head SET derived = derived + 1 WHERE id = 1")

    def _event(self, draft: EventDraft, after: Complaint, version: int, was_public: bool) -> None:
        self.seq += 1
        is_public = not after.is_confidential
        actor, place = draft.actor, after.incident_location
        self._events.append(
            (
                self.seq,
                after.id,
                version,
                draft.kind.value,
                after.agency,
                draft.origin.value,
                actor.role.value if actor else None,
                actor.agency if actor else None,
                draft.status.value,
                stored_text(place.region_code) if place else None,
                after.classification.value if after.classification else None,
                stored_text(after.category),
                was_public,
                is_public,
                moment_text(draft.occurred_at),
                self._now,
                encoded(draft.detail),
            )
        )
        self._stamps[after.agency, "public" if was_public or is_public else "hidden"] = self.seq
        delivery, state = draft.detail.delivery, draft.detail.delivery_state
        if delivery is not None and state is not None:
            first, _ = self._deliveries.get(delivery, (self.seq, state))
            self._deliveries[delivery] = first, state

    def _index(self, before: Complaint | None, after: Complaint) -> None:
        text = _searchable(after)
        if (before is None and text) or (before is not None and text != _searchable(before)):
            self._texts[after.id] = text
        if before is None or before.assigned_agencies != after.assigned_agencies:
            # An agency's own unit is no agency here: then the one that holds the record must act.
            plugged_in = {reference.agency for reference in after.assigned_agencies if reference.agency}
            self._assignments[after.id] = plugged_in or {after.agency}

    def _name(self, before: Complaint | None, after: Complaint) -> None:
        known = before.external_references if before is not None else ()
        if known != after.external_references:
            self._names[after.id] = named(after)
        if before is None or numbers(before) != numbers(after):
            self.numbered[after.id] = after

    def _count(self, before: Complaint | None, after: Complaint) -> None:
        # A batch may change a complaint twice, each time by the snapshot that it began with.
        known = self._counted.get(after.id) or (counted(before) if before is not None else None)
        self._counted[after.id] = now = counted(after)
        self._tally.move(known, now)

    async def _write_texts(self, tx: Transaction) -> None:
        gone = [(id,) for id, text in self._texts.items() if not text]
        kept = [(id, text) for id, text in self._texts.items() if text]
        sqlite = tx.dialect is Dialect.SQLITE
        if gone:
            table = "complaint_stems" if sqlite else "complaint_search"
            await tx.executemany(f"DELETE FROM {table} WHERE id = $1", gone)
        if kept and sqlite:
            await tx.executemany(_UPSERT_STEMS, [(id, stems(text)) for id, text in kept])
        elif kept:
            await tx.executemany(_UPSERT_DOCUMENT, [(id, words(text)) for id, text in kept])

    async def _write_assignments(self, tx: Transaction) -> None:
        known = [(id,) for id in self._assignments]
        if known:
            await tx.executemany("DELETE FROM assignments WHERE complaint_id = $1", known)
        rows = [(f"{agency}/{id}", agency, id) for id, agencies in self._assignments.items() for agency in agencies]
        if rows:
            await tx.executemany("INSERT INTO assignments (id, agency, complaint_id) VALUES ($1, $2, $3)", rows)

    async def _write_names(self, tx: Transaction) -> None:
        if self._names:
            await tx.executemany(
                "DELETE FROM complaint_references WHERE complaint_id = $1", [(id,) for id in self._names]
            )
        if rows := self.names():
            await tx.executemany(_INSERT_NAME, rows)


async def quarantine(
    tx: Transaction, agency: str, rejected: Iterable[Rejected], read: Sequence[str], now: datetime
) -> bool:
    """Stores what could not be read, the same bad record as one row; forgets what could be `read` (native ids).

    Returns:
        Whether anything was stored or forgotten.
    """
    test, values = among(tx, "$2", read)
    forgotten = await tx.fetch(
        f"DELETE FROM quarantine WHERE agency = $1 AND native_id {test} RETURNING id", [agency, values]
    )
    at = moment_text(now)
    rows = {
        record.digest: (
            f"{agency}/{record.digest}",
            agency,
            stored_text(record.native_id),
            clean(record.reason),
            clean(record.shape),
            at,
            at,
        )
        for record in rejected
    }
    if rows:
        await tx.executemany(_UPSERT_QUARANTINE, list(rows.values()))
    return bool(rows or forgotten)


async def snapshots(tx: Transaction | Database, where: str, params: Sequence[Any]) -> list[tuple[Complaint, int]]:
    """Complaints with their seqs; `where` is what follows WHERE, a statement's part of ours."""
    sql = f"SELECT {', '.join(COLUMNS)} FROM complaints WHERE {where}"
    return [(complaint_from_row(row), row[_SEQ]) for row in await tx.fetch(sql, params)]


async def newest(tx: Transaction, agency: str, native_ids: Sequence[str]) -> list[tuple[Complaint, int]]:
    """The snapshots of an agency's records: of each, the latest generation."""
    if tx.dialect is Dialect.POSTGRES:
        rows = await tx.fetch(_NEWEST_ON_POSTGRES, [agency, list(native_ids)])
    else:
        rows = await tx.fetch(_NEWEST_ON_SQLITE, [agency, msgspec.json.encode(native_ids).decode()])
    return [(complaint_from_row(row), row[_SEQ]) for row in rows]


def among(tx: Transaction | Database, placeholder: str, values: Sequence[str]) -> tuple[str, Any]:
    """A test for being one of `values`, and the parameter it takes: one statement for any number of them."""
    if tx.dialect is Dialect.POSTGRES:
        return f"= ANY ({placeholder}::text[])", list(values)
    return f"IN (SELECT value FROM json_each({placeholder}))", msgspec.json.encode(values).decode()


async def locked_head(tx: Transaction) -> tuple[Position, int]:
    """The newest position and the health version, with the lock that orders all writers: always taken first.

    SQLite has taken its own by BEGIN IMMEDIATE.
    """
    lock = " FOR UPDATE" if tx.dialect is Dialect.POSTGRES else ""
    rows = await tx.fetch("SELECT epoch, seq, health FROM head WHERE id = 1" + lock)
    if not rows:
        raise LedgerCorrupt("the head row is missing")
    return Position(rows[0][0], rows[0][1]), rows[0][2]


def unstorable(complaint: Complaint) -> Rejected | None:
    """What the quarantine keeps of a complaint that no row can hold; None when one can."""
    region = complaint.incident_location.region_code if complaint.incident_location else None
    problems = [name for name, most in LONGEST.items() if len(getattr(complaint, name) or "") > most]
    problems += ["region_code"] if region and len(region) > 16 else []
    if not problems:
        return None
    digest = hashlib.sha256(complaint.id.encode()).hexdigest()
    native_id = complaint.native_id[:400] if complaint.native_id else None
    return Rejected(reason=f"{', '.join(problems)}: too long", digest=digest, native_id=native_id)


_SEQ = COLUMNS.index("seq")


def _only_seen_again(before: Complaint, after: Complaint) -> bool:
    return replace(after, synced_at=before.synced_at, version=before.version) == before


def _searchable(complaint: Complaint) -> str:
    texts = (complaint.title, complaint.original_text, complaint.edited_text)
    return clean("\n".join(text for text in texts if text))[:_INDEXED_CHARACTERS]
