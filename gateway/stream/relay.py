"""The doorbell between hubs, over Valkey or Redis: who commits rings, the others look at the ledger."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from gateway.valkey import Valkey

CHANNEL = "simpul:doorbell"
#: Seconds of silence after which the connection is made anew, lest it died unheard; and of rest once it broke.
SILENCE, REST = 30.0, 1.0


class Relay:
    """Tells other hubs that the ledger has grown, and looks when they tell.

    A ring carries no number that anybody would believe: another hub's ledger may be another one. It only makes the
    watch look, and one that is lost is made up for by its own look a second later.

    Args:
        look: reads the ledger's head, and rings this hub's own doorbell.
        rest: seconds after the connection broke.
    """

    def __init__(self, valkey: Valkey, look: Callable[[], Awaitable[None]], rest: float = REST) -> None:
        self._valkey = valkey
        self._look = look
        self._rest = rest
        self._name = secrets.token_bytes(8)
        self._rung = asyncio.Event()
        self._untold = False
        self._telling: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Rings at the other hubs, soon. Rings that come too fast for the server are one."""
        self._untold = True
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def run(self) -> None:
        """Listens until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look_when_rung())

    async def _tell(self) -> None:
        while self._untold:
            self._untold = False
            await self._valkey.ask(lambda redis: redis.publish(CHANNEL, self._name))
        self._telling = None

    async def _look_when_rung(self) -> None:
        while True:
            await self._rung.wait()
            # Rings that come while it looks make it look once more.
            self._rung.clear()
            await self._look()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._valkey.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    # What was rung before this hub listened was heard by nobody here.
                    self._rung.set()
                    await self._follow(channel)
            except (RedisError, OSError):
                await asyncio.sleep(self._rest)

    async def _follow(self, channel: PubSub) -> None:
        while (message := await channel.get_message(timeout=SILENCE)) is not None:
            if message["type"] == "message" and message["data"] != self._name:
                self._rung.set()
