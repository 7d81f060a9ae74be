"""Agencies asked while somebody waits: what is shared, what is kept, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.settings import LiveSettings
from gateway.live import LiveReader
from schema.agency import SourceErrorCode, StoreMode
from schema.complaint import ComplaintRecord, ContentState
from schema.connector import Page
from schema.errors import AuthenticationFailed
from schema.query import PUBLIC, Viewer
from schema.status import ComplaintStatus


class Hub:
    """One agency and its ledger: connector, poller, agencies and reader in one. Complaint `c1` is record `1` there."""

    def __init__(self, **live: float) -> None:
        self.agency = SimpleNamespace(store=StoreMode.STATUS)
        self.connector = self
        self.settings = LiveSettings(**live)
        self.asked: list[list[str]] = []
        self.applied: list[Page] = []
        self.fault: Exception | None = None
        self.missing: set[str] = set()
        self.let = asyncio.Event()
        self.let.set()
        self.arrived: asyncio.Queue[None] = asyncio.Queue()
        self.under_way = self.most_under_way = 0

    def get(self, slug: str) -> Any:
        return self if slug == "kab-uji" else None

    def manifest(self, slug: str) -> Any:
        return SimpleNamespace(live=self.settings)

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        yield self

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> dict[str, tuple[str, str]]:
        assert columns == ("agency", "native_id")
        return {id: ("kab-uji", id[1:]) for id in ids if id.startswith("c")}

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        self.asked.append(list(native_ids))
        self.arrived.put_nowait(None)
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        try:
            await self.let.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        if self.fault:
            raise self.fault
        return Page(records=tuple(record(key) for key in native_ids if key not in self.missing))

    async def apply(self, page: Page, *, seen: bool) -> None:
        assert seen
        self.applied.append(page)


def record(key: str) -> ComplaintRecord:
    return ComplaintRecord(
        native_id=key,
        tracking_id=key,
        status=ComplaintStatus.SUBMITTED,
        title=f"Judul {key}\0",
        original_text="x" * 1_000,
    )


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reader(hub: Any, clock: Clock, room: int = 1_000_000) -> LiveReader:
    return LiveReader(hub, hub, room=room, clock=clock)


def titles(found: Any) -> dict[str, Any]:
    return {id: content.record and content.record.title for id, content in found.items()}


async def test_a_page_is_asked_for_in_small_portions_few_at_a_time() -> None:
    hub = Hub()
    live = reader(hub, Clock())
    ids = [f"c{n}" for n in range(35)]
    assert titles(await live.contents(PUBLIC, [*ids, "elsewhere"])) == {id: f"Judul {id[1:]}" for id in ids}
    assert sorted(map(len, hub.asked)) == [5, 10, 10, 10]
    assert hub.most_under_way == 2
    assert titles(await live.contents(PUBLIC, ids)) == {id: f"Judul {id[1:]}" for id in ids}
    assert len(hub.asked) == 4


async def test_whoever_leaves_takes_nothing_from_the_others() -> None:
    hub, clock = Hub(), Clock()
    live = reader(hub, clock)
    hub.let.clear()
    first = asyncio.create_task(live.contents(PUBLIC, ["c1"]))
    await hub.arrived.get()
    second = asyncio.create_task(live.contents(PUBLIC, ["c1", "c2"]))
    await hub.arrived.get()
    first.cancel()
    hub.let.set()
    assert titles(await second) == {"c1": "Judul 1", "c2": "Judul 2"}
    assert hub.asked == [["1"], ["2"]]


async def test_ages() -> None:
    hub, clock = Hub(max_age=10, stale_if_error=100), Clock()
    live = reader(hub, clock)
    [content] = (await live.contents(PUBLIC, ["c1"])).values()
    assert (content.state, content.good_for) == (ContentState.AVAILABLE, 10)
    clock.now = 4
    at_hand = live.at_hand("c1")
    assert at_hand is not None
    assert at_hand.good_for == 6
    clock.now = 10
    assert live.at_hand("c1") is None
    hub.fault = AuthenticationFailed("no")
    [content] = (await live.contents(PUBLIC, ["c1"])).values()
    assert (content.state, content.error) == (ContentState.STALE, SourceErrorCode.AUTHENTICATION)
    clock.now = 101
    [content] = (await live.contents(PUBLIC, ["c1"])).values()
    assert (content.state, content.record, content.error) == (
        ContentState.UNAVAILABLE,
        None,
        SourceErrorCode.AUTHENTICATION,
    )


async def test_what_the_agency_does_not_have_is_not_asked_for_again_and_again() -> None:
    hub = Hub()
    hub.missing = {"1"}
    live = reader(hub, Clock())
    for _ in range(3):
        [content] = (await live.contents(PUBLIC, ["c1"])).values()
        assert (content.state, content.error) == (ContentState.UNAVAILABLE, SourceErrorCode.OTHER)
    assert hub.asked == [["1"]]


async def test_a_fault_of_ours_is_told_as_the_agencys_silence() -> None:
    hub = Hub()
    hub.fault = ZeroDivisionError()
    [content] = (await reader(hub, Clock()).contents(PUBLIC, ["c1"])).values()
    assert (content.state, content.error) == (ContentState.UNAVAILABLE, SourceErrorCode.OTHER)


async def test_memory_is_bounded() -> None:
    hub = Hub()
    live = reader(hub, Clock(), room=25_000)
    ids = [f"c{n}" for n in range(30)]
    for id in ids:
        await live.contents(PUBLIC, [id])
        assert live.at_hand("c0") is not None  # asked for again and again, it stays
    kept = [id for id in ids if live.at_hand(id) is not None]
    assert 5 < len(kept) < 15
    assert kept[1:] == ids[-len(kept) + 1 :]


async def test_a_mirror_is_renewed_once_for_all_who_ask() -> None:
    hub = Hub()
    live = reader(hub, Clock())
    assert await asyncio.gather(*(live.refresh(PUBLIC, "c1") for _ in range(5))) == [True] * 5
    assert (len(hub.asked), len(hub.applied)) == (1, 1)
    assert live.at_hand("c1") is not None
    hub.missing = {"2"}
    assert not await live.refresh(PUBLIC, "c2")
    assert not await live.refresh(PUBLIC, "elsewhere")
    hub.fault = AuthenticationFailed("no")
    assert not await live.refresh(PUBLIC, "c3")
    assert len(hub.applied) == 1


async def test_nothing_is_asked_after_the_end() -> None:
    hub = Hub()
    live = reader(hub, Clock())
    running = asyncio.create_task(live.run())
    hub.let.clear()
    waiting = asyncio.create_task(live.contents(PUBLIC, ["c1"]))
    await hub.arrived.get()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    [content] = (await waiting).values()
    assert content.state is ContentState.UNAVAILABLE
    assert hub.under_way == 0
