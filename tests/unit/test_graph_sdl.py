"""The graph as it is printed, and what must be said of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    get_introspection_query,
    is_introspection_type,
    is_specified_scalar_type,
    validate_schema,
)
from graphql.language import parse

import schema.graph
from schema import labels
from schema.graph.directives import Access, Audience, field, narrowed, object_type
from schema.graph.schema import build, sdl
from schema.query import Language
from tests.unit.graph_ledger import Memory, ask, complaint, context, refusal

COMMITTED = Path(schema.graph.__file__).with_name("hub.graphql")
#: What other specifications define, and describe.
FOREIGN = ("_", "federation__", "link__")


def own_types() -> Iterator[GraphQLNamedType]:
    for name, type_ in build()._schema.type_map.items():
        if not (is_introspection_type(type_) or is_specified_scalar_type(type_) or name.startswith(FOREIGN)):
            yield type_


def test_the_committed_text_is_what_the_graph_prints() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == sdl(), "run: simpul schema print > schema/graph/hub.graphql"


def test_the_text_is_a_valid_schema_by_itself() -> None:
    assert validate_schema(build_schema(sdl())) == []
    assert {"_Entity", "_service", "_entities"}.isdisjoint(
        word for definition in parse(sdl()).definitions for word in [getattr(definition, "name", definition)]
    )
    assert "_entities" not in sdl()


@pytest.mark.parametrize("type_", [t for t in own_types() if isinstance(t, GraphQLObjectType)], ids=str)
def test_every_object_type_says_who_may_see_it(type_: GraphQLObjectType) -> None:
    definition: Any = type_.extensions["strawberry-definition"]
    assert [directive.to for directive in definition.directives if isinstance(directive, Access)]


@object_type("A type of this test's own.", to=Audience.PUBLIC)
class Note:
    open: str = field("For everyone.", to=Audience.PUBLIC)
    secret: str | None = field("For officers.", to=Audience.HANDLER)


@object_type("The root of this test's own graph.", to=Audience.PUBLIC)
class Desk:
    note: Note = field("A note.", lambda: SimpleNamespace(open="seen", secret="unseen"))


def test_a_narrowed_field_is_null_for_the_others_with_or_without_a_resolver() -> None:
    result = strawberry.Schema(Desk).execute_sync("{ note { open secret } }", context_value=context(Memory()))
    assert (result.errors, result.data) == (None, {"note": {"open": "seen", "secret": None}})


def test_some_fields_are_for_fewer() -> None:
    types: Any = build().schema_converter.type_map
    assert narrowed(types["Agency"].definition.origin) == {"quarantine": Audience.OPERATOR}
    assert narrowed(types["Complaint"].definition.origin) == {
        "reporter": Audience.IDENTITY,
        "linkSuggestions": Audience.HANDLER,
        "delivery": Audience.REPORTER,
    }


@pytest.mark.parametrize("type_", list(own_types()), ids=str)
def test_everything_is_described(type_: Any) -> None:
    assert type_.description
    for name, member in (getattr(type_, "fields", None) or {}).items():
        assert member.description, name
        for argument in getattr(member, "args", {}).values():
            assert argument.description, name


def test_every_enum_but_those_that_speak_for_themselves_is_explained() -> None:
    enums = [type_ for type_ in own_types() if isinstance(type_, GraphQLEnumType)]
    silent = {type_.name for type_ in enums if not all(value.description for value in type_.values.values())}
    assert silent == {"Channel"}


@pytest.mark.parametrize("language", list(Language))
def test_every_value_but_the_audiences_has_a_label(language: Language) -> None:
    enums = [type_ for type_ in own_types() if isinstance(type_, GraphQLEnumType) and type_.name != "Audience"]
    named = {(label.enum_name, label.value) for label in labels.labels(language)}
    assert {(enum.name, value) for enum in enums for value in enum.values} - named == set()


def test_the_graph_introspects() -> None:
    result = build().execute_sync(get_introspection_query(schema_description=True))
    assert result.errors is None
    assert result.data is not None
    assert result.data["__schema"]["description"].startswith("Simpul")


async def test_a_router_gets_the_text_and_its_entities() -> None:
    known = complaint(1)
    asked = [
        {"__typename": "Agency", "id": "prov-bali"},
        {"__typename": "Complaint", "id": known.id},
        {"__typename": "Agency", "id": known.id},
        {"__typename": "Complaint", "id": "prov-bali"},
    ]
    document = (
        "query ($r: [_Any!]!) { _service { sdl } _entities(representations: $r) { __typename ... on Agency { name } } }"
    )
    data = await ask(Memory([known]), document, r=asked)
    assert data["_service"]["sdl"] == sdl()
    assert data["_entities"] == [
        {"__typename": "Agency", "name": "Provinsi Bali"},
        {"__typename": "Complaint"},
        None,
        None,
    ]
    assert (await refusal(Memory(), document, r=[asked[0]] * 101)).code == "BAD_USER_INPUT"
