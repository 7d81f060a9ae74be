"""Statements: an agency's SELECT with `:parameters`, and what is wrapped around it to filter and to page. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec


class Dialect(StrEnum):
    """Which database it is."""

    POSTGRES = "postgres"
    MYSQL = "mysql"
    SQLITE = "sqlite"


class Param(msgspec.Struct, frozen=True):
    """A `:name` in a query."""

    name: str


#: SQL text and parameters in turn.
Parts: TypeAlias = tuple[str | Param, ...]


class NotOneSelect(ValueError):
    """The message says what it is instead, `parameter` names one that is not known."""


class Statement(msgspec.Struct, frozen=True):
    """SQL as one database's driver takes it, and the values of its placeholders in order.

    Attributes:
        key: dotted key of the agency's file where it comes from, for errors.
    """

    sql: str
    values: tuple[Any, ...]
    key: str


#: What has a colon or a semicolon in it without meaning one; and what means one.
_QUOTED: Final = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|--[^\n]*|/\*.*?\*/"
# MySQL alone has backslashes in strings, and a third kind of comment.
_QUOTED_MYSQL: Final = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|--[^\n]*|#[^\n]*|/\*.*?\*/"
_MEANT: Final = r"|::|:(?P<name>[A-Za-z_]\w*)|(?P<end>;)"
_TOKENS: Final = {
    dialect: re.compile((_QUOTED_MYSQL if dialect is Dialect.MYSQL else _QUOTED) + _MEANT, re.DOTALL)
    for dialect in Dialect
}
_SELECT: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH)\b", re.IGNORECASE | re.DOTALL)


def parse(query: str, dialect: Dialect, known: Iterable[str]) -> Parts:
    """A query of the agency's file, cut at its parameters.

    Args:
        known: names that parameters may have.

    Raises:
        NotOneSelect: it is something else, or names another parameter.
    """
    query = query.strip().removesuffix(";").rstrip()
    if not _SELECT.match(query):
        raise NotOneSelect("must begin with SELECT or WITH")
    parts: list[str | Param] = []
    start = 0
    for match in _TOKENS[dialect].finditer(query):
        if match["end"]:
            raise NotOneSelect("must be one statement")
        if (name := match["name"]) is None:
            continue
        if name not in known:
            raise NotOneSelect(f"has a parameter :{name} that is not known")
        parts += [query[start : match.start()], Param(name)]
        start = match.end()
    return (*parts, query[start:])


def names(parts: Parts) -> frozenset[str]:
    """The parameters that occur."""
    return frozenset(part.name for part in parts if isinstance(part, Param))


class Builder:
    """Puts a statement together for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._sql: list[str] = []
        self._values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def text(self, sql: str) -> Builder:
        """SQL of ours."""
        self._sql.append(sql)
        return self

    def name(self, column: str) -> Builder:
        """A column's name, quoted. SQLite takes a double-quoted name that it doesn't know for a string."""
        quote = '"' if self._dialect is Dialect.POSTGRES else "`"
        return self.text(quote + self._plain(column).replace(quote, quote * 2) + quote)

    def value(self, value: Any) -> Builder:
        """A placeholder."""
        self._values.append(value)
        return self._place(len(self._values))

    def _named(self, name: str, value: Any) -> Builder:
        """A placeholder that may come again. PostgreSQL learns its type from all places together."""
        if self._dialect is Dialect.MYSQL:
            return self.value(value)
        if name not in self._numbers:
            self._values.append(value)
            self._numbers[name] = len(self._values)
        return self._place(self._numbers[name])

    def _place(self, number: int) -> Builder:
        match self._dialect:
            case Dialect.POSTGRES:
                return self.text(f"${number}")
            case Dialect.SQLITE:
                return self.text(f"?{number}")
            case Dialect.MYSQL:
                return self.text("%s")

    def list(self, values: Sequence[Any]) -> Builder:
        """Placeholders with commas between them; one that equals nothing if there are none."""
        for place, value in enumerate(values):
            self.text(", " if place else "").value(value)
        return self if values else self.text("NULL")

    def query(self, parts: Parts, values: Mapping[str, Any]) -> Builder:
        """An agency's query; a sequence is a list of placeholders."""
        for part in parts:
            if isinstance(part, str):
                self.text(self._plain(part))
            elif isinstance(found := values[part.name], tuple):
                self.list(found)
            else:
                self._named(part.name, found)
        return self

    def done(self, key: str) -> Statement:
        return Statement("".join(self._sql), tuple(self._values), key)

    def _plain(self, text: str) -> str:
        return text.replace("%", "%%") if self._dialect is Dialect.MYSQL else text


class Queries:
    """What is asked of one agency's database.

    Args:
        query, fetch: cut at their parameters.
        key: column by which pages are cut.
        native_id: column of the complaint's id.
        since: column by which changes are told, where the query doesn't do that itself.
    """

    def __init__(
        self, dialect: Dialect, query: Parts, fetch: Parts | None, *, key: str, native_id: str, since: str | None
    ) -> None:
        self._dialect = dialect
        self._query, self._fetch = query, fetch
        self._key, self._native_id, self._since = key, native_id, since
        self._pages_itself = "limit" in names(query)

    def page(self, since: Any, after: Any, limit: int) -> Statement:
        """The rows that changed since then, those after a key, in the order of keys. None: all; from the first."""
        asked = {"since": since, "after": after, "limit": limit}
        if self._pages_itself:
            return Builder(self._dialect).query(self._query, asked).done("sql.query")
        sql = self._wrapped(self._query, asked)
        word = " WHERE "
        if since is not None and self._since is not None:
            sql.text(word).name(self._since).text(" >= ").value(since)
            word = " AND "
        if after is not None:
            sql.text(word).name(self._key).text(" > ").value(after)
        return sql.text(" ORDER BY ").name(self._key).text(f" LIMIT {limit}").done("sql.query")

    def fetch(self, ids: Sequence[Any]) -> Statement:
        """The rows of these ids."""
        if self._fetch is not None:
            return Builder(self._dialect).query(self._fetch, {"ids": tuple(ids)}).done("sql.fetch")
        asked = {"since": None, "after": None, "limit": len(ids)}
        sql = self._wrapped(self._query, asked).text(" WHERE ").name(self._native_id)
        return sql.text(" IN (").list(ids).text(")").done("sql.query")

    def _wrapped(self, query: Parts, values: Mapping[str, Any]) -> Builder:
        return Builder(self._dialect).text("SELECT * FROM (").query(query, values).text("\n) AS simpul")


class ChildQuery:
    """What is asked of the table of a list."""

    def __init__(self, dialect: Dialect, name: str, query: Parts, *, parent: str, order: str | None) -> None:
        self.name, self.parent = name, parent
        self._dialect, self._query, self._order = dialect, query, order

    def of(self, keys: Sequence[Any], limit: int) -> Statement:
        """The entries of the rows with these keys."""
        sql = Builder(self._dialect).text("SELECT * FROM (").query(self._query, {"ids": tuple(keys)})
        sql.text("\n) AS simpul")
        if "ids" not in names(self._query):
            sql.text(" WHERE ").name(self.parent).text(" IN (").list(keys).text(")")
        if self._order is not None:
            sql.text(" ORDER BY ").name(self._order)
        return sql.text(f" LIMIT {limit}").done(f"sql.lists.{self.name}.query")
