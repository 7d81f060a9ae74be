"""Those who have caught up: what comes next is made once and handed to all of them, none of whom is woken for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Generic, Protocol, TypeAlias, TypeVar

import structlog

from schema.events import Event
from schema.ports import CaughtUp

log = structlog.get_logger(__name__)

#: What is made ahead of those who are sent it, and how many bytes of it are sent to one in one go, in about.
_AHEAD, _AT_ONCE = 32, 8_192
#: Members who are sent something before others have their turn: each costs a system call.
_IN_ONE_TURN = 100


class HasBody(Protocol):
    """What is made: it is measured by its body."""

    @property
    def body(self) -> bytes: ...


T = TypeVar("T", bound=HasBody)

#: Sends all of it at once, or nothing and returns False: it would have to wait.
Push: TypeAlias = Callable[[Sequence[T]], bool]
News: TypeAlias = AsyncGenerator[Event | int | CaughtUp, None]


class Broadcast(Generic[T]):
    """One follows in the stead of many.

    Whoever can't be sent something at once leaves and goes on by himself, from where he is. So do all when the news
    end.

    Attributes:
        ended: nobody may join any more.

    Args:
        news: what all members are to be told.
        make: what they are to be sent of it.
    """

    def __init__(self, news: News, make: Callable[[Event | int], Awaitable[T]]) -> None:
        self.ended = False
        self._make = make
        self._made: asyncio.Queue[tuple[int, T]] = asyncio.Queue(_AHEAD)
        self._members: dict[asyncio.Future[None], tuple[CaughtUp, Push[T]]] = {}
        self._task = asyncio.create_task(self._run(news))

    async def join(self, place: CaughtUp, push: Push[T]) -> None:
        """Returns when the member must go on by himself, from `place.seq`."""
        left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._members[left] = place, push
        try:
            await left
        finally:
            self._members.pop(left, None)
            if not self._members:
                self.ended = True
                self._task.cancel()

    async def _run(self, news: News) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                handing_out = group.create_task(self._hand_out())
                async with aclosing(news):
                    async for told in news:
                        if not isinstance(told, CaughtUp):
                            await self._made.put((told if isinstance(told, int) else told.seq, await self._make(told)))
                handing_out.cancel()
        except Exception:
            # Whose fault it was, each finds out by himself, and can say so.
            log.exception("broadcast.failed")
        finally:
            self.ended = True
            for left in list(self._members):
                self._leave(left)

    async def _hand_out(self) -> None:
        while True:
            first, one = await self._made.get()
            last, batch, size = first, [one], len(one.body)
            while size < _AT_ONCE and not self._made.empty():
                last, one = self._made.get_nowait()
                batch.append(one)
                size += len(one.body)
            for number, left in enumerate(list(self._members), 1):
                member = self._members.get(left)
                # Some have left meanwhile, and who joined after others had been told of it knows it already.
                if member is not None and member[0].seq < last:
                    place, push = member
                    if place.seq < first and push(batch):
                        place.seq = last
                    else:
                        self._leave(left)
                if not number % _IN_ONE_TURN:
                    await asyncio.sleep(0)

    def _leave(self, left: asyncio.Future[None]) -> None:
        del self._members[left]
        if not left.done():
            left.set_result(None)
