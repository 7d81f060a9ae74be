"""What drivers give, as what `connectors.mapping` reads: texts, numbers, true and false, moments, lists and objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from schema.errors import BadPayload

#: A row as the driver gave it.
Row = dict[str, Any]

#: Bytes of a row beside its texts, about.
_ROW: Final = 100
_CONTROLS: Final = frozenset(range(32)) - {9, 10, 13}
_EXACT: Final = 2**53
#: Years of `9999-12-31` and PostgreSQL's infinities: not yet, or since ever.
_NEVER: Final = (1, 9999)


class Bag:
    """Rows as they come in, as long as they have room.

    Args:
        limit: bytes, about.
    """

    def __init__(self, limit: int) -> None:
        self.rows: list[Row] = []
        self._left = self._limit = limit

    def add(self, names: Sequence[str], rows: Collection[Sequence[Any]]) -> None:
        """Takes some rows.

        Raises:
            BadPayload: there are too many, or too large ones.
        """
        for row in rows:
            self._left -= _ROW + sum(len(value) for value in row if isinstance(value, str | bytes))
            if self._left < 0:
                raise BadPayload(f"a page is larger than {self._limit:,} bytes (sql.page, sql.max_bytes)")
            self.rows.append(dict(zip(names, row, strict=True)))


class Values:
    """Reads rows of one agency.

    Args:
        zone: of dates that name none.
        json: columns that hold JSON as text.
        repair: texts are UTF-8 that was taken for latin1.
    """

    def __init__(self, zone: ZoneInfo, json: Collection[str] = (), *, repair: bool = False) -> None:
        self._zone, self._json = zone, frozenset(json)
        self._text: Callable[[str], str] = repaired if repair else str

    def row(self, row: Mapping[str, Any]) -> Row:
        """A row, value by value."""
        read = {name: self.value(value) for name, value in row.items()}
        for name in self._json & read.keys():
            read[name] = parsed(read[name])
        return read

    def value(self, value: Any) -> Any:
        """One value; what is no JSON becomes a text, but for moments and days, which stay what they are."""
        if value is None or isinstance(value, bool | int):
            return value
        match value:
            case str():
                return self._text(value)
            case float():
                return value if math.isfinite(value) else None
            case date() if value.year in _NEVER:
                return None
            case datetime():
                return value if value.tzinfo else value.replace(tzinfo=self._zone)
            case date():
                return value
            case Decimal():
                return _number(value)
            case bytes() | bytearray() | memoryview():
                return self._bytes(bytes(value))
            case time():
                return value.isoformat()
            case timedelta():
                return _clock(value)
            case dict():
                return {str(name): self.value(part) for name, part in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(part) for part in value]
            case _:
                return str(value)

    def _bytes(self, value: bytes) -> str:
        """Texts are often kept in binary columns; what is none is told in hex."""
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
        return value.hex() if not _CONTROLS.isdisjoint(value) else text


def _number(value: Decimal) -> int | float | str | None:
    """As exact as JSON's numbers are; else as text."""
    if not value.is_finite():
        return None
    if value == value.to_integral_value() and abs(value) < _EXACT:
        return int(value)
    return float(value) if len(value.as_tuple().digits) <= 15 and abs(value) < _EXACT else format(value, "f")


def _clock(value: timedelta) -> str:
    """Hours may be more than a day has."""
    seconds = round(abs(value.total_seconds()))
    sign = "-" if value < timedelta() else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def parsed(value: Any) -> Any:
    """JSON that stands in a text; what is none stays text."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        return value


# What MySQL calls latin1 is Windows-1252, with the five bytes that mean nothing there as control characters.
_TO_LATIN1: Final = {
    ord(character): byte for byte in range(128, 160) if (character := bytes([byte]).decode("cp1252", "ignore"))
}


def repaired(text: str) -> str:
    """A text whose UTF-8 was read as latin1, read right; any other as it is.

    A column that was too short has cut such texts anywhere; the cut character goes.
    """
    if text.isascii():
        return text
    try:
        content = text.translate(_TO_LATIN1).encode("latin-1")
    except UnicodeEncodeError:
        return text
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        whole = content[: error.start]
        # A lone letter at the end may as well be latin1's own: `café`.
        cut = error.reason == "unexpected end of data" and not whole.isascii()
        return whole.decode("utf-8") if cut else text
