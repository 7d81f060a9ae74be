"""The live feed: nothing lost, nothing twice, in order; and who is told how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.stream import tail as tails
from gateway.stream.doorbell import Doorbell
from gateway.stream.feed import PAGE, LedgerFeed
from gateway.stream.watch import STALLED, Watch
from schema.agency import Agency, SourceReport, SourceState
from schema.errors import BadUserInput, LedgerUnavailable
from schema.events import Event, EventKind, EventOrigin, Position
from schema.ports import CaughtUp
from schema.query import PUBLIC, EventFilter, EventPage, Viewer
from tests.unit.graph_ledger import complaint

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = complaint(1)
CORRECTED = EventFilter(kinds=(EventKind.CORRECTED,))


class Ledger:
    """Events in a list; nobody is told of those in `hidden`, and those in `corrected` took a complaint out of sight."""

    def __init__(self) -> None:
        self.epoch = "1"
        self.seq = 0
        self.first = 1
        self.hidden: set[int] = set()
        self.corrected: set[int] = set()
        self.open = self.reads = 0
        self.fails = False
        self.reports: dict[str, SourceReport] = {}

    def append(self, count: int = 1, *, hidden: bool = False, corrected: bool = False) -> None:
        added = set(range(self.seq + 1, self.seq + count + 1))
        self.hidden |= added if hidden else set()
        self.corrected |= added if corrected else set()
        self.seq += count

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer) -> AsyncIterator[Any]:
        if self.fails:
            raise LedgerUnavailable("the disk is gone")
        self.open += 1
        yield self
        self.open -= 1

    async def head(self) -> Position:
        return Position(self.epoch, self.seq)

    async def oldest(self) -> int:
        return self.first

    async def agencies(self) -> Mapping[str, Agency]:
        return {}

    async def sources(self) -> Mapping[str, SourceReport]:
        return dict(self.reports)

    async def events(self, filter: EventFilter, after: int, first: int) -> EventPage:
        self.reads += 1
        told = (self.event(seq) for seq in range(after + 1, self.seq + 1) if seq not in self.hidden)
        found = [
            event
            for event in told
            if event.kind in filter.kinds and (filter.ids is None or event.complaint_id in filter.ids)
        ][: first + 1]
        more = len(found) > first
        return EventPage(events=tuple(found[:first]), end=found[first].seq - 1 if more else self.seq, has_more=more)

    def event(self, seq: int) -> Event:
        return Event(
            seq=seq,
            kind=EventKind.CORRECTED if seq in self.corrected else EventKind.STATUS_CHANGED,
            complaint_id=f"complaint_{seq % 10_000}",
            agency="prov-bali",
            version=1,
            origin=EventOrigin.SYNC,
            occurred_at=NOW,
            recorded_at=NOW,
            complaint=None if seq in self.corrected else SEEN,
        )


class Rig:
    def __init__(self) -> None:
        self.now = 0.0
        self.ledger = Ledger()
        self.doorbell = Doorbell()
        self.closing = asyncio.Event()
        self.watch = Watch(self.ledger, self.doorbell, clock=lambda: self.now)
        self.feed = LedgerFeed(self.ledger, self.doorbell, self.watch, self.closing, clock=lambda: self.now, tick=0.01)

    def follow(self, after: int = 0, filter: EventFilter = EventFilter()) -> Any:  # noqa: B008 - frozen
        return alone(self.feed.follow(PUBLIC, filter, Position(self.ledger.epoch, after)))

    def append(self, count: int = 1, *, hidden: bool = False, corrected: bool = False) -> None:
        self.ledger.append(count, hidden=hidden, corrected=corrected)
        self.doorbell.ring(Position(self.ledger.epoch, self.ledger.seq))


async def alone(frames: Any) -> AsyncIterator[Event | int]:
    """What one is told who never joins others."""
    async with aclosing(frames):
        async for frame in frames:
            if not isinstance(frame, CaughtUp):
                yield frame


def seq_of(frame: Event | int) -> int:
    return frame if isinstance(frame, int) else frame.seq


async def settled() -> None:
    """Lets everything happen that can happen without time going by."""
    for _ in range(200):
        await asyncio.sleep(0)


async def seqs(frames: Any, count: int) -> list[int]:
    return [seq_of(await asyncio.wait_for(anext(frames), 5)) for _ in range(count)]


async def test_backfill_then_live() -> None:
    rig = Rig()
    rig.append(20 * PAGE)
    async with aclosing(rig.follow(after=10)) as frames:
        seen = await seqs(frames, 20 * PAGE - 10)
        waiting = asyncio.ensure_future(anext(frames))
        await settled()
        assert not waiting.done()
        rig.append()
        seen.append(seq_of(await waiting))
    assert seen == list(range(11, 20 * PAGE + 2))


async def test_a_lost_ring_is_made_up_for_by_the_watch() -> None:
    rig = Rig()
    async with aclosing(rig.follow()) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await settled()
        rig.ledger.append()
        await rig.watch.look()
        assert seq_of(await waiting) == 1


async def test_a_slow_subscriber_holds_no_snapshot() -> None:
    rig = Rig()
    rig.append(5)
    async with aclosing(rig.follow()) as frames:
        await anext(frames)
        assert rig.ledger.open == 0


async def test_however_many_follow_the_ledger_is_read_once() -> None:
    rig = Rig()
    followed = [rig.follow(filter=CORRECTED if n % 2 else EventFilter()) for n in range(50)]
    told: list[list[int]] = [[] for _ in followed]

    async def take(n: int) -> None:
        async for frame in followed[n]:
            told[n].append(seq_of(frame))

    async with asyncio.TaskGroup() as group:
        for n in range(len(followed)):
            group.create_task(take(n))
        await settled()
        for _ in range(3):
            reads = rig.ledger.reads
            rig.append()
            rig.append(corrected=True)
            await settled()
            assert rig.ledger.reads - reads == 1
        rig.closing.set()
    assert told == [[*range(1, 7)], [2, 4, 6]] * 25


async def test_who_falls_behind_the_tail_reads_the_ledger_and_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MOST_EVENTS", 150)
    rig = Rig()
    async with aclosing(rig.follow()) as slow, aclosing(rig.follow()) as quick:
        rig.append(1)
        assert await seqs(slow, 1) == await seqs(quick, 1) == [1]
        for _ in range(10):
            rig.append(100)
            await seqs(quick, 100)
        assert await seqs(slow, 1000) == list(range(2, 1002))
        rig.append(1)
        assert await seqs(slow, 1) == await seqs(quick, 1) == [1002]


async def test_a_page_taken_before_a_correction_is_taken_anew() -> None:
    rig = Rig()
    rig.append(50)
    async with aclosing(rig.follow()) as slow, aclosing(rig.follow()) as quick:
        assert await seqs(slow, 10) == list(range(1, 11))
        await seqs(quick, 50)
        waiting = asyncio.ensure_future(anext(quick))
        # The complaint of event 20 is withdrawn: 20 can't be seen any more, and the withdrawal is an event itself.
        rig.ledger.hidden.add(20)
        rig.ledger.append(9_969, hidden=True)
        rig.append(corrected=True)
        assert seq_of(await asyncio.wait_for(waiting, 5)) in {10_019, 10_020}
        told = await seqs(slow, 40)
    assert told[:39] == [*range(11, 20), *range(21, 51)]


async def test_a_filter_that_cannot_be_meant_is_refused_at_once() -> None:
    with pytest.raises(BadUserInput):
        await anext(Rig().follow(filter=EventFilter(region_code="Bali")))


async def test_many_skipped_events_move_the_cursor() -> None:
    rig = Rig()
    rig.ledger.append()
    rig.append(700, hidden=True)
    async with aclosing(rig.follow()) as frames:
        assert await seqs(frames, 2) == [1, 701]


async def test_few_skipped_events_move_the_cursor_after_a_while() -> None:
    rig = Rig()
    rig.append(3, hidden=True)
    async with aclosing(rig.follow()) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        rig.now = 10.0
        assert await asyncio.wait_for(waiting, 5) == 3


async def test_an_hour_without_a_match_moves_the_cursor_all_the_same() -> None:
    rig = Rig()
    told: list[int] = []
    async with aclosing(rig.follow(filter=CORRECTED)) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        for minute in range(60):
            await asyncio.sleep(0)
            rig.append(2)
            rig.now = 60.0 * (minute + 1)
            told.append(await asyncio.wait_for(waiting, 5))
            waiting = asyncio.ensure_future(anext(frames))
        rig.append(corrected=True)
        assert seq_of(await asyncio.wait_for(waiting, 5)) == 121
    assert told == sorted(set(told))
    assert told[-1] >= 118


async def test_closing_ends_all_who_follow_at_once() -> None:
    rig = Rig()
    rig.append(150)
    async with aclosing(rig.follow()) as busy, aclosing(rig.follow(150)) as idle:
        await anext(busy)
        changes: Any = rig.feed.follow_sources(PUBLIC, None)
        waiting = [asyncio.ensure_future(anext(each, None)) for each in (idle, changes)]
        await settled()
        rig.closing.set()
        assert await asyncio.wait_for(asyncio.gather(*waiting), 1) == [None, None]
        assert await anext(busy, None) is None


async def test_history_that_was_rewritten_ends_a_stream() -> None:
    rig = Rig()
    rig.append(5)
    async with aclosing(rig.follow()) as frames, aclosing(rig.follow(5)) as idle:
        assert await seqs(frames, 2) == [1, 2]
        waiting = asyncio.ensure_future(anext(idle, None))
        rig.ledger.epoch = "2"
        await rig.watch.look()
        assert await asyncio.wait_for(waiting, 5) is None
        assert await anext(frames, None) is None
    # Behind the tail, the ledger itself is asked.
    rig.ledger.seq = 500
    async with aclosing(rig.feed.follow(PUBLIC, EventFilter(), Position("1", 3))) as frames:
        assert await anext(frames, None) is None


async def test_an_epoch_that_the_tail_has_not_heard_of_is_waited_for() -> None:
    rig = Rig()
    rig.append(5)
    async with aclosing(rig.follow()) as frames:
        await seqs(frames, 5)
        rig.ledger.epoch = "2"
        async with aclosing(rig.follow(5)) as later:
            waiting = asyncio.ensure_future(anext(later))
            await settled()
            rig.append()
            assert seq_of(await asyncio.wait_for(waiting, 5)) == 6
        assert await anext(frames, None) is None


async def test_what_expires_before_it_was_told_ends_the_stream() -> None:
    rig = Rig()
    rig.append(3 * tails.MOST_EVENTS)
    async with aclosing(rig.follow()) as live, aclosing(rig.follow(10)) as frames:
        await anext(live)
        assert len(await seqs(frames, PAGE)) == PAGE
        rig.ledger.first = 1_000
        rig.ledger.append()
        assert await anext(frames, None) is None


async def test_a_ledger_that_fails_for_a_while_is_no_end() -> None:
    rig = Rig()
    async with aclosing(rig.follow()) as frames:
        waiting = asyncio.ensure_future(anext(frames))
        await settled()
        rig.ledger.fails = True
        rig.append(3)
        await asyncio.sleep(0.03)
        rig.ledger.fails = False
        assert seq_of(await asyncio.wait_for(waiting, 5)) == 1
        assert await seqs(frames, 2) == [2, 3]


async def test_the_tail_goes_with_the_last_who_follows() -> None:
    rig = Rig()
    rig.append(3)
    before = len(asyncio.all_tasks())
    async with aclosing(rig.follow()) as frames:
        await anext(frames)
        assert len(asyncio.all_tasks()) == before + 2
    await settled()
    assert len(asyncio.all_tasks()) == before
    assert not rig.feed._shared


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans(), st.booleans()), max_size=6), st.integers(0, 50))
@settings(deadline=None, max_examples=25)
def test_every_visible_event_comes_once_and_in_order(appends: list[tuple[int, bool, bool]], after: int) -> None:
    async def run() -> None:
        rig = Rig()
        rig.append(50)
        async with aclosing(rig.follow(after)) as frames:
            for count, hidden, corrected in appends:
                rig.append(count, hidden=hidden, corrected=corrected)
            rig.append()
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
    near, far = (asyncio.ensure_future(doorbell.wait(beyond=Position("1", seq))) for seq in (4, 9))
    await settled()
    doorbell.ring(Position("1", 5))
    await near
    await settled()
    assert not far.done()
    doorbell.ring(Position("1", 3))
    doorbell.ring(Position("0", 99))
    assert doorbell.head == Position("1", 5)
    # Another epoch is beyond everything in this one.
    doorbell.ring(Position("2", 1))
    await far
    await doorbell.wait(beyond=Position("2", 99), timeout=0.0)


async def test_health_is_told_when_it_is_news() -> None:
    rig = Rig()
    bali = SourceReport(agency="prov-bali", state=SourceState.OK, lag_seconds=1)
    rig.ledger.reports = {"prov-bali": bali, "prov-diy": SourceReport(agency="prov-diy")}
    await rig.watch.look()
    async with aclosing(rig.watch.source_changes(["prov-bali"])) as changes:
        # What changes after the call counts, also before the first answer is asked for.
        rig.ledger.reports["prov-bali"] = SourceReport(agency="prov-bali", state=SourceState.DOWN, stale=True)
        await rig.watch.look()
        assert await anext(changes) == "prov-bali"
        waiting = asyncio.ensure_future(anext(changes))
        rig.ledger.reports["prov-bali"] = SourceReport(
            agency="prov-bali", state=SourceState.DOWN, stale=True, lag_seconds=9
        )
        rig.ledger.reports["prov-diy"] = SourceReport(agency="prov-diy", state=SourceState.DOWN)
        await rig.watch.look()
        await settled()
        assert not waiting.done()
        rig.ledger.reports["prov-bali"] = bali
        await rig.watch.look()
        assert await waiting == "prov-bali"


async def test_a_watch_that_sees_nothing_is_stalled() -> None:
    rig = Rig()
    assert rig.watch.stalled()
    await rig.watch.look()
    assert not rig.watch.stalled()
    rig.now = STALLED + 1
    assert rig.watch.stalled()
