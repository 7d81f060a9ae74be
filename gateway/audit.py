"""The audit's chain: what a row is made of, how it is signed, and what is wrong with rows that somebody touched.

Each row carries the hash of the row before it, the SHA-256 of that hash and its own content, and a signature (Ed25519)
of its hash. Whoever changes, takes out, moves or puts in a row breaks it there, and can't mend it without the hub's
secret. Rows cut off at the end are missed by comparing with a head that was kept elsewhere.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.keyring import Keyring

#: What stands for the hash before the first row.
NOTHING: Final = "0" * 64
#: The action of a row that tells that a backup was put back: `other` is the number of the row that the audit had come
#: to, `body` its hash, `outcome` DONE if an operator's command did it, FOUND if the hub noticed.
RESTORED: Final = "RESTORE_BACKUP"
DONE: Final = "DONE"
FOUND: Final = "FOUND"
#: The action of a row by which an operator answers for the row FOUND whose number `other` is.
ACCEPTED: Final = "ACCEPT_RESTORE"

_FORM: Final = "simpul audit 1"
#: How far a row is looked for whose number was changed.
_NEAR: Final = 64


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, by ids and keyed hashes.

    Attributes:
        seq: 1, 2, 3 …
        at: as the ledger writes moments: `2021-03-23T05:12:00.000Z`.
        actor: `Viewer.credential`, "hub", or "operator" for a command.
        outcome: DONE, or the code of the problem.
        other: a second complaint, or the key that was made or revoked.
        position: the ledger's seq after it.
        body: keyed hash of what was asked.
    """

    seq: int
    at: str
    actor: str
    action: str
    outcome: str
    complaint: str | None = None
    other: str | None = None
    delivery: str | None = None
    position: int
    body: str | None = None


class Row(msgspec.Struct, frozen=True):
    """An entry in its place of the chain. Hashes are hex, the signature base64 for URLs without padding."""

    entry: Entry
    previous: str
    hash: str
    signature: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far the audit has come.

    Attributes:
        generation: counts how often a backup was put back.
    """

    seq: int
    hash: str
    signature: str
    generation: int = 0


def digest(previous: str, entry: Entry) -> str:
    """The hash of an entry that follows the row with the hash `previous`."""
    form = hashlib.sha256(previous.encode("utf-8", "surrogatepass"))
    form.update(msgspec.json.encode((_FORM, *msgspec.structs.astuple(entry))))
    return form.hexdigest()


class Signer:
    """Makes rows that only a hub with this secret can make."""

    def __init__(self, keyring: Keyring) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(keyring.key("audit signing", 32))
        #: What rows are verified with: may be told to anybody.
        self.public_key: bytes = self._key.public_key().public_bytes_raw()

    def row(self, entry: Entry, previous: str) -> Row:
        """The entry as the row after the one with the hash `previous`."""
        own = digest(previous, entry)
        signature = urlsafe_b64encode(self._key.sign(bytes.fromhex(own))).decode().rstrip("=")
        return Row(entry, previous, own, signature)

    def signed(self, row: Row) -> bool:
        """Whether a row's hash was signed with this secret."""
        return Verifier([self.public_key]).signs(row)


class Fault(StrEnum):
    """What is wrong with a row."""

    ALTERED = "ALTERED"
    FORGED = "FORGED"
    MOVED = "MOVED"
    MISSING = "MISSING"
    MISPLACED = "MISPLACED"
    UNLINKED = "UNLINKED"
    CUT = "CUT"
    REPLACED = "REPLACED"
    #: Nothing is wrong with the chain, but a backup was put back: rows that came after it are gone.
    RESTORED = "RESTORED"


class Finding(msgspec.Struct, frozen=True):
    """What is wrong, and where.

    Attributes:
        seq: of the row; of the first of them for MISSING and CUT.
        to: of the last of them; for MOVED, the number that the row was signed with; for RESTORED, how far the audit had
            come.
        excused: an operator answers for it.
    """

    seq: int
    fault: Fault
    to: int = 0
    excused: bool = False

    def __str__(self) -> str:
        rows = _rows(self.seq, self.seq if self.fault is Fault.MOVED else self.to)
        match self.fault:
            case Fault.ALTERED:
                return f"{rows} was altered: it does not say what its hash was made of"
            case Fault.FORGED:
                return f"{rows} was altered or put in: the hub did not sign it"
            case Fault.MOVED:
                return f"{rows} was moved: it was row {self.to:,}"
            case Fault.MISSING:
                return f"{rows}: deleted"
            case Fault.MISPLACED:
                return f"{rows} stands behind a later one, or is there twice"
            case Fault.UNLINKED:
                return f"{rows} does not follow the row before it: one of them is of another time"
            case Fault.CUT:
                return f"{rows}: in the audit once, and not there now: cut off, or a backup was put back"
            case Fault.REPLACED:
                return f"{rows} is not the one that was there: another took its place, or a backup was put back"
            case Fault.RESTORED:
                gone = f"{_rows(self.seq, self.to)} of before: gone" if self.to >= self.seq else "no row is gone"
                how = "an operator put a backup back" if self.excused else "the hub found the audit shorter than before"
                return f"row {self.seq:,} tells: {how}; {gone}"


def _rows(first: int, last: int) -> str:
    return f"rows {first:,}..{last:,}" if last > first else f"row {first:,}"


