"""The rows of an XLSX, read in a process of its own: `python -m connectors.files.sheet PATH SHEET MAX_UNPACKED`.

The reader is native code, which fills memory cell by cell between the first and the last one of a sheet and aborts the
process when there is no more. What a file can hold must not be able to end the hub; nor may reading it hold up the
event loop. Each row goes to standard output as a JSON list; a fault of the file as a JSON object.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from connectors.files.text import MAX_CELL, Line
from schema.errors import BadPayload

MAX_MEMORY: Final = 1_500_000_000
MAX_SECONDS: Final = 120
#: Excel keeps 15 digits of a number; whole ones below this are exact.
EXACT: Final = 10**15
#: Of the texts of one row, in characters.
MAX_ROW: Final = 4_000_000
#: Stands before a moment in text. Text of an agency never begins with it.
MOMENT: Final = "\0"


def sheet_lines(path: Path, sheet: str | None, max_unpacked: int) -> Iterator[Line]:
    """The rows of a sheet.

    Raises:
        BadPayload: no XLSX, cut short, without that sheet, or too large.
    """
    command = [sys.executable, "-I", "-m", "connectors.files.sheet", str(path), sheet or "", str(max_unpacked)]
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        try:
            for number, line in enumerate(child.stdout, 1):
                value = orjson.loads(line)
                if isinstance(value, dict):
                    if "whole" in value:
                        return
                    raise BadPayload(value["fault"])
                yield Line(number, value) if value is not None else Line(number, [], "is too large")
        finally:
            child.kill()
    raise BadPayload(f"can't be read with {MAX_MEMORY // 1_000_000:,} MB of memory in {MAX_SECONDS} s")


def main(path: str, sheet: str, max_unpacked: str) -> None:
    _confine()
    try:
        for row in _rows(path, sheet, int(max_unpacked)):
            _tell(row)
        _tell({"whole": True})
    except BadPayload as error:
        _tell({"fault": str(error)})
    sys.stdout.flush()


def _confine() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system knows such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.nice(5)


def _tell(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")


def _rows(path: str, sheet: str, max_unpacked: int) -> Iterator[list[Any] | None]:
    # Only the child needs it.
    from python_calamine import CalamineError, CalamineWorkbook

    _weigh(path, max_unpacked)
    try:
        book = CalamineWorkbook.from_path(path)
        if sheet and sheet not in book.sheet_names:
            raise BadPayload(f"has no sheet {sheet!r}; it has {', '.join(book.sheet_names[:20])}")
        if not book.sheet_names:
            raise BadPayload("has no sheet")
        table = book.get_sheet_by_name(sheet) if sheet else book.get_sheet_by_index(0)
        for cells in table.iter_rows():
            yield _row(cells)
    except BadPayload:
        raise
    except CalamineError as error:
        raise BadPayload(f"is not a whole XLSX ({type(error).__name__})") from None
    except BaseException as error:  # a panic of the native reader is no Exception
        raise BadPayload(f"can't be read as XLSX ({type(error).__name__})") from None


def _weigh(path: str, max_unpacked: int) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise BadPayload("is not a whole XLSX") from None
    if size > max_unpacked:
        raise BadPayload(f"unpacks to {size:,} bytes; {max_unpacked:,} are allowed")


def _row(cells: list[Any]) -> list[Any] | None:
    row = [_cell(cell) for cell in cells]
    while row and row[-1] in (None, ""):
        row.pop()
    return row if sum(len(cell) for cell in row if isinstance(cell, str)) <= MAX_ROW else None


def _cell(value: object) -> Any:
    """A cell as JSON. Excel has no whole numbers: 12 comes as 12.0. What has lost digits in it stays such a number."""
    if isinstance(value, str):
        return value[:MAX_CELL].lstrip(MOMENT)
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < EXACT else value
    if isinstance(value, datetime):
        return MOMENT + (value + timedelta(microseconds=500)).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return MOMENT + value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    return str(value) if isinstance(value, timedelta) else value


if __name__ == "__main__":
    main(*sys.argv[1:4])
