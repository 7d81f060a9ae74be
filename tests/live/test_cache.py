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
CROWD, CONNECTIONS = 1_000, 50


def made(demo: Demo) -> int:
    """Answers that were executed so far."""
    [count] = re.findall(r'simpul_cache_answers_total\{result="made"\} (\d+)', demo.hub.client.get("/metrics").text)
    return int(count)


async def test_a_crowd_after_an_event_is_one_execution(demo: Demo) -> None:
    demo.ask(QUERY)
    before = demo.ask(NEWEST)["complaints"]["asOf"]
    assert demo.simpul("simulator", "move", "prov-bali", "--data", demo.data).returncode == 0
    wait(lambda: demo.ask(NEWEST)["complaints"]["asOf"] != before, POLLED)
    executed = made(demo)
    async with httpx2.AsyncClient(
        base_url=demo.hub.address, limits=httpx2.Limits(max_connections=CONNECTIONS), timeout=30
    ) as client:
        crowd = [client.post("/graphql", json={"query": QUERY}) for _ in range(CROWD)]
        answers = {answer.content for answer in await asyncio.gather(*crowd)}
    assert len(answers) == 1
    assert made(demo) == executed + 1
