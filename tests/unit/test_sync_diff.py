"""What a record's arrival changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.erasure import emptied
from gateway.sync.derived import Rules
from gateway.sync.diff import decide, diff
from schema.agency import Agency, AgencyLevel
from schema.clocks import ClockLimits, WorkingCalendar
from schema.complaint import (
    AgencyReference,
    Complaint,
    ComplaintRecord,
    ContentState,
    Disposition,
    FollowUp,
    FollowUpKind,
    NativeStatus,
    StatusEvent,
    complaint_id,
)
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.status import ActorRole, ComplaintStatus

S = ComplaintStatus
T0 = datetime(2024, 1, 8, 2, 0, tzinfo=UTC)  # a Monday
NOW = T0 + timedelta(hours=8)
RULES = Rules(
    agency=Agency(
        id="kab-uji", name="Kabupaten Uji", level=AgencyLevel.DISTRICT, time_zone="Asia/Jakarta", connector_kind="rest"
    ),
    limits=ClockLimits(),
    calendar=WorkingCalendar("Asia/Jakarta", frozenset()),
    slugs={"provinsi uji": "prov-uji"},
)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def move(status: ComplaintStatus, hours: float) -> StatusEvent:
    return StatusEvent(to_status=status, occurred_at=at(hours), native_status=NativeStatus(status.lower()))


def record(status: ComplaintStatus = S.SUBMITTED, updated: float = 0, **fields: Any) -> ComplaintRecord:
    fields = {"title": "Jalan rusak", "submitted_at": T0, **fields}
    return ComplaintRecord(native_id="7", tracking_id="U-7", status=status, updated_at=at(updated), **fields)


def apply(before: Complaint | None, told: ComplaintRecord, now: datetime = NOW) -> Change | None:
    return diff(RULES, before, told, now, EventOrigin.SYNC)


def changed(before: Complaint | None, told: ComplaintRecord, now: datetime = NOW) -> tuple[Complaint, list[EventDraft]]:
    """The snapshot as the ledger would keep it, and the events."""
    change = apply(before, told, now)
    assert change is not None
    version = (before.version if before else 0) + len(change.events)
    return msgspec.structs.replace(change.after, version=version), list(change.events)


def kinds(events: list[EventDraft]) -> list[EventKind]:
    return [event.kind for event in events]


def test_a_new_record_is_one_submitted_event_and_one_event_per_further_entry_of_its_log() -> None:
    log = (move(S.SUBMITTED, 0), move(S.VERIFIED, 1), move(S.DISPOSED, 2))
    after, events = changed(None, record(S.DISPOSED, 2, timeline=log))
    assert kinds(events) == [EventKind.SUBMITTED, EventKind.STATUS_CHANGED, EventKind.STATUS_CHANGED]
    assert [e.status for e in events] == [S.SUBMITTED, S.VERIFIED, S.DISPOSED]
    assert after.id == complaint_id("kab-uji", "7")
    assert [entry.from_status for entry in after.timeline] == [None, S.SUBMITTED, S.VERIFIED]
    assert after.status_changed_at == at(2)


def test_the_same_record_again_changes_nothing() -> None:
    told = record(S.VERIFIED, 1, timeline=(move(S.SUBMITTED, 0), move(S.VERIFIED, 1)))
    after, _ = changed(None, told)
    assert apply(after, told) is None


_LOGS = st.lists(st.builds(move, st.sampled_from([S.SUBMITTED, S.ANSWERED, S.CLOSED]), st.integers(0, 2)), max_size=5)
_TOLD = st.builds(
    lambda status, log: record(status, 3, timeline=tuple(log)),
    st.sampled_from([S.SUBMITTED, S.CLOSED, S.DUPLICATE]),
    _LOGS,
)


@given(first=_TOLD, second=_TOLD)
@settings(deadline=None, max_examples=200)
def test_whatever_a_log_says_it_is_told_once(first: ComplaintRecord, second: ComplaintRecord) -> None:
    """Also one whose moves share a second, are out of order, or don't end where the record is."""
    before, _ = changed(None, first)
    assert apply(before, first) is None
    if apply(before, second) is not None:
        before, _ = changed(before, second)
    assert apply(before, second) is None


