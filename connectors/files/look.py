"""Which files there are, and which of them stand still."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from connectors.files.settings import ENDINGS
from schema.errors import Incomplete, Unreachable

MAX_FILES: Final = 20_000
_BLOCK: Final = 1 << 20
#: What programs leave while they write, and Excel while it has a file open.
_DRAFT = re.compile(r"\..*|~\$.*|.*\.(part|partial|tmp|temp|crdownload|filepart)", re.IGNORECASE | re.DOTALL)
_DIGITS = re.compile(r"\d+")


class File(NamedTuple):
    """A file to be read. `modified` in nanoseconds since 1970."""

    name: str
    path: Path
    size: int
    modified: int


def files_in(folder: Path, pattern: str | None) -> Iterator[File]:
    """The files of a folder whose names fit.

    Raises:
        Unreachable: the folder can't be read.
        Incomplete: there are too many of them.
    """
    count = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not _fits(entry.name, pattern) or not entry.is_file():
                    continue
                count += 1
                if count > MAX_FILES:
                    raise Incomplete(f"the folder holds more than {MAX_FILES:,} files")
                with suppress(FileNotFoundError):  # gone since the folder was listed
                    stat = entry.stat()
                    yield File(entry.name, Path(entry.path), stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        raise Unreachable(f"the folder of files can't be read ({type(error).__name__})") from None


def _fits(name: str, pattern: str | None) -> bool:
    if _DRAFT.fullmatch(name):
        return False
    return fnmatchcase(name, pattern) if pattern else Path(name).suffix.lower() in ENDINGS


def rank(name: str, modified: int, by: str) -> str:
    """Text that is greater for a newer file: by the time it was modified, or by its name, with numbers as such."""
    natural = _DIGITS.sub(lambda digits: digits[0].lstrip("0").rjust(30, "0"), name)
    return natural if by == "name" else f"{modified:020d} {natural}"


def hash_of(path: Path) -> str:
    """SHA-256, hex."""
    hash = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            hash.update(block)
    return hash.hexdigest()


class Stillness:
    """Tells files that stand still from those that are being written.

    Args:
        settle: seconds without a change.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._since: dict[str, tuple[int, int, float]] = {}

    def holds(self, file: File, now: float) -> bool:
        """Whether a file has not changed for long enough, by its own date or, where that lies ahead, by our looks."""
        if self._settle <= 0 or now - self._settle - file.modified / 1e9 >= 0:
            self._since.pop(file.name, None)
            return True
        size, modified, since = self._since.get(file.name, (-1, -1, now))
        if (size, modified) != (file.size, file.modified):
            since = now
        self._since[file.name] = (file.size, file.modified, since)
        return now - since >= self._settle
