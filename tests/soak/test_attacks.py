"""Fifty attacks a second beside a normal client: what he waits for stays as it is."""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from bench.mirror import fill
from bench.process import serving
from tests.app.attacks import ATTACKS

ROOT = Path(__file__).parents[2]
#: Seconds of a run, attacks a second, and the normal client's requests a second.
SECONDS, ATTACKED, NORMAL = 10.0, 50, 100
RUNS = 5
HEADERS = {"content-type": "application/json", "accept": "application/graphql-response+json"}
#: As a page asks: the variables differ, so that nothing is at hand.
PAGE = """query Page($first: Int, $region: String) {
  asOf
  complaints(first: $first, filter: { regionCode: $region }) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes { id trackingId title status statusLabel nativeStatus { label } overdue updatedAt agency { id name level } }
  }
  tabs: statistics(filter: { regionCode: $region }, groupBy: [STATUS]) { status count }
}"""


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub in a process of its own, without agencies: what they told is no part of what is measured."""
    url = f"sqlite://{tmp_path / 'simpul.db'}"
    asyncio.run(fill(url, tmp_path, 3_000))
    # Rates would stop the attackers sooner: they and the client share an address.
    monkeypatch.setenv("SIMPUL_RATE_PER_MINUTE", "0")
    # Each page is made anew.
    monkeypatch.setenv("SIMPUL_CACHE_MB", "0")
    with serving("hub", 0, url, str(tmp_path), "a secret of at least 32 characters") as server:
        yield server.address


@pytest.mark.soak
async def test_a_normal_client_beside_fifty_attacks_a_second(address: str) -> None:
    quiet, attacked = [], []
    await _normal(address)
    for _ in range(RUNS):
        quiet.append(_p99(await _normal(address)))
        # In a process of its own: what attackers spend is not the client's time.
        attacker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.soak.test_attacks", address, cwd=ROOT
        )
        await asyncio.sleep(1.5)
        attacked.append(_p99(await _normal(address)))
        attacker.terminate()
        assert await attacker.wait() != 1
    alone, beside = statistics.median(quiet), statistics.median(attacked)
    print(f"p99 of a page: {alone:.1f} ms alone {_shown(quiet)}, {beside:.1f} ms beside attacks {_shown(attacked)}")
    print(f"that is {100 * (beside / alone - 1):+.0f} %")
    assert beside < 1.25 * alone


async def _normal(address: str) -> list[float]:
    """Milliseconds of each request."""
    took: list[float] = []
    numbers = itertools.count(random.randrange(10**6))

    async def once(client: httpx2.AsyncClient) -> None:
        variables = {"first": 20 + next(numbers) % 30, "region": f"36.{next(numbers) % 90:02}"}
        began = time.perf_counter()
        reply = await client.post("/graphql", json={"query": PAGE, "variables": variables}, headers=HEADERS)
        took.append(1_000 * (time.perf_counter() - began))
        assert reply.status_code == 200, reply.text

    async with httpx2.AsyncClient(base_url=address, timeout=30) as client, asyncio.TaskGroup() as group:
        async for _ in _paced(NORMAL, SECONDS):
            group.create_task(once(client))
    return took


async def _attack(address: str) -> None:
    attacks = itertools.cycle(ATTACKS.values())

    async def once(client: httpx2.AsyncClient, body: bytes) -> None:
        # The hub may close a connection that brings too much.
        try:
            reply = await client.post("/graphql", content=body, headers=HEADERS)
        except httpx2.TransportError:
            return
        if reply.status_code not in (400, 413, 429):
            sys.exit(1)

    async with httpx2.AsyncClient(base_url=address, timeout=30) as client, asyncio.TaskGroup() as group:
        async for _ in _paced(ATTACKED, 600):
            group.create_task(once(client, next(attacks)))


async def _paced(rate: int, seconds: float) -> AsyncIterator[None]:
    """At fixed moments, whether the last one is done or not."""
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        yield


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def _shown(values: list[float]) -> str:
    return "(" + ", ".join(f"{value:.1f}" for value in values) + ")"


if __name__ == "__main__":
    asyncio.run(_attack(sys.argv[1]))