def test_seeing_it_again_after_a_while_moves_only_synced_at() -> None:
    told = record(updated=1)
    after, _ = changed(None, told)
    later = NOW + timedelta(hours=1)
    change = apply(after, told, later)
    assert change is not None
    assert change.events == ()
    assert change.after == msgspec.structs.replace(after, synced_at=later)


def test_without_a_log_two_polls_see_one_move() -> None:
    first, _ = changed(None, record(S.SUBMITTED))
    after, events = changed(first, record(S.VERIFIED, 3))
    assert kinds(events) == [EventKind.STATUS_CHANGED]
    assert (events[0].detail.from_status, events[0].detail.to_status) == (S.SUBMITTED, S.VERIFIED)
    assert events[0].occurred_at == at(3)
    assert after.timeline[events[0].detail.entry or 0].to_status is S.VERIFIED


def test_a_late_update_never_turns_the_state_back() -> None:
    newest, _ = changed(None, record(S.CLOSED, 5))
    assert apply(newest, record(S.SUBMITTED, 4)) is None


def test_a_log_entry_that_comes_late_is_told_once_and_shifts_no_index() -> None:
    first, _ = changed(None, record(S.DISPOSED, 4, timeline=(move(S.SUBMITTED, 0), move(S.DISPOSED, 4))))
    full = (move(S.SUBMITTED, 0), move(S.VERIFIED, 2), move(S.DISPOSED, 4))
    after, events = changed(first, record(S.DISPOSED, 5, timeline=full))
    assert [e.detail.entry for e in events if e.kind is EventKind.STATUS_CHANGED] == [2]
    assert [entry.to_status for entry in after.timeline] == [S.SUBMITTED, S.DISPOSED, S.VERIFIED]
    assert after.status is S.DISPOSED
    assert after.status_changed_at == at(4)


def test_a_log_that_forgets_loses_nothing_here() -> None:
    told = record(S.VERIFIED, 1, timeline=(move(S.SUBMITTED, 0), move(S.VERIFIED, 1)))
    first, _ = changed(None, told)
    assert apply(first, record(S.VERIFIED, 1, timeline=(move(S.VERIFIED, 1),))) is None


def test_corrected_names_the_fields_as_the_graph_does() -> None:
    first, _ = changed(None, record())
    _, events = changed(first, record(updated=1, title="Jalan berlubang", native_category="Jalan"))
    assert kinds(events) == [EventKind.CORRECTED]
    assert events[0].detail.changed_fields == ("title", "nativeCategory")


def test_confidential_is_a_correction_and_public_again_is_a_new_complaint() -> None:
    first, _ = changed(None, record())
    hidden, events = changed(first, record(S.VERIFIED, 1, is_confidential=True))
    assert kinds(events) == [EventKind.CORRECTED, EventKind.STATUS_CHANGED]
    shown, events = changed(hidden, record(S.VERIFIED, 2))
    assert kinds(events) == [EventKind.SUBMITTED]
    assert not shown.is_confidential


def test_a_transfer_tells_of_the_new_hands_once() -> None:
    first, _ = changed(None, record(S.DISPOSED, assigned_agencies=(AgencyReference("Dinas A"),)))
    handed = Disposition(to_agency=AgencyReference("Provinsi Uji"), occurred_at=at(2), is_not_authority=True)
    after, events = changed(
        first,
        record(S.DISPOSED, 2, assigned_agencies=(AgencyReference("Provinsi Uji"),), dispositions=(handed,)),
    )
    assert kinds(events) == [EventKind.TRANSFERRED]
    assert after.assigned_agencies[0].agency == "prov-uji"
    assert after.dispositions[0].to_agency.agency == "prov-uji"


