"""An operation that takes too long is stopped, says so, and holds nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from gateway.execution.execute import Executor
from gateway.execution.operation import Operation
from gateway.execution.request import GraphQLRequest
from schema.query import PUBLIC, Viewer

Info = strawberry.Info[Any, None]


@strawberry.type
class Query:
    @strawberry.field
    def quick(self) -> int:
        return 1

    @strawberry.field
    async def slow(self, info: Info) -> int | None:
        await info.context.snapshot.agencies()
        return 1


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, info: Info) -> Query:
        # Longer than reading may take.
        await asyncio.sleep(0.03)
        return Query()


class Stuck:
    """A ledger that never answers."""

    def __init__(self) -> None:
        self.opened = self.open = 0

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        self.opened += 1
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def agencies(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def ledger() -> Stuck:
    return Stuck()


@pytest.fixture
def executor(ledger: Stuck) -> Executor:
    def context(viewer: Viewer, snapshot: Any) -> Any:
        return SimpleNamespace(viewer=viewer, snapshot=snapshot)

    return Executor(strawberry.Schema(Query, Mutation), ledger, context, versioned=False, seconds=0.02)


def asked(executor: Executor, text: str) -> Operation:
    return executor.prepare(GraphQLRequest(query=text))


async def test_a_query_is_stopped_and_its_snapshot_let_go(executor: Executor, ledger: Stuck) -> None:
    answer = await executor.execute(asked(executor, "{ quick slow }"), PUBLIC)
    (error,) = answer.errors
    assert error["extensions"]["code"] == "DEADLINE"
    assert "0.02 seconds" in error["message"]
    assert answer.body()["data"] is None
    assert (ledger.opened, ledger.open) == (1, 0)


async def test_a_mutation_has_written_and_its_reading_is_stopped(executor: Executor, ledger: Stuck) -> None:
    answer = await executor.execute(asked(executor, "mutation { a: write { quick slow } b: write { slow } }"), PUBLIC)
    body = answer.body()
    assert body["data"] == {"a": {"quick": 1, "slow": None}, "b": {"slow": None}}
    assert [error["path"] for error in body["errors"]] == [["a", "slow"], ["b", "slow"]]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"DEADLINE"}
    assert (ledger.opened, ledger.open) == (2, 0)


async def test_who_leaves_is_not_told_of_a_deadline(executor: Executor, ledger: Stuck) -> None:
    left = asyncio.create_task(executor.execute(asked(executor, "{ slow }"), PUBLIC))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert ledger.open == 0
