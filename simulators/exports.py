"""A folder of exports, as an office makes them: one of everything, then what changed, as XLSX and CSV in turn."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import xlsxwriter

from simulators.agency import Agency
from simulators.case import Case
from simulators.content import Story, story

#: Seconds between two exports of what changed.
EVERY: Final = 3.0
#: Seconds that a file stays half-written, while the agency is `malformed`. Readers wait longer for one to stand still.
HALF: Final = 1.0
_KEPT: Final = 20
_AGO: Final = 60.0
#: Faults during which nobody exports anything.
_SILENT: Final = frozenset({"down"})


class Sheet(msgspec.Struct, frozen=True):
    """What an export looks like.

    Attributes:
        name: how its files' names begin.
        title: stands above the columns in an XLSX.
        columns: their names.
        row: a case's cells; moments are datetimes without a zone.
        zone: of those moments.
    """

    name: str
    title: str
    columns: Sequence[str]
    row: Callable[[Story], Sequence[Any]]
    zone: timezone


class Exports:
    """An `Outlet`. `values` names the folder."""

    def __init__(self, agency: Agency, folder: Path, sheet: Sheet) -> None:
        self._agency, self._sheet = agency, sheet
        self._folder = folder / "ekspor"
        self._changed: dict[int, None] = {}
        self._numbers = count(1)
        self.values: Mapping[str, str] = {"files.folder": str(self._folder)}

    def open(self) -> None:
        """One export of all cases; what an earlier run left is removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()
        cases = list(self._agency.cases)
        whole = self._place(f"{self._sheet.name}-lengkap.xlsx", self._xlsx([self._row(case) for case in cases]))
        made = time.time() - _AGO  # nobody need wait for it to stand still
        os.utime(whole, (made, made))
        self._agency.on_change.append(lambda place: self._changed.setdefault(place))

    async def run(self) -> None:
        """Exports what changed, every few seconds."""
        while True:
            await asyncio.sleep(EVERY)
            await self.drop()

    async def drop(self) -> None:
        """Exports what changed since the last time, if anything did."""
        fault = self._agency.fault
        if not self._changed or fault in _SILENT:
            return
        places, self._changed = self._changed, {}
        rows = [] if fault == "empty" else [self._row(self._agency.cases[place]) for place in places]
        number = next(self._numbers)
        name = f"{self._sheet.name}-{number:06d}.{'xlsx' if number % 2 else 'csv'}"
        if fault == "malformed":
            broken = [None if place == 0 else cell for place, cell in enumerate(rows[0])]
            await self._write_slowly(name, self._file(name, [*rows, broken]))
        else:
            self._place(name, self._file(name, rows))
        if fault == "empty":  # what was not told is told when it is over
            self._changed = places | self._changed
        for old in sorted(self._folder.glob(f"{self._sheet.name}-0*"))[:-_KEPT]:
            old.unlink()

    def close(self) -> None:
        """Nothing is held."""

    def _row(self, case: Case) -> Sequence[Any]:
        return self._sheet.row(story(case))

    def _file(self, name: str, rows: Sequence[Sequence[Any]]) -> bytes:
        return self._xlsx(rows) if name.endswith(".xlsx") else self._csv(rows)

    def _place(self, name: str, content: bytes) -> Path:
        """All or nothing: a reader never sees half a file."""
        draft = self._folder / f".{name}.part"
        draft.write_bytes(content)
        return draft.replace(self._folder / name)

    async def _write_slowly(self, name: str, content: bytes) -> None:
        """What careful programs don't do: half a file stands there for a while."""
        with (self._folder / name).open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            await asyncio.sleep(HALF)
            file.write(content[len(content) // 2 :])

    def _csv(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """As Excel writes it here: semicolons, a byte order mark."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=";")
        writer.writerow(self._sheet.columns)
        writer.writerows([_told(cell) for cell in row] for row in rows)
        return text.getvalue().encode("utf-8-sig")

    def _xlsx(self, rows: Sequence[Sequence[Any]]) -> bytes:
        """With a title above the columns, moments as such and numbers as numbers."""
        file = io.BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
            table = book.add_worksheet("Pengaduan")
            moment = book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
            table.write_string(0, 0, self._sheet.title)
            table.write_string(1, 0, f"Dicetak {self._now():%d/%m/%Y %H:%M:%S}")
            table.write_row(3, 0, self._sheet.columns)
            for number, row in enumerate(rows, 4):
                for place, cell in enumerate(row):
                    if isinstance(cell, datetime):
                        table.write_datetime(number, place, cell, moment)
                    elif isinstance(cell, str):
                        table.write_string(number, place, cell)
                    elif cell is not None:
                        table.write_number(number, place, cell)
        return file.getvalue()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._agency.clock(), self._sheet.zone)


def _told(cell: object) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else str(cell)


def naive(at: int | None, zone: timezone) -> datetime | None:
    """The local time of so many seconds since 1970, as a spreadsheet has it: without its zone."""
    return None if at is None else datetime(1970, 1, 1) + timedelta(seconds=at) + (zone.utcoffset(None) or timedelta())  # noqa: DTZ001
