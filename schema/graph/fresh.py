"""Reading under what outlives a snapshot: a stream, or a mutation, which changes what there is to be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from schema.agency import Agency, SourceReport
from schema.complaint import Complaint, Reporter
from schema.delivery import Delivery, DeliveryFilter, DeliveryPage, DeliveryQueue
from schema.events import Position
from schema.links import Link
from schema.ports import Dependencies, Quarantined, Reader, Rows, Snapshot, Versions
from schema.query import (
    ComplaintFilter,
    ComplaintOrder,
    ComplaintPage,
    EventFilter,
    EventPage,
    Measure,
    StatisticsBucket,
    StatisticsDimension,
    Viewer,
    Window,
)

T = TypeVar("T")


class FreshReads:
    """A `Snapshot` that opens a new one for each question and closes it at once.

    A slow subscriber would else hold a database transaction open while a frame is on its way to it.
    Two answers may be of different moments; a frame's own event and complaint are of one, from the feed.
    """

    def __init__(self, reader: Reader, viewer: Viewer) -> None:
        self.viewer = viewer
        #: On everything: frames are not answers that anybody keeps.
        self.dependencies = Dependencies(agencies=None, health=True, facts=True)
        self._reader = reader

    def seen_by(self, viewer: Viewer) -> FreshReads:
        """The same ledger, as another viewer may see it."""
        return FreshReads(self._reader, viewer)

    async def _ask(self, question: Callable[[Snapshot], Awaitable[T]]) -> T:
        async with self._reader.snapshot(self.viewer) as snapshot:
            return await question(snapshot)

    async def head(self) -> Position:
        return await self._ask(lambda now: now.head())

    async def oldest(self) -> int:
        return await self._ask(lambda now: now.oldest())

    async def stamp(self, agencies: Collection[str] | None = None) -> Position:
        return await self._ask(lambda now: now.stamp(agencies))

    async def versions(self) -> Versions:
        return await self._ask(lambda now: now.versions())

    async def agencies(self) -> Mapping[str, Agency]:
        return await self._ask(lambda now: now.agencies())

    async def sources(self) -> Mapping[str, SourceReport]:
        return await self._ask(lambda now: now.sources())

    async def complaints(self, filter: ComplaintFilter, order: ComplaintOrder, window: Window) -> ComplaintPage:
        return await self._ask(lambda now: now.complaints(filter, order, window))

    async def count(self, filter: ComplaintFilter) -> int:
        return await self._ask(lambda now: now.count(filter))

    async def rows(
        self,
        filter: ComplaintFilter,
        order: ComplaintOrder,
        window: Window,
        columns: tuple[str, ...],
        *,
        count: bool = False,
    ) -> Rows:
        return await self._ask(lambda now: now.rows(filter, order, window, columns, count=count))

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        return await self._ask(lambda now: now.rows_by_ids(ids, columns))

    async def rows_by_tracking_id(
        self, tracking_id: str, agency: str | None, columns: tuple[str, ...]
    ) -> Sequence[Sequence[Any]]:
        return await self._ask(lambda now: now.rows_by_tracking_id(tracking_id, agency, columns))

    async def by_ids(self, ids: Sequence[str]) -> Mapping[str, Complaint]:
        return await self._ask(lambda now: now.by_ids(ids))

    async def by_tracking_id(self, tracking_id: str, agency: str | None = None) -> Sequence[Complaint]:
        return await self._ask(lambda now: now.by_tracking_id(tracking_id, agency))

    async def statistics(
        self,
        filter: ComplaintFilter,
        group_by: Sequence[StatisticsDimension],
        first: int,
        measures: Collection[Measure] = (),
    ) -> Sequence[StatisticsBucket]:
        return await self._ask(lambda now: now.statistics(filter, group_by, first, measures))

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        return await self._ask(lambda now: now.events(filter, after, first))

    async def deliveries(self, filter: DeliveryFilter, after: int, first: int, *, count: bool = False) -> DeliveryPage:
        return await self._ask(lambda now: now.deliveries(filter, after, first, count=count))

    async def deliveries_by_ids(self, ids: Sequence[str]) -> Mapping[str, Delivery]:
        return await self._ask(lambda now: now.deliveries_by_ids(ids))

    async def reporters(self, complaints: Sequence[str]) -> Mapping[str, Reporter]:
        return await self._ask(lambda now: now.reporters(complaints))

    async def latest_deliveries(self, complaints: Sequence[str]) -> Mapping[str, Delivery]:
        return await self._ask(lambda now: now.latest_deliveries(complaints))

    async def queues(self) -> Mapping[str, DeliveryQueue]:
        return await self._ask(lambda now: now.queues())

    async def links(self, complaints: Sequence[str]) -> Mapping[str, Sequence[Link]]:
        return await self._ask(lambda now: now.links(complaints))

    async def linked(self, complaint: str, most: int) -> Sequence[Complaint]:
        return await self._ask(lambda now: now.linked(complaint, most))

    async def neighbours(self, complaint: Complaint, days: int, most: int) -> Sequence[Complaint]:
        return await self._ask(lambda now: now.neighbours(complaint, days, most))

    async def quarantine(self, agency: str, first: int) -> Sequence[Quarantined]:
        return await self._ask(lambda now: now.quarantine(agency, first))
