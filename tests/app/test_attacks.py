"""Documents that mean harm are refused over HTTP, each within 20 ms of CPU; those that clients send are not."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import get_introspection_query

from schema.graph.schema import build
from tests.app.attacks import ATTACKS

GRAPH = build()
JSON = {"content-type": "application/json", "accept": "application/graphql-response+json"}
#: Milliseconds of CPU, the client's in this process included.
MOST = 20.0


async def _sent(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.fixture
async def door(front: Any) -> AsyncIterator[Any]:
    async with front(graph=GRAPH).client() as client:
        yield client


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_refused_cheaply(door: Any, name: str) -> None:
    took = []
    for _ in range(3):
        began = time.process_time()
        reply = await door.post("/graphql", content=_sent(ATTACKS[name]), headers=JSON)
        took.append(1_000 * (time.process_time() - began))
        assert reply.status_code in (400, 413)
        told = reply.json()
        assert "data" not in told
        assert {error["extensions"]["code"] for error in told["errors"]} <= {"BAD_USER_INPUT", "COST_LIMIT"}
        # What was sent is not sent back.
        assert len(reply.content) < 8_000
    assert statistics.median(took) < MOST


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 40


@pytest.mark.parametrize("options", [{}, {"specified_by_url": True, "directive_is_repeatable": True}])
async def test_the_usual_introspection_is_answered(door: Any, options: dict[str, bool]) -> None:
    reply = await door.post("/graphql", json={"query": get_introspection_query(**options)})
    assert reply.json()["data"]["__schema"]["queryType"]["name"] == "Query"


async def test_a_graph_that_keeps_to_itself(front: Any) -> None:
    async with front(graph=GRAPH, introspection=False, suggestions=False).client() as client:

        async def told(query: str, variables: dict[str, Any] | None = None) -> str:
            return str((await client.post("/graphql", json={"query": query, "variables": variables})).json())

        for query in ("{ __schema { types { name } } }", '{ a: __type(name: "Query") { name } }', "{ ...F } " + _F):
            assert "introspection is turned off" in await told(query)
        assert "introspection is turned off" in await told("{ _service { sdl } }")
        assert await told("{ __typename }") == "{'data': {'__typename': 'Query'}}"
        for query in ("{ complaint { i } }", "{ agencie { id } }", "query ($a: ComplaintFilte) { asOf }"):
            assert "Did you mean" not in await told(query)
        wrong = {"a": {"statuses": ["CLOSE"]}}
        assert "Did you mean" not in await told(
            "query ($a: ComplaintFilter) { complaints(filter: $a) { asOf } }", wrong
        )
    async with front(graph=GRAPH).client() as client:
        assert "Did you mean 'id'" in await told("{ node(id: 1) { i } }")


_F = "fragment F on Query { __schema { queryType { name } } }"