class Verifier:
    """Goes through rows, one after another, in constant memory.

    Args:
        public_keys: of the hub; more than one if its secret was changed.
        head: how far the audit had come, as it was known outside the database before the rows were read.
    """

    def __init__(self, public_keys: Iterable[bytes], head: Head | None = None) -> None:
        self._keys = [Ed25519PublicKey.from_public_bytes(key) for key in public_keys]
        self._head = head
        self._hash: str | None = NOTHING
        self._shift = 1
        self._unexcused: dict[int, Finding] = {}
        #: Rows seen, how many of them carry a signature of the hub, and the number of the last.
        self.rows = 0
        self.signed = 0
        self.last = 0

    def check(self, row: Row) -> Iterator[Finding]:
        """What is wrong with the next row."""
        entry, seq = row.entry, row.entry.seq
        self.rows += 1
        signed = self.signs(row)
        self.signed += signed
        same = _digests(row.previous, entry) == row.hash
        yield from self._placed(row, sound=same and signed)
        if not same:
            was = self._was(row)
            yield Finding(seq, Fault.ALTERED) if was is None else Finding(seq, Fault.MOVED, was)
        elif not signed:
            yield Finding(seq, Fault.FORGED)
        if self._head is not None and seq == self._head.seq and row.hash != self._head.hash and same and signed:
            yield Finding(seq, Fault.REPLACED)
        if same and signed:
            yield from self._restored(entry)

    def end(self) -> Iterator[Finding]:
        """What is wrong with where the rows ended, and what nobody answered for."""
        yield from self._unexcused.values()
        if self._head is not None and self.last < self._head.seq:
            yield Finding(self.last + 1, Fault.CUT, self._head.seq)

    def _restored(self, entry: Entry) -> Iterator[Finding]:
        number = int(entry.other) if entry.other is not None and entry.other.isdecimal() else 0
        if entry.action == RESTORED:
            finding = Finding(entry.seq, Fault.RESTORED, number, excused=entry.outcome == DONE)
            if finding.excused:
                yield finding
            else:
                self._unexcused[entry.seq] = finding
        elif entry.action == ACCEPTED and (accepted := self._unexcused.pop(number, None)) is not None:
            yield msgspec.structs.replace(accepted, excused=True)

    def _placed(self, row: Row, *, sound: bool) -> Iterator[Finding]:
        seq = row.entry.seq
        if seq <= self.last:
            yield Finding(seq, Fault.MISPLACED)
            return
        if seq > self.last + 1:
            yield Finding(self.last + 1, Fault.MISSING, seq - 1)
        elif sound and self._hash is not None and row.previous != self._hash:
            yield Finding(seq, Fault.UNLINKED)
        # What a touched row says of itself is no measure for the next one.
        self._hash = row.hash if sound else None
        self.last = seq

    def signs(self, row: Row) -> bool:
        """Whether one of the keys signed the row's hash."""
        try:
            signature = urlsafe_b64decode(row.signature + "=" * (-len(row.signature) % 4))
            signed = bytes.fromhex(row.hash)
        except ValueError:
            return False
        # One way to write it: else a signature could be altered unseen.
        if len(signed) != 32 or _text(signature) != row.signature or signed.hex() != row.hash:
            return False
        return any(_verified(key, signature, signed) for key in self._keys)

    def _was(self, row: Row) -> int | None:
        """The number that a row was signed with, if that is all that was changed."""
        seq = row.entry.seq
        for near in (self._shift, *range(1, _NEAR), *range(-1, -_NEAR, -1)):
            was = msgspec.structs.replace(row.entry, seq=seq + near)
            if _digests(row.previous, was) == row.hash:
                self._shift = near
                return was.seq
        return None


def verify(rows: Iterable[Row], public_keys: Sequence[bytes], head: Head | None = None) -> list[Finding]:
    """Everything that is wrong with rows, in their order."""
    verifier = Verifier(public_keys, head)
    findings = [finding for row in rows for finding in verifier.check(row)]
    return [*findings, *verifier.end()]


def row_of(values: Sequence[Any], after: int) -> Row:
    """A row as the database has it. What is of a type that no hub writes becomes what no hub signs.

    Args:
        values: of the entry's fields, then `previous`, `hash`, `signature`.
        after: the number of the row before it.
    """
    try:
        return Row(Entry(**dict(zip(Entry.__struct_fields__, values, strict=False))), *_checked(values))
    except msgspec.ValidationError:
        seq = values[0] if type(values[0]) is int else after + 1
        return Row(Entry(seq=seq, at="", actor="", action="", outcome="", position=0), "", "", "")


def _checked(values: Sequence[Any]) -> tuple[str, str, str]:
    msgspec.convert(values[: len(Entry.__struct_fields__)], _KINDS)
    return msgspec.convert(values[len(Entry.__struct_fields__) :], tuple[str, str, str])


_KINDS: Any = tuple[int, str, str, str, str, str | None, str | None, str | None, int, str | None]


def _digests(previous: str, entry: Entry) -> str | None:
    try:
        return digest(previous, entry)
    except (UnicodeEncodeError, OverflowError):
        return None


def _verified(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _text(signature: bytes) -> str:
    return urlsafe_b64encode(signature).decode().rstrip("=")
