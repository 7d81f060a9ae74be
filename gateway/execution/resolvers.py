"""How a field of the graph gets its value: the record's attribute, or a function of ours that is called directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import strawberry
from graphql import FieldNode, GraphQLField
from strawberry.schema.schema_converter import GraphQLCoreConverter, get_arguments
from strawberry.types.field import StrawberryField

from gateway.execution.arguments import Varying, arguments
from schema.graph.directives import DEPENDS, asks, for_the_public

_ROOT, _INFO = object(), object()
#: Words in a resolver's declared answer that may mean an awaitable; anything is one of them.
_MAY_WAIT = ("Awaitable", "Coroutine", "Future", "Any")


class Uncompilable(Exception):
    """Something in the operation that only graphql-core can run."""


class Resolver(NamedTuple):
    """How a field gets its value.

    Attributes:
        attribute: of the record; None when a function is called.
        root, info: names of the function's parameters for the record and the info, where it has them.
        waits: it is a coroutine function.
        may_wait: it answers with an awaitable at times.
        asks: it puts questions to the snapshot, beside those for agencies and their sources.
        public: what it answers the public, whatever the record; DEPENDS where that depends.
    """

    field: StrawberryField
    attribute: str | None = None
    function: Callable[..., Any] | None = None
    root: str | None = None
    info: str | None = None
    waits: bool = False
    may_wait: bool = False
    asks: bool = False
    public: Any = DEPENDS


class Resolvers:
    """The resolvers of a graph, by field."""

    def __init__(self, graph: strawberry.Schema) -> None:
        if graph.config.default_resolver is not getattr:
            raise TypeError("compiled selections read attributes: the graph's default resolver must be `getattr`")
        self._graph = graph
        self._known: dict[int, Resolver] = {}

    def of(self, field: GraphQLField) -> Resolver:
        """Raises:
        Uncompilable: the field is not declared in the way that ours are.
        """
        known = self._known.get(id(field))
        if known is None:
            known = self._known[id(field)] = self._resolver(field)
        return known

    def arguments(self, field: GraphQLField, node: FieldNode) -> Mapping[str, Any] | Varying:
        """See `arguments.arguments`.

        Raises:
            Uncompilable: they can't be read.
        """
        try:
            return arguments(field, self.of(field).field, node, self._graph)
        except Exception as error:
            raise Uncompilable(f"arguments: {error}") from error

    def _resolver(self, field: GraphQLField) -> Resolver:
        declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if not isinstance(declared, StrawberryField) or declared.extensions:
            raise Uncompilable("a field that is not declared like ours")
        if declared.base_resolver is None:
            return Resolver(declared, attribute=declared.python_name)
        positional, named = get_arguments(
            field=declared,
            source=_ROOT,
            info=cast("Any", _INFO),
            kwargs={},
            config=self._graph.config,
            scalar_registry=self._graph.schema_converter.scalar_registry,
        )
        if positional:
            raise Uncompilable("a resolver that is a method")
        answers = str(declared.base_resolver.signature.return_annotation)
        function = cast("Callable[..., Any]", declared.base_resolver.wrapped_func)
        return Resolver(
            declared,
            function=function,
            root=next((name for name, value in named.items() if value is _ROOT), None),
            info=next((name for name, value in named.items() if value is _INFO), None),
            waits=declared.is_async,
            may_wait=any(word in answers for word in _MAY_WAIT),
            asks=asks(function),
            public=for_the_public(function),
        )
