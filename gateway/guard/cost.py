"""What operations cost at most: rows times fields, as the graph's `@cost` and `@listSize` say.

A field of a composite type costs 1, or what its `@cost` says; of a list, each row costs 1. A field without fields of
its own costs nothing but its `@cost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_interface_type,
    is_list_type,
    is_object_type,
)
from strawberry.federation.schema_directives import Cost as CostDirective
from strawberry.federation.schema_directives import ListSize
from strawberry.schema.schema_converter import GraphQLCoreConverter

from schema.graph.complaints import MOST_ROWS
from schema.graph.delivery import MOST_DELIVERIES
from schema.graph.history import MOST_EVENTS
from schema.graph.node import MOST_NODES
from schema.graph.page import MOST_ENTRIES
from schema.graph.statistics import MOST_BUCKETS

#: What the graph gives at most where an argument says how much is wanted. The directives have no word for it.
MOST = {
    "Query.complaints": MOST_ROWS,
    "Query.events": MOST_EVENTS,
    "Query.deliveries": MOST_DELIVERIES,
    "Query.statistics": MOST_BUCKETS,
    "Query.nodes": MOST_NODES,
    "Query._entities": MOST_NODES,
    "Complaint.timeline": MOST_ENTRIES,
    "Complaint.followUps": MOST_ENTRIES,
}
#: Lists that are as long as an argument is: for `@listSize`, arguments are numbers.
_COUNTED = {"Query.nodes": ("ids",), "Query._entities": ("representations",)}
#: Rows of a list that nothing is said of.
_FEW = 5
#: The same of introspection's, which carries no directives: rows that this graph has there, on average.
_INTROSPECTED = {"fields": 10, "inputFields": 5, "enumValues": 5, "interfaces": 1, "possibleTypes": 1, "args": 1}


class Varying(msgspec.Struct, frozen=True):
    """A size that a variable says.

    Attributes:
        default: where it is left out; assumed: where it is null; most: what more than it is clamped to.
    """

    variable: str
    default: int
    assumed: int
    most: int

    def of(self, variables: Mapping[str, Any]) -> int:
        if self.variable not in variables:
            return self.default
        return _size(variables[self.variable], self.assumed, self.most)


Size: TypeAlias = int | Varying


class Cost(msgspec.Struct, frozen=True):
    """What is known without the variables, and what has to be multiplied by what they say."""

    fixed: int = 0
    varying: tuple[tuple[Size, Cost], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The cost for the values of variables as a request brings them, defaults included."""
        total = self.fixed
        for size, cost in self.varying:
            total += (size if isinstance(size, int) else size.of(variables)) * cost.of(variables)
        return total


class FieldCost(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a field.

    Attributes:
        type: the name of its type, beneath lists, if that is composite.
        weight: of the field itself; on top of it come its rows.
        rows: how many there are where nothing says so; None where it is no list of composites.
        most: clamps what arguments say.
        slicing: arguments that say how many rows there are.
        sized: fields of its type whose rows they are; none: its own.
        introspective: its type is one of introspection's.
    """

    type: str | None
    weight: int
    rows: int | None = None
    most: int = 0
    slicing: tuple[str, ...] = ()
    sized: frozenset[str] = frozenset()
    introspective: bool = False

    def size(self, node: FieldNode, defaults: Mapping[str, Any]) -> Size:
        """How many rows are asked for.

        Args:
            defaults: values of the operation's variables that have one.
        """
        assumed = self.rows or _FEW
        for argument in node.arguments or () if self.slicing else ():
            if argument.name.value not in self.slicing:
                continue
            match argument.value:
                case VariableNode(name=name):
                    default = _size(defaults.get(name.value), assumed, self.most)
                    return Varying(name.value, default, assumed, self.most)
                case IntValueNode(value=digits):
                    return _size(float(digits), assumed, self.most)
                case ListValueNode(values=values):
                    return min(len(values), self.most)
                case other if not isinstance(other, NullValueNode):
                    return self.most
        return assumed


#: By the names of type and field.
Table: TypeAlias = Mapping[str, Mapping[str, FieldCost]]


def table_of(graph: GraphQLSchema) -> Table:
    """What all fields of a graph cost."""
    table: dict[str, dict[str, FieldCost]] = {
        name: {each: _field_cost(f"{name}.{each}", field, len(graph.type_map)) for each, field in type_.fields.items()}
        for name, type_ in graph.type_map.items()
        if is_object_type(type_) or is_interface_type(type_)
    }
    if graph.query_type is not None:
        roots = table[graph.query_type.name]
        roots["__schema"] = FieldCost(type="__Schema", weight=1, introspective=True)
        roots["__type"] = FieldCost(type="__Type", weight=1, introspective=True)
        # The same in other words.
        roots["_service"] = FieldCost(type="_Service", weight=1, introspective=True)
    return table


def _field_cost(coordinate: str, field: GraphQLField, types: int) -> FieldCost:
    named, is_list = get_named_type(field.type), is_list_type(get_nullable_type(field.type))
    composite = named.name if is_composite_type(named) else None
    if named.name.startswith("__"):
        rows = {**_INTROSPECTED, "types": types}.get(coordinate.rpartition(".")[2], _FEW)
        # `type` and `ofType` only lead on: what costs is how many there are of them.
        return FieldCost(type=composite, weight=0, rows=rows if is_list else None, introspective=composite is not None)
    cost, listed = _declared(field)
    sized = frozenset(listed.sized_fields or ()) if listed else frozenset()
    rows = (listed.assumed_size if listed else None) or _FEW
    return FieldCost(
        type=composite,
        weight=cost if cost is not None else int(composite is not None and not is_list),
        rows=rows if composite and (is_list or sized) else None,
        most=MOST.get(coordinate, rows),
        slicing=(*_COUNTED.get(coordinate, ()), *((listed.slicing_arguments or ()) if listed else ())),
        sized=sized,
    )


def _declared(field: GraphQLField) -> tuple[int | None, ListSize | None]:
    declared = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    directives = getattr(declared, "directives", ())
    costs = [each.weight for each in directives if isinstance(each, CostDirective)]
    sizes = [each for each in directives if isinstance(each, ListSize)]
    return (costs[0] if costs else None), (sizes[0] if sizes else None)


def _size(value: Any, assumed: int, most: int) -> int:
    """How many rows a value asks for: a number, or a list with an entry for each."""
    if value is None:
        return min(assumed, most)
    if isinstance(value, list):
        return min(len(value), most)
    if isinstance(value, int | float):
        return int(min(max(value, 0), most))
    # It does not fit, or is a list of this one.
    return most
