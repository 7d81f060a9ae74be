"""A ledger full of synthetic complaints, written by the hub's own writer and kept for the next run."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.complaints import AGENCIES, complaints
from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.migrate import migrate
from gateway.ledger.witness import Witness
from gateway.ledger.writer import LedgerWriter, open_writer
from schema.agency import SourceReport, SourceState
from schema.complaint import Complaint
from schema.events import Change, EventDraft, EventKind, EventOrigin

#: Complaints in one transaction.
BATCH = 1_000

_ROOT = Path(__file__).parent.parent
#: What decides how a complaint is stored: when it changes, kept ledgers are made again.
_SOURCES = (
    "bench/complaints.py",
    "bench/mirror.py",
    "gateway/ledger/append.py",
    "gateway/ledger/counters.py",
    "gateway/ledger/models.py",
    "gateway/ledger/rows.py",
    "gateway/ledger/writer.py",
    "gateway/ledger/migrations/*.py",
    "schema/complaint.py",
)


def kept_at(data: Path, kind: str, rows: int) -> Path:
    """Where a ledger of this program's making is kept; older ones of the same kind and size are removed."""
    place = data / f"{kind}-{rows}-{_version()}"
    for other in data.glob(f"{kind}-{rows}-*"):
        if other != place:
            shutil.rmtree(other)
    return place


def sqlite_mirror(data: Path, rows: int) -> str:
    """Address of a full ledger on SQLite."""
    place = kept_at(data, "sqlite", rows)
    if not place.exists():
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=data) as folder:
            unfinished = Path(folder) / "sqlite"
            asyncio.run(fill(f"sqlite://{unfinished / 'simpul.db'}", unfinished, rows))
            unfinished.rename(place)
    _read_through(place / "simpul.db")
    return f"sqlite://{place / 'simpul.db'}"


def _read_through(file: Path) -> None:
    """Brings a file into the system's cache, where PostgreSQL's copy is already: it was just written."""
    with file.open("rb") as opened:
        while opened.read(1 << 20):
            pass


async def fill(url: str, data: Path, rows: int) -> None:
    """Brings the database up to date and, unless it holds complaints already, writes them.

    Args:
        data: where the witness goes.
    """
    await migrate(url)
    witness = Witness(data / "witness.json")
    try:
        with open_audit(data, Keyring(b"bench"), _now) as audit:
            async with open_database(url) as database, open_writer(database, witness, _now, audit) as writer:
                if not await database.fetch("SELECT id FROM complaints LIMIT 1"):
                    await _write(writer, rows)
    finally:
        witness.close()


async def _write(writer: LedgerWriter, rows: int) -> None:
    await writer.register(AGENCIES)
    written = 0
    for slug, batch in _batches(rows):
        await _store(writer, slug, batch)
        written += len(batch)
        if written % (20 * BATCH) == 0:
            print(f"  {written:,} of {rows:,} complaints written", flush=True)
    for agency in AGENCIES:
        await writer.report(SourceReport(agency=agency.id, state=SourceState.OK, as_of=_now(), checked_at=_now()))


async def _store(writer: LedgerWriter, agency: str, batch: Sequence[Complaint]) -> None:
    changes = [Change(before=None, after=complaint, events=(_submitted(complaint),)) for complaint in batch]
    await writer.change(agency, [str(complaint.native_id) for complaint in batch], lambda before: changes)


def _batches(rows: int) -> Iterator[tuple[str, list[Complaint]]]:
    each, more = divmod(rows, len(AGENCIES))
    sources = [(agency.id, complaints(agency, each + (k < more))) for k, agency in enumerate(AGENCIES)]
    while sources:
        left = []
        for agency, source in sources:
            if batch := list(islice(source, BATCH)):
                yield agency, batch
                left.append((agency, source))
        sources = left


def _submitted(complaint: Complaint) -> EventDraft:
    return EventDraft(
        kind=EventKind.SUBMITTED,
        status=complaint.status,
        occurred_at=complaint.submitted_at,
        origin=EventOrigin.SYNC,
    )


def _version() -> str:
    files = sorted(path for pattern in _SOURCES for path in _ROOT.glob(pattern))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _now() -> datetime:
    return datetime.now(UTC)
