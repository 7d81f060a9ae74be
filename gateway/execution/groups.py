"""Subscribers that are to be sent the same: what is made for one of them serves all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from gateway.execution.broadcast import Broadcast, HasBody, Push
from schema.events import Event
from schema.ports import CaughtUp

#: Bytes that all groups keep together, in about.
ROOM = 32_000_000
#: What an entry takes beside its body: the record that it was made of, above all.
_PER_ENTRY = 500


T = TypeVar("T", bound=HasBody)

#: The records that something is made of. Of the very same records the very same is made; of others, it is made anew.
MadeOf = tuple[object, ...]


class Group(Generic[T]):
    """Members of one group, and what was made for them of late.

    Args:
        make: makes what is to be sent of a frame.
        room: how many bytes the group may keep just now.
        revision: moves when nothing that was made before is to be kept.
    """

    def __init__(
        self, make: Callable[[Any], Awaitable[T]], room: Callable[[], int], revision: Callable[[], int] = lambda: 0
    ) -> None:
        self.members = 0
        self._make = make
        self._room = room
        # By identity: what is kept keeps its records, so that no other can get their ids.
        self._kept: dict[tuple[int, ...], tuple[MadeOf, T]] = {}
        self._making: dict[tuple[int, ...], asyncio.Event] = {}
        self._broadcasts: dict[Hashable, Broadcast[T]] = {}
        self._bytes = 0
        self._revision = revision
        self._revised = revision()

    def known(self, made_of: MadeOf) -> T | None:
        """What is to be sent of these records, if it was made before."""
        kept = self._kept.get(tuple(map(id, made_of)))
        return None if kept is None else kept[1]

    async def shown(self, frame: Any, made_of: MadeOf) -> T:
        """What is to be sent of a frame. Whoever asks while it is being made waits for it."""
        key = tuple(map(id, made_of))
        while (kept := self._kept.get(key)) is None:
            making = self._making.get(key)
            if making is None:
                return await self._made(frame, made_of, key)
            await making.wait()
        return kept[1]

    async def told_together(self, place: CaughtUp, push: Push[T]) -> None:
        """Has a member who has caught up told what comes. Returns when he must go on by himself, from `place.seq`.

        Args:
            push: sends him a frame; False: not at once.
        """
        if self.members < 2:
            return
        broadcast = self._broadcasts.get(place.key)
        if broadcast is None or broadcast.ended:
            broadcast = self._broadcasts[place.key] = Broadcast(place.news(), self._told)
        try:
            await broadcast.join(place, push)
        finally:
            if broadcast.ended and self._broadcasts.get(place.key) is broadcast:
                del self._broadcasts[place.key]

    async def _told(self, told: Event | int) -> T:
        return await (self._make(told) if isinstance(told, int) else self.shown(told, (told,)))

    async def _made(self, frame: Any, made_of: MadeOf, key: tuple[int, ...]) -> T:
        made = self._making[key] = asyncio.Event()
        try:
            # By its first asker, not by a task: most of the time nothing is awaited in it. Should he leave meanwhile,
            # the next one makes it.
            shown = await self._make(frame)
            self._keep(key, made_of, shown)
            return shown
        finally:
            del self._making[key]
            made.set()

    def _keep(self, key: tuple[int, ...], made_of: MadeOf, shown: T) -> None:
        if self._revised != (revised := self._revision()):
            # None of it would be shown again: its records are no longer the feed's. But nor should it lie about.
            self._revised, self._bytes = revised, 0
            self._kept.clear()
        self._kept[key] = made_of, shown
        self._bytes += len(shown.body) + _PER_ENTRY
        while self._bytes > self._room() and len(self._kept) > 1:
            _, oldest = self._kept.pop(next(iter(self._kept)))
            self._bytes -= len(oldest.body) + _PER_ENTRY


class Groups(Generic[T]):
    """All groups there are; one lasts as long as it has members."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._groups: dict[Hashable, Group[T]] = {}

    def __len__(self) -> int:
        return len(self._groups)

    @contextmanager
    def joined(
        self, key: Hashable, make: Callable[[], Callable[[Any], Awaitable[T]]], revision: Callable[[], int] = lambda: 0
    ) -> Iterator[Group[T]]:
        """Membership in the group of a key, made if there is none. `make` says how it makes what it sends."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(make(), lambda: self._room // max(1, len(self._groups)), revision)
        group.members += 1
        try:
            yield group
        finally:
            group.members -= 1
            if not group.members:
                del self._groups[key]
