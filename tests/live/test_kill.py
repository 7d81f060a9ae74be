"""A hub that is killed, and sockets that are cut: nobody misses anything. The full size is in `tests/soak`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.live.kill import Size, Trial
from tests.live.subscribers import ALLOWED, KINDS

SMALL = Size(complaints=100, changes=300, kills=2, cuts=5, subscribers=6)


async def test_nothing_is_lost_when_the_hub_is_killed_and_sockets_are_cut(sqlite_url: str, tmp_path: Path) -> None:
    async with asyncio.timeout(120):
        found = await Trial(tmp_path, sqlite_url, 1, SMALL, KINDS).run()
    assert (found.lost, found.twice, found.unordered) == (0, 0, 0), found
    assert found.changes >= SMALL.changes
    assert (found.kills, found.cuts) == (SMALL.kills, SMALL.cuts)
    # Most came back after each kill; a moment may also come before they do.
    assert found.reconnects >= SMALL.subscribers
    assert found.slowest < ALLOWED
