"""Background tasks that are owned: one that dies is logged, counted and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog

log = structlog.get_logger(__name__)

#: Makes the work of one background task; called again after it died.
Work = Callable[[], Awaitable[None]]

#: Seconds before a dead task is started again: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: Seconds that cancelled tasks are waited for.
PATIENCE = 2.0


async def supervise(
    name: str,
    work: Work,
    on_death: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Runs `work` until it returns. When it raises, starts it again after a pause.

    The pause doubles with each death, and is short again after a life longer than the longest pause.
    """
    pause = FIRST_PAUSE
    while True:
        born = clock()
        try:
            return await work()
        except Exception:
            if clock() - born > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            log.exception("task.died", task=name, again_in=pause)
            on_death(name)
        await sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


@asynccontextmanager
async def running(work: Mapping[str, Work], on_death: Callable[[str], None]) -> AsyncIterator[None]:
    """Runs all of `work`, each under supervision, until the block is left."""
    tasks = [asyncio.create_task(supervise(name, each, on_death), name=name) for name, each in work.items()]
    try:
        yield
    finally:
        await cancel(tasks)


async def cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Ends tasks; one that does not end in time is told of, and left."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=PATIENCE)
    for task in late:
        log.error("task.late", task=task.get_name())
