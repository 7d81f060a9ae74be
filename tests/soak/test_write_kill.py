"""The kill test of writes at its full size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.live.writes import killed

pytestmark = pytest.mark.soak

SUBMITS, KILLS = 10_000, 20


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_submit_is_lost_or_filed_twice(database_url: str, tmp_path: Path, seed: int) -> None:
    async with asyncio.timeout(1_800):
        found = await killed(tmp_path, database_url, seed, SUBMITS, KILLS)
    print(f"\nwrites under kills, {database_url.partition(':')[0]}, seed {seed}: {found._asdict()}")
    assert found.well(), found
    assert (found.answered, found.kills) == (SUBMITS, KILLS)
