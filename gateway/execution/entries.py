"""Lists that lie in a column as JSON: only what a selection needs is decoded, and moments stay text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from gateway.execution.columns import without_none

#: Moments as msgspec writes them, without a fraction and with one.
_WHOLE, _FRACTION = len("2026-01-01T00:00:00Z"), len("2026-01-01T00:00:00.000000Z")
#: Where this is not found, no moment has a fraction of a second.
_fraction = re.compile(r"\.[0-9]").search


def shown(kind: Any, value: str) -> str | None:
    """The expression of JSON's value for an attribute of a decoded entry; None: it takes the whole record."""
    base = without_none(kind)
    if base is datetime:
        moment = f"({value}[:19] + '.000Z' if len({value}) == {_WHOLE} else {value}[:23] + 'Z')"
        return moment if base is kind else f"(None if {value} is None else {moment})"
    return value if base in (str, int, bool, date) or _is_enum(base) else None


def decoder(record: type[msgspec.Struct], names: Collection[str]) -> Callable[[str], Sequence[Any]]:
    """Reads lists of records of a kind, of which only these attributes are wanted.

    Moments are text that sorts as they do.
    """
    decode, moments = _decoder(record, tuple(sorted(names)))

    def read(text: str) -> Sequence[Any]:
        if text == "[]":
            return ()
        return _sortable(decode(text), moments) if _fraction(text) else decode(text)

    return read


@cache
def _decoder(record: type[msgspec.Struct], names: tuple[str, ...]) -> tuple[Callable[[str], Any], tuple[str, ...]]:
    hints = get_type_hints(record)
    fields = {each.name: each for each in msgspec.structs.fields(record)}
    entry = msgspec.defstruct(
        "Entry",
        [(name, _kind(hints[name]), fields[name].default) for name in names],
        kw_only=True,
        gc=False,
    )
    moments = tuple(name for name in names if without_none(hints[name]) is datetime)
    return msgspec.json.Decoder(tuple[entry, ...]).decode, moments  # type: ignore[valid-type]  # made at run time


def _kind(hint: Any) -> Any:
    base = without_none(hint)
    plain = str if base in (datetime, date) or _is_enum(base) else base
    return plain if type(None) not in get_args(hint) else plain | None


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _sortable(entries: Sequence[Any], moments: tuple[str, ...]) -> Sequence[Any]:
    """With moments of one length."""
    texts = [getattr(each, name) for each in entries for name in moments]
    if all(moment is None or len(moment) == _WHOLE for moment in texts):
        return entries
    for each in entries:
        for name in moments:
            moment = getattr(each, name)
            if moment is not None and (len(moment) != _FRACTION or moment[-1] != "Z"):
                exact = datetime.fromisoformat(moment).astimezone(UTC)
                setattr(each, name, exact.isoformat(timespec="microseconds")[:26] + "Z")
    return entries
