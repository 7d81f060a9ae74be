"""What happened while a simulator ran, one JSON line each, so that it comes back as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from simulators.case import Filed, Move


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A move of the case with this number, or without one: its arrival at `at`.

    Attributes:
        filed: it arrived through the API.
        lost: the number was given away, and nothing was filed under it.
    """

    number: int
    at: int
    move: Move | None = None
    filed: Filed | None = None
    lost: bool = False


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Journal:
    """An append-only file. Each entry is one write, so a kill leaves at most one cut line, which is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> Iterator[Entry]:
        """All entries, oldest first; a cut last line is taken off the file."""
        if not self._path.exists():
            return
        whole = self._path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end < len(whole):
            os.truncate(self._path, end)
        yield from (_decoder.decode(line) for line in whole[:end].splitlines())

    def append(self, entry: Entry) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(self._file, _encoder.encode(entry) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
