"""The ledger's writer, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.ledger.database import Dialect
from gateway.ledger.rows import COLUMNS, complaint_from_row, moment_text
from schema.agency import Agency, AgencyLevel, SourceErrorCode, SourceProblem, SourceReport, SourceState
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    AgencyReference,
    Attachment,
    Complaint,
    ContentState,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    Rejected,
)
from schema.errors import LedgerError, LedgerUnavailable
from schema.events import Change, EventKind, Position

NOW = datetime(2021, 6, 1, tzinfo=UTC)
SUBMITTED, MOVED, CORRECTED = EventKind.SUBMITTED, EventKind.STATUS_CHANGED, EventKind.CORRECTED


async def test_events_are_gapless_and_each_has_its_version(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1), ledger.complaint(2))
    head = await ledger.put(ledger.complaint(1, title="baru"), kinds=(MOVED, CORRECTED, CORRECTED))
    assert head == Position(await _epoch(ledger), 5)
    events = await _rows(
        ledger,
        "SELECT e.seq, tracking_id, e.version, kind FROM events e JOIN complaints c ON c.id = e.complaint_id"
        " ORDER BY e.seq",
    )
    assert events == [
        (1, "B-1", 1, "SUBMITTED"),
        (2, "B-2", 1, "SUBMITTED"),
        (3, "B-1", 2, "STATUS_CHANGED"),
        (4, "B-1", 3, "CORRECTED"),
        (5, "B-1", 4, "CORRECTED"),
    ]
    assert await _rows(ledger, "SELECT version, seq FROM complaints ORDER BY tracking_id") == [(4, 5), (1, 2)]


async def test_what_was_stored_is_what_decide_is_shown(ledger: Any) -> None:
    first = ledger.complaint(1, title="Jalan", edited_text="rusak", tags=("a",), is_anonymous=True)
    await ledger.put(first)
    seen: dict[str, Complaint] = {}

    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        seen.update(before)
        return []

    await ledger.writer.change("prov-bali", ["n1", "n2"], decide)
    assert seen == {"n1": replace(first, version=1)}


async def test_decide_is_shown_the_latest_generation(ledger: Any) -> None:
    again = replace(ledger.complaint(1), id="complaint_again", generation=1)
    await ledger.put(ledger.complaint(1))
    await ledger.writer.change(
        "prov-bali", ["n1"], lambda _: [Change(before=None, after=again, events=(ledger.event(SUBMITTED, again),))]
    )
    seen: list[str] = []
    await ledger.writer.change("prov-bali", ["n1"], lambda before: seen.extend(c.id for c in before.values()) or [])
    assert seen == ["complaint_again"]


async def test_the_same_record_twice_in_one_call_has_versions_in_a_row(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1), ledger.complaint(1, title="dua"))
    assert await _rows(ledger, "SELECT version, title FROM complaints") == [(2, "dua")]
    assert await _rows(ledger, "SELECT seq, version FROM events ORDER BY seq") == [(1, 1), (2, 2)]


async def test_a_decision_that_fails_fails_its_caller_alone(ledger: Any) -> None:
    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        raise ZeroDivisionError

    async with asyncio.TaskGroup() as group:
        group.create_task(ledger.put(ledger.complaint(1)))
        failing = group.create_task(_outcome(ledger.writer.change("prov-bali", ["n9"], decide)))
        group.create_task(ledger.put(ledger.complaint(2)))
    assert isinstance(failing.result(), ZeroDivisionError)
    assert await _rows(ledger, "SELECT seq FROM events ORDER BY seq") == [(1,), (2,)]


async def test_an_agency_that_is_not_registered_is_refused(ledger: Any) -> None:
    with pytest.raises(LedgerError, match="kab-lain is not registered"):
        await ledger.writer.change("kab-lain", [], lambda before: [])
    with pytest.raises(LedgerError, match="kab-lain is not registered"):
        await ledger.writer.report(SourceReport(agency="kab-lain"))


async def test_being_seen_again_is_no_event_and_keeps_the_seq(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1))
    await ledger.put(ledger.complaint(2))
    stored = replace(ledger.complaint(1), version=1)
    for seen_again in (replace(stored, synced_at=NOW), replace(stored, synced_at=NOW, days_to_close=2.0)):
        await ledger.put(seen_again, kinds=())
    rows = await _rows(ledger, "SELECT version, seq, synced_at, days_to_close FROM complaints ORDER BY seq")
    assert rows == [(1, 1, moment_text(NOW), 2.0), (1, 2, None, None)]


async def test_texts_that_no_database_holds_are_cleaned(ledger: Any) -> None:
    await ledger.put(
        ledger.complaint(1, title="a\0b", original_text="\ud800 c", tags=("x\0", "\udfff")), ledger.complaint(2)
    )
    assert await _rows(ledger, "SELECT title, original_text, tags FROM complaints ORDER BY seq LIMIT 1") == [
        ("ab", "\ufffd c", '["x","\ufffd"]')
    ]


async def test_a_key_with_nul_is_found_again(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1, native_id="n\0"))
    seen: list[str] = []
    await ledger.writer.change("prov-bali", ["n\0"], lambda before: seen.extend(before) or [])
    assert seen == ["n\0"]


async def test_a_record_that_no_row_can_hold_is_quarantined_alone(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1, tracking_id="9" * 5000), ledger.complaint(2))
    assert await _rows(ledger, "SELECT tracking_id, seq FROM complaints") == [("B-2", 1)]
    assert await _rows(ledger, "SELECT native_id, reason FROM quarantine") == [("n1", "tracking_id: too long")]


async def test_the_quarantine_keeps_one_row_per_record_until_it_can_be_read(ledger: Any) -> None:
    bad = Rejected(reason="no date\0", digest="d1", native_id="n7", shape="{}")
    for reason in ("no date", "still no date"):
        await ledger.writer.change("prov-bali", [], lambda _: [], [replace(bad, reason=reason), bad, bad])
    other = Rejected(reason="not a record", digest="d2")
    await ledger.writer.change("prov-bali", ["n8"], lambda _: [], [other])
    assert await _rows(ledger, "SELECT id, reason FROM quarantine ORDER BY id") == [
        ("prov-bali/d1", "no date"),
        ("prov-bali/d2", "not a record"),
    ]
    await ledger.put(ledger.complaint(7))
    assert await _rows(ledger, "SELECT id FROM quarantine") == [("prov-bali/d2",)]


async def test_an_event_says_who_could_see_its_complaint(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1))
    await ledger.put(ledger.complaint(1, is_confidential=True), kinds=(CORRECTED, MOVED))
    await ledger.put(ledger.complaint(2, is_confidential=True))
    await ledger.put(ledger.complaint(2), kinds=(SUBMITTED, MOVED))
    rows = await _rows(ledger, "SELECT public_before, public_after FROM events ORDER BY seq")
    assert [tuple(map(bool, row)) for row in rows] == [
        (False, True),
        (True, False),
        (False, False),
        (False, False),
        (False, True),
        (True, True),
    ]
    assert await _rows(ledger, "SELECT id, seq FROM stamps ORDER BY id") == [
        ("prov-bali/hidden", 4),
        ("prov-bali/public", 6),
    ]


async def test_assignments_follow_the_complaint(ledger: Any) -> None:
    bali, lain = AgencyReference("Bali", agency="prov-bali"), AgencyReference("Lain")
    await ledger.put(ledger.complaint(1, assigned_agencies=(bali, lain)), ledger.complaint(2))
    id = ledger.complaint(1).id
    sumbar = AgencyReference("Sumatera Barat", agency="prov-sumbar")
    mine = (f"prov-bali/{id}", "prov-bali", id)
    asked = "SELECT * FROM assignments WHERE complaint_id = '" + id + "'"
    assert await _rows(ledger, asked) == [mine]
    await ledger.put(ledger.complaint(1, assigned_agencies=(sumbar, lain)), kinds=(CORRECTED,))
    assert await _rows(ledger, asked) == [(f"prov-sumbar/{id}", "prov-sumbar", id)]
    # Nobody who is plugged in was named: the holder must act.
    await ledger.put(ledger.complaint(1, assigned_agencies=(lain,)), kinds=(CORRECTED,))
    assert await _rows(ledger, asked) == [mine]


async def test_the_word_index_follows_the_texts(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1, title="Perbaikan jalan"), ledger.complaint(2, original_text="jalan gelap"))
    assert await _found(ledger, "jalan") == ["B-1", "B-2"]
    assert await _found(ledger, "baik") == ["B-1"]
    await ledger.put(ledger.complaint(1, title="Lampu"), ledger.complaint(2), kinds=(CORRECTED,))
    assert await _found(ledger, "jalan") == []
    assert await _found(ledger, "lampu") == ["B-1"]


async def test_reports_count_and_a_change_of_state_is_an_event(ledger: Any) -> None:
    health = (await _rows(ledger, "SELECT health FROM head"))[0][0]
    down = SourceReport(
        agency="prov-bali",
        state=SourceState.DOWN,
        checked_at=NOW,
        error=SourceProblem(SourceErrorCode.TIMEOUT, since=NOW),
    )
    assert (await ledger.writer.report(down, b"\0\1")).seq == 1
    assert (await ledger.writer.report(replace(down, lag_seconds=5))).seq == 1
    assert (await ledger.writer.report(replace(down, state=SourceState.OK))).seq == 2
    assert await ledger.writer.harvest_state("prov-bali") == b"\0\1"
    assert await ledger.writer.harvest_state("kab-lain") is None
    assert await _rows(ledger, "SELECT health FROM head") == [(health + 3,)]
    assert (
        await _rows(ledger, "SELECT kind, complaint_id, occurred_at FROM events ORDER BY seq")
        == [("SOURCE_CHANGED", None, moment_text(NOW))] * 2
    )
    assert await _rows(ledger, "SELECT id, seq FROM stamps") == [("prov-bali/health", 2)]
    [[report]] = await _rows(ledger, "SELECT report FROM agencies")
    assert msgspec.json.decode(report, type=SourceReport) == replace(down, state=SourceState.OK)


async def test_an_agency_without_a_file_is_paused_and_keeps_its_complaints(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1))
    other = Agency(
        id="kab-badung", name="Badung", level=AgencyLevel.DISTRICT, time_zone="Asia/Makassar", connector_kind="rest"
    )
    await ledger.writer.register([other])
    await ledger.writer.register([other])
    rows = dict(await _rows(ledger, "SELECT id, report FROM agencies"))
    assert rows["kab-badung"] is None
    assert msgspec.json.decode(rows["prov-bali"], type=SourceReport).state is SourceState.PAUSED
    assert await _rows(ledger, "SELECT count(*) FROM complaints") == [(1,)]
    assert await _rows(ledger, "SELECT kind FROM events ORDER BY seq") == [("SUBMITTED",), ("SOURCE_CHANGED",)]


async def test_a_level_that_changes_changes_for_stored_complaints(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1))
    bali = Agency(
        id="prov-bali", name="Bali", level=AgencyLevel.NATIONAL, time_zone="Asia/Makassar", connector_kind="rest"
    )
    await ledger.writer.register([bali])
    await ledger.put(ledger.complaint(2))
    assert await _rows(ledger, "SELECT level FROM complaints") == [("NATIONAL",)] * 2


async def test_clocks_that_fall_due_are_events_once(ledger: Any) -> None:
    early, late = NOW - timedelta(days=2), NOW - timedelta(days=1)
    clocks = (
        _clock(ClockKind.FINISH, late),
        _clock(ClockKind.VERIFY, early),
        _clock(ClockKind.AUTO_CLOSE, NOW + timedelta(days=1)),
    )
    stopped = (replace(_clock(ClockKind.VERIFY, early), stopped_at=early),)
    await ledger.put(
        ledger.complaint(1, clocks=clocks), ledger.complaint(2, clocks=stopped), ledger.complaint(3, clocks=clocks[:1])
    )
    assert await ledger.writer.tick(NOW, limit=1) == 1
    assert await ledger.writer.tick(NOW, limit=500) == 2
    assert await ledger.writer.tick(NOW) == 0
    rows = await _rows(
        ledger,
        "SELECT tracking_id, kind, occurred_at, detail FROM events e JOIN complaints c ON c.id = e.complaint_id"
        " WHERE e.seq > 3 ORDER BY e.seq",
    )
    assert rows == [
        ("B-1", "CLOCK_BREACHED", moment_text(early), '{"clock":"VERIFY"}'),
        ("B-1", "CLOCK_BREACHED", moment_text(late), '{"clock":"FINISH"}'),
        ("B-3", "CLOCK_BREACHED", moment_text(late), '{"clock":"FINISH"}'),
    ]
    rows = await _rows(ledger, "SELECT breached, next_breach_at, version FROM complaints ORDER BY tracking_id")
    assert rows == [(9, moment_text(NOW + timedelta(days=1)), 3), (0, None, 1), (8, None, 2)]


async def test_emptying_complaints_changes_no_event_and_leaves_no_gap(ledger: Any) -> None:
    secret = "rahasiaku"
    full = {
        "title": f"{secret} judul",
        "original_text": secret,
        "url": f"https://a/{secret}",
        "incident_location": IncidentLocation(region_code="51", address=secret),
        "attachments": (Attachment(id="attachment_1", filename=secret),),
        "follow_ups": (FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content=secret),),
    }
    await ledger.put(*(ledger.complaint(n, **full) for n in range(100)))
    await ledger.put(*(ledger.complaint(n, title="lain") for n in range(100, 105)))
    before = await _rows(ledger, "SELECT * FROM events ORDER BY seq")
    ids = [ledger.complaint(n).id for n in range(100)]
    await ledger.writer.empty(ids)
    await ledger.writer.empty(ids)
    after = await _rows(ledger, "SELECT * FROM events ORDER BY seq")
    assert after[:105] == before
    assert [row[0] for row in after] == list(range(1, 206))
    names = ", ".join(COLUMNS)
    rows = await _rows(ledger, f"SELECT {names} FROM complaints WHERE content_state = 'ERASED'")
    assert len(rows) == 100
    assert secret not in repr(rows)
    complaint = complaint_from_row(rows[0])
    assert (complaint.title, complaint.incident_location, len(complaint.follow_ups)) == (None, None, 1)
    assert await _found(ledger, secret) == []
    # What was erased stays erased when the agency sends it again.
    await ledger.put(ledger.complaint(0, **full), kinds=(MOVED,))
    [row] = await _rows(ledger, f"SELECT {names} FROM complaints WHERE tracking_id = 'B-0'")
    assert complaint_from_row(row).content_state is ContentState.ERASED
    assert secret not in repr(row)


async def test_nothing_of_an_emptied_complaint_is_left_in_the_file(sqlite_url: str, ledger_at: Any) -> None:
    async with ledger_at(sqlite_url) as ledger:
        await ledger.put(*(ledger.complaint(n, title=f"rahasiaku{n} " * 500) for n in range(20)))
        await ledger.writer.empty([ledger.complaint(n).id for n in range(20)])
        path = ledger.database.path
        for file in (path, path.with_name("hub.db-wal")):
            assert b"rahasiaku" not in file.read_bytes()


async def test_the_bell_rings_after_the_witness_knows(ledger: Any) -> None:
    rung: list[tuple[Position, int]] = []
    ledger.writer.on_commit(lambda head: rung.append((head, ledger.witness.read().seq)))
    head = await ledger.put(ledger.complaint(1))
    assert rung == [(head, 1)]


async def test_a_bell_that_breaks_is_not_a_failed_write(ledger: Any) -> None:
    ledger.writer.on_commit(lambda head: [][1])
    assert (await ledger.put(ledger.complaint(1))).seq == 1


async def test_a_cancelled_caller_does_not_cancel_the_write(ledger: Any) -> None:
    committed = asyncio.Event()
    ledger.writer.on_commit(lambda head: committed.set())
    caller = asyncio.create_task(ledger.put(ledger.complaint(1)))
    await asyncio.sleep(0)
    caller.cancel()
    assert isinstance(await _outcome(caller), asyncio.CancelledError)
    await asyncio.wait_for(committed.wait(), 10)
    assert await _rows(ledger, "SELECT seq FROM events") == [(1,)]


async def test_the_task_is_begun_again_when_it_dies(ledger: Any) -> None:
    worker = ledger.writer._worker
    for number in range(1, 6):
        victim = worker._task
        caller = asyncio.create_task(_outcome(ledger.put(ledger.complaint(number))))
        for _ in range(number):
            await asyncio.sleep(0)
        victim.cancel()
        await caller
    assert worker.restarts == 5
    await ledger.put(ledger.complaint(9))
    [[head, newest, count]] = await _rows(ledger, "SELECT (SELECT seq FROM head), max(seq), count(*) FROM events")
    assert head == newest == count


async def test_a_lost_connection_is_made_again(postgres_url: str, ledger_at: Any) -> None:
    async with ledger_at(postgres_url) as ledger:
        await ledger.put(ledger.complaint(1))
        await ledger.database.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await _outcome(ledger.put(ledger.complaint(2)))  # this one may find out
        await ledger.put(ledger.complaint(3))
        assert (await _rows(ledger, "SELECT tracking_id FROM complaints"))[-1] == ("B-3",)
        assert ledger.writer._worker.restarts == 0


async def test_an_ended_writer_refuses(database_url: str, ledger_at: Any) -> None:
    async with ledger_at(database_url) as ledger:
        pending = asyncio.create_task(ledger.put(ledger.complaint(1)))
        await asyncio.sleep(0)
    assert (await pending).seq == 1
    with pytest.raises(LedgerUnavailable):
        await ledger.put(ledger.complaint(2))


async def _epoch(ledger: Any) -> str:
    return str((await _rows(ledger, "SELECT epoch FROM head"))[0][0])


async def _rows(ledger: Any, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await ledger.database.fetch(sql)]


async def _found(ledger: Any, stem: str) -> list[str]:
    test = "complaint_search MATCH $1"
    if ledger.database.dialect is Dialect.POSTGRES:
        test = "document @@ to_tsquery('indonesian', $1)"
    rows = await ledger.database.fetch(
        f"SELECT tracking_id FROM complaint_search JOIN complaints USING (id) WHERE {test} ORDER BY tracking_id", [stem]
    )
    return [row[0] for row in rows]


async def _outcome(work: Any) -> Any:
    try:
        return await work
    except (Exception, asyncio.CancelledError) as error:
        return error


def _clock(kind: ClockKind, due_at: datetime) -> SlaClock:
    return SlaClock(kind=kind, limit_days=3, started_at=due_at - timedelta(days=3), due_at=due_at)
