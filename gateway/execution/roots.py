"""Root fields of a query: how each comes to its part of the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import msgspec
import strawberry
from graphql import GraphQLObjectType, get_named_type, is_object_type

from gateway.execution.compile import Compiler, Details, Piece, shown
from gateway.execution.project import NotStored, Projection, Row
from gateway.execution.run import Run, Unanswerable
from schema.graph.complaints import Listing, asked_page, find_complaint, find_complaints
from schema.ports import Rows
from schema.query import ComplaintPage, Window


class Root(Protocol):
    """A root field, compiled."""

    def lone(self, run: Run) -> bool:
        """Whether it asks one question for complaints, and everything else afterwards."""

    async def __call__(self, run: Run) -> Any:
        """Its value: JSON's, once the run is settled."""


def compiled_root(compiler: Compiler, parent: GraphQLObjectType, details: Details) -> Root:
    """Raises:
    Uncompilable: only graphql-core can run it.
    """
    if details[0].node.name.value == "__typename":
        return _Named(parent.name)
    field = parent.fields.get(details[0].node.name.value)
    function = compiler.graph.resolvers.of(field).function if field else None
    for resolver, kind in ((find_complaints, Listed), (find_complaint, Found)):
        if function is resolver:
            try:
                return kind(compiler, parent, details)
            except NotStored:
                break
    return _Resolved(compiler, parent, details)


