"""Selections as Python: for every object type that a selection meets, a function from the record to the answer.

What a field may come to beside its value (an error, a null where none may be) is no business of these functions: they
raise, whatever it is, and the operation is run by graphql-core, which knows what to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLAbstractType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from gateway.execution.columns import spliced
from gateway.execution.info import RunInfo
from gateway.execution.kept import Kept
from gateway.execution.leaves import Leaves
from gateway.execution.resolvers import Resolver, Resolvers, Uncompilable
from gateway.execution.run import Make, Run, Unanswerable
from gateway.execution.source import Source
from schema.graph.agency import held_by
from schema.graph.directives import DEPENDS

#: Types whose records live long and are shown again and again.
_LASTING = frozenset({"Agency", "Category", "Region"})

Details = Sequence[FieldDetails]


class Piece(NamedTuple):
    """An expression in the text of a function whose parameters are `o`, the record, and `run`.

    Attributes:
        pure: its value depends on the record alone.
    """

    text: str
    pure: bool = True


class TypeInfo(NamedTuple):
    """What may be read of an info by who tells types apart: nothing of the operation."""

    schema: GraphQLSchema
    is_awaitable: Callable[[Any], bool] = lambda value: False
    field_name: str = ""


class Graph:
    """What all plans of a graph share."""

    def __init__(self, graph: strawberry.Schema) -> None:
        self.core = graph._schema
        self.executor_class = graph.execution_context_class
        self.resolvers = Resolvers(graph)
        self.leaves = Leaves()
        self.kept = Kept()
        self.type_info: Any = TypeInfo(self.core)


class Compiler:
    """Compiles the selections of one operation, for one choice of what `@skip` and `@include` leave in.

    Args:
        public: the plan is for the public alone: what is answered it whatever the record need not be looked up.

    Attributes:
        definitions: of the document's fragments.
        variables: those by which fields were left out or in.
        makers: of what generated functions find in their run by number: infos, arguments with variables in them, values
            that the rows of one run share.
        reads_agencies: whether records of agencies were wanted since this was last set.
        asks: whether a resolver puts questions to the snapshot, beside those for agencies and their sources.
    """

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        public: bool = False,
    ) -> None:
        self.graph = graph
        self.public = public
        self.operation = operation
        self.source = Source(items=_items, missing=_missing, spliced=spliced)
        self.makers: list[Make] = []
        self.reads_agencies = False
        self.asks = False
        self.definitions = dict(fragments)
        self.fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.variables = variables
        self._records: dict[tuple[str, tuple[int, ...]], Piece] = {}

    def selection(self, type_: GraphQLObjectType, details: Details) -> dict[str, list[FieldDetails]]:
        """The fields chosen beneath a field, by response name, merged as the specification says."""
        return collect_subfields(
            self.graph.core, self.fragments, self.variables, self.operation, type_, list(details)
        ).grouped_field_set

    def record(self, type_: GraphQLObjectType, details: Details) -> Piece:
        """The name of the function `(o, run)` that shows a record of this type."""
        key = type_.name, tuple(id(each.node) for each in details)
        if key not in self._records:
            self._records[key] = self._record(type_, details)
        return self._records[key]

    def field(self, parent: GraphQLObjectType, details: Details, record: str = "o") -> Piece:
        """A field of a record that a name or expression stands for."""
        name = details[0].node.name.value
        if name == "__typename":
            return Piece(repr(parent.name))
        field = parent.fields.get(name)
        if field is None:
            raise Uncompilable(name)
        resolver = self.graph.resolvers.of(field)
        if resolver.attribute is not None:
            return self.complete(field.type, f"{record}.{resolver.attribute}", details)
        if self.public and resolver.public is not DEPENDS:
            return Piece(repr(resolver.public))
        return self._resolved(resolver, field, parent, details, record)

    def complete(self, type_: GraphQLOutputType, value: str, details: Details) -> Piece:
        """What becomes of a value: of its type, with the selection beneath it."""
        nullable, inner = True, type_
        if is_non_null_type(type_):
            nullable, inner = False, type_.of_type
        if is_leaf_type(inner):
            return Piece(self.graph.leaves.expression(inner, value, self.source, nullable=nullable))
        name = value if value.isidentifier() else self.source.fresh("v")
        first = name if name is value else f"({name} := {value})"
        piece = self._present(inner, name, details)
        return piece._replace(text=f"({'None' if nullable else 'missing()'} if {first} is None else {piece.text})")

    def made(self, make: Make) -> str:
        """The expression of what is made once for each run."""
        self.makers.append(make)
        return f"run[{len(self.makers) - 1}]"

    def info(self, resolver: Resolver, field: GraphQLField, parent: GraphQLObjectType, details: Details) -> str:
        """The expression of the info that a resolver gets."""
        nodes = [each.node for each in details]
        return self.made(
            lambda run: RunInfo(run.context, resolver.field, lambda: self._raw_info(run, field, parent, nodes))
        )

    def call(self, parent: GraphQLObjectType, details: Details, record: str = "o") -> Piece:
        """The call of a field's resolver."""
        node = details[0].node
        field = parent.fields[node.name.value]
        resolver = self.graph.resolvers.of(field)
        self.reads_agencies |= resolver.function is held_by
        self.asks |= resolver.asks
        words = [f"{resolver.root}={record}"] if resolver.root else []
        if resolver.function is held_by:
            # It asks for nothing but the context.
            words.append(f"{resolver.info}=run")
        elif resolver.info:
            words.append(f"{resolver.info}={self.info(resolver, field, parent, details)}")
        arguments = self.graph.resolvers.arguments(field, node)
        if callable(arguments):
            at = arguments
            words.append(f"**{self.made(lambda run: at(run.variables))}")
        else:
            words += [f"{name}={self.source.constant(value)}" for name, value in arguments.items()]
        pure = not resolver.info and not callable(arguments)
        return Piece(f"{self.source.constant(resolver.function)}({', '.join(words)})", pure)

    def arguments(self, parent: GraphQLObjectType, details: Details) -> Callable[[Run], Mapping[str, Any]]:
        """A field's arguments, for each run."""
        node = details[0].node
        arguments = self.graph.resolvers.arguments(parent.fields[node.name.value], node)
        return (lambda run: arguments(run.variables)) if callable(arguments) else (lambda run: arguments)

    def _raw_info(
        self, run: Run, field: GraphQLField, parent: GraphQLObjectType, nodes: list[FieldNode]
    ) -> GraphQLResolveInfo[Any]:
        make: Any = self.graph.executor_class
        executor = make(
            self.graph.core,
            self.definitions,
            self.fragments,
            None,
            run.context,
            self.operation,
            run.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=run.extensions,
        )
        path = Path(None, (nodes[0].alias or nodes[0].name).value, parent.name)
        info: GraphQLResolveInfo[Any] = executor.build_resolve_info(field, nodes, parent, path)
        return info

    def _resolved(
        self, resolver: Resolver, field: GraphQLField, parent: GraphQLObjectType, details: Details, record: str
    ) -> Piece:
        call = self.call(parent, details, record)
        if not resolver.waits and not resolver.may_wait:
            piece = self.complete(field.type, call.text, details)
            return piece._replace(pure=piece.pure and call.pure)
        complete = self.source.function("v, run", self.complete(field.type, "v", details).text)
        if resolver.waits:
            return Piece(f"run.later({call.text}, {complete})", pure=False)
        name = self.source.fresh("v")
        now = f"{complete}({name}, run)"
        return Piece(
            f"(run.later({name}, {complete}) if hasattr(({name} := {call.text}), '__await__') else {now})", pure=False
        )

    def _present(self, type_: GraphQLOutputType, name: str, details: Details) -> Piece:
        if is_list_type(type_):
            item = self.source.fresh("x")
            piece = self.complete(type_.of_type, item, details)
            return piece._replace(text=f"[{piece.text} for {item} in items({name})]")
        if is_object_type(type_):
            piece = self.record(type_, details)
            return piece._replace(text=f"{piece.text}({name}, run)")
        if is_abstract_type(type_):
            return Piece(f"{self.source.constant(self._abstract(type_, details))}({name}, run)", pure=False)
        raise Uncompilable(str(type_))

    def _record(self, type_: GraphQLObjectType, details: Details) -> Piece:
        fields = {name: self.field(type_, chosen) for name, chosen in self.selection(type_, details).items()}
        pure = all(piece.pure for piece in fields.values())
        text = shown(fields)
        if type_.is_type_of is not None:
            test, info = self.source.constant(type_.is_type_of), self.source.constant(self.graph.type_info)
            text = f"{text} if {test}(o, {info}) else missing()"
        name = self.source.function("o, run", text)
        if pure and type_.name in _LASTING:
            return Piece(self.source.constant(self.graph.kept.keeping(self._late(name))))
        return Piece(name, pure)

    def _late(self, name: str) -> Callable[[Any, Run], Any]:
        return lambda record, run: self.source.load(name)(record, run)

    def _abstract(self, type_: GraphQLAbstractType, details: Details) -> Callable[[Any, Run], Any]:
        """Of the types that may turn up, those that do are compiled, when they do."""
        resolve: Any = type_.resolve_type
        if resolve is None:
            raise Uncompilable(type_.name)
        functions: dict[str, Callable[[Any, Run], Any]] = {}

        def show(value: Any, run: Run) -> Any:
            name = resolve(value, self.graph.type_info, type_)
            function = functions.get(name)
            if function is None:
                function = functions[name] = self._member(type_, name, details)
            return function(value, run)

        return show

    def _member(self, type_: GraphQLAbstractType, name: str, details: Details) -> Callable[[Any, Run], Any]:
        member = self.graph.core.get_type(name)
        if not is_object_type(member) or not self.graph.core.is_sub_type(type_, member):
            raise Unanswerable(f"{name} is no {type_.name}")
        return self.source.load(self.record(member, details).text)


def shown(fields: Mapping[str, Piece]) -> str:
    """The expression of an object. Response names are GraphQL names: letters, digits, underscores."""
    return "{" + ", ".join(f"{name!r}: {piece.text}" for name, piece in fields.items()) + "}"


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    raise Unanswerable("not a list")


def _missing() -> Any:
    raise Unanswerable("null where there must be a value")
