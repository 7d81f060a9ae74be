"""What is sent, told by expressions: a table whose texts are JMESPath over names. It computes nothing else.

body = { judul = "title", kanal = "'SIMPUL'", pelapor = { nama = "reporter.name" }, versi = 2 }
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import jmespath

from connectors.outcomes import check_expression
from connectors.paths import Path
from connectors.toml import Misfit
from connectors.transport import unsent
from schema.errors import MappingFailure, RecordError

MAX_DEPTH: Final = 8
_PLACE = re.compile(r"\{([^{}]*)\}")
_WITHIN: Final = ("pipe", "projection", "filter_projection", "value_projection", "flatten", "index_expression")

#: What an expression may begin with, and below each of them the same again. Nothing below: it is one value.
Names: TypeAlias = Mapping[str, "Names"]


class Template:
    """A table of expressions, compiled. Names that are null are left out of what it makes, and tables of such names."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = {name: _compiled(value) for name, value in table.items()}

    def fill(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The table with what the expressions find.

        Raises:
            MappingFailure: an expression doesn't fit; nothing was sent.
        """
        found: dict[str, Any] = _filled(self._table, names) or {}
        return found


def flat(filled: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What was filled, for a form or a query: true and false in words, lists with commas between.

    Raises:
        MappingFailure: an object stands there; nothing was sent.
    """
    return {name: _flat(value) for name, value in filled.items()}


def _flat(value: Any) -> str | int | float:
    if isinstance(value, dict):
        raise unsent(MappingFailure("an expression of a form or a query finds an object"))
    if isinstance(value, list):
        return ",".join(str(_flat(part)) for part in value)
    return str(value).lower() if isinstance(value, bool) else value


class PathTemplate:
    """A path with names in braces: `/aduan/{native_id}/tutup`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def fill(self, names: Mapping[str, Any]) -> str:
        """The path.

        Raises:
            MappingFailure: it would lead somewhere else; nothing was sent.
        """
        return _PLACE.sub(lambda match: _segment(names.get(match[1])), self._path)


def check_table(table: Mapping[str, Any], known: Names, key: str) -> set[str]:
    """Checks a table of expressions.

    Args:
        key: dotted key of the table.

    Returns:
        The names that it uses.

    Raises:
        Misfit: an expression is none or uses an unknown name, or a value is none that can be sent.
    """
    return _check(table, known, key, MAX_DEPTH)


def check_flat(table: Mapping[str, Any], key: str) -> None:
    """Checks that a table has no tables in it.

    Raises:
        Misfit: it has.
    """
    for name, value in table.items():
        if isinstance(value, dict | list):
            raise Misfit("a form holds no tables and no lists", f"{key}.{name}", ("text", "number", "true", "false"))


def check_place(path: str, known: Iterable[str], key: str) -> set[str]:
    """Checks the braces of a path.

    Returns:
        The names in them.

    Raises:
        Misfit: there is an unknown one.
    """
    used = set(_PLACE.findall(path))
    allowed = tuple(f"{{{name}}}" for name in sorted(known))
    for name in used:
        if f"{{{name}}}" not in allowed:
            raise Misfit(f"knows no {{{name}}}", key, allowed)
    if "{" in _PLACE.sub("", path) or "}" in _PLACE.sub("", path):
        raise Misfit("a brace has no partner", key, allowed)
    return used


def _check(value: Any, known: Names, key: str, depth: int) -> set[str]:
    if isinstance(value, dict | list):
        if depth == 0:
            raise Misfit(f"is nested deeper than {MAX_DEPTH}", key)
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return {name for inner, part in parts for name in _check(part, known, f"{key}.{inner}", depth - 1)}
    if isinstance(value, str):
        return _check_names(value, known, key)
    if not isinstance(value, bool | int | float):
        raise Misfit("can't be sent", key, ("an expression in quotes", "number", "true", "false", "table", "list"))
    return set()


def _check_names(expression: str, known: Names, key: str) -> set[str]:
    check_expression(expression, key)
    used = list(_used(jmespath.compile(expression).parsed))
    for chain in used:
        names = known
        for name in chain:
            if name not in names:
                hint = "; a text that is meant as it stands is written \"'so'\"" if len(chain) == 1 else ""
                raise Misfit(f"knows no {'.'.join(chain)}{hint}", key, tuple(sorted(names)))
            names = names[name]
            if not names:
                break
    return {chain[0] for chain in used}


def _used(node: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The names that an expression looks up in what it is given, each with the names it follows from there."""
    children = [child for child in node.get("children", ()) if isinstance(child, dict)]
    if node["type"] == "field":
        yield (node["value"],)
    elif node["type"] == "subexpression":
        first, *more = children
        for chain in _used(first):
            plain = first["type"] == "field" and all(child["type"] == "field" for child in more)
            yield (*chain, *(child["value"] for child in more)) if plain else chain
    else:  # what follows in a projection is looked up in what was found, not in what was given
        for child in children[:1] if node["type"] in _WITHIN else children:
            yield from _used(child)


def _compiled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _compiled(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_compiled(part) for part in value]
    return Path(value) if isinstance(value, str) else value


def _filled(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        filled = {name: _filled(part, names) for name, part in value.items()}
        return {name: part for name, part in filled.items() if part is not None} or None
    if isinstance(value, list):
        return [part for part in (_filled(part, names) for part in value) if part is not None]
    if not isinstance(value, Path):
        return value
    try:
        return value.find(names)
    except RecordError as error:
        raise unsent(MappingFailure(f"an expression does not fit what was written: {error}")) from None


def _segment(value: object) -> str:
    text = "" if value is None else str(value)
    if text in ("", ".", ".."):
        raise unsent(MappingFailure("a key that the agency gave can't stand in a path"))
    return quote(text, safe="")
