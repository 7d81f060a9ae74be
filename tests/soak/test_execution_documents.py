"""Distinct documents without end: memory stays where it is."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from gateway.execution.execute import Executor
from gateway.execution.operation import Way
from gateway.execution.request import GraphQLRequest
from schema.graph.context import Context
from schema.graph.schema import build
from schema.query import PUBLIC
from tests.unit.graph_ledger import CURSORS, NOW, Memory, complaint

DOCUMENTS = 100_000


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _document(number: int) -> str:
    """Another shape, other names and other values each time."""
    fields = [name for place, name in enumerate(_FIELDS) if number >> place & 1]
    chosen = f"a{number}: id {' '.join(fields)} timeline(last: {number}) {{ note }}"
    return f'{{ complaints(first: {number % 3}, filter: {{trackingIds: ["{number}"]}}) {{ nodes {{ {chosen} }} }} }}'


_FIELDS = (
    "title",
    "status",
    "statusLabel",
    "agency { name }",
    "overdue",
    "category { name }",
    "text",
    "url",
    "channel",
)


@pytest.mark.soak
async def test_memory_is_flat_over_distinct_documents() -> None:
    ledger, ways = Memory([complaint(1)]), set[Way]()
    executor = Executor(
        build(),
        ledger,
        lambda viewer, snapshot: Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: NOW),
        on_way=ways.add,
    )
    taken = []
    for number in range(DOCUMENTS):
        ledger.asked.clear()
        operation = executor.prepare(GraphQLRequest(query=_document(number)))
        assert not (await executor.execute(operation, PUBLIC)).errors
        if number % (DOCUMENTS // 10) == DOCUMENTS // 20:
            gc.collect()
            taken.append(_megabytes())
            print(f"{number:>7} documents: {taken[-1]:.1f} MB", flush=True)
    assert ways == {Way.COMPILED}
    assert taken[-1] - taken[1] < 10
