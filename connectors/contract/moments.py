"""Moments as they stand in requests and records, in any of the forms that agencies use."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(?:[.,]\d+)?)?(?: ?(?:[+-]\d\d:?\d\d|[A-Z]{1,4}))?"
)
_DAY_FIRST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?:[T ,]+(\d\d)[:.](\d\d)(?:[:.](\d\d))?)?(?: \w{3,4})?")
_EPOCH = re.compile(r"[12]\d{9}(?:\d{3}|\.\d+)?")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)$")
_THOUSANDTHS: Final = 100_000_000_000


def moment_of(text: str) -> float | None:
    """Seconds since 1970, where the text is a day or a moment; one without an offset is taken for UTC."""
    text = text.strip()
    if _EPOCH.fullmatch(text):
        number = float(text)
        return number / 1000 if number > _THOUSANDTHS else number
    if match := _ISO.fullmatch(text):
        year, month, day, *clock = (int(part or 0) for part in match.groups())
        offset = _OFFSET.search(text) if ":" in text else None
        return _seconds(year, month, day, clock, offset)
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, *clock = (int(part or 0) for part in match.groups())
        return _seconds(year, month, day, clock, None)
    return None


def _seconds(year: int, month: int, day: int, clock: list[int], offset: re.Match[str] | None) -> float | None:
    try:
        hour, minute, second = clock
        found = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
    if offset:
        shift = int(offset[2]) * 3600 + int(offset[3]) * 60
        found -= shift if offset[1] == "+" else -shift
    return found
