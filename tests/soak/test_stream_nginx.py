"""Streams through nginx for two minutes, more than one of them without an event."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.live.demo import SMALL, Demo
from tests.live.nginx import NGINX, delays

pytestmark = [pytest.mark.soak, pytest.mark.skipif(NGINX is None, reason="Debian's nginx is not installed")]

#: Seconds: of moves before and after a silence that is longer than nginx waits by itself.
BUSY, SILENT = 25, 70


@pytest.fixture
def demo() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
        demo = Demo(Path(folder) / "demo", *SMALL)
        try:
            yield demo
        finally:
            demo.hub.kill()


async def test_two_minutes(demo: Demo) -> None:
    async def moves(move: Callable[[], Awaitable[None]]) -> None:
        for pause in (SILENT, 0):
            until = time.monotonic() + BUSY
            while time.monotonic() < until:
                await move()
                await asyncio.sleep(0.5)
            await asyncio.sleep(pause)

    found = await delays(demo, moves)
    print("\nnginx, 120 s:", ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in found.items()))
    assert max(found.values()) < 1
