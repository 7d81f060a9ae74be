"""What this hub remembers of the ledger outside the database: it tells when a backup was put back.

An epoch is 8 hexadecimal digits that count up and 24 at random. A restored database brings its old epoch back, perhaps
with other events under numbers that clients have seen. The witness knows the epoch, the highest seq that left this hub
and what the event under that seq was; where the database does not agree, a new epoch begins.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from schema.events import Position

#: The file is one line of this width, written in place: no sector boundary runs through it.
_WIDTH = 512


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """The newest event that left this hub.

    Attributes:
        fingerprint: of the event at `seq`; empty where only its number was seen.
        identity: of the database; see `Database.identity`.
    """

    epoch: str
    seq: int
    identity: str
    fingerprint: str = ""


class _Line(msgspec.Struct, frozen=True):
    sighting: Sighting
    check: str


class Witness:
    """A small file beside the data. Made where there is none.

    Several processes may share one: what the file says is read again before it is written.

    Attributes:
        highest: what this process knows to have been seen.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._identity = ""
        self.highest = Position("", 0)

    def read(self) -> Sighting | None:
        """What was seen last; None when nothing was.

        Raises:
            ValueError: the file holds something else.
        """
        line = os.pread(self._file, _WIDTH, 0).rstrip(b" \n\0")
        if not line:
            return None
        read = msgspec.json.decode(line, type=_Line)
        if read.check != _digest(read.sighting):
            raise ValueError("the witness does not match its own checksum")
        return read.sighting

    def begin(self, sighting: Sighting) -> None:
        """Starts from what the database said just now."""
        with suppress(ValueError):
            last = self.read()
            if last and (last.epoch, last.identity) == (sighting.epoch, sighting.identity) and last.seq > sighting.seq:
                sighting = last  # another process was quicker
        self._write(sighting)
        os.fsync(self._file)

    def saw(self, position: Position, fingerprint: str = "") -> None:
        """Remembers an event before it leaves this hub. Costs some microseconds, and nothing for one seen before."""
        if position.epoch == self.highest.epoch and position.seq <= self.highest.seq:
            return
        try:
            last = self.read()
        except ValueError:
            last = None
        if last is not None and _not_before(last, position):
            self.highest = Position(last.epoch, last.seq)
            return
        identity = self._identity or (last.identity if last else "")
        self._write(Sighting(epoch=position.epoch, seq=position.seq, identity=identity, fingerprint=fingerprint))

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _write(self, sighting: Sighting) -> None:
        line = msgspec.json.encode(_Line(sighting, _digest(sighting)))
        os.pwrite(self._file, line.ljust(_WIDTH - 1) + b"\n", 0)
        self._identity = sighting.identity
        self.highest = Position(sighting.epoch, sighting.seq)


def doubt(seen: Sighting | None, head: Position, fingerprint: str, identity: str) -> str | None:
    """Why a database can't be the one that was seen, grown since; None when it can.

    Args:
        head: what the database says of itself.
        fingerprint: of its event at `seen.seq`; empty where it has none.
        identity: of the database.
    """
    if seen is None or ordinal(head.epoch) > ordinal(seen.epoch):
        return None  # nothing was seen, or another hub of this database has begun a new epoch
    if head.epoch != seen.epoch:
        return "it carries an older epoch"
    if head.seq < seen.seq:
        return f"it ends at {head.seq}, and {seen.seq} was seen"
    if identity != seen.identity:
        return f"it is {identity}, and was {seen.identity}"
    if seen.fingerprint and fingerprint != seen.fingerprint:
        return f"its event {seen.seq} is another"
    return None


def next_epoch(*before: str) -> str:
    """An epoch after all of these."""
    return f"{max(map(ordinal, before), default=0) + 1:08x}{secrets.token_hex(12)}"


def ordinal(epoch: str) -> int:
    """How many epochs there were up to this one."""
    return int(epoch[:8], 16)


def fingerprint(seq: int, complaint_id: str | None, version: int, kind: str, recorded_at: str) -> str:
    """A digest of an event; `recorded_at` as the ledger writes it."""
    return hashlib.sha256(msgspec.json.encode((seq, complaint_id, version, kind, recorded_at))).hexdigest()[:32]


def _not_before(last: Sighting, position: Position) -> bool:
    return (ordinal(last.epoch), last.seq) >= (ordinal(position.epoch), position.seq)


def _digest(sighting: Sighting) -> str:
    return hashlib.sha256(msgspec.json.encode(sighting)).hexdigest()[:16]
