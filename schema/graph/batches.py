"""Questions that the rows of a page ask alike, put to the ledger as one.

A row says what it wants while it is resolved, and awaits it later: whoever awaits first asks for all that was wanted by
then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec

from schema.complaint import Complaint, Reporter
from schema.delivery import Delivery
from schema.links import Link, LinkKind
from schema.ports import Snapshot

V = TypeVar("V")
W = TypeVar("W")

#: Most records of one matter.
MOST_RECORDS = 50


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    """A link as a complaint shows it, with the record at its other end."""

    kind: LinkKind
    complaint: Complaint
    confidence: float
    created_at: datetime


class Matter(msgspec.Struct, frozen=True):
    """The visible records that a complaint is linked to, over any number of visible ones, and the links among them.

    Each link stands there once: FORWARDED_TO and DUPLICATE_OF from the end that they are read from.

    Attributes:
        names: of the agencies, by slug, where there are links.
    """

    others: tuple[Complaint, ...] = ()
    links: tuple[Link, ...] = ()
    names: Mapping[str, str] = MappingProxyType({})


class _Flight:
    """One question.

    Attributes:
        asking: while somebody asks it; set when he has come to an end.
    """

    __slots__ = ("asking", "error", "ids", "landed")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.landed = False
        self.error: Exception | None = None
        self.asking: asyncio.Event | None = None


class Batch(Generic[V]):
    """Values by id.

    Args:
        ask: tells those that there are.
        missing: stands for one that there is not.
    """

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]], missing: V) -> None:
        self._ask = ask
        self._missing = missing
        self._known: dict[str, V] = {}
        self._flights: dict[str, _Flight] = {}
        self._open: _Flight | None = None

    def of(self, id: str) -> V | Awaitable[V]:
        """The value, at once if it was asked for before."""
        if id in self._known:
            return self._known[id]
        flight = self._flights.get(id)
        if flight is None:
            flight = self._open = self._open or _Flight()
            flight.ids.append(id)
            self._flights[id] = flight
        return Place(self, flight, id)

    async def landed(self, flight: _Flight, id: str) -> V:
        """The value, once the question was asked.

        Raises:
            Exception: it could not be answered.
        """
        while not flight.landed:
            if flight.asking is None:
                await self._fly(flight)
            else:
                # Whoever asks may be cancelled, for what stands beside him; then the next one asks.
                await flight.asking.wait()
        if flight.error is not None:
            raise flight.error
        return self._known[id]

    async def _fly(self, flight: _Flight) -> None:
        asking = flight.asking = asyncio.Event()
        try:
            # So that all who are about to wait do.
            await asyncio.sleep(0)
            if self._open is flight:
                self._open = None
            found = await self._ask(flight.ids)
            self._known.update({id: found.get(id, self._missing) for id in flight.ids})
            flight.landed = True
        except Exception as error:
            flight.error, flight.landed = error, True
        finally:
            flight.asking = None
            if flight.landed:
                for id in flight.ids:
                    del self._flights[id]
            # Those who wait go on before whatever this one begins: so what they want next is one question again.
            asking.set()


class Place(Generic[V]):
    """Where a value of a batch will be. No coroutine, as nobody awaits it where an error ends the selection."""

    __slots__ = ("_batch", "_flight", "_id")

    def __init__(self, batch: Batch[V], flight: _Flight, id: str) -> None:
        self._batch = batch
        self._flight = flight
        self._id = id

    def __await__(self) -> Generator[Any, None, V]:
        return (yield from self._batch.landed(self._flight, self._id).__await__())


class Then(Generic[V, W]):
    """What is made of a value of a batch that will be."""

    __slots__ = ("_make", "_value")

    def __init__(self, value: Awaitable[V], make: Callable[[V], W]) -> None:
        self._value = value
        self._make = make

    def __await__(self) -> Generator[Any, None, W]:
        return self._make((yield from self._value.__await__()))


def then(value: V | Awaitable[V], make: Callable[[V], W]) -> W | Awaitable[W]:
    """What is made of a value, at once if it is there. The resolvers of rows must not wait until they are awaited."""
    return Then(value, make) if isinstance(value, Awaitable) else make(value)


class Batches:
    """The questions of one snapshot. Each is put as its viewer may see the answer."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.complaints: Batch[Complaint | None] = Batch(snapshot.by_ids, None)
        self.deliveries: Batch[Delivery | None] = Batch(snapshot.deliveries_by_ids, None)
        #: The newest delivery of each complaint.
        self.latest: Batch[Delivery | None] = Batch(snapshot.latest_deliveries, None)
        #: Who reported each complaint.
        self.reporters: Batch[Reporter | None] = Batch(snapshot.reporters, None)
        #: The links of each complaint, oldest first.
        self.links: Batch[Sequence[Joined]] = Batch(self._joined, ())
        #: What each complaint is linked to.
        self.matters: Batch[Matter] = Batch(self._matters, Matter())

    async def _joined(self, ids: Sequence[str]) -> Mapping[str, Sequence[Joined]]:
        links = await self._snapshot.links(ids)
        wanted = {link.other_id for each in links.values() for link in each}
        others = await self._snapshot.by_ids(sorted(wanted)) if wanted else {}
        # Where each question is a snapshot of its own, one may have gone out of sight in between.
        return {id: [_joined(link, others) for link in each if link.other_id in others] for id, each in links.items()}

    async def _matters(self, ids: Sequence[str]) -> Mapping[str, Matter]:
        """All that is linked to each of these, step by step for all at once."""
        links: dict[str, Sequence[Link]] = {}
        reached: dict[str, list[str]] = {}
        frontier = set(ids)
        while frontier:
            found = await self._snapshot.links(sorted(frontier))
            links.update({id: found.get(id, ()) for id in frontier})
            reached = {id: _reached(id, links) for id in ids}
            frontier = {other for matter in reached.values() for other in matter} - links.keys()
        wanted = {other for id, matter in reached.items() for other in matter if other != id}
        if not wanted:
            return {}
        others = await self._snapshot.by_ids(sorted(wanted))
        names = {slug: agency.name for slug, agency in (await self._snapshot.agencies()).items()}
        return {
            id: Matter(
                tuple(others[other] for other in matter if other != id and other in others),
                tuple(_once(link for end in matter for link in links.get(end, ()) if link.other_id in matter)),
                names,
            )
            for id, matter in reached.items()
            if len(matter) > 1
        }


