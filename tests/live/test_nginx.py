"""Streams through nginx."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from tests.live.demo import Demo
from tests.live.nginx import NGINX, delays, nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="Debian's nginx is not installed")


async def test_nothing_is_held_back(demo: Demo) -> None:
    async def moves(move: Callable[[], Awaitable[None]]) -> None:
        for _ in range(4):
            await move()
            await asyncio.sleep(0.7)

    found = await delays(demo, moves)
    assert max(found.values()) < 1, found


def test_an_event_source_outlives_a_hub_that_restarts() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with nginx(f"http://127.0.0.1:{nobody.getsockname()[1]}", away=True) as address:
            streamed = httpx2.get(f"{address}/graphql", headers={"accept": "text/event-stream"}, trust_env=False)
            assert (streamed.status_code, streamed.text) == (200, "retry: 2000\n\n")
            assert streamed.headers["content-type"] == "text/event-stream"
            assert httpx2.get(f"{address}/graphql", trust_env=False).status_code == 502
