"""Background tasks: what dies is counted and begun again."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.supervisor import FIRST_PAUSE, LONGEST_PAUSE, running, supervise


async def test_a_task_that_dies_is_begun_again_with_growing_pauses() -> None:
    lives, pauses, deaths = iter(range(9)), [], []

    async def work() -> None:
        if next(lives) < 8:
            raise ValueError("died")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with capture_logs() as logs:
        await supervise("poller", work, deaths.append, sleep, clock=lambda: 0.0)
    assert pauses == [FIRST_PAUSE, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE, LONGEST_PAUSE]
    assert deaths == ["poller"] * 8
    assert {line["event"] for line in logs} == {"task.died"}


async def test_after_a_long_life_the_pause_is_short_again() -> None:
    lives, pauses = iter(range(4)), []
    # Born and dead at, four times: only the third lives long.
    now = iter([0, 0, 0, 0, 0, LONGEST_PAUSE + 1, 0, 0])

    async def work() -> None:
        if next(lives, None) is not None:
            raise ValueError("died")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with capture_logs():
        await supervise("poller", work, lambda name: None, sleep, clock=lambda: next(now, 0))
    assert pauses == [FIRST_PAUSE, 1.0, FIRST_PAUSE, 1.0]


async def test_tasks_end_with_the_block() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with running({"one": work}, pytest.fail):
        await begun.wait()
    assert ended.is_set()
