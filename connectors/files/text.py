"""The rows of CSV and NDJSON files, one after another: a file is never in memory as a whole."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection, Iterator
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

import orjson

from connectors.reply import MAX_DEPTH, deeper_than
from connectors.values import kind_of
from schema.errors import BadPayload

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_LINE: Final = 4_000_000
MAX_CELL: Final = 1_000_000
_SAMPLE: Final = 40
_CHUNK: Final = 1 << 20
#: Put after the last line; it comes out as a row of its own, unless a quotation mark was never closed.
_END: Final = "\x1a end of the file \x1a"

csv.field_size_limit(MAX_CELL)


class Line(NamedTuple):
    """A row as it stands in the file.

    Attributes:
        number: from 1, as a spreadsheet counts; blank rows count.
        value: list of cells, or an object where the file names its fields in each row.
        fault: why it can't be read.
        ended: whether the line was ended; a last line that wasn't may be cut short.
    """

    number: int
    value: Any
    fault: str | None = None
    ended: bool = True


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16 where the file is such, else Windows-1252, else Latin-1.

    Raises:
        BadPayload: it ends within a character.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        file.seek(0)
        if _decodes(file, "utf-8"):
            return "utf-8-sig"
        file.seek(0)
        return "cp1252" if _decodes(file, "cp1252") else "latin-1"


def _decodes(file: Any, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BadPayload("is cut short: it ends within a character") from None
    return True


def csv_lines(path: Path, encoding: str, delimiter: str | None, names: Collection[str]) -> Iterator[Line]:
    """The rows of a CSV.

    Args:
        delimiter: None finds it.
        names: of columns, one of which the header is known to have.

    Raises:
        BadPayload: cut short, not text, or not in that encoding.
    """
    with _opened(path, encoding) as file:
        ends: list[bool] = []
        lines = _lines(file, ends)
        sample = list(islice(lines, _SAMPLE))
        if sample and sample[0].strip().lower().startswith("sep=") and len(sample[0].strip()) <= 5:
            delimiter = delimiter or sample[0].strip()[4:].strip('"') or "\t"
            sample[0] = "\n"  # Excel's own remark; it counts as a row all the same
        reader = csv.reader(chain(sample, lines, [_END]), delimiter=delimiter or _delimiter(sample, names))
        yield from _read(reader, ends)


def _read(reader: Any, ends: list[bool]) -> Iterator[Line]:
    """One behind the reader: only when there is no more, it is known which row was the last."""
    held: list[Line] = []
    for number in count(1):
        try:
            held.append(Line(number, next(reader)))
        except StopIteration:
            break
        except csv.Error as error:
            held.append(Line(number, [], f"can't be read ({error})"))
        if len(held) > 2:
            yield held.pop(0)
    if held[-1].value != [_END]:
        raise BadPayload("is cut short: a quotation mark is never closed")
    yield from (line._replace(ended=bool(ends)) for line in held[:-1])


def _lines(file: TextIO, ends: list[bool]) -> Iterator[str]:
    """Lines that end in a line end; `ends` is emptied at one that did not have one."""
    ends.append(True)
    for line in _bounded(file):
        if "\0" in line[:200]:
            raise BadPayload("is no text")
        if not line.endswith(("\n", "\r")):
            ends.clear()
        yield line if ends else line + "\n"


def _bounded(file: TextIO) -> Iterator[str]:
    try:
        while line := file.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith("\n"):
                raise BadPayload(f"has a line of more than {MAX_LINE:,} characters")
            yield line
    except UnicodeError:
        raise BadPayload("is not in the encoding that was agreed") from None


def _opened(path: Path, encoding: str) -> TextIO:
    try:
        return path.open(encoding=encoding, newline="")
    except (LookupError, ValueError):
        raise BadPayload("the encoding that was agreed is unknown") from None


def _delimiter(sample: list[str], names: Collection[str]) -> str:
    """The one that shows a known column; else the one that makes most cells."""

    def worth(delimiter: str) -> tuple[bool, int]:
        try:
            rows = list(csv.reader(sample, delimiter=delimiter))
        except csv.Error:
            return False, 0
        known = [len(row) for row in rows if any(" ".join(cell.split()) in names for cell in row)]
        return bool(known), known[0] if known else max(map(len, rows), default=0)

    return max(DELIMITERS, key=worth)


def ndjson_lines(path: Path, encoding: str) -> Iterator[Line]:
    """The objects of an NDJSON file; a line that is none is told as such.

    Raises:
        BadPayload: cut short, or no text.
    """
    with _opened(path, encoding) as file:
        ends: list[bool] = []
        for number, line in enumerate(_lines(file, ends), 1):
            value, fault = _object(line)
            if fault and not ends:
                raise BadPayload("is cut short: the last line is not whole")
            yield Line(number, value, fault)


def _object(line: str) -> tuple[Any, str | None]:
    if not line.strip():
        return None, None
    try:
        value = orjson.loads(line)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return None, "is not JSON"
    return value, fault_of(value)


def fault_of(value: object) -> str | None:
    """Why a value of a JSON file is no record; None if it is one."""
    if not isinstance(value, dict):
        return f"is {kind_of(value)} where an object was expected"
    return f"is nested deeper than {MAX_DEPTH}" if deeper_than(value, MAX_DEPTH) else None
