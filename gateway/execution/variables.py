"""Variables of an operation: types and defaults are read once, and per request only what the request brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLID,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    get_nullable_type,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from graphql.utilities import coerce_input_value

NO_VARIABLES = VariableValues({}, {})


class _Declared(NamedTuple):
    """A variable.

    Attributes:
        default: coerced already; Undefined when there is none.
        text: takes any text as it is.
    """

    signature: GraphQLVariableSignature
    default: Any
    required: bool
    text: bool


class Variables:
    """The variables that one operation declares."""

    def __init__(self, graph: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        definitions = operation.variable_definitions or ()
        defaults = get_variable_values(graph, [each for each in definitions if each.default_value], {})
        coerced = defaults.coerced if isinstance(defaults, VariableValues) else {}
        self._declared: list[_Declared] = []
        self._sound = isinstance(defaults, VariableValues)
        for definition in definitions:
            signature = get_variable_signature(graph, definition)
            if isinstance(signature, GraphQLVariableSignature):
                default = coerced.get(signature.name, Undefined)
                required = default is Undefined and is_non_null_type(signature.type)
                text = get_nullable_type(signature.type) in (GraphQLID, GraphQLString)
                self._declared.append(_Declared(signature, default, required, text))
            else:
                self._sound = False

    def values(self, given: Mapping[str, Any] | None) -> VariableValues | None:
        """What they are in one request; None when that does not fit: graphql-core then says why."""
        if not self._declared:
            return NO_VARIABLES
        values = VariableValues({}, {})
        try:
            for each in self._declared:
                if not _take(each, given or {}, values):
                    return None
        except RecursionError:
            return None
        return values if self._sound else None


def _take(declared: _Declared, given: Mapping[str, Any], values: VariableValues) -> bool:
    signature = declared.signature
    value = given.get(signature.name, Undefined)
    values.sources[signature.name] = VariableValueSource(signature, value)
    if value is Undefined:
        if declared.default is not Undefined:
            values.coerced[signature.name] = declared.default
        return not declared.required
    coerced = value if type(value) is str and declared.text else coerce_input_value(value, signature.type)
    if coerced is Undefined:
        return False
    values.coerced[signature.name] = coerced
    return True
