"""The graph says the same as the contract that frontends build on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    parse,
    print_ast,
    validate,
)

from schema.graph.schema import build, sdl

CONTRACT = Path(__file__).parents[3] / "shared" / "graph"

pytestmark = pytest.mark.skipif(
    not (CONTRACT / "hub.graphql").exists(), reason="the contract is not beside the project"
)

#: Types that only writes need; they come with the writes.
# fmt: off
OF_MUTATIONS = frozenset(
    {
        "Mutation", "Problem", "ProblemCode", "InputIssue", "TransferRefusal", "DeliveryOutcome",
        "SubmitComplaintInput", "IncidentLocationInput", "ReporterInput", "ExternalReferenceInput",
        "AddFollowUpInput", "TransferComplaintInput", "ChangeStatusInput", "RateResolutionInput",
        "WithdrawComplaintInput", "RetryDeliveryInput", "SettleDeliveryInput", "LinkComplaintsInput",
        "DismissLinkSuggestionInput", "PrepareUploadInput", "SubmitComplaintPayload", "AddFollowUpPayload",
        "TransferComplaintPayload", "ChangeStatusPayload", "RateResolutionPayload", "WithdrawComplaintPayload",
        "RetryDeliveryPayload", "SettleDeliveryPayload", "LinkComplaintsPayload", "DismissLinkSuggestionPayload",
        "PrepareUploadPayload", "SubmitComplaintSuccess", "AddFollowUpSuccess", "TransferComplaintSuccess",
        "ChangeStatusSuccess", "RateResolutionSuccess", "WithdrawComplaintSuccess", "RetryDeliverySuccess",
        "SettleDeliverySuccess", "LinkComplaintsSuccess", "DismissLinkSuggestionSuccess", "PrepareUploadSuccess",
        "InvalidInput", "IdempotencyConflict", "NotPermitted", "NotFound", "VersionConflict", "IllegalStatusMove",
        "IllegalTransfer", "IllegalDeliveryMove",
    }
)
# fmt: on

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


def test_the_graph_says_what_the_contract_says() -> None:
    ours, theirs = facts(parse(sdl())), facts(parse((CONTRACT / "hub.graphql").read_text(encoding="utf-8")))
    read = {place: fact for place, fact in theirs.items() if place[1] not in OF_MUTATIONS}
    assert {place: ours.get(place) for place in read if ours.get(place) != read[place]} == {}
    assert ours.keys() - read.keys() == set()


def test_what_is_left_out_is_in_the_contract() -> None:
    names = {place[1] for place in facts(parse((CONTRACT / "hub.graphql").read_text(encoding="utf-8")))}
    assert names >= OF_MUTATIONS
    assert OF_MUTATIONS.isdisjoint(build()._schema.type_map)


def operations() -> list[Any]:
    files = sorted((CONTRACT / "operations").glob("*.graphql")) if CONTRACT.exists() else []
    documents = {file: parse(file.read_text(encoding="utf-8")) for file in files}
    return [
        pytest.param(document, id=file.stem)
        for file, document in documents.items()
        if not _writes(document.definitions)
    ]


def _writes(definitions: tuple[Node, ...]) -> bool:
    return any(
        isinstance(each, OperationDefinitionNode) and each.operation is OperationType.MUTATION for each in definitions
    )


@pytest.mark.parametrize("document", operations())
def test_the_documents_of_frontends_validate(document: DocumentNode) -> None:
    assert validate(build()._schema, document) == []
