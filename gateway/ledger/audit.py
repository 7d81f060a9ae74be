"""The audit in the database: appended to in the very transaction that it tells of, read back page by page."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog

from gateway.audit import ACCEPTED, DONE, FOUND, NOTHING, RESTORED, Entry, Head, Row, Signer, row_of
from gateway.keyring import Keyring
from gateway.ledger.append import locked_head
from gateway.ledger.database import Database, Transaction
from gateway.ledger.rows import moment_text
from schema.errors import ConfigError
from schema.ports import Clock

T = TypeVar("T")

_log = structlog.get_logger(__name__)

#: The head's file, in the data folder.
HEAD_FILE: Final = "audit.json"

COLUMNS: Final = (
    "seq", "at", "actor", "action", "outcome", "complaint_id", "other_id", "delivery_id", "ledger_seq", "body",
    "previous", "hash", "signature",
)  # fmt: skip

_MARKS = ", ".join(f"${n}" for n in range(1, len(COLUMNS) + 1))
_INSERT = f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({_MARKS})"  # noqa: S608 - names of ours
_SIGNED = f"SELECT {', '.join(COLUMNS)} FROM audit ORDER BY seq DESC LIMIT 1"  # noqa: S608 - names of ours
_NEWEST = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
_HASH = "SELECT hash FROM audit WHERE seq = $1"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM audit"  # noqa: S608 - names of ours

_ID: Final = re.compile("[a-z]+_[a-z0-9]+")

#: Rows that are read at a time.
_PAGE: Final = 1_000
_BEFORE_ALL: Final = -(1 << 63)
#: The head's file is one line of this width, written in place: no sector boundary runs through it.
_WIDTH: Final = 512


class _Line(msgspec.Struct, frozen=True):
    head: Head
    check: str


class AuditHead:
    """How far the audit has come, in a small file beside the data: what is cut off in the database is missed by it.

    Several processes may share one: what the file says is read again before it is written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fsync(self._file)

    def read(self) -> Head | None:
        """What was seen last; None when nothing was.

        Raises:
            ValueError: the file holds something else.
        """
        return _head_of(os.pread(self._file, _WIDTH, 0))

    def saw(self, head: Head) -> None:
        """Remembers how far the audit has come. Costs some microseconds."""
        try:
            last = self.read()
        except ValueError:
            last = None
        if last is None or (last.generation, last.seq) < (head.generation, head.seq):
            line = msgspec.json.encode(_Line(head, _check(head)))
            os.pwrite(self._file, line.ljust(_WIDTH - 1) + b"\n", 0)

    def close(self) -> None:
        """Closes the file, once it is on the disk."""
        os.fsync(self._file)
        os.close(self._file)


def read_head(path: Path) -> Head | None:
    """What a head's file says; None where there is none.

    Raises:
        ValueError: it holds something else.
    """
    return _head_of(path.read_bytes()[:_WIDTH]) if path.exists() else None