class _Named:
    """`__typename`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def lone(self, run: Run) -> bool:
        return True

    async def __call__(self, run: Run) -> Any:
        return self._name


class _Resolved:
    """A field whose resolver is called as it is."""

    def __init__(self, compiler: Compiler, parent: GraphQLObjectType, details: Details) -> None:
        piece = compiler.field(parent, details)
        self._show = compiler.source.load(compiler.source.function("o, run", piece.text))

    def lone(self, run: Run) -> bool:
        return False

    async def __call__(self, run: Run) -> Any:
        return self._show(None, run)


class Found:
    """`complaint`, from columns; or by its resolver, where the mirror may be too old for who asks."""

    def __init__(self, compiler: Compiler, parent: GraphQLObjectType, details: Details) -> None:
        self._resolved = cache(lambda: _Resolved(compiler, parent, details))
        compiler.reads_agencies = False
        projection = Projection(compiler, single=True)
        self._arguments = compiler.arguments(parent, details)
        text = projection.complaint(_type(parent, details), details)
        self._show = compiler.source.load(projection.function("r, run", text))
        self._seen = projection.seen(details)
        self._reads_agencies = compiler.reads_agencies
        self._columns = tuple(projection.columns)
        self._numbered = ("agency", "submitted_at", *self._columns)

    def lone(self, run: Run) -> bool:
        return True

    async def __call__(self, run: Run) -> Any:
        arguments = self._arguments(run)
        if arguments.get("max_age_seconds") is not None:
            return await self._resolved()(run)
        row = await self._row(run, **arguments)
        if row is None:
            return None
        if self._reads_agencies:
            run.context.know(await run.context.snapshot.agencies())
        [row] = self._seen([row], run)
        return self._show(row, run)

    async def _row(
        self,
        run: Run,
        id: str | None = None,
        tracking_id: str | None = None,
        agency: str | None = None,
        max_age_seconds: None = None,
    ) -> Row | None:
        snapshot = run.context.snapshot
        if id is not None and tracking_id is None and agency is None:
            return (await snapshot.rows_by_ids([id], self._columns)).get(id)
        if id is not None or tracking_id is None:
            raise Unanswerable("contradicting arguments")
        found = await snapshot.rows_by_tracking_id(tracking_id, agency, self._numbered)
        if len({row[0] for row in found}) > 1:
            raise Unanswerable("an ambiguous number")
        # Of an agency's complaints with one number the newest is meant, as in `schema.graph.complaints`.
        newest = max(found, key=lambda row: (row[1], row[2]), default=None)
        return None if newest is None else newest[2:]


class Listed:
    """`complaints`, from columns."""

    def __init__(self, compiler: Compiler, parent: GraphQLObjectType, details: Details) -> None:
        compiler.reads_agencies = False
        self._compiler = compiler
        self._arguments = compiler.arguments(parent, details)
        self._projection = Projection(compiler)
        connection = _type(parent, details)
        chosen = compiler.selection(connection, details)
        names = {each[0].node.name.value for each in chosen.values()}
        self._wants_rows = bool(names & {"nodes", "edges", "pageInfo"})
        self._counts = "totalCount" in names
        fields = {name: self._field(connection, each) for name, each in chosen.items()}
        text = self._projection.function("o, run, rows, seal, total", shown(fields))
        self._show = compiler.source.load(text)
        self._seen = self._projection.seen(details)
        self._reads_agencies = compiler.reads_agencies
        self._columns = tuple(self._projection.columns)

    def lone(self, run: Run) -> bool:
        filter = self._arguments(run).get("filter")
        # To know what a cursor stands for, the ledger's epoch is asked for first.
        return not filter or filter.changed_after in (None, strawberry.UNSET)

    async def __call__(self, run: Run) -> Any:
        filter, order, window = await asked_page(run.context, **self._arguments(run))
        if not self._wants_rows:
            total = await run.context.snapshot.count(filter) if self._counts else None
            return self._show(Listing(filter, order, _NO_PAGE), run, (), None, total)
        cursors, found = run.context.cursors, await self._rows(run, filter, order, window)
        if self._reads_agencies and found.rows:
            run.context.know(await run.context.snapshot.agencies())
        return self._show(
            Listing(filter, order, _page(found)),
            run,
            self._seen(found.rows, run),
            lambda row: cursors.seal_row(order, found.key(row)),
            found.total,
        )

    async def _rows(self, run: Run, filter: Any, order: Any, window: Window) -> Rows:
        limit = window.limit
        # No rows still tells whether some follow, so one is asked for and left out.
        wanted = window if limit else msgspec.structs.replace(window, limit=1)
        found = await run.context.snapshot.rows(filter, order, wanted, self._columns, count=self._counts)
        if limit:
            return found
        side = "has_previous" if window.backward else "has_next"
        return msgspec.structs.replace(found, rows=(), **{side: bool(found.rows)})

    def _field(self, connection: GraphQLObjectType, details: Details) -> Piece:
        name = details[0].node.name.value
        if name == "nodes":
            return self._list(connection, details, lambda type_: self._projection.complaint(type_, details))
        if name == "edges":
            return self._list(connection, details, lambda type_: self._edge(type_, details))
        if name == "totalCount":
            return Piece("total")
        return self._compiler.field(connection, details)

    def _list(self, connection: GraphQLObjectType, details: Details, item: Callable[[GraphQLObjectType], str]) -> Piece:
        return Piece(f"[{item(_type(connection, details))} for r in rows]")

    def _edge(self, edge: GraphQLObjectType, details: Details) -> str:
        fields: dict[str, Piece] = {}
        for name, chosen in self._compiler.selection(edge, details).items():
            match chosen[0].node.name.value:
                case "cursor":
                    fields[name] = Piece("seal(r)")
                case "node":
                    fields[name] = Piece(self._projection.complaint(_type(edge, chosen), chosen))
                case "__typename":
                    fields[name] = self._compiler.field(edge, chosen)
                case other:
                    raise NotStored(other)
        return shown(fields)


_NO_PAGE = ComplaintPage(rows=(), keys=(), has_next=False, has_previous=False)


def _page(found: Rows) -> ComplaintPage:
    """What `pageInfo` needs of a page."""
    ends: Sequence[Row] = (found.rows[0], found.rows[-1]) if found.rows else ()
    return ComplaintPage(
        rows=(), keys=tuple(map(found.key, ends)), has_next=found.has_next, has_previous=found.has_previous
    )


def _type(parent: GraphQLObjectType, details: Details) -> GraphQLObjectType:
    named = get_named_type(parent.fields[details[0].node.name.value].type)
    if not is_object_type(named):
        raise NotStored(str(named))
    return named
