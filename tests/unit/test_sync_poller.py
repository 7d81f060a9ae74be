"""One agency's poller: attempts, outages, what is remembered between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.sync.derived import Rules
from gateway.sync.poller import Harvest, Pace, Poller
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.clocks import ClockLimits, WorkingCalendar
from schema.complaint import Complaint, ComplaintRecord, Rejected
from schema.connector import Page, Probe
from schema.errors import HttpFailure, RateLimited, SourceError, Unreachable
from schema.events import Change, Position
from schema.status import ComplaintStatus

AGENCY = Agency(
    id="kab-uji", name="Kabupaten Uji", level=AgencyLevel.DISTRICT, time_zone="Asia/Jakarta", connector_kind="rest"
)
START = datetime(2024, 1, 8, 2, 0, tzinfo=UTC)
PACE = Pace(every=10.0, stale_after=60.0, longest=50.0)


class Scripted:
    """A connector that answers each harvest as it was told: pages, then perhaps an error."""

    agency = AGENCY

    def __init__(self, *harvests: Sequence[Page | Exception]) -> None:
        self.harvests = list(harvests)
        self.asked: list[datetime | None] = []

    async def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        self.asked.append(since)
        for step in self.harvests.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        return Page(records=())

    async def check(self) -> Probe:
        raise Unreachable("no")

    async def aclose(self) -> None:
        pass


class Notebook:
    """A writer that keeps everything in memory."""

    def __init__(self) -> None:
        self.complaints: dict[str, Complaint] = {}
        self.events = 0
        self.rejected = 0
        self.reports: list[SourceReport] = []
        self.harvest: bytes | None = None

    async def change(
        self,
        agency: str,
        native_ids: Sequence[str],
        decide: Callable[[Mapping[str, Complaint]], Sequence[Change]],
        rejected: Sequence[Rejected] = (),
        references: Mapping[str, str] = MappingProxyType({}),
    ) -> Position:
        for change in decide({key: self.complaints[key] for key in native_ids if key in self.complaints}):
            self.complaints[change.after.native_id or ""] = change.after
            self.events += len(change.events)
        self.rejected += len(rejected)
        return Position("e", self.events)

    async def report(self, report: SourceReport, harvest: bytes | None = None) -> Position:
        self.reports.append(report)
        self.harvest = self.harvest if harvest is None else harvest
        return Position("e", self.events)

    async def harvest_state(self, agency: str) -> bytes | None:
        return self.harvest

    async def register(self, agencies: Sequence[Agency]) -> None:
        raise AssertionError("a poller registers nobody")

    async def tick(self, now: datetime, limit: int = 500) -> int:
        raise AssertionError("a poller turns no clocks")

    async def empty(self, ids: Sequence[str]) -> None:
        raise AssertionError("a poller erases nothing")


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def record(key: str, minutes: float = 0.0) -> ComplaintRecord:
    return ComplaintRecord(
        native_id=key,
        tracking_id=key,
        status=ComplaintStatus.SUBMITTED,
        submitted_at=START,
        updated_at=START + timedelta(minutes=minutes),
        title="Lampu jalan mati",
    )


def page(*records: ComplaintRecord, rejected: int = 0) -> Page:
    bad = tuple(Rejected(reason="status: missing", digest=str(n)) for n in range(rejected))
    return Page(records=records, rejected=bad)


def poller(connector: Scripted, writer: Notebook, clock: Time, **more: Any) -> Poller:
    rules = Rules(agency=AGENCY, limits=ClockLimits(), calendar=WorkingCalendar("Asia/Jakarta", frozenset()), slugs={})
    return Poller(connector=connector, writer=writer, rules=rules, pace=PACE, clock=clock, **more)


async def test_a_harvest_is_applied_page_by_page_and_remembers_how_far_it_came() -> None:
    clock, writer = Time(), Notebook()
    clock.pass_by(3600)
    connector = Scripted([page(record("2", 9), rejected=2), page(record("1", 5))])
    report = await poller(connector, writer, clock).harvest()
    assert set(writer.complaints) == {"1", "2"}
    assert writer.rejected == 2
    assert (report.state, report.stale, report.as_of, report.lag_seconds) == (SourceState.OK, False, clock.now, 0)
    assert msgspec.json.decode(writer.harvest or b"", type=Harvest) == Harvest(record("2", 9).updated_at, 4)


async def test_a_connector_that_counts_changes_itself_says_how_far_it_came() -> None:
    clock, writer = Time(), Notebook()
    clock.pass_by(3600)
    until = clock.now - timedelta(seconds=2)
    first = msgspec.structs.replace(page(msgspec.structs.replace(record("1"), updated_at=None)), until=until)
    connector = Scripted([first], [msgspec.structs.replace(page(), until=clock.now)], [])
    each = poller(connector, writer, clock)
    for _ in range(3):
        await each.harvest()
    assert connector.asked == [None, until, clock.now]


async def test_the_next_harvest_starts_where_the_last_one_ended() -> None:
    clock, writer = Time(), Notebook()
    clock.pass_by(3600)
    connector = Scripted([page(record("1", 5))], [], [])
    each = poller(connector, writer, clock)
    for _ in range(3):
        await each.harvest()
    assert connector.asked == [None, record("1", 5).updated_at, record("1", 5).updated_at]


async def test_a_harvest_that_breaks_off_keeps_its_pages_and_does_not_move_on() -> None:
    clock, writer = Time(), Notebook()
    connector = Scripted([page(record("1")), Unreachable("gone")], [page(record("1"), record("2"))])
    each = poller(connector, writer, clock)
    report = await each.harvest()
    assert set(writer.complaints) == {"1"}
    assert writer.harvest is None
    assert report.error is not None
    await each.harvest()
    assert set(writer.complaints) == {"1", "2"}
    assert connector.asked == [None, None]


async def test_an_agency_whose_clock_runs_ahead_is_not_skipped_over() -> None:
    clock, writer = Time(), Notebook()
    connector = Scripted([page(record("1", 600))], [])
    each = poller(connector, writer, clock)
    await each.harvest()
    await each.harvest()
    assert connector.asked[1] == START


async def test_what_changed_during_the_first_harvest_is_looked_for_at_once() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 2:
            raise asyncio.CancelledError

    connector = Scripted([page(record("1")), page(record("2"))], [])
    each = poller(connector, Notebook(), Time(), sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await each.run()
    assert waits[1:] == [0.0, PACE.every]


async def test_an_outage_is_logged_once_and_its_end_once() -> None:
    clock, writer = Time(), Notebook()
    connector = Scripted([page(record("1"))], [Unreachable("x")], [HttpFailure("y", status=500)], [], [])
    each = poller(connector, writer, clock)
    with capture_logs() as logs:
        for _ in range(5):
            await each.harvest()
            clock.pass_by(10)
    assert [entry["event"] for entry in logs] == ["agency.down", "agency.recovered"]


async def test_an_outage_keeps_its_beginning_and_the_age_of_the_mirror() -> None:
    clock, writer = Time(), Notebook()
    connector = Scripted([page(record("1"))], [Unreachable("x")], [Unreachable("x")])
    each = poller(connector, writer, clock)
    reports = []
    for _ in range(3):
        reports.append(await each.harvest())
        clock.pass_by(10)
    assert [r.state for r in reports] == [SourceState.OK, SourceState.DOWN, SourceState.DOWN]
    assert [r.as_of for r in reports] == [START] * 3
    assert [r.lag_seconds for r in reports] == [0, 10, 20]
    assert reports[2].error is not None
    assert reports[2].error.since == START + timedelta(seconds=10)
    assert reports[2].error.retry_at is not None
    assert reports[2].error.retry_at > reports[2].error.since


async def test_an_outage_that_outlives_the_hub_is_not_told_again() -> None:
    clock, writer = Time(), Notebook()
    down = await poller(Scripted([Unreachable("x")]), writer, clock).harvest()
    again = poller(Scripted([Unreachable("x")], []), writer, clock, report=down)
    with capture_logs() as logs:
        await again.harvest()
        await again.harvest()
    assert [entry["event"] for entry in logs] == ["agency.recovered"]


async def test_a_fault_of_ours_is_the_report_of_that_agency_alone() -> None:
    writer = Notebook()
    with capture_logs():
        report = await poller(Scripted([ZeroDivisionError("ours")]), writer, Time()).harvest()
    assert report.state is SourceState.DOWN
    assert report.error is not None
    assert report.error.code == "OTHER"


async def test_an_empty_full_harvest_where_there_was_plenty_is_not_believed() -> None:
    undated = [msgspec.structs.replace(record(str(n)), updated_at=None) for n in range(10)]
    writer = Notebook()
    each = poller(Scripted([page(*undated)], []), writer, Time())
    await each.harvest()
    report = await each.harvest()
    assert report.error is not None
    assert report.error.code == "INCOMPLETE"
    assert len(writer.complaints) == 10


@pytest.mark.parametrize(("error", "least"), [(Unreachable("x"), 10.0), (RateLimited("x", retry_after=40.0), 40.0)])
async def test_the_wait_after_a_failure_is_bounded_and_heeds_the_agency(error: SourceError, least: float) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 8:
            raise asyncio.CancelledError

    rules = Rules(agency=AGENCY, limits=ClockLimits(), calendar=WorkingCalendar("Asia/Jakarta", frozenset()), slugs={})
    each = Poller(
        connector=Scripted(*([error] for _ in range(9))),
        writer=Notebook(),
        rules=rules,
        pace=PACE,
        clock=Time(),
        sleep=sleep,
    )
    with pytest.raises(asyncio.CancelledError), capture_logs():
        await each.run()
    assert all(least <= wait <= 50.0 for wait in waits[1:])
