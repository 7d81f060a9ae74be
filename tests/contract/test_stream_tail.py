"""The tail tells what the ledger would tell: filters in memory as in SQL, and nothing that is out of sight by now."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.ledger.filters import agencies_meant, event_test
from gateway.ledger.reader import LedgerReader
from gateway.stream.doorbell import Doorbell
from gateway.stream.tail import Tail
from schema.agency import AgencyLevel
from schema.complaint import Classification, Complaint, FollowUp, FollowUpKind, complaint_id
from schema.events import Event, EventKind
from schema.query import PUBLIC, EventFilter, Role, Viewer
from schema.status import ComplaintStatus
from tests.conftest import Ledger
from tests.contract.conftest import Filled, moment

EVERY = EventFilter(kinds=tuple(EventKind))
_REGIONS = ("36", "36.03", "36.03.01", "36.71", "34", "51.01")
_CATEGORIES = ("jalan", "jalan.rusak", "jalan-tol", "air", "airport", "jalan\0", "", "x")
_AGENCIES = ("sp4n-lapor", "prov-bali", "kab-tangerang", "nowhere")


def some(dice: random.Random, values: Sequence[Any]) -> Any:
    """None or some of the values."""
    return None if dice.random() < 0.6 else tuple(dice.sample(list(values), dice.randint(0, min(3, len(values)))))


def a_filter(dice: random.Random, ids: Sequence[str]) -> EventFilter:
    kinds = some(dice, list(EventKind))
    return EventFilter(
        kinds=tuple(EventKind) if kinds is None else kinds,
        agencies=some(dice, _AGENCIES),
        levels=some(dice, list(AgencyLevel)),
        region_code=dice.choice([None, None, *_REGIONS]),
        classifications=some(dice, list(Classification)),
        category=dice.choice([None, None, *_CATEGORIES]),
        statuses=some(dice, list(ComplaintStatus)),
        ids=None if dice.random() < 0.7 else tuple(dice.sample(list(ids), min(len(ids), 20))),
    )


async def test_filters_match_in_memory_as_in_sql(filled: Filled) -> None:
    dice = random.Random(4)
    ids = [complaint.id for complaint in filled.complaints]
    matched = 0
    officer = Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-tangerang",))
    for viewer, times in ((PUBLIC, 150), (officer, 30), (Viewer(role=Role.REPORTER, complaints=tuple(ids[:9])), 30)):
        async with filled.reader.snapshot(viewer) as now:
            agencies, everything = await now.agencies(), (await now.events(EVERY, 0, 1_000)).events
            for _ in range(times):
                filter = a_filter(dice, ids)
                test = event_test(filter, agencies_meant(filter, agencies))
                found = [event.seq for event in (await now.events(filter, 0, 1_000)).events]
                assert [event.seq for event in everything if test(event)] == found, filter
                matched += bool(found)
    assert matched > 20


class Moves:
    """Whatever may happen to a few complaints."""

    def __init__(self, ledger: Ledger, dice: random.Random) -> None:
        self.ledger = ledger
        self._dice = dice
        self._now: dict[int, Complaint] = {}

    async def move(self) -> None:
        """One transaction."""
        number = self._dice.randrange(12)
        before = self._now.get(number)
        if before is None:
            after, kinds = self.ledger.complaint(number), [EventKind.SUBMITTED]
        else:
            after, kinds = self._changed(before)
        if after is None:
            return await self.ledger.writer.empty([before.id])  # type: ignore[union-attr]  # only what there is
        self._now[number] = replace(after, version=after.version + len(kinds))
        await self.ledger.put(after, kinds=kinds)
        return None

    def _changed(self, before: Complaint) -> tuple[Complaint | None, list[EventKind]]:
        answer = FollowUp(
            kind=FollowUpKind.PROGRESS,
            occurred_at=moment(0),
            content="Sedang ditangani.",
            is_confidential=self._dice.random() < 0.4,
        )
        turned = tuple(replace(entry, is_confidential=not entry.is_confidential) for entry in before.follow_ups)
        status = self._dice.choice(list(ComplaintStatus))
        return self._dice.choice(
            [
                (replace(before, status=status), [EventKind.STATUS_CHANGED]),
                (replace(before, title="Jembatan", category="jalan"), [EventKind.CORRECTED]),
                (replace(before, is_confidential=True), [EventKind.CORRECTED, EventKind.STATUS_CHANGED]),
                (replace(before, is_confidential=False), [EventKind.SUBMITTED]),
                (replace(before, follow_ups=(*before.follow_ups, answer)), [EventKind.FOLLOW_UP_ADDED]),
                (replace(before, follow_ups=turned), [EventKind.CORRECTED]),
                (None, []),
            ]
        )


_REPORTER = Viewer(role=Role.REPORTER, complaints=tuple(complaint_id("prov-bali", f"n{n}") for n in range(0, 12, 2)))


@pytest.mark.parametrize(("viewer", "times"), [(PUBLIC, 60), (_REPORTER, 30)], ids=["public", "reporter"])
async def test_the_tail_tells_what_the_ledger_tells(ledger: Ledger, viewer: Viewer, times: int) -> None:
    dice = random.Random(7)
    moves, reader, doorbell = Moves(ledger, dice), LedgerReader(ledger.database), Doorbell()
    ledger.writer.on_commit(doorbell.ring)
    tail = Tail(reader, viewer, doorbell)
    reading = asyncio.create_task(tail.run(0))
    try:
        for _ in range(times):
            for _ in range(dice.randint(1, 5)):
                await moves.move()
            while not tail.epoch or tail.end < doorbell.head.seq:
                await tail.wait(beyond=tail.end)
            async with reader.snapshot(viewer) as now:
                told = (await now.events(EVERY, tail.start, 1_000)).events
                assert _page(tail, EVERY, tail.start) == told
                filter, after = a_filter(dice, [event.complaint_id for event in told]), dice.randint(0, tail.end)
                assert _page(tail, filter, after) == (await now.events(filter, after, 1_000)).events
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


def _page(tail: Tail, filter: EventFilter, after: int) -> tuple[Event, ...]:
    page = tail.page(tail.match(filter), after, 1_000)
    assert page is not None
    assert page.end == tail.end
    return page.events
