"""TOML tables into structs, with errors that name line, key and allowed values."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import count
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

T = TypeVar("T")

_TABLE = re.compile(r"\s*\[\[?\s*(?P<key>[^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_PART = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
_PAIR = re.compile(rf"\s*(?P<key>{_PART}(?:\s*\.\s*{_PART})*)\s*=")
_PARTS = re.compile(_PART)
_FENCE = re.compile(r"\"{3}|'{3}")
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]+)`")


class Misfit(ValueError):
    """A table does not fit its struct. `key` is dotted; `allowed` may be empty."""

    def __init__(self, message: str, key: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.key, self.allowed = key, allowed


def lines_of(text: str) -> dict[str, int]:
    """The line, from 1, of each table and each key of a TOML text, by dotted key.

    The tables of an array are `errors[0]`, `errors[1]`, ..., and `errors` is the first. A scan, not a parser: keys
    inside inline tables are found on the line of the key that holds them.
    """
    found: dict[str, int] = {}
    table = ""
    for number, line in _lines(text):
        if match := _TABLE.match(line):
            table = _dotted(match["key"])
            found.setdefault(table, number)
            if line.lstrip().startswith("[["):
                table = next(name for n in count() if (name := f"{table}[{n}]") not in found)
                found[table] = number
        elif match := _PAIR.match(line):
            found.setdefault(f"{table}.{_dotted(match['key'])}".lstrip("."), number)
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that don't begin inside a text of several lines."""
    fence: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            yield number, line
        for quotes in _FENCE.findall(line):
            fence = quotes if fence is None else None if quotes == fence else fence


def _dotted(key: str) -> str:
    return ".".join(part.strip("\"'") for part in _PARTS.findall(key))


def line_of(lines: Mapping[str, int], key: str) -> int | None:
    """The line of a key, or of the nearest table or key around it."""
    while key:
        if key in lines:
            return lines[key]
        key = key.rpartition(".")[0]
    return None


def convert(table: object, into: type[T], prefix: str = "") -> T:
    """A table as a struct.

    Args:
        prefix: the dotted key of the table, to complete the keys of errors.

    Raises:
        Misfit: it doesn't fit.
    """
    try:
        return msgspec.convert(table, into, strict=True)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), into, prefix) from None


def _misfit(message: str, into: object, prefix: str) -> Misfit:
    at = _AT.search(message)
    path = at["path"].strip(".").replace("[...]", "") if at else ""
    said = message[: at.start()] if at else message
    key = ".".join(part for part in (prefix, path) if part)
    kind = _type_at(into, path)
    if field := _FIELD.search(said):
        missing = "required" in said
        key = ".".join(part for part in (key, field["name"]) if part)
        return Misfit("is missing" if missing else "is not known here", key, () if missing else _names(kind))
    return Misfit(said[0].lower() + said[1:], key, _values(kind, path))


def _type_at(kind: object, path: str) -> object:
    for name in filter(None, re.sub(r"\[\d*\]", "", path).split(".")):
        kind = next((f.type for s in _structs(kind) for f in msgspec.structs.fields(s) if f.encode_name == name), kind)
    return kind


def _members(kind: object) -> tuple[object, ...]:
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return tuple(member for part in get_args(kind) for member in _members(part))
    return (kind,)


def _structs(kind: object) -> list[type[msgspec.Struct]]:
    return [m for m in _members(kind) if isinstance(m, type) and issubclass(m, msgspec.Struct)]


def _names(kind: object) -> tuple[str, ...]:
    return tuple(sorted({f.encode_name for s in _structs(kind) for f in msgspec.structs.fields(s)}))


def _values(kind: object, path: str) -> tuple[str, ...]:
    found: list[Any] = []
    for member in _members(kind):
        if isinstance(member, type) and issubclass(member, Enum):
            found += [str(value.value) for value in member]
        elif get_origin(member) is Literal:
            found += [str(value) for value in get_args(member)]
    tags = [s.__struct_config__ for s in _structs(kind)]
    found += [str(c.tag) for c in tags if c.tag_field is not None and path.endswith(c.tag_field)]
    return tuple(found)
