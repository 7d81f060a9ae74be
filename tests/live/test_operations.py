"""The documents of the contract's frontends, answered by a hub that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, OperationType, parse, print_ast, separate_operations

from tests.live.demo import SLUGS, Demo

FOLDER = Path(__file__).parents[3] / "shared" / "graph" / "operations"


def operations(kind: OperationType) -> list[Any]:
    """One test per operation; a skipped one where the documents are not at hand."""
    if not FOLDER.is_dir():
        return [
            pytest.param("", marks=pytest.mark.skip(reason="the contract's documents are not beside this checkout"))
        ]
    found = []
    for path in sorted(FOLDER.glob("*.graphql")):
        for name, document in separate_operations(parse(path.read_text())).items():
            if kind_of(print_ast(document)) is kind:
                found.append(pytest.param(print_ast(document), id=f"{path.stem}-{name}"))
    return found


def kind_of(text: str) -> OperationType:
    return next(d.operation for d in parse(text).definitions if isinstance(d, OperationDefinitionNode))


def variables_of(text: str) -> set[str]:
    operation = next(d for d in parse(text).definitions if isinstance(d, OperationDefinitionNode))
    return {each.variable.name.value for each in operation.variable_definitions or ()}


@pytest.mark.parametrize("text", operations(OperationType.QUERY))
@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
def test_a_query_answers_without_errors(demo: Demo, text: str, narrow: bool) -> None:
    known = demo.ask('{ asOf complaints(filter: {agencies: ["kab-tangerang"]}, first: 1) { nodes { trackingId } } }')
    at_hand: dict[str, Any] = {
        "trackingId": known["complaints"]["nodes"][0]["trackingId"],
        "new": {"changedAfter": known["asOf"]},
        "mine": ["prov-bali"],
    }
    if "CatchUp" in text:
        at_hand["after"] = known["asOf"]
    if narrow:
        at_hand |= {"language": "EN", "agency": "kab-tangerang", "region": "36.03", "tabs": {"levels": ["DISTRICT"]}}
        at_hand["filter"] = {"agencies": ["kab-tangerang"]}
    answer = demo.ask(text, **{name: at_hand[name] for name in variables_of(text) & set(at_hand)})
    assert None not in answer.values()


@pytest.mark.parametrize("text", operations(OperationType.SUBSCRIPTION))
async def test_a_subscription_begins(demo: Demo, text: str) -> None:
    frame = await demo.hub.first_frame(text)
    if "complaintEvents" in frame:
        position = frame["complaintEvents"]
        assert (position["__typename"], position["recovered"], position["gap"]) == ("StreamPosition", True, None)
        assert position["cursor"] == position["head"]
    else:
        assert frame["agencyHealthChanged"]["id"] in SLUGS
