"""The live feed: nothing lost, nothing twice, in order; and who is told how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.stream.doorbell import Doorbell
from gateway.stream.feed import PAGE, LedgerFeed
from gateway.stream.tail import STALLED, Tail
from schema.agency import SourceReport, SourceState
from schema.events import Event, EventKind, EventOrigin, Position
from schema.query import PUBLIC, EventFilter, EventPage, Viewer

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Ledger:
    """Events in a list; those in `hidden` match no filter."""

    def __init__(self) -> None:
        self.seq = 0
        self.hidden: set[int] = set()
        self.open = 0
        self.reports: dict[str, SourceReport] = {}

    def append(self, count: int = 1, *, hidden: bool = False) -> None:
        if hidden:
            self.hidden |= set(range(self.seq + 1, self.seq + count + 1))
        self.seq += count

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer) -> AsyncIterator[Any]:
        self.open += 1
        yield self
        self.open -= 1

    async def head(self) -> Position:
        return Position("e", self.seq)

    async def sources(self) -> Mapping[str, SourceReport]:
        return dict(self.reports)

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        found = [seq for seq in range(after + 1, self.seq + 1) if seq not in self.hidden][: first + 1]
        more = len(found) > first
        events = tuple(_event(seq) for seq in found[:first])
        return EventPage(events=events, end=events[-1].seq if more else self.seq, has_more=more)


def _event(seq: int) -> Event:
    return Event(
        seq=seq,
        kind=EventKind.STATUS_CHANGED,
        complaint_id=f"complaint_{seq}",
        agency="prov-bali",
        version=1,
        origin=EventOrigin.SYNC,
        occurred_at=NOW,
        recorded_at=NOW,
    )


class Rig:
    def __init__(self) -> None:
        self.now = 0.0
        self.ledger = Ledger()
        self.doorbell = Doorbell()
        self.tail = Tail(self.ledger, self.doorbell, clock=lambda: self.now)
        self.feed = LedgerFeed(self.ledger, self.doorbell, self.tail, clock=lambda: self.now)

    def follow(self, after: int = 0) -> Any:
        return self.feed.follow(PUBLIC, EventFilter(), after)


def seq_of(frame: Event | int) -> int:
    return frame if isinstance(frame, int) else frame.seq


async def test_backfill_then_live() -> None:
    rig = Rig()
    rig.ledger.append(2 * PAGE + 50)
    async with aclosing(rig.follow(after=10)) as frames:
        seen = [seq_of(await anext(frames)) for _ in range(2 * PAGE + 40)]
        waiting = asyncio.ensure_future(anext(frames))
        await anyio.wait_all_tasks_blocked()
        assert not waiting.done()
        rig.ledger.append()
        rig.doorbell.ring(rig.ledger.seq)
        seen.append(seq_of(await waiting))
    assert seen == list(range(11, 2 * PAGE + 52))


async def test_a_lost_ring_is_made_up_for_by_the_tail() -> None:
    rig = Rig()
    async with aclosing(rig.follow()) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await anyio.wait_all_tasks_blocked()
        rig.ledger.append()
        await rig.tail.look()
        assert seq_of(await waiting) == 1


async def test_a_slow_subscriber_holds_no_snapshot() -> None:
    rig = Rig()
    rig.ledger.append(5)
    async with aclosing(rig.follow()) as frames:
        await anext(frames)
        assert rig.ledger.open == 0


async def test_many_skipped_events_move_the_cursor() -> None:
    rig = Rig()
    rig.ledger.append()
    rig.ledger.append(700, hidden=True)
    async with aclosing(rig.follow()) as frames:
        assert seq_of(await anext(frames)) == 1
        assert await anext(frames) == 701


async def test_few_skipped_events_move_the_cursor_after_a_while() -> None:
    rig = Rig()
    rig.ledger.append(3, hidden=True)
    async with aclosing(rig.follow()) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await anyio.wait_all_tasks_blocked()
        rig.now = 10.0
        rig.ledger.append(1, hidden=True)
        rig.doorbell.ring(rig.ledger.seq)
        assert await waiting == 4


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=6), st.integers(0, 50))
@settings(deadline=None, max_examples=25)
def test_every_visible_event_comes_once_and_in_order(appends: list[tuple[int, bool]], after: int) -> None:
    async def run() -> None:
        rig = Rig()
        rig.ledger.append(50)
        async with aclosing(rig.follow(after)) as frames:
            for count, hidden in appends:
                rig.ledger.append(count, hidden=hidden)
                rig.doorbell.ring(rig.ledger.seq)
            rig.ledger.append()
            wanted = [seq for seq in range(after + 1, rig.ledger.seq + 1) if seq not in rig.ledger.hidden]
            seen: list[int] = []
            told = after
            while len(seen) < len(wanted):
                frame = await anext(frames)
                assert seq_of(frame) > told
                told = seq_of(frame)
                if isinstance(frame, Event):
                    seen.append(frame.seq)
            assert seen == wanted

    asyncio.run(run())


async def test_a_doorbell_wakes_all_who_wait_for_less() -> None:
    doorbell = Doorbell()
    near, far = (asyncio.ensure_future(doorbell.wait(beyond=seq)) for seq in (4, 9))
    await anyio.wait_all_tasks_blocked()
    doorbell.ring(5)
    await near
    await anyio.wait_all_tasks_blocked()
    assert not far.done()
    doorbell.ring(3)
    doorbell.ring(10)
    await far
    await doorbell.wait(beyond=99, timeout=0.0)


async def test_health_is_told_when_it_is_news() -> None:
    rig = Rig()
    bali = SourceReport(agency="prov-bali", state=SourceState.OK, lag_seconds=1)
    rig.ledger.reports = {"prov-bali": bali, "prov-diy": SourceReport(agency="prov-diy")}
    await rig.tail.look()
    async with aclosing(rig.tail.source_changes(["prov-bali"])) as changes:
        # What changes after the call counts, also before the first answer is asked for.
        rig.ledger.reports["prov-bali"] = SourceReport(agency="prov-bali", state=SourceState.DOWN, stale=True)
        await rig.tail.look()
        assert await anext(changes) == "prov-bali"
        waiting = asyncio.ensure_future(anext(changes))
        rig.ledger.reports["prov-bali"] = SourceReport(
            agency="prov-bali", state=SourceState.DOWN, stale=True, lag_seconds=9
        )
        rig.ledger.reports["prov-diy"] = SourceReport(agency="prov-diy", state=SourceState.DOWN)
        await rig.tail.look()
        await anyio.wait_all_tasks_blocked()
        assert not waiting.done()
        rig.ledger.reports["prov-bali"] = bali
        await rig.tail.look()
        assert await waiting == "prov-bali"


async def test_a_tail_that_sees_nothing_is_stalled() -> None:
    rig = Rig()
    assert rig.tail.stalled()
    await rig.tail.look()
    assert not rig.tail.stalled()
    rig.now = STALLED + 1
    assert rig.tail.stalled()
