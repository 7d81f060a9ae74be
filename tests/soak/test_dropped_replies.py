"""Agencies that file what they are sent, and hang up before they say so, at the full size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.live.writes import dropped

pytestmark = pytest.mark.soak

DROPS = 250


async def test_each_is_found_and_none_is_filed_again(database_url: str, tmp_path: Path) -> None:
    async with asyncio.timeout(600):
        found = await dropped(tmp_path, database_url, DROPS)
    print(f"\ndropped replies, {database_url.partition(':')[0]}: {found._asdict()}")
    assert found.well(), found
    assert found.dropped == 2 * DROPS