class AuditLog:
    """Appends to the audit. Within a transaction that holds the head row's lock, and nowhere else.

        noted = await audit.note(tx, actor=…, action=…, outcome=…)      # as often as wanted
        …
        audit.committed(noted)                                          # with the last of them, after the commit

    What `note` raises must end the transaction: no audit, no write.
    """

    def __init__(self, signer: Signer, head: AuditHead, clock: Clock) -> None:
        self._signer = signer
        self._head = head
        self._clock = clock

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
    ) -> Head:
        """Appends a row. Returns what `committed` is to be told.

        Args:
            position: the ledger's seq after this transaction; None reads the head's.
            others: see `gateway.audit.Entry`. What is no id (somebody asked for it, and was refused) is left out.
        """
        head = await self._newest(tx)
        entry = Entry(
            seq=head.seq + 1,
            at=moment_text(self._clock()),
            actor=actor,
            action=str(action),
            outcome=str(outcome),
            complaint=_id(complaint),
            other=_id(other),
            delivery=_id(delivery),
            position=await _position(tx) if position is None else position,
            body=body,
        )
        return await self._append(tx, entry, head)

    async def check_secret(self, ledger: Database | Transaction) -> None:
        """For whoever is not the hub, and may have been given another secret: what he writes would be worth nothing.

        Raises:
            ConfigError: the newest row was signed with another.
        """
        newest = await ledger.fetch(_SIGNED)
        if newest and not self._signer.signed(row_of(tuple(newest[0]), 0)):
            raise ConfigError(
                "the hub's audit is signed with another secret: give this command the hub's own SIMPUL_SECRET, or its"
                " SIMPUL_DATA_DIR"
            )

    async def restored(self, tx: Transaction, outcome: str, lost: Head, newest: Head) -> Head:
        """Appends the row that tells of a backup that was put back: the audit had come as far as `lost`."""
        entry = Entry(
            seq=newest.seq + 1,
            at=moment_text(self._clock()),
            actor="hub" if outcome == FOUND else "operator",
            action=RESTORED,
            outcome=outcome,
            other=str(lost.seq),
            position=await _position(tx),
            body=lost.hash,
        )
        generation = max(lost.generation, newest.generation) + 1
        return await self._append(tx, entry, msgspec.structs.replace(newest, generation=generation))

    async def accepted(self, tx: Transaction, row: int) -> Head:
        """Appends the row by which an operator answers for the row that tells of a backup."""
        head = await self._newest(tx)
        entry = Entry(
            seq=head.seq + 1,
            at=moment_text(self._clock()),
            actor="operator",
            action=ACCEPTED,
            outcome=DONE,
            other=str(row),
            position=await _position(tx),
        )
        return await self._append(tx, entry, head)

    async def lost(self, tx: Transaction) -> tuple[Head | None, Head]:
        """How far the audit had come if it no longer reaches or holds that row, and how far it reaches now."""
        seen = self._seen()
        rows = await tx.fetch(_NEWEST)
        newest = Head(seq=rows[0][0], hash=rows[0][1], signature="") if rows else _EMPTY
        if seen is None:
            return None, newest
        newest = msgspec.structs.replace(newest, generation=seen.generation)
        if seen.seq == newest.seq:
            held = newest.hash
        else:
            rows = await tx.fetch(_HASH, [seen.seq])
            held = rows[0][0] if rows else ""
        return (None if held == seen.hash else seen), newest

    def committed(self, noted: Head) -> None:
        """Remembers outside the database how far the audit has come, now that the transaction is committed."""
        try:
            self._head.saw(noted)
        except OSError:
            # What is committed must not look like a failed write.
            _log.exception("the audit's head can't be written: rows that are cut off may go unnoticed")

    def reached(self, seq: int, hash: str, signature: str) -> None:
        """Remembers that the audit has come this far, by whoever reads it: it may be another machine's."""
        seen = self._seen()
        self._head.saw(Head(seq=seq, hash=hash, signature=signature, generation=seen.generation if seen else 0))

    async def _newest(self, tx: Transaction) -> Head:
        lost, newest = await self.lost(tx)
        if lost is None:
            return newest
        _log.warning("the audit is not what it was: a backup was put back", ends=newest.seq, seen=lost.seq)
        return await self.restored(tx, FOUND, lost, newest)

    def _seen(self) -> Head | None:
        try:
            return self._head.read()
        except ValueError:
            _log.exception("the audit's head can't be read: rows that are cut off may go unnoticed")
            return None

    async def _append(self, tx: Transaction, entry: Entry, before: Head) -> Head:
        row = self._signer.row(entry, before.hash)
        await tx.execute(_INSERT, values(row))
        return Head(seq=entry.seq, hash=row.hash, signature=row.signature, generation=before.generation)


def _id(text: str | None) -> str | None:
    # What a client sends as an id may be of any length, or hold what must not be kept.
    return text if text is not None and len(text) <= 40 and _ID.fullmatch(text) else None


async def _position(tx: Transaction) -> int:
    [[seq]] = await tx.fetch("SELECT seq FROM head WHERE id = 1")
    return int(seq)


async def noting(
    database: Database, audit: AuditLog, body: Callable[[Transaction], Coroutine[Any, Any, tuple[T, Head | None]]]
) -> T:
    """Runs an operator's transaction: under the head's lock, on a connection of its own, also while a hub writes.

    Args:
        body: returns its result, and what the last note returned, if it made one.
    """

    async def locked(tx: Transaction) -> tuple[T, Head | None]:
        await locked_head(tx)
        return await body(tx)

    connection = await database.connect()
    try:
        result, noted = await connection.transaction(locked)
    finally:
        await connection.aclose()
    if noted is not None:
        audit.committed(noted)
    return result


@contextmanager
def open_audit(data_dir: Path, keyring: Keyring, clock: Clock) -> Iterator[AuditLog]:
    """The audit of a hub with this data folder."""
    head = AuditHead(data_dir / HEAD_FILE)
    try:
        yield AuditLog(Signer(keyring), head, clock)
    finally:
        head.close()


def values(row: Row) -> list[object]:
    """A row as the database's columns have it."""
    return [*msgspec.structs.astuple(row.entry), row.previous, row.hash, row.signature]


async def rows(database: Database, condition: str = "TRUE", params: tuple[object, ...] = ()) -> AsyncIterator[Row]:
    """All rows in order, page by page, while others are appended.

    Args:
        condition: what restricts them; its values are `$1` ….
    """
    after: Any = _BEFORE_ALL
    before = _BEFORE_ALL
    place, limit = len(params) + 1, len(params) + 2
    sql = f"{_SELECT} WHERE {condition} AND seq > ${place} ORDER BY seq LIMIT ${limit}"
    while page := await database.fetch(sql, [*params, after, _PAGE]):
        for each in page:
            yield row_of(tuple(each), max(before, 0))
            after = each[0]
            before = after if isinstance(after, int) else before + 1
        if len(page) < _PAGE:
            return


_EMPTY = Head(seq=0, hash=NOTHING, signature="")


def _head_of(content: bytes) -> Head | None:
    line = content.rstrip(b" \n\0")
    if not line:
        return None
    read = msgspec.json.decode(line, type=_Line)
    if read.check != _check(read.head):
        raise ValueError("the head does not match its own checksum")
    return read.head


def _check(head: Head) -> str:
    return hashlib.sha256(msgspec.json.encode(head)).hexdigest()[:16]
