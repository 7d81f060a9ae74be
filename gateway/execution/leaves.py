"""Scalars and enums as expressions: the usual value costs one comparison, any other goes where graphql-core goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType, Undefined

from gateway.execution.run import Unanswerable
from gateway.execution.source import Source
from schema.graph.scalars import SCALARS

_TEXTS = frozenset({"String", "ID"})
_MOMENT = SCALARS[datetime].name

Serialize = Callable[[Any], Any]


class Leaves:
    """The leaf types of one graph."""

    def __init__(self) -> None:
        self._names: dict[GraphQLEnumType, dict[Any, str]] = {}
        self._serializers: dict[tuple[GraphQLLeafType, bool], Serialize] = {}

    def expression(self, type_: GraphQLLeafType, value: str, source: Source, *, nullable: bool) -> str:
        """The expression that turns the value of another expression into JSON's."""
        otherwise = source.constant(self._serializer(type_, nullable))
        name = value if value.isidentifier() else source.fresh("v")
        first = name if name is value else f"({name} := {value})"
        if type_.name in _TEXTS:
            return f"({name} if type({first}) is str else {otherwise}({name}))"
        if type_.name == "Boolean":
            return f"({name} if type({first}) is bool else {otherwise}({name}))"
        if type_.name == "Int":
            return f"({name} if type({first}) is int and -2147483648 <= {name} <= 2147483647 else {otherwise}({name}))"
        if isinstance(type_, GraphQLEnumType):
            return f"({source.constant(self._members(type_))}.get({first}) or {otherwise}({name}))"
        return f"{otherwise}({value})"

    def _members(self, type_: GraphQLEnumType) -> dict[Any, str]:
        # A member of a StrEnum is found by its value, as fast as text.
        if type_ not in self._names:
            self._names[type_] = {value.value: name for name, value in type_.values.items()}
        return self._names[type_]

    def _serializer(self, type_: GraphQLLeafType, nullable: bool) -> Serialize:
        key = type_, nullable
        if key not in self._serializers:
            serialize = _serializer(type_, nullable)
            self._serializers[key] = _moments(serialize) if type_.name == _MOMENT else serialize
        return self._serializers[key]


def _serializer(type_: GraphQLLeafType, nullable: bool) -> Serialize:
    def serialize(value: Any) -> Any:
        if value is None or value is Undefined:
            if nullable:
                return None
            raise Unanswerable("null where there must be a value")
        if isinstance(value, Exception):
            raise value
        answered = type_.coerce_output_value(value)
        if answered is None or answered is Undefined:
            raise Unanswerable("a leaf that can't be told")
        return answered

    return serialize


def _moments(serialize: Serialize) -> Serialize:
    def moment(value: Any) -> Any:
        if type(value) is datetime and value.tzinfo is UTC:
            return value.isoformat(timespec="milliseconds")[:23] + "Z"
        return serialize(value)

    return moment
