"""The planner is told of growth, on both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.ledger.database import Dialect
from gateway.ledger.upkeep import EVERY, Upkeep

_KNOWN = {
    Dialect.SQLITE: "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'complaints'",
    Dialect.POSTGRES: "SELECT reltuples FROM pg_class WHERE relname = 'complaints' AND reltuples > 0",
}


async def test_the_planner_looks_again_when_the_rows_have_doubled(ledger: Any) -> None:
    upkeep = Upkeep(ledger.database)
    looks = []
    for count in (0, 3, 4, 5, 6, 7, 12):
        await ledger.put(*(ledger.complaint(n) for n in range(count)))
        looks.append(await upkeep.look())
    assert looks == [False, True, False, False, True, False, True]
    assert await ledger.database.fetch(_KNOWN[ledger.database.dialect])
    assert ledger.database.in_use() == 0


async def test_it_looks_now_and_then(ledger: Any) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Upkeep(ledger.database, sleep).run()
    assert slept == [EVERY] * 3
