"""What the agency's file needs of a row: which columns must be there, and which are kept.

Exports hold more than a hub may know. Columns that the agency's file names nowhere are not kept, nor is who reported,
unless the file asks for it and the row is not anonymous.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import jmespath
import msgspec

from connectors.manifest import Manifest
from connectors.paths import Path as Expression
from connectors.settings import LISTS
from connectors.values import flag
from schema.errors import RecordError

#: Sets of columns of which each must be there with one at least; the first is the native id's.
Needed = Sequence[frozenset[str]]

_REPORTER: Final = "reporter_"
#: Expressions with these look at columns whose names they don't tell.
_ALL: Final = frozenset({"value_projection"})
_ALL_FUNCTIONS: Final = frozenset({"keys", "values", "items"})


def names_in(expression: str) -> frozenset[str] | None:
    """The names in a JMESPath expression; None if it looks at columns whatever they are called."""
    found: set[str] = set()
    nodes = [jmespath.compile(expression).parsed]
    while nodes:
        node = nodes.pop()
        kind, value = node.get("type"), node.get("value")
        if kind in _ALL or (kind == "function_expression" and value in _ALL_FUNCTIONS):
            return None
        if kind == "field":
            found.add(value)
        nodes += node.get("children", ())
    return frozenset(found)


def columns_needed(manifest: Manifest, joined: Collection[str]) -> Needed:
    """A file that lost the column which says what is confidential must not make everything public."""
    fields = manifest.fields
    expressions = (fields.native_id, fields.status, fields.is_confidential, fields.is_anonymous)
    sets = [(names_in(expression) if expression else None) or frozenset() for expression in expressions]
    return [sets[0], *(some for some in sets[1:] if some and some.isdisjoint(joined))]


class Keep:
    """Takes from a row what is not to be kept."""

    def __init__(self, manifest: Manifest) -> None:
        fields = {name: path for name, path in msgspec.structs.asdict(manifest.fields).items() if path is not None}
        lists = [table.records for name in LISTS if (table := getattr(manifest, name))]
        own = [path for name, path in fields.items() if not name.startswith(_REPORTER)]
        reporter = [path for name, path in fields.items() if name.startswith(_REPORTER)]
        self._asked = manifest.privacy.reporter_identity
        self._columns = _union([*own, *lists])
        self._reporter = _union(reporter) or frozenset()
        self._inside = [path.split(".") for path in reporter if "." in path]
        self._is_anonymous = Expression(fields["is_anonymous"]) if "is_anonymous" in fields else None

    def __call__(self, raw: dict[str, Any], thawed: object) -> dict[str, Any]:
        """The row without what nobody asked for.

        Args:
            thawed: the row as expressions see it.
        """
        named = self._asked and not self._anonymous(thawed)
        if self._columns is None:
            kept = dict(raw)
        else:
            columns = self._columns | self._reporter if named else self._columns
            kept = {name: value for name, value in raw.items() if name in columns}
        return kept if named else self._without_people(kept)

    def _without_people(self, raw: dict[str, Any]) -> dict[str, Any]:
        for name in self._reporter - (self._columns or frozenset()):
            raw.pop(name, None)
        for path in self._inside:
            _remove(raw, path)
        return raw

    def _anonymous(self, raw: object) -> bool:
        try:
            return self._is_anonymous is not None and flag(self._is_anonymous.find(raw))
        except RecordError:
            return True


def _union(expressions: Sequence[str]) -> frozenset[str] | None:
    found: set[str] = set()
    for expression in expressions:
        names = names_in(expression)
        if names is None:
            return None
        found |= names
    return frozenset(found)


def _remove(raw: dict[str, Any], path: Sequence[str]) -> None:
    """Takes out what stands at a path; what leads there is copied, for others may hold it."""
    *way, last = path
    for name in way:
        inner = raw.get(name)
        if not isinstance(inner, dict):
            return
        raw[name] = raw = dict(inner)
    raw.pop(last, None)
