"""Rows of the table as answers: complaints are shown from the columns that a selection needs, without the record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, get_type_hints

import orjson
from graphql import GraphQLObjectType, get_named_type, is_object_type

from gateway.execution import entries
from gateway.execution.columns import (
    ENTRIES,
    HIDDEN,
    HIDING,
    NOTHING,
    TABLES,
    TABLES_OF_OTHERS,
    TOLD,
    Read,
    Stored,
    Table,
    part,
)
from gateway.execution.compile import Compiler, Details, Piece, shown
from gateway.execution.resolvers import Uncompilable
from gateway.execution.run import Aside, Run
from schema.complaint import ComplaintRecord, ContentState
from schema.graph.content import shows_content
from schema.graph.directives import DEPENDS

#: Values that one place in a plan keeps: statuses, categories and regions are fewer.
_MOST_SHARED = 4_096

Row = Sequence[Any]


#: Takes away, in rows that may not show their content, what is read of it; or puts there what their agencies tell.
Seen: TypeAlias = "Callable[[Sequence[Row], Run], Sequence[Row]]"


class NotStored(Uncompilable):
    """A field whose resolver needs the whole record."""


class Projection:
    """Writes expressions over `r`, a row, and notes the columns that they read.

    Args:
        single: there will be one row.

    Attributes:
        columns: what is to be selected, in this order.
    """

    def __init__(self, compiler: Compiler, *, single: bool = False) -> None:
        self.columns: list[str] = ["id"]
        self._single = single
        self._compiler = compiler
        self._source = compiler.source
        self._bound: list[str] = []

    def complaint(self, type_: GraphQLObjectType, details: Details) -> str:
        """The object for a row.

        Raises:
            NotStored: a field is not to be had from columns.
        """
        return self._object(type_, details).text

    def function(self, parameters: str, expression: str) -> str:
        """The name of a function of expressions over rows."""
        return self._source.function(parameters, expression, tuple(self._bound))

    def seen(self, details: Details) -> Seen:
        """To be called when all is written: what becomes of rows before they are shown.

        Args:
            details: of the field that shows them.
        """
        if not {"content_state", *HIDDEN, *TOLD} & set(self.columns):
            return lambda rows, run: rows
        state = self._place("content_state")
        live = shows_content([each.node for each in details], self._compiler.definitions)
        content = RowContent(tuple(self.columns), state, live=live)
        return lambda rows, run: [content.of(row, run) if row[state] in HIDING else row for row in rows]

    def _place(self, column: str) -> int:
        if column not in self.columns:
            self.columns.append(column)
        return self.columns.index(column)

    def _read(self, stored: Stored) -> list[str]:
        return [f"r[{self._place(column)}]" for column in stored.columns]

    def _object(self, type_: GraphQLObjectType, details: Details) -> Piece:
        table = (TABLES if self._compiler.public else TABLES_OF_OTHERS)[type_.name]
        chosen = self._compiler.selection(type_, details)
        return Piece(shown({name: self._field(type_, table, each) for name, each in chosen.items()}))

    def _field(self, parent: GraphQLObjectType, table: Table, details: Details) -> Piece:
        name = details[0].node.name.value
        if name == "__typename":
            return self._compiler.field(parent, details)
        field = parent.fields[name]
        resolver = self._compiler.graph.resolvers.of(field)
        if self._compiler.public and resolver.public is not DEPENDS:
            return self._compiler.field(parent, details)
        if resolver.attribute is None:
            return self._resolved(parent, table, resolver.field.python_name, details)
        stored = table.stored.get(resolver.attribute)
        if stored is None:
            raise NotStored(name)
        if stored.parts is not None:
            return self._embedded(get_named_type(field.type), stored, details)
        if stored.answer is not None:
            return Piece(stored.answer.format(*self._read(stored)))
        return self._compiler.complete(field.type, self._value(stored), details)

    def _value(self, stored: Stored) -> str:
        return f"{self._source.constant(stored.value)}({', '.join(self._read(stored))})"

    def _embedded(self, type_: object, stored: Stored, details: Details) -> Piece:
        if not is_object_type(type_):
            raise NotStored(str(type_))
        there = " or ".join(f"{column} is not None" for column in self._read(stored))
        return Piece(f"({self._object(type_, details).text} if {there} else None)")

    def _resolved(self, parent: GraphQLObjectType, table: Table, name: str, details: Details) -> Piece:
        read = table.reads.get(name)
        if read is None:
            raise NotStored(name)
        if read.shared:
            return self._shared(parent, table, read, details)
        if read.entries is not None:
            piece = self._entries(parent, table, read, details)
            if piece is not None:
                return piece
        values = [f"{attribute}={self._value(table.stored[attribute])}" for attribute in read.attributes]
        record = f"{self._source.constant(part(read.attributes))}({', '.join(values)})"
        return self._compiler.field(parent, details, record)

    def _entries(self, parent: GraphQLObjectType, table: Table, read: Read, details: Details) -> Piece | None:
        """A list that lies in a column, from as much of it as is selected; None: the records are needed."""
        [attribute] = read.attributes
        record: Any = ENTRIES[attribute]
        type_: Any = get_named_type(parent.fields[details[0].node.name.value].type)
        hints, item = get_type_hints(record), self._source.fresh("x")
        fields, names = {}, set(read.entries or ())
        for name, chosen in self._compiler.selection(type_, details).items():
            field = chosen[0].node.name.value
            if field == "__typename":
                fields[name] = self._compiler.field(type_, chosen)
                continue
            stored = self._compiler.graph.resolvers.of(type_.fields[field]).attribute
            text = entries.shown(hints[stored], f"{item}.{stored}") if stored else None
            if stored is None or text is None:
                return None
            fields[name] = Piece(text)
            names.add(stored)
        decode = self._source.constant(entries.decoder(record, names))
        lean = self._source.constant(part(read.attributes))
        call = self._compiler.call(
            parent, details, f"{lean}({attribute}={decode}({self._read(table.stored[attribute])[0]}))"
        )
        return Piece(f"[{shown(fields)} for {item} in {call.text}]", call.pure)

    def _shared(self, parent: GraphQLObjectType, table: Table, read: Read, details: Details) -> Piece:
        [attribute] = read.attributes
        stored = table.stored[attribute]
        piece = self._compiler.field(parent, details)
        show = self._source.load(self._source.function("o, run", piece.text))
        record = part((attribute, *read.fixed))

        def at(column: Any, run: Run | None) -> Any:
            return show(record(**{attribute: stored.value(column)}, **read.fixed), run)

        if piece.pure:
            name = self._source.constant(_Lasting(at))
        elif self._single:
            return Piece(f"{self._source.constant(at)}({self._read(stored)[0]}, run)")
        else:
            name = self._source.fresh("m")
            self._bound.append(f"{name} = {self._compiler.made(lambda run: _Shared(at, run))}")
        return Piece(f"{name}[{self._read(stored)[0]}]")


class RowContent:
    """The content in rows of which the ledger has none.

    Args:
        columns: of the rows.
        state: where the content's state stands in them.
        live: content is selected, so agencies that allow no copies are asked for it.
    """

    def __init__(self, columns: tuple[str, ...], state: int, *, live: bool) -> None:
        self._state = state
        self._live = live
        self._hidden = [(place, HIDDEN[column]) for place, column in enumerate(columns) if column in HIDDEN]
        self._told = [(place, TOLD[column]) for place, column in enumerate(columns) if column in TOLD]

    def of(self, row: Row, run: Run) -> Row:
        """The row as it is shown."""
        values = list(row)
        if row[self._state] == ContentState.ERASED.value:
            for place, empty in self._hidden:
                values[place] = empty(values[place])
            return values
        record = self._record(row, run)
        for place, told in self._told:
            values[place] = told(values[place], record or NOTHING)
        if record is not None:
            values[self._state] = ContentState.AVAILABLE.value
        return values

    def _record(self, row: Row, run: Run) -> ComplaintRecord | None:
        reads = run.context.reads
        content = reads.content(row[0]) if self._live and reads is not None else None
        if content is None or content.record is None:
            return None
        if content.state is ContentState.STALE or content.record.is_confidential:
            raise Aside("what is to be said of such content takes the whole record")
        return content.record


class _Shared(dict[Any, Any]):
    """Values by column, for one run."""

    __slots__ = ("_at", "_run")

    def __init__(self, at: Callable[[Any, Run | None], Any], run: Run) -> None:
        self._at = at
        self._run = run

    def __missing__(self, column: Any) -> Any:
        value = self[column] = self._at(column, self._run)
        return value


class _Lasting(dict[Any, Any]):
    """Values by column, for all runs of a plan: they depend on nothing else."""

    __slots__ = ("_at",)

    def __init__(self, at: Callable[[Any, Run | None], Any]) -> None:
        self._at = at

    def __missing__(self, column: Any) -> Any:
        value = self._at(column, None)
        if isinstance(value, dict | list):
            value = orjson.Fragment(orjson.dumps(value))
        if len(self) >= _MOST_SHARED:
            self.clear()
        self[column] = value
        return value
