"""Eight writers, callers that give up, and a reader that follows: nothing is missed, nothing comes twice."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from schema.events import EventKind

WRITERS = 8


@pytest.mark.parametrize(
    "appends", [pytest.param(30, id="small"), pytest.param(2000, id="full", marks=pytest.mark.soak)]
)
async def test_concurrent_appends(database_url: str, ledger_at: Any, appends: int) -> None:
    async with AsyncExitStack() as stack:
        ledgers = [await stack.enter_async_context(ledger_at(database_url)) for _ in range(WRITERS)]
        done = asyncio.Event()
        following = asyncio.create_task(_follow(ledgers[0].database, done))
        outcomes = await asyncio.gather(
            *(_append(ledger, writer, appends, random.Random(writer)) for writer, ledger in enumerate(ledgers))
        )
        # A cancelled caller does not know, but its append happens: the next one of its writer waits for it.
        await asyncio.gather(*(ledger.put(ledger.complaint(10_000 + n)) for n, ledger in enumerate(ledgers)))
        done.set()
        followed = await following
        stored = await ledgers[0].database.fetch("SELECT seq, complaint_id, version FROM events ORDER BY seq")
        counted = await ledgers[0].database.fetch("SELECT sum(complaints) FROM counters GROUP BY cube")
        [[complaints]] = await ledgers[0].database.fetch("SELECT count(*) FROM complaints")
        assert {row[0] for row in counted} == {complaints}
        assert sum(ledger.database.in_use() for ledger in ledgers) == 0
        assert [ledger.writer._worker.restarts for ledger in ledgers] == [0] * WRITERS
    assert followed == [tuple(row) for row in stored]
    assert [seq for seq, _, _ in followed] == list(range(1, WRITERS * (appends + 1) + 1))
    versions: dict[str, list[int]] = {}
    for _, complaint, version in followed:
        versions.setdefault(complaint, []).append(version)
    assert all(seen == list(range(1, len(seen) + 1)) for seen in versions.values())
    # Every writer's own appends kept their order, and about half of their callers were cancelled.
    assert all(returned == sorted(returned) for returned in outcomes)
    assert 0.3 < sum(map(len, outcomes)) / (WRITERS * appends) < 0.7
    async with ledger_at(database_url) as ledger:  # no lock is left behind
        assert (await ledger.put(ledger.complaint(20_000))).seq == len(followed) + 1


async def _append(ledger: Any, writer: int, appends: int, chance: random.Random) -> list[int]:
    """Appends to complaints that the other writers change, too. Returns the seqs that callers were told."""
    told: list[int] = []
    for number in range(appends):
        complaint = ledger.complaint(number % 10)
        caller = asyncio.create_task(ledger.put(complaint, kinds=(EventKind.CORRECTED,)))
        if chance.random() < 0.5:
            for _ in range(chance.randrange(1, 5)):
                await asyncio.sleep(0)
            if caller.cancel():
                await asyncio.wait([caller])
                if caller.cancelled():
                    continue
        told.append((await caller).seq)
    return told


async def _follow(database: Any, done: asyncio.Event) -> list[tuple[Any, ...]]:
    """Follows by seq, as a subscription does."""
    seen: list[tuple[Any, ...]] = []
    while True:
        last_look = done.is_set()
        rows = await database.fetch(
            "SELECT seq, complaint_id, version FROM events WHERE seq > $1 ORDER BY seq LIMIT 100",
            [seen[-1][0] if seen else 0],
        )
        seen.extend(tuple(row) for row in rows)
        if last_look and not rows:
            return seen
        await asyncio.sleep(0.001)
