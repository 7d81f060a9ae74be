"""The graph says the same as the contract that frontends build on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import DocumentNode, ValueNode, parse, print_ast, validate

from schema.graph.schema import build, sdl

CONTRACT = Path(__file__).parents[3] / "shared" / "graph"

pytestmark = pytest.mark.skipif(
    not (CONTRACT / "hub.graphql").exists(), reason="the contract is not beside the project"
)

#: What comes with uploads of files: names of types, and of fields.
OF_UPLOADS = frozenset({"PrepareUploadInput", "PrepareUploadPayload", "PrepareUploadSuccess", "prepareUpload"})
#: What came after the contract was written, where it says that it may grow.
GROWN = frozenset({("SourceErrorCode", "REJECTED")})

Facts = dict[tuple[str, ...], Any]


def facts(document: DocumentNode) -> Facts:
    """What a schema says, by place; order and descriptions left out."""
    return {place: fact for definition in document.definitions for place, fact in _about(definition, ())}


def _about(node: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    here = (*place, node.kind, node.name.value if getattr(node, "name", None) else "")
    yield (
        here,
        {
            "type": print_ast(node.type) if getattr(node, "type", None) else None,
            "default": print_ast(node.default_value) if getattr(node, "default_value", None) else None,
            "directives": sorted(map(_applied, getattr(node, "directives", None) or ())),
            "interfaces": sorted(each.name.value for each in getattr(node, "interfaces", None) or ()),
            "members": sorted(each.name.value for each in getattr(node, "types", None) or ()),
            "locations": sorted(each.value for each in getattr(node, "locations", None) or ()),
            "repeatable": getattr(node, "repeatable", None),
        },
    )
    for part in ("fields", "values", "arguments"):
        for each in getattr(node, part, None) or ():
            yield from _about(each, here)


def _applied(directive: Any) -> tuple[Any, ...]:
    arguments = sorted((each.name.value, _value(each.value)) for each in directive.arguments or ())
    return directive.name.value, tuple(arguments)


def _value(node: ValueNode) -> str:
    values = getattr(node, "values", None)
    return print_ast(node) if values is None else f"[{', '.join(sorted(map(print_ast, values)))}]"


def _is_of_uploads(place: tuple[str, ...]) -> bool:
    return not OF_UPLOADS.isdisjoint(place)


def test_the_graph_says_what_the_contract_says() -> None:
    ours, theirs = facts(parse(sdl())), facts(parse((CONTRACT / "hub.graphql").read_text(encoding="utf-8")))
    asked = {place: fact for place, fact in theirs.items() if not _is_of_uploads(place)}
    assert {place: ours.get(place) for place in asked if ours.get(place) != asked[place]} == {}
    assert {(place[1], place[-1]) for place in ours.keys() - asked.keys()} == GROWN


def test_what_is_left_out_is_in_the_contract() -> None:
    theirs = facts(parse((CONTRACT / "hub.graphql").read_text(encoding="utf-8")))
    assert {word for place in theirs for word in place} >= OF_UPLOADS
    assert OF_UPLOADS.isdisjoint(build()._schema.type_map)


def operations() -> list[Any]:
    files = sorted((CONTRACT / "operations").glob("*.graphql")) if CONTRACT.exists() else []
    documents = {file: parse(file.read_text(encoding="utf-8")) for file in files}
    return [pytest.param(_without_uploads(document), id=file.stem) for file, document in documents.items()]


def _without_uploads(document: DocumentNode) -> DocumentNode:
    kept = [each for each in document.definitions if "prepareUpload" not in print_ast(each)]
    return DocumentNode(definitions=tuple(kept))


@pytest.mark.parametrize("document", operations())
def test_the_documents_of_frontends_validate(document: DocumentNode) -> None:
    assert validate(build()._schema, document) == []
