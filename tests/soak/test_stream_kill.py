"""The kill test at its full size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.live.kill import Size, Trial
from tests.live.subscribers import ALLOWED, KINDS

pytestmark = pytest.mark.soak

FULL = Size(complaints=1_500, changes=10_000, kills=20, cuts=50, subscribers=20)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_twice_or_out_of_order(database_url: str, tmp_path: Path, seed: int) -> None:
    async with asyncio.timeout(900):
        found = await Trial(tmp_path, database_url, seed, FULL, KINDS).run()
    print(f"\nkill test, {database_url.partition(':')[0]}, seed {seed}: {found._asdict()}")
    assert (found.lost, found.twice, found.unordered) == (0, 0, 0)
    assert found.changes >= FULL.changes
    assert (found.kills, found.cuts) == (FULL.kills, FULL.cuts)
    # The others were cut off again before they had caught up.
    assert found.reconnects > 0.6 * (FULL.kills * FULL.subscribers + FULL.cuts)
    assert found.slowest < ALLOWED
