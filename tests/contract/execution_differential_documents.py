"""Documents that fit the graph, drawn at random: every field, argument, fragment and directive that it allows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)
from hypothesis import strategies as st

from gateway.guard.limits import QueryLimits

T = TypeVar("T")

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType

#: Lists that would only make an example slow.
_LONG = frozenset({"children"})
#: Arguments that contradict others, or each other.
_SELDOM = dict.fromkeys(("last", "after", "before", "orderBy"), 5)
#: Fields that lead where most is to be found.
_LIKELY = ("complaints", "complaint", "events", "nodes", "node", "edges")

_SEEDS = st.integers(0, 2**32)

#: What is drawn is stranger than any client's, and is to be executed none the less.
FAR = QueryLimits(
    aliases=1_000, directives=1_000, selections=20_000, roots=100, nesting=100, depth=100, pairs=100_000, cost=10**15
)


class Words(NamedTuple):
    """Values by the name of an argument or input field: those that make sense in a ledger, and now and then another."""

    good: Mapping[str, Sequence[Any]]
    bad: Mapping[str, Sequence[Any]]


class Asked(NamedTuple):
    """A document, and variables for it."""

    text: str
    variables: dict[str, Any]


class _Author:
    """Writes one document."""

    def __init__(
        self,
        graph: GraphQLSchema,
        words: Words,
        seed: int,
        directives: bool = True,
    ) -> None:
        self._graph = graph
        self._words = words
        # Hypothesis draws the seed alone: it takes seconds over the thousand choices of one document.
        self._random = Random(seed)
        self._with_directives = directives
        self._fragments: dict[str, str] = {}
        self._spreads: dict[str, list[str]] = {}
        self._declared: dict[str, str] = {}
        self._unaliased: dict[tuple[str, str], str] = {}
        self._left = 40
        self.variables: dict[str, Any] = {}

    def document(self, kind: str, type_: Composite, depth: int, within: str | None = None) -> str:
        chosen = self._selection(type_, depth)
        if within:
            chosen = f"{{ {within} {chosen} }}"
        declared = ", ".join(f"${name}: {type_}" for name, type_ in self._declared.items())
        return "\n".join([f"{kind}{f'({declared})' if declared else ''} {chosen}", *self._fragments.values()])

    def _one(self, values: Sequence[T]) -> T:
        chosen: T = values[self._random.randint(0, len(values) - 1)]
        return chosen

    def _chance(self, of: int) -> bool:
        """True once in so many times; the simplest example has none."""
        return bool(self._random.randint(0, of - 1) == of - 1)

    def _selection(self, type_: Composite, depth: int) -> str:
        count = 1 + self._random.randint(0, 4)
        parts = [self._part(type_, depth) for _ in range(count)]
        chosen = [part for part in parts if part] or ["__typename"]
        return "{ " + " ".join(chosen) + " }"

    def _part(self, type_: Composite, depth: int) -> str:
        if depth > 0 and self._chance(5):
            return self._fragment(type_, depth)
        if isinstance(type_, GraphQLUnionType):
            return self._fragment(type_, depth) if depth > 0 else "__typename"
        return self._field(type_, depth)

    def _field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        self._left -= 1
        shallow = depth <= 0 or self._left < 0
        fields = {
            name: field
            for name, field in type_.fields.items()
            if not name.startswith("_service")
            and not (shallow and (is_composite_type(get_named_type(field.type)) or name in _LONG))
        }
        if not fields or self._chance(15):
            return "__typename"
        likely = [each for each in _LIKELY if each in fields]
        name = self._one(likely) if likely and self._chance(2) else self._one(list(fields))
        field = fields[name]
        head = self._head(type_, name, field)
        beneath = get_named_type(field.type)
        rest = "" if is_leaf_type(beneath) else " " + self._selection(_composite(beneath), depth - 1)
        return f"{head}{self._directives()}{rest}"

    def _head(self, type_: GraphQLNamedType, name: str, field: GraphQLField) -> str:
        """Name and arguments. Under one response name, a field always has the same arguments, so that fields merge."""
        if self._chance(4):
            return f"a{self._random.randint(0, 10**6)}: {name}{self._arguments(field.args)}"
        if (type_.name, name) not in self._unaliased:
            self._unaliased[type_.name, name] = self._arguments(field.args)
        return name + self._unaliased[type_.name, name]

    def _fragment(self, type_: Composite, depth: int) -> str:
        conditions = [type_, *self._related(type_)]
        on = self._one(conditions)
        if isinstance(on, GraphQLUnionType):
            depth -= 1  # it has no fields, and could choose itself for ever
        if self._chance(2):
            return f"...{self._named(on, depth)}{self._directives()}"
        condition = "" if on is type_ and self._chance(3) else f" on {on.name}"
        return f"...{condition}{self._directives()} {self._selection(on, depth)}"

    def _named(self, on: Composite, depth: int) -> str:
        known = self._spreads.setdefault(on.name, [])
        if known and self._chance(2):
            return self._one(known)
        name = f"F{len(self._fragments)}"
        self._fragments[name] = ""
        self._fragments[name] = f"fragment {name} on {on.name} {self._selection(on, depth)}"
        # It can be spread again from here on: never within itself.
        known.append(name)
        return name

    def _related(self, type_: Composite) -> list[Composite]:
        if isinstance(type_, GraphQLObjectType):
            return list(type_.interfaces)
        members: list[Composite] = list(self._graph.get_possible_types(type_))
        return [*members, *(type_.interfaces if isinstance(type_, GraphQLInterfaceType) else ())]

    def _directives(self) -> str:
        if not self._with_directives or not self._chance(8):
            return ""
        condition = self._one(["true", "false", "variable", "variable"])
        if condition == "variable":
            name = self._one(["yes", "no"])
            self._declared[name] = "Boolean!"
            self.variables[name] = name == "yes"
            condition = f"${name}"
        return f" @{self._one(['include', 'skip'])}(if: {condition})"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument]) -> str:
        given = []
        named = self._one(["id", "trackingId"]) if "trackingId" in arguments else None
        for name, argument in arguments.items():
            wanted = isinstance(argument.type, GraphQLNonNull) or name == named
            if wanted or self._chance(_SELDOM.get(name, 20 if named else 3)):
                given.append(f"{name}: {self._value(name, argument.type)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, name: str, type_: GraphQLInputType) -> str:
        if self._chance(4):
            return self._variable(name, type_)
        return self._literal(name, type_)

    def _variable(self, name: str, type_: GraphQLInputType) -> str:
        variable = f"v{len(self._declared)}"
        self._declared[variable] = str(type_)
        if isinstance(type_, GraphQLNonNull) or not self._chance(4):
            self.variables[variable] = self._json(name, type_)
        if self._chance(40):
            self.variables[variable] = {"no": "such value"}
        return f"${variable}"

    def _literal(self, name: str, type_: GraphQLInputType) -> str:
        if not isinstance(type_, GraphQLNonNull) and self._chance(8):
            return "null"
        return _printed(self._json(name, type_, null=False), type_)

    def _json(self, name: str, type_: GraphQLInputType, *, null: bool = True) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self._json(name, type_.of_type, null=False)
        if null and self._chance(6):
            return None
        if isinstance(type_, GraphQLList):
            return [self._json(name, type_.of_type, null=False) for _ in range(self._random.randint(0, 2))]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_.fields)
        if isinstance(type_, GraphQLEnumType):
            return self._one(list(type_.values))
        return self._scalar(name, type_)

    def _object(self, fields: Mapping[str, GraphQLInputField]) -> dict[str, Any]:
        return {
            name: self._json(name, field.type)
            for name, field in fields.items()
            if isinstance(field.type, GraphQLNonNull) or self._chance(12)
        }

    def _scalar(self, name: str, type_: GraphQLScalarType) -> Any:
        match type_.name:
            case "Int":
                return self._one([-1, 1_000]) if self._chance(30) else self._one([2, 1, 3, 0, 7])
            case "Boolean":
                return self._chance(2)
            case "DateTime":
                return self._one(["2021-01-15T00:00:00Z", "2021-01-02T07:00:00+07:00"])
        if self._chance(30):
            return self._one(self._words.bad.get(name, ("", "x")))
        return self._one(self._words.good[name])


def _composite(type_: GraphQLNamedType) -> Composite:
    assert isinstance(type_, Composite)
    return type_


def _printed(value: Any, type_: GraphQLInputType) -> str:
    """A JSON value as GraphQL writes it."""
    if isinstance(type_, GraphQLNonNull):
        return _printed(value, type_.of_type)
    if value is None:
        return "null"
    if isinstance(type_, GraphQLList):
        return f"[{', '.join(_printed(each, type_.of_type) for each in value)}]"
    if isinstance(type_, GraphQLInputObjectType):
        inner = [f"{name}: {_printed(each, type_.fields[name].type)}" for name, each in value.items()]
        return "{" + ", ".join(inner) + "}"
    if isinstance(type_, GraphQLEnumType):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {json.dumps(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)


@st.composite
def queries(
    draw: Callable[[st.SearchStrategy[Any]], Any], graph: GraphQLSchema, words: Words, directives: bool = True
) -> Asked:
    """Queries, most of which fit the graph: response names may still collide over the members of a union."""
    return query(graph, words, draw(_SEEDS), directives)


def query(graph: GraphQLSchema, words: Words, seed: int, directives: bool = True) -> Asked:
    """The query of a seed; see `queries`."""
    assert graph.query_type
    author = _Author(graph, words, seed, directives)
    return Asked(author.document("query", graph.query_type, depth=5), author.variables)


@st.composite
def subscriptions(draw: Callable[[st.SearchStrategy[Any]], Any], graph: GraphQLSchema, words: Words) -> Asked:
    """Subscriptions to `complaintEvents`."""
    assert graph.subscription_type
    author = _Author(graph, words, draw(_SEEDS))
    frames = _composite(get_named_type(graph.subscription_type.fields["complaintEvents"].type))
    return Asked(author.document("subscription", frames, depth=4, within="complaintEvents"), author.variables)
