"""From a file to the rows that the agency's maps are applied to: one object per row, by the columns' names."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime, time
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from connectors.files.columns import Needed
from connectors.files.settings import ENDINGS, FilesSettings
from connectors.files.sheet import MOMENT, sheet_lines
from connectors.files.text import Line, csv_lines, encoding_of, fault_of, ndjson_lines
from connectors.paths import Path as Expression
from connectors.reply import MAX_DEPTH, deeper_than
from schema.errors import BadPayload, RecordError

#: The header stands within so many rows.
SEARCHED: Final = 50
MAX_COLUMNS: Final = 2_000
_SHOWN: Final = 30

#: Told what an operator should know of a file: event and details.
Tell = Callable[..., None]


class Row(NamedTuple):
    """A row. `fault` says why it can't be read; `raw` is then what there is of it."""

    number: int
    raw: dict[str, Any]
    fault: str | None = None


def read_table(
    path: Path, name: str, settings: FilesSettings, needed: Needed, tell: Tell
) -> Generator[Row, None, None]:
    """The rows of a file, blank ones left out.

    Args:
        name: how the file is called; its ending says what it holds.
        needed: of each of these sets of columns the header has at least one; the first is the native id's.

    Raises:
        BadPayload: it can't be read as a whole; rows that came before are not to be used.
    """
    rows = _rows(path, name, settings, needed, tell)
    for count, row in enumerate(rows, 1):
        if count > settings.max_rows:
            raise BadPayload(f"has more than {settings.max_rows:,} rows")
        yield _joined(row, settings.joined) if settings.joined else row


def _rows(path: Path, name: str, settings: FilesSettings, needed: Needed, tell: Tell) -> Iterator[Row]:
    form = settings.format or ENDINGS.get(Path(name).suffix.lower())
    if form is None:
        raise BadPayload(f"has an ending that says nothing; known are {', '.join(ENDINGS)}")
    looks = _looks(path)
    if looks == "nothing":
        raise BadPayload("is empty")
    if (looks == "xlsx") != (form == "xlsx") or looks in ("html", "xls"):
        raise BadPayload(f"is {looks} where {form} was expected")
    if form == "xlsx":
        return _table(sheet_lines(path, settings.sheet, settings.max_unpacked), settings.header, needed, tell)
    if form == "json":
        return _listed(path, settings.records)
    encoding = settings.encoding or encoding_of(path)
    if settings.encoding is None and encoding in ("cp1252", "latin-1"):
        tell("files.encoding", read_as=encoding)
    if form == "ndjson":
        return _objects(ndjson_lines(path, encoding))
    return _table(csv_lines(path, encoding, settings.delimiter, needed[0]), settings.header, needed, tell)


def _looks(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK"):
        return "xlsx"
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return "xls"  # or an XLSX with a password
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "nothing" if not text else "html" if text.startswith((b"<!doctype html", b"<html")) else "text"


def _table(lines: Iterator[Line], header: int | None, needed: Needed, tell: Tell) -> Iterator[Row]:
    columns = _columns(lines, header, needed, tell)
    for number, cells, fault, ended in lines:
        if not ended and len(cells) < len(columns):
            raise BadPayload(f"is cut short: row {number} has {len(cells)} of {len(columns)} cells and no end")
        values = [_value(cell) for cell in cells]
        raw = {name: value for name, value in zip(columns, values, strict=False) if name is not None}
        if fault is None and any(value is not None for value in values[len(columns) :]):
            fault = "has more cells than the header"
        if fault is not None or any(value is not None for value in values):
            yield Row(number, raw, fault)


def _columns(lines: Iterator[Line], header: int | None, needed: Needed, tell: Tell) -> list[str | None]:
    """The names in the header row; None for a column without one. `lines` goes on after it."""
    seen: list[list[str | None]] = []
    for number, cells, _, ended in islice(lines, header or SEARCHED):
        names = [_name(cell) for cell in cells[:MAX_COLUMNS]]
        if any(names):
            seen.append(names)
        known = any(name in needed[0] if needed[0] else name for name in names)
        if number == header or (header is None and known):
            if not ended:
                raise BadPayload("is cut short: there is nothing after the header's beginning")
            missing = next((some for some in needed if some and some.isdisjoint(names)), None)
            if missing is not None:
                raise _without(missing, names)
            return _distinct(names, tell)
    raise _without(needed[0], max(seen, key=len, default=[]))


def _without(needed: frozenset[str], names: Sequence[str | None]) -> BadPayload:
    known = ", ".join(name for name in names[:_SHOWN] if name)
    return BadPayload(f"has no column {' or '.join(sorted(needed)[:5])}; it has: {known or 'nothing'}")


def _distinct(names: Sequence[str | None], tell: Tell) -> list[str | None]:
    found: list[str | None] = []
    for name in names:
        other, count = name, 1
        while other is not None and other in found:
            count += 1
            other = f"{name} ({count})"
        found.append(other)
    twice = [other for name, other in zip(names, found, strict=True) if other != name]
    if twice:
        tell("files.columns_twice", read_as=twice)
    return found


def _name(cell: object) -> str | None:
    value = _value(cell)
    return (" ".join(str(value).split()).lstrip(MOMENT)[:200] or None) if value is not None else None


def _value(cell: object) -> object:
    """A cell: texts trimmed, blanks nothing, `="08123"` (as exports keep Excel from counting) the text in it."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1]
    return text or None


def _objects(lines: Iterator[Line]) -> Iterator[Row]:
    for number, value, fault, _ in lines:
        if value is not None or fault is not None:
            yield Row(number, value if isinstance(value, dict) else {"row": value}, fault)


def _listed(path: Path, records: str | None) -> Iterator[Row]:
    try:
        body = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        deep = deeper_than(body, 2 * MAX_DEPTH)
        found = None if deep else Expression(records or "@").find(body)
    except (orjson.JSONDecodeError, RecordError) as error:
        raise BadPayload("is not whole JSON" if isinstance(error, ValueError) else "files.records fails") from None
    if not isinstance(found, list):
        raise BadPayload("is nested too deep" if deep else "has no list of records where files.records leads")
    return _objects(Line(number, value, fault_of(value)) for number, value in enumerate(found, 1))


def _joined(row: Row, joined: Mapping[str, Sequence[str]]) -> Row:
    made = {name: _join([row.raw.get(part) for part in parts]) for name, parts in joined.items()}
    return row._replace(raw={**row.raw, **made})


def _join(parts: Sequence[object]) -> str | None:
    there = [part for part in parts if part is not None]
    day = _thawed(there[0]) if len(there) == 2 else None
    if isinstance(day, datetime):
        try:
            at = time.fromisoformat(str(there[1]))
        except ValueError:
            at = None
        if at is not None:
            return MOMENT + datetime.combine(day, at).isoformat()
    return " ".join(str(part).lstrip(MOMENT) for part in there) or None


def thawed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its moments as such."""
    return {name: _thawed(value) for name, value in raw.items()}


def _thawed(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(MOMENT):
        try:
            return datetime.fromisoformat(value[1:])
        except ValueError:
            return value[1:]
    return value
