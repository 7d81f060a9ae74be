"""Single values of a raw record, read tolerantly; what can't be read is a RecordError that doesn't repeat the value."""

from __future__ import annotations

import math
import re
from typing import Final

from schema.errors import RecordError

MAX_TITLE: Final = 1_000
MAX_TEXT: Final = 100_000
MAX_WORD: Final = 500

# Control characters but tab and line feed; lone surrogates can't be stored or sent.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_YES = frozenset({"1", "true", "t", "yes", "y", "ya", "iya", "benar", "on"})
_NO = frozenset({"0", "false", "f", "no", "n", "tidak", "bukan", "off", "-"})
_KINDS: Final[dict[type, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}
_NUMBER = re.compile(r"[+-]?\d{1,15}([.,]\d{1,20})?")


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """A text without control characters, trimmed, at most `limit` characters; None for null and for blanks.

    Numbers are texts too. A longer text is cut and ends in `…`.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RecordError(f"is {kind_of(value)} where a text was expected")
    if isinstance(value, float):
        value = _whole(value)
    if isinstance(value, int) and value.bit_length() > 256:
        raise RecordError("is a number too large to be meant")
    clean = _UNSEEN.sub("", str(value)[: limit * 4].replace("\r\n", "\n").replace("\r", "\n")).strip()
    return (clean if len(clean) <= limit else clean[: limit - 1] + "…") or None


def word(value: object) -> str | None:
    """A short text in one line: a code, a label, a name. True and false are words too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    read = text(value, MAX_WORD)
    return " ".join(read.split()) if read else None


def key(value: object) -> str | None:
    """An identifier. Whole numbers count, also 12.0; one beyond 2**53 that came as a float has lost digits."""
    read = text(value, MAX_WORD + 1)
    if read is not None and len(read) > MAX_WORD:
        raise RecordError("is too long for a key")
    return read


def _whole(value: float) -> str:
    if not math.isfinite(value):
        raise RecordError("is not a finite number")
    if value.is_integer():
        if abs(value) >= 2**53:
            raise RecordError("is a number too large to be exact")
        return str(int(value))
    return repr(value)


def flag(value: object) -> bool:
    """True or false, also as 1/0 or ya/tidak; null and blanks are false.

    Raises:
        RecordError: anything else. It is never guessed: a confidential complaint must not turn public.
    """
    if isinstance(value, bool):
        return value
    read = word(value)
    if read is None or read.lower() in _NO:
        return False
    if read.lower() in _YES:
        return True
    raise RecordError("is neither yes nor no")


def number(value: object) -> float | None:
    """A finite number, also as text, also with a decimal comma; None for null, blanks and what is no number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return None
        value = value.replace(",", ".")
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def kind_of(value: object) -> str:
    """A value's JSON type in words."""
    return _KINDS.get(type(value), "something else")
