"""A hub that dies at a step of a submit or of a delivery, twenty times at each."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.live.writes import STEPS, stopped_at

pytestmark = pytest.mark.soak

TIMES = 20


@pytest.mark.parametrize("step", STEPS)
async def test_nothing_is_lost_or_done_twice(database_url: str, tmp_path: Path, step: str) -> None:
    async with asyncio.timeout(600):
        found = await stopped_at(tmp_path, database_url, 1, [step], TIMES)
    print(f"\nkilled at {step}, {database_url.partition(':')[0]}: {found._asdict()}")
    assert found.well(), found
    assert found.kills == TIMES
