"""What people asked for whose data it is, and what must outlast any harvest and any backup.

Kept are keyed digests of a complaint's id, its number at the agency and its tracking id, in a table and in a file
beside the database: without the hub's secret nobody learns from them whose they are. The table is read in the writer's
transactions; the file remembers for a database that was put back from an older backup (`behind`).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.append import among, upsert
from gateway.ledger.database import Database, Transaction
from gateway.ledger.erasure import emptied
from gateway.ledger.rows import moment_text
from schema.complaint import Complaint
from schema.events import Change

FILE: Final = "subjects.log"

_PURPOSE: Final = "data subjects"
_UPSERT: Final = upsert("subjects", ("id", "wish", "created_at"), kept=("id", "created_at"))
#: In the file: the wish is no longer there.
_LIFTED: Final = "-"
_PAGE: Final = 2_000


class Wish(StrEnum):
    """What holds for a complaint."""

    ERASE = "ERASE"
    #: Shown as confidential; it would be public otherwise.
    RESTRICT = "RESTRICT"
    #: Shown as confidential, and would be so anyway.
    RESTRICT_TOO = "RESTRICT_TOO"


class Subjects:
    """The wishes of one hub's ledger.

    Args:
        keyring: the hub's; another secret knows nobody again.
        path: of the file; made at the first wish.
    """

    def __init__(self, keyring: Keyring, path: Path) -> None:
        self._keyring = keyring
        self._path = path

    def marks(self, complaint: Complaint) -> list[str]:
        """What a complaint is known by."""
        return self._marks(complaint.id, complaint.agency, complaint.native_id, complaint.tracking_id)

    def remember(self, complaints: Iterable[Complaint], wish: Wish | None) -> None:
        """Writes a wish down beside the database; None: it is lifted. On disk when this returns."""
        self._write({mark: wish for complaint in complaints for mark in self.marks(complaint)})

    def remembered(self) -> dict[str, Wish | None]:
        """The last wish of each mark in the file; None: it was lifted."""
        found: dict[str, Wish | None] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="ascii", errors="replace").splitlines():
                mark, _, word = line.partition(" ")
                if len(mark) == 64 and word in (_LIFTED, *Wish):
                    found[mark] = None if word == _LIFTED else Wish(word)
        return found

    async def keep(
        self, tx: Transaction, wishes: Mapping[str, Wish], complaints: Iterable[Complaint], at: datetime
    ) -> None:
        """Keeps the wishes for complaints, by their ids; those that have none are lifted."""
        await self.put(tx, {mark: wishes.get(each.id) for each in complaints for mark in self.marks(each)}, at)

    async def of(self, tx: Transaction | Database, complaints: Sequence[Complaint]) -> dict[str, Wish]:
        """The wishes for complaints, by their ids. What was erased under one of its marks is erased."""
        if not complaints or not await tx.fetch("SELECT 1 FROM subjects LIMIT 1"):
            return {}
        marks = {mark: complaint.id for complaint in complaints for mark in self.marks(complaint)}
        test, values = among(tx, "$1", list(marks))
        rows = await tx.fetch(f"SELECT id, wish FROM subjects WHERE id {test}", [values])  # noqa: S608 - ours
        found: dict[str, Wish] = {}
        for mark, word in rows:
            if found.get(marks[mark]) is not Wish.ERASE:
                found[marks[mark]] = Wish(word)
        return found

    async def follow(self, tx: Transaction, complaints: Collection[Complaint], now: datetime) -> None:
        """Has the wishes hold under complaints' new ids and numbers too, here and beside the database."""
        wishes = await self.of(tx, list(complaints))
        for complaint in complaints:
            if wish := wishes.get(complaint.id):
                self.remember([complaint], wish)
                await self.keep(tx, wishes, [complaint], now)

    async def behind(self, database: Database) -> dict[str, Wish | None]:
        """What the file remembers otherwise than the table does, as after an older backup was put back, by mark.

        What the table alone knows, as from another hub, is written into the file.
        """
        held = {mark: Wish(word) for mark, word in await database.fetch("SELECT id, wish FROM subjects")}
        known = await asyncio.to_thread(self.remembered)
        if missing := {mark: wish for mark, wish in held.items() if mark not in known}:
            await asyncio.to_thread(self._write, missing)
        return {mark: wish for mark, wish in known.items() if _shown(held.get(mark)) is not _shown(wish)}

    async def whose(self, database: Database, marks: Mapping[str, Wish | None]) -> dict[Wish | None, list[str]]:
        """Ids of the complaints that have these marks, by what is to hold for them; of those that are not empty.

        Looks at every complaint that there is.
        """
        found: dict[Wish | None, list[str]] = {}
        after = ""
        while True:
            rows = await database.fetch(
                f"SELECT id, agency, native_id, tracking_id FROM complaints"  # noqa: S608 - a number of ours
                f" WHERE id > $1 AND content_state <> 'ERASED' ORDER BY id LIMIT {_PAGE}",
                [after],
                heavy=True,
            )
            for row in rows:
                wishes = [marks[mark] for mark in self._marks(*row) if mark in marks]
                if wishes:
                    found.setdefault(Wish.ERASE if Wish.ERASE in wishes else wishes[0], []).append(row[0])
            if len(rows) < _PAGE:
                return found
            after = rows[-1][0]

    async def put(self, tx: Transaction, marks: Mapping[str, Wish | None], at: datetime) -> None:
        """Has the table say what these marks say."""
        if kept := [(mark, wish.value, moment_text(at)) for mark, wish in marks.items() if wish is not None]:
            await tx.executemany(_UPSERT, kept)
        if lifted := [mark for mark, wish in marks.items() if wish is None]:
            test, values = among(tx, "$1", lifted)
            await tx.execute(f"DELETE FROM subjects WHERE id {test}", [values])  # noqa: S608 - ours

    def _write(self, marks: Mapping[str, Wish | None]) -> None:
        lines = [f"{mark} {wish or _LIFTED}\n" for mark, wish in marks.items()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A line that a power cut left half-written ends here.
            if file.seek(0, os.SEEK_END) and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
                lines.insert(0, "\n")
            os.write(file.fileno(), "".join(lines).encode())
            os.fsync(file.fileno())

    def _marks(self, id: str, agency: str, native_id: str | None, tracking_id: str) -> list[str]:
        marks = [self._mark("complaint", id)]
        if native_id is not None:
            marks.append(self._mark("number", agency, native_id))
        if tracking_id:
            marks.append(self._mark("tracking id", agency, tracking_id))
        return marks

    def _mark(self, kind: str, *parts: str) -> str:
        return self._keyring.digest(_PURPOSE, kind.encode(), *(each.encode() for each in parts)).hex()


def _shown(wish: Wish | None) -> Wish | None:
    """The two ways to be restricted show alike."""
    return Wish.RESTRICT if wish is Wish.RESTRICT_TOO else wish


def unrestricted(complaint: Complaint, wish: Wish | None) -> Complaint:
    """The complaint as its agency told it last."""
    return replace(complaint, is_confidential=False) if wish is Wish.RESTRICT else complaint


def heeded(change: Change, wish: Wish | None, stored: Complaint | None) -> Change:
    """A change that an agency's record makes, as a wish lets it be.

    Args:
        stored: the snapshot as it is; the change was made from `unrestricted`.
    """
    if wish is Wish.ERASE:
        return replace(change, before=stored, after=emptied(change.after), reporter=None)
    if wish is None:
        return change
    return replace(change, before=stored, after=replace(change.after, is_confidential=True))


def told_anew(change: Change, wish: Wish | None) -> Wish | None:
    """The wish from now on: an agency may make a restricted complaint confidential itself, or no longer."""
    if wish not in (Wish.RESTRICT, Wish.RESTRICT_TOO):
        return wish
    return Wish.RESTRICT_TOO if change.after.is_confidential else Wish.RESTRICT
