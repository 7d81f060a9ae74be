"""Arguments of fields: read once where they are constant, and per request only where a variable stands in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import strawberry
from graphql import (
    FieldNode,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_nullable_type,
    is_non_null_type,
    is_required_argument,
    is_scalar_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.utilities import coerce_input_literal
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.field import StrawberryField

from gateway.execution.run import Unanswerable

#: Keyword arguments of a resolver, for the values of an operation's variables.
Varying = Callable[[VariableValues], Mapping[str, Any]]


def arguments(
    field: GraphQLField, declared: StrawberryField, node: FieldNode, graph: strawberry.Schema
) -> Mapping[str, Any] | Varying:
    """A resolver's keyword arguments: at once where they are constant, else as a function of the variables.

    Raises:
        Exception: they can't be read; graphql-core says why.
    """
    if not field.args:
        return {}
    reader = _Reader(field, declared, graph)
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    varying = [name for name, value in given.items() if has_variable(value)]
    constant = reader.constant(node, varying)
    if not varying:
        return constant
    parts = [(reader.python_name(name), reader.part(name, given[name])) for name in varying]

    def at(variables: VariableValues) -> Mapping[str, Any]:
        values = dict(constant)
        for name, part in parts:
            value = part(variables)
            if value is not Undefined:
                values[name] = value
        return values

    return at


def has_variable(value: ValueNode) -> bool:
    """Whether a variable stands anywhere in the value."""
    if isinstance(value, ListValueNode):
        return any(map(has_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(has_variable(each.value) for each in value.fields)
    return isinstance(value, VariableNode)


def _same(declared: StrawberryArgument, value: Any) -> Any:
    return value


class _Reader:
    """Reads the arguments of one field, as graphql-core and Strawberry do one after the other."""

    def __init__(self, field: GraphQLField, declared: StrawberryField, graph: strawberry.Schema) -> None:
        self._field = field
        self._graph = graph
        name_of = graph.config.name_converter.from_argument
        self._declared = {name_of(argument): argument for argument in declared.arguments}

    def python_name(self, name: str) -> str:
        return self._declared[name].python_name

    def constant(self, node: FieldNode, varying: list[str]) -> Mapping[str, Any]:
        """Those without variables, and what stands for the others when their variable is left out."""
        known = {
            name: argument
            for name, argument in self._field.args.items()
            if not (name in varying and is_required_argument(argument))
        }
        rest = replace(node, arguments=tuple(each for each in node.arguments or () if each.name.value not in varying))
        values = get_argument_values(GraphQLField(self._field.type, args=known), rest)
        return {self.python_name(name): self._converted(self._declared[name], value) for name, value in values.items()}

    def part(self, name: str, value: ValueNode) -> Callable[[VariableValues], Any]:
        """One varying argument; Undefined where its variable is left out."""
        type_, declared = self._field.args[name].type, self._declared[name]
        strict = is_non_null_type(type_)
        # Strawberry leaves scalars as they are, but looks long at what they could have been.
        converted = _same if is_scalar_type(get_nullable_type(type_)) else self._converted

        def whole(variables: VariableValues) -> Any:
            given = variables.coerced.get(variable, Undefined)
            if strict and (given is None or given is Undefined):
                raise Unanswerable("an argument must not be null")
            return given if given is None or given is Undefined else converted(declared, given)

        def inner(variables: VariableValues) -> Any:
            given = coerce_input_literal(value, type_, variables)
            if given is Undefined:
                raise Unanswerable("an argument does not fit")
            return self._converted(declared, given)

        if isinstance(value, VariableNode):
            variable = value.name.value
            return whole
        return inner

    def _converted(self, declared: StrawberryArgument, value: Any) -> Any:
        return convert_argument(
            value, declared.type, self._graph.schema_converter.scalar_registry, self._graph.config, None
        )
