"""Valkey or Redis, when there is one: quick or not at all. What it fails to answer, the database answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds that a question may take, connecting included.
PATIENCE = 0.2
#: Seconds between two attempts to reach a server that was lost: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0

_FAILURES = (RedisError, OSError, TimeoutError)


class Valkey:
    """A client behind a breaker: after one failure nobody asks, and so nobody waits, until a probe was answered.

    Probes are sent beside the requests, by `run`: none of those is ever the one that finds out.

    Args:
        url: `redis://HOST:PORT/DB`, `rediss://…` or `unix://PATH`.
        on_change: told when it is lost (False) and when it is back (True).
    """

    def __init__(
        self,
        url: str,
        on_change: Callable[[bool], None] = lambda up: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.up = True
        self._on_change = on_change
        self._sleep = sleep
        self._lost = asyncio.Event()
        # It must not retry: its own retries take seconds.
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
        )

    def pubsub(self) -> PubSub:
        """A subscription, on a connection of its own; its failures are the caller's to handle."""
        channel: PubSub = self._redis.pubsub()
        return channel

    async def ask(self, question: Callable[[Redis], Awaitable[T]]) -> T | None:
        """The answer; None when there is none in time, and at once while the server is lost."""
        if not self.up:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                return await question(self._redis)
        except _FAILURES as error:
            self._lose(error)
            return None

    async def run(self) -> None:
        """Looks for a lost server until cancelled."""
        while True:
            await self._lost.wait()
            pause = FIRST_PAUSE
            while not await self._answers():
                await self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, hides nothing
                pause = min(pause * 2, LONGEST_PAUSE)
            self._lost.clear()
            self.up = True
            log.info("valkey.back")
            self._on_change(True)

    async def aclose(self) -> None:
        """Ends its connections."""
        await self._redis.aclose()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._redis.ping()
        except _FAILURES:
            return False
        return True

    def _lose(self, error: Exception) -> None:
        if not self.up:
            return
        self.up = False
        self._lost.set()
        log.warning("valkey.lost", error=type(error).__name__)
        self._on_change(False)
