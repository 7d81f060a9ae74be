"""Documents that ask for every field of every type, by every way to it; made from the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import orjson
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
)

from schema.events import EventKind
from schema.graph.schema import build
from schema.query import StatisticsDimension
from tests.contract.policy_ledger import SLUGS, Marked

GRAPH = build()
TYPES: Final = GRAPH._schema.type_map

#: Arguments of the fields that need some; words in braces are put in.
_ARGUMENTS: Final[Mapping[str, str]] = {
    "Query.complaints": "(first: 500)",
    "Query.agency": '(id: "prov-bali")',
    "Query.category": '(code: "agama")',
    "Query.region": '(code: "51.03")',
    "Query.regions": '(parentCode: "51")',
    "Query.events": f"(first: 500, filter: {{kinds: [{', '.join(EventKind.__members__)}]}})",
    "Query.deliveries": "(first: 100)",
    "Query.nodes": "(ids: {ids})",
    "Query._entities": "(representations: {representations})",
}
#: Lists that tell nothing of complaints, and would only make an answer long.
_LONG: Final = frozenset({"children", "sdl", "labels"})


def selection(type_: Any, depth: int, beside: Sequence[GraphQLObjectType] = ()) -> str:
    """Every field of a type, and of whatever it leads to.

    Args:
        beside: types of which a record may be as well, whose fields of the same name may be of other types.
    """
    type_ = get_named_type(type_)
    if is_leaf_type(type_):
        return ""
    if isinstance(type_, GraphQLUnionType | GraphQLInterfaceType):
        members = GRAPH._schema.get_possible_types(type_)
        chosen = [f"... on {member.name} {selection(member, depth, members)}" for member in members]
    else:
        chosen = [
            f"{_alias(type_, name, beside)}{name}{_ARGUMENTS.get(f'{type_.name}.{name}', '')}"
            f" {selection(field.type, depth - 1)}"
            for name, field in type_.fields.items()
            if is_leaf_type(get_named_type(field.type)) or (depth > 0 and name not in _LONG)
        ]
    return f"{{ __typename {' '.join(chosen)} }}"


def _alias(type_: GraphQLObjectType, name: str, beside: Sequence[GraphQLObjectType]) -> str:
    types = {str(each.fields[name].type) for each in beside if name in each.fields}
    return f"{name}_{type_.name}: " if len(types) > 1 else ""


def documents(ledger: Marked, depth: int) -> Iterator[str]:
    """One for each field of Query: together they ask for every field of every type that can be asked for."""
    ids = [complaint.id for complaint in ledger.complaints]
    known = [*ids, *SLUGS, *ledger.deliveries][: 2 * len(ids)]
    words = {
        "{ids}": _text(known[:100]),
        "{representations}": " ".join(["[", *(f'{{__typename: "Complaint", id: "{id}"}}' for id in ids[:100]), "]"]),
    }
    # One is named by its id, or by the number that its agency gave it.
    singles = {name: [f"(id: {_text(id)})" for id in known] for name in ("node", "complaint")}
    singles["complaint"] += [f"(trackingId: {_text(each.tracking_id)})" for each in ledger.complaints]
    dimensions = list(StatisticsDimension.__members__)
    singles["statistics"] = [f"(groupBy: [{each}, {dimensions[n - 1]}])" for n, each in enumerate(dimensions)]
    root = cast("GraphQLObjectType", TYPES["Query"])
    for name, field in root.fields.items():
        arguments = _ARGUMENTS.get(f"Query.{name}", "")
        for word, value in words.items():
            arguments = arguments.replace(word, value)
        if name in singles:
            chosen = " ".join(f"a{n}: {name}{each} {{ ...All }}" for n, each in enumerate(singles[name]))
            all_ = f"fragment All on {get_named_type(field.type).name} {selection(field.type, depth - 1)}"
            yield f"{{ __typename {chosen} }} {all_}"
        else:
            yield f"{{ __typename {name}{arguments} {selection(field.type, depth)} }}"


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def askable() -> set[str]:
    """Every field of every type that a query may come upon."""
    reached: dict[str, GraphQLObjectType] = {}
    left: list[Any] = [TYPES["Query"]]
    while left:
        type_ = left.pop()
        if is_leaf_type(type_) or type_.name in reached or is_introspection_type(type_):
            continue
        if not isinstance(type_, GraphQLObjectType):
            left += GRAPH._schema.get_possible_types(type_)
            continue
        reached[type_.name] = type_
        left += [get_named_type(field.type) for name, field in type_.fields.items() if name not in _LONG]
    return {f"{name}.{field}" for name, type_ in reached.items() for field in type_.fields if field not in _LONG}