def test_a_follow_up_is_an_event_and_a_rewritten_one_a_correction() -> None:
    said = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at(1), content="Sedang dikerjakan")
    first, events = changed(None, record(updated=1, follow_ups=(said,)))
    assert EventKind.FOLLOW_UP_ADDED in kinds(events)
    reworded = msgspec.structs.replace(said, content="Selesai dikerjakan")
    after, events = changed(first, record(updated=2, follow_ups=(reworded,)))
    assert kinds(events) == [EventKind.CORRECTED]
    assert events[0].detail.changed_fields == ("followUps",)
    assert after.follow_ups == (reworded,)


def test_what_was_erased_stays_erased() -> None:
    said = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=at(0), content="Sedang dikerjakan")
    told = {"original_text": "isi", "url": "https://uji.example/7", "tags": ("jalan",), "follow_ups": (said,)}
    first, _ = changed(None, record(**told))
    erased = emptied(first)
    assert apply(erased, record(**told)) is None
    after, events = changed(erased, record(S.VERIFIED, 1, **told))
    assert (after.title, after.original_text, after.content_state) == (None, None, ContentState.ERASED)
    assert after.follow_ups[0].content is None
    assert kinds(events) == [EventKind.STATUS_CHANGED]


def test_a_record_without_content_keeps_what_was_known() -> None:
    first, _ = changed(None, record(original_text="isi"))
    after, _ = changed(first, record(S.VERIFIED, 1, title=None))
    assert (after.title, after.original_text) == ("Jalan rusak", "isi")


def test_a_breached_clock_is_told_once() -> None:
    much_later = T0 + timedelta(days=30)
    first, _ = changed(None, record())
    after, events = changed(first, record(updated=1), much_later)
    assert [e.detail.clock for e in events] == ["VERIFY"]
    assert after.overdue
    assert apply(after, record(updated=1), much_later + timedelta(minutes=1)) is None


def test_closing_sets_closed_at_and_reopening_clears_it() -> None:
    log = (move(S.SUBMITTED, 0), move(S.IN_FOLLOW_UP, 1), move(S.CLOSED, 2))
    closed, _ = changed(None, record(S.CLOSED, 2, timeline=log, status_actor=ActorRole.SYSTEM))
    assert closed.closed_at == at(2)
    reopened, events = changed(closed, record(S.IN_FOLLOW_UP, 3, timeline=(*log, move(S.IN_FOLLOW_UP, 3))))
    assert reopened.closed_at is None
    assert kinds(events) == [EventKind.STATUS_CHANGED]


def test_a_page_that_holds_a_record_twice_counts_the_newer_one() -> None:
    change = decide(RULES, [record(S.VERIFIED, 2), record(S.SUBMITTED, 1)], NOW, EventOrigin.SYNC)
    (only,) = change({})
    assert only.after.status is S.VERIFIED


moves = st.lists(
    st.tuples(st.sampled_from([s for s in S if s is not S.UNMAPPED]), st.integers(1, 50)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=150)
@given(moves, st.lists(st.integers(1, 8), max_size=5))
def test_however_a_log_is_cut_into_polls_each_entry_is_one_event(
    steps: list[tuple[ComplaintStatus, int]], cuts: list[int]
) -> None:
    hours = sorted({hour for _, hour in steps})
    log = [move(S.SUBMITTED, 0), *(move(status, hour) for (status, _), hour in zip(steps, hours, strict=False))]
    told: list[EventDraft] = []
    held: Complaint | None = None
    for end in (*sorted(cuts), len(log)):
        seen = tuple(log[: max(1, end)])
        change = apply(
            held, record(seen[-1].to_status, (seen[-1].occurred_at - T0) / timedelta(hours=1), timeline=seen)
        )
        if change is not None:
            told += change.events
            held = change.after
    assert held is not None
    assert [e.detail.to_status for e in told if e.kind is EventKind.STATUS_CHANGED] == [m.to_status for m in log[1:]]
    assert [entry.to_status for entry in held.timeline] == [entry.to_status for entry in log]