def _joined(link: Link, others: Mapping[str, Complaint]) -> Joined:
    return Joined(
        kind=link.kind, complaint=others[link.other_id], confidence=link.confidence, created_at=link.created_at
    )


def _reached(id: str, links: Mapping[str, Sequence[Link]]) -> list[str]:
    """What a complaint is linked to by links that are known, itself included, nearest first."""
    matter = [id]
    for each in matter:  # grows meanwhile
        others = [link.other_id for link in links.get(each, ())]
        matter += [other for other in dict.fromkeys(others) if other not in matter][: MOST_RECORDS - len(matter)]
    return matter


def _once(links: Iterable[Link]) -> Iterable[Link]:
    """The links, each from one of its ends."""
    kept: dict[tuple[str, ...], Link] = {}
    for link in links:
        if link.kind is LinkKind.FORWARDED_FROM:
            link = msgspec.structs.replace(
                link, kind=LinkKind.FORWARDED_TO, complaint_id=link.other_id, other_id=link.complaint_id
            )
        ends = link.complaint_id, link.other_id
        if link.kind is LinkKind.FORWARDED_TO:
            kept.setdefault((link.kind, *ends), link)
        elif link.kind is LinkKind.DUPLICATE_OF:
            kept["same", *sorted(ends)] = link
        else:
            kept.setdefault(("same", *sorted(ends)), link)
    return kept.values()
