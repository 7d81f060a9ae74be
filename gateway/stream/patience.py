"""Clients that don't read: how long a connection waits for them, and what watches over sends under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.types import Message

M = TypeVar("M", bound=Message)


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a connection waits, in seconds.

    Attributes:
        init: for connection_init.
        ping: between two pings; whoever was silent since the one before is closed.
        send: for a message to leave.
        close: for a close frame to leave.
        drain: for the last frames to leave when the hub goes down.
    """

    init: float = 3.0
    ping: float = 15.0
    send: float = 5.0
    close: float = 1.0
    drain: float = 0.5


PATIENCE = Patience()


class TooSlow(Exception):
    """A message did not leave in time: the client does not read."""


class Watchdog:
    """Ends sends that take too long. One for the whole hub, whatever the transport.

    A timer per message would cost more than most messages. Here a send costs an entry in a table, and one look after
    another finds those that are in it for too long. Whoever sends a stream's bytes does it by

        await watchdog.send(send, {"type": "http.response.body", "body": chunk, "more_body": True})

    and lets `TooSlow` end its task. The connection must then be cut off: to close it would wait for the client.

    Args:
        seconds: that a message may take to leave.
    """

    def __init__(self, seconds: float = PATIENCE.send) -> None:
        self._seconds = seconds
        self._looks = 0
        self._sending: dict[asyncio.Task[object], int] = {}
        self._late: dict[asyncio.Task[object], int] = {}

    async def run(self) -> None:
        """Looks until cancelled, ten times in the time that a message has."""
        while True:
            await asyncio.sleep(self._seconds / _LOOKS)
            self._look()

    async def send(self, send: Callable[[M], Awaitable[None]], message: M) -> None:
        """Raises:
        TooSlow: the message did not leave in time.
        """
        task = asyncio.current_task()
        assert task is not None  # a coroutine that runs, runs in a task
        self._sending[task] = self._looks
        try:
            await send(message)
        except asyncio.CancelledError:
            # As in asyncio.timeout: others may have cancelled it too, and theirs counts for more.
            if task in self._late and task.uncancel() <= self._late[task]:
                raise TooSlow from None
            raise
        finally:
            del self._sending[task]
            self._late.pop(task, None)

    def _look(self) -> None:
        self._looks += 1
        for task, began in self._sending.items():
            # What began just before a look has waited for less than a whole one.
            if self._looks - began > _LOOKS and task not in self._late:
                self._late[task] = task.cancelling()
                task.cancel()


_LOOKS = 10
