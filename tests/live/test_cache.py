"""One answer for all who ask the same at once."""

from __future__ import annotations

import asyncio
import re

import httpx2

from tests.live.demo import POLLED, Demo, wait

QUERY = (
    '{ complaints(first: 50, filter: {agencies: ["prov-bali"]}) { totalCount nodes { id title status updatedAt } } }'
)
NEWEST = '{ complaints(first: 1, filter: {agencies: ["prov-bali"]}) { asOf } }'
CROWD, CONNECTIONS, TRIALS = 1_000, 50, 8


def made(demo: Demo) -> int:
    """Answers that were executed so far."""
    [count] = re.findall(r'simpul_cache_answers_total\{result="made"\} (\d+)', demo.hub.client.get("/metrics").text)
    return int(count)


def newest(demo: Demo) -> str:
    """Where the agency's newest event stands."""
    return str(demo.ask(NEWEST)["complaints"]["asOf"])


async def test_a_crowd_after_an_event_is_one_execution(demo: Demo) -> None:
    for _ in range(TRIALS):
        demo.ask(QUERY)
        before = newest(demo)
        assert demo.simpul("simulator", "move", "prov-bali", "--data", demo.data).returncode == 0
        wait(lambda before=before: newest(demo) != before, POLLED)
        start, executed = newest(demo), made(demo)
        answers = await crowd(demo.hub.address)
        end, more = newest(demo), made(demo) - executed
        # The agency lives: what happened there meanwhile is a question of its own.
        if start == end:
            assert (len(answers), more) == (1, 1)
            return
    raise AssertionError("the agency never held still")


async def crowd(address: str) -> set[bytes]:
    """The answers that come to many who ask at once."""
    limits = httpx2.Limits(max_connections=CONNECTIONS)
    async with httpx2.AsyncClient(base_url=address, limits=limits, timeout=30) as client:
        asking = [client.post("/graphql", json={"query": QUERY}) for _ in range(CROWD)]
        return {answer.content for answer in await asyncio.gather(*asking)}
