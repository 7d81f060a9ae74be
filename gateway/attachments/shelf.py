"""Where files lie: their bytes by checksum, and beside them for each attachment whose it is.

    ab/abcdef…                 bytes, named by their SHA-256
    notes/attachment_…         JSON: checksum, and the complaint that the attachment belongs to
    drafts/attachment_…        what is still arriving

Bytes and note are on disk before anybody is told of the attachment. Several hubs may share the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

_ID: Final = re.compile(r"attachment_[a-z2-7]{26}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Note(msgspec.Struct, frozen=True):
    """Whose an attachment is. `sha256` in hex."""

    complaint: str
    sha256: str


class Shelf:
    """One folder. Blocks: to be called in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._notes = folder / "notes"
        self._drafts = folder / "drafts"

    def draft(self, attachment: str) -> Path:
        """Where a file may arrive; the folder is there."""
        self._notes.mkdir(parents=True, exist_ok=True)
        self._drafts.mkdir(parents=True, exist_ok=True)
        return self._drafts / attachment

    def keep(self, attachment: str, draft: Path, note: Note) -> None:
        """Puts a draft in its place. When this returns, a power cut takes nothing away.

        Raises:
            OSError: it can't be kept.
        """
        place = self._place(note.sha256)
        place.parent.mkdir(exist_ok=True)
        with self._locked(fcntl.LOCK_SH):
            _write(self._notes / attachment, msgspec.json.encode(note))
            if place.exists():
                os.utime(place)  # so that no sweep takes it for forgotten
                draft.unlink()
            else:
                _sync(draft)
                draft.replace(place)
        for folder in (place.parent, self._folder, self._notes):
            _sync(folder)

    def note(self, attachment: str) -> Note | None:
        """Whose an attachment is; None if there is none."""
        if not _ID.fullmatch(attachment):
            return None
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode((self._notes / attachment).read_bytes(), type=Note)
        return None

    def path(self, sha256: str) -> Path | None:
        """Where bytes with this checksum lie."""
        place = self._place(sha256) if _SHA256.fullmatch(sha256) else None
        return place if place is not None and place.is_file() else None

    def read(self, sha256: str) -> bytes | None:
        """Bytes with this checksum; None if there are none, or no longer the same."""
        place = self.path(sha256)
        content = place.read_bytes() if place is not None else None
        return content if content is not None and hashlib.sha256(content).hexdigest() == sha256 else None

    def of(self, complaint: str) -> dict[str, Path]:
        """Where the files of a complaint lie, by attachment."""
        notes = {path.name: self.note(path.name) for path in _files(self._notes)}
        return {name: self._place(note.sha256) for name, note in notes.items() if note and note.complaint == complaint}

    def notes(self, before: datetime) -> dict[str, Note]:
        """Attachments that were noted before a moment."""
        found = ((path.name, self.note(path.name)) for path in _older(self._notes, before))
        return {attachment: note for attachment, note in found if note is not None}

    def forget(self, attachment: str) -> None:
        """Takes a note away; its bytes go by the next `clear`."""
        (self._notes / attachment).unlink(missing_ok=True)

    def drop(self, complaints: Collection[str]) -> int:
        """Deletes the files of complaints, but bytes that others hold too. Returns how many attachments that were."""
        notes = {path.name: note for path in _files(self._notes) if (note := self.note(path.name)) is not None}
        dropped = {attachment: note for attachment, note in notes.items() if note.complaint in complaints}
        for attachment in dropped:
            self.forget(attachment)
        for sha256 in {note.sha256 for note in dropped.values()}:
            with self._locked(fcntl.LOCK_EX):
                held = (self.note(path.name) for path in _files(self._notes))
                if all(note is None or note.sha256 != sha256 for note in held):
                    self._place(sha256).unlink(missing_ok=True)
        return len(dropped)

    def clear(self, before: datetime) -> int:
        """Deletes bytes that no note names, and drafts, that are older. Returns how many."""
        for draft in _older(self._drafts, before):
            draft.unlink(missing_ok=True)
        named = {note.sha256 for path in _files(self._notes) if (note := self.note(path.name)) is not None}
        places = (place for folder in self._folder.glob("[0-9a-f][0-9a-f]") for place in _older(folder, before))
        forgotten = [place for place in places if place.name not in named]
        return sum(self._delete(place, before) for place in forgotten)

    def _delete(self, place: Path, before: datetime) -> bool:
        with self._locked(fcntl.LOCK_EX):  # whoever names it anew makes it young again, under the same lock
            old = _is_older(place, before)
            if old:
                place.unlink(missing_ok=True)
            return old

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with (self._folder / "lock").open("ab") as file:
            fcntl.flock(file, how)
            yield


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _older(folder: Path, moment: datetime) -> list[Path]:
    return [path for path in _files(folder) if _is_older(path, moment)]


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False
